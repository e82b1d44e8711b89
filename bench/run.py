#!/usr/bin/env python3
"""Runs elbo and its peers in turn on the same machine and prints medians, spreads and the ratio.

usage: bench/run.py BUILD_FOLDER [--peers ../shared/peers] [--python python3] [--repeats 5]

Work: dense VAE 784-400-20, batch 128, raw MNIST binarised anew at every use, Adam 1e-3, the second of two
epochs, without evaluation. Peer: torch_vae.py --mode fused. Also: `elbo --help`, and the time from start to
the end of the first training step. The peer needs PyTorch and NumPy for the given python.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", text).group(1)
    flags = set(re.search(r"flags\s*: (.*)", text).group(1).split())
    isa = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return f"{model}, {os.cpu_count()} cores, {' '.join(isa)}, load {os.getloadavg()[0]:.2f}, {platform.system()}"


def ours(elbo, folder, number, engine):
    run = pathlib.Path(folder) / f"{engine}{number}"
    subprocess.run([elbo, "train", "mnist", "--valid", "0", "--epochs", "2", "--threads", "2", "--engine", engine,
                    "-o", run, "--quiet", "--no-report"], check=True, stdout=subprocess.DEVNULL)
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [r["epoch_seconds"] for r in records if r["split"] == "train"][-1]


def peer(python, script):
    environment = dict(os.environ)
    bundled = ROOT / ".deps" / "torch"
    if bundled.exists():
        environment["PYTHONPATH"] = str(bundled)
    out = subprocess.run([python, script, "--model", "mlp", "--mode", "fused", "--epochs", "2", "--threads", "2"],
                         check=True, capture_output=True, text=True, env=environment)
    return json.loads(out.stdout.splitlines()[-1])["epoch_s"][-1]


def seconds(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def first_step(elbo, folder, number):
    out = subprocess.run([elbo, "train", "mnist", "--epochs", "1", "-v", "--no-report", "-o",
                          pathlib.Path(folder) / f"start{number}"], check=True, capture_output=True, text=True)
    return float(re.search(r"first step (\S+) s after", out.stderr).group(1))


def line(name, values, unit="s"):
    low, high = min(values), max(values)
    print(f"{name:<44} {statistics.median(values):8.3f} {unit}  [{low:.3f} .. {high:.3f}]")
    return statistics.median(values)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--peers", default=str(ROOT.parent / "shared" / "peers"))
    parser.add_argument("--python", default="python3")
    parser.add_argument("--repeats", type=int, default=5)
    a = parser.parse_args()
    elbo = str(pathlib.Path(a.build) / "app" / "cli" / "elbo")
    script = pathlib.Path(a.peers) / "torch_vae.py"
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        own, other = {"fused": [], "autograd": []}, []
        for i in range(a.repeats):
            for engine, seen in own.items():
                seen.append(ours(elbo, folder, i, engine))
            if script.exists():
                other.append(peer(a.python, str(script)))
        print(f"\nmedian of {a.repeats} interleaved runs [spread]")
        mine = {engine: line(f"elbo, {engine} engine, seconds per epoch", seen) for engine, seen in own.items()}
        if other:
            theirs = line("torch_vae.py --mode fused, seconds per epoch", other)
            for engine, seconds_per_epoch in mine.items():
                print(f"{f'ratio peer / {engine}':<44} {theirs / seconds_per_epoch:8.2f} x")
        else:
            print(f"no peer at {script}")
        line("elbo --help", [seconds([elbo, "--help"]) for _ in range(a.repeats)])
        line("elbo train mnist, start to first step", [first_step(elbo, folder, i) for i in range(a.repeats)])


if __name__ == "__main__":
    main()
