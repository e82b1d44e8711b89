#!/usr/bin/env python3
"""Trains the presets that reproduce published numbers and prints ours beside the reference.

usage: tools/fidelity.py path/to/elbo [row ...]
Rows: B1 (BB-ANS network, MNIST binarised once), B3 (Burda et al., dynamic MNIST, to epoch 20).
The reference values and their tolerances come from independent implementations of the protocols.
"""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

BITS = 784 * 0.6931471805599453
ROWS = {
    # row: preset, {epoch: (reference, tolerance)}, nats per unit
    "B1": ("bbans", {10: (0.200, 0.003), 20: (0.195, 0.003)}, BITS, "bits/dim"),
    "B3": ("burda", {10: (104.4, 1.0), 20: (100.9, 1.0)}, 1.0, "nats"),
}


def test_losses(run):
    file = run / "metrics.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    records = [json.loads(line) for line in lines if line.endswith("}")]
    return {r["epoch"]: r["neg_elbo"] for r in records if r["split"] == "test"}


def train(elbo, preset, last_epoch, folder):
    run = pathlib.Path(folder) / preset
    process = subprocess.Popen([elbo, "train", "mnist", "--preset", preset, "-o", str(run), "--quiet",
                                "--no-report"], stdout=subprocess.DEVNULL)
    while process.poll() is None and last_epoch not in test_losses(run):
        time.sleep(0.2)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    if process.wait() not in (0, 75):
        sys.exit(f"{preset}: training failed")
    return test_losses(run)


def main():
    elbo, wanted = sys.argv[1], sys.argv[2:] or list(ROWS)
    good = True
    print(f"{'row':<4} {'preset':<8} {'epoch':>5} {'ours':>9} {'reference':>18}  unit")
    with tempfile.TemporaryDirectory() as folder:
        for row in wanted:
            preset, references, nats, unit = ROWS[row]
            losses = train(elbo, preset, max(references), folder)
            for epoch, (reference, tolerance) in references.items():
                ours = losses[epoch] / nats
                fits = abs(ours - reference) <= tolerance
                good = good and fits
                print(f"{row:<4} {preset:<8} {epoch:>5} {ours:>9.4g} {reference:>9} +- {tolerance:<5}"
                      f"  {unit}{'' if fits else '   OUTSIDE'}", flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
