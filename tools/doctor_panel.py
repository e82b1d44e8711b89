#!/usr/bin/env python3
"""Asks `elbo doctor` about models broken on purpose and about good ones, and prints what it said.

usage: tools/doctor_panel.py path/to/elbo [--data path/to/data] [--write docs/doctor.md] [--jobs 2] [name ...]

A broken model is named when a finding that is not "good" holds the words expected; of a good one every finding has
to be "good", or a warning whose remedy, followed, makes the held-out loss lower. --data and scikit-learn are as for tools/panel.py; models whose data are not there are left out
and said to be. Exits 1 where the doctor was wrong.
"""
import argparse
import concurrent.futures
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from panel import SETS, linear_gaussian, write_csv

HEAD = """# What `elbo doctor` says

`elbo doctor RUN` says what is well and what is wrong with a run; the tables of its findings stand in
[diagnose.h](../elbo/eval/diagnose.h), for the model, and [doctor.h](../elbo/tasks/doctor.h), for the run.

Below is what it said of models that were broken on purpose and of good ones, as written by
`tools/doctor_panel.py ELBO --write docs/doctor.md` (`make doctor-panel`). A broken model has to be named, by a finding that
holds the words expected; of a good one nothing but good may be said, or a warning
whose remedy helps: it is followed, and the loss held out has to be lower.
"""


def table(rows, columns, value):
    """A maker of a CSV with value(rng, row) -> list for each row."""
    def make(_, folder):
        rng = random.Random(1)
        path = folder / f"made{abs(hash((rows, columns, value))):x}.csv"
        return write_csv(path, [f"x{i}" for i in range(columns)], [value(rng, i) for i in range(rows)])
    return make


def factors(rng, columns, size=1.0, shift=0.0):
    """A row of two factors with noise a third as large."""
    z = [rng.gauss(0, 1), rng.gauss(0, 1)]
    return [shift + size * (z[0] * math.cos(i) + z[1] * math.sin(i) + 0.3 * rng.gauss(0, 1)) for i in range(columns)]


def curved(rng, _):
    """Six columns on a bent surface of two dimensions."""
    a, b = rng.uniform(-1, 1), rng.uniform(-1, 1)
    return [v + 0.1 * rng.gauss(0, 1) for v in (a, b, a * b, a * a, math.sin(3 * b), math.cos(3 * a))]


def mixture(rng, _):
    """Eight columns of three clusters."""
    kind = rng.randrange(3)
    return [3 * math.cos(kind * (i + 1)) + 0.5 * rng.gauss(0, 1) for i in range(8)]


def copied(rng, _):
    row = factors(rng, 6)
    return row + row


def with_constant(rng, _):
    return factors(rng, 6) + [7.0, 7.0]


def with_sentinel(rng, _):
    row = factors(rng, 8)
    return [-999.0 if rng.random() < 0.05 and i == 3 else v for i, v in enumerate(row)]


def doubled(rows):
    rng = random.Random(2)
    kept = [factors(rng, 8) for _ in range(rows)]
    return lambda _, i: kept[i % rows]


def missing(_, folder):
    rng = random.Random(3)
    rows = [["" if rng.random() < 0.1 else f"{v:.6g}" for v in factors(rng, 10)] for _ in range(2000)]
    path = folder / "missing.csv"
    path.write_text(",".join(f"x{i}" for i in range(10)) + "\n" + "".join(",".join(r) + "\n" for r in rows))
    return path


two_factors = table(2000, 8, lambda rng, _: factors(rng, 8))
few_rows = table(200, 8, lambda rng, _: factors(rng, 8))
MNIST, DIGITS, FREY = SETS["MNIST"], SETS["digits 8x8"], SETS["Frey faces"]


def damage(run, _):
    file = run / "best" / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def lose_history(run, _):
    (run / "metrics.jsonl").unlink()


def cut_short(run, _):
    """As a run killed half-way: fewer epochs done than were asked for."""
    config = run / "config.toml"
    text = config.read_text()
    epochs = int(re.search(r"^epochs = (\d+)", text, re.M)[1])
    config.write_text(re.sub(r"^epochs = \d+", f"epochs = {2 * epochs}", text, flags=re.M))
    # Without patience, which would be a reason to stop.
    config.write_text(re.sub(r"^patience = \d+", "patience = 0", config.read_text(), flags=re.M))


def change_data(_, path):
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:1] + lines[2:]) + "\n")


def move_data(_, path):
    path.rename(path.with_name("elsewhere.csv"))


# (what was done, data, options, words that the doctor has to say, what is done to the run afterwards)
BROKEN = [
    ("one epoch of 1,000 digits", MNIST, "--limit 1000 --epochs 1", "too few steps", None),
    ("learning rate of 30", two_factors, "--lr 30 --epochs 10", "diverged", None),
    ("learning rate of 1e-7", two_factors, "--lr 1e-7 --model.linear false --epochs 20", "too few steps", None),
    ("fixed scale of 10", two_factors, "--model.likelihood.scale fixed --model.likelihood.value 10 --model.linear false",
     "fixed scale", None),
    ("fixed scale of 0.01", two_factors, "--model.likelihood.scale fixed --model.likelihood.value 0.01 "
     "--model.linear false", "fixed scale", None),
    ("no transform, columns of a million", table(2000, 8, lambda rng, _: factors(rng, 8, 3e5, 1e6)),
     "--transform [] --model.linear false --epochs 20", "worse than", None),
    ("beta of 100", MNIST, "--limit 2000 --beta 100 --epochs 8", "posterior collapse", None),
    ("beta of 100, table", two_factors, "--beta 100 --model.linear false", "posterior collapse", None),
    ("overfitted: 300 digits, 300 epochs, no validation", MNIST,
     "--limit 300 --valid 0 --epochs 300 --lr 0.001 --ema 0", "overfitting", None),
    ("constant columns", table(1000, 8, with_constant), "", "without variation", None),
    ("columns twice", table(2000, 12, copied), "", "copies of others", None),
    ("rows twice", table(1000, 8, doubled(300)), "", "also among the training", None),
    ("a sentinel of -999", table(1000, 8, with_sentinel), "", "-999", None),
    ("one latent for many", SETS["linear, 20,000 rows"], "--limit 4000 --latent 1", r"with more latents \(model.latent=2\)", None),
    ("beta of 0", two_factors, "--beta 0 --model.linear false --epochs 40", "beta=1", None),
    ("free bits of 3 nats", two_factors, "--free-bits 3 --epochs 20 --model.linear false", "free bits", None),
    ("rows twice, as they come: red wine quality", SETS["red wine quality"], "", "also among the training", None),
    ("five rows", table(5, 4, lambda rng, _: factors(rng, 4)), "", "held out", None),
    ("killed half-way", two_factors, "--epochs 4", "epochs? done", cut_short),
    ("other data than before", two_factors, "--epochs 4", "is not what the run began with", change_data),
    ("data gone", two_factors, "--epochs 4", "does not exist", move_data),
    ("damaged model", two_factors, "--epochs 4", "damaged", damage),
    ("history lost", two_factors, "--epochs 4", "metrics.jsonl is missing", lose_history),
]

GOOD = [
    ("defaults, MNIST of 5,000", MNIST, "--limit 5000 --epochs 15"),
    ("defaults, digits 8x8", DIGITS, ""),
    ("defaults, Frey faces", FREY, ""),
    ("defaults, wine", SETS["wine"], ""),
    ("defaults, breast cancer", SETS["breast cancer"], ""),
    ("defaults, diabetes", SETS["diabetes"], ""),
    ("defaults, iris", SETS["iris"], ""),
    ("defaults, linear, 200 rows", linear_gaussian(200), ""),
    ("defaults, linear, 5,000 rows", linear_gaussian(5000), ""),
    ("defaults, a bent surface", table(3000, 6, curved), ""),
    ("defaults, three clusters", table(3000, 8, mixture), ""),
    ("defaults, missing cells", missing, ""),
    ("defaults, 60 columns", table(1000, 60, lambda rng, _: factors(rng, 60)), ""),
    ("VampPrior", table(3000, 8, mixture), "--prior vamp --set model.prior.components=20"),
    ("IWAE bound, digits 8x8", DIGITS, "--bound iwae"),
    ("full covariance", table(3000, 6, curved), "--posterior full"),
    ("plain autoencoder, digits 8x8", DIGITS, "--posterior point --epochs 60"),
    ("two latents, bent surface", table(3000, 6, curved), "--latent 2"),
    ("one latent, clusters", table(3000, 8, mixture), "--latent 1"),
    ("warm-up, clusters", table(3000, 8, mixture), "--objective.beta-schedule linear"),
    ("dropout, breast cancer", SETS["breast cancer"], "--model.encoder.dropout 0.1"),
]


def loss_of(elbo, run):
    asked = subprocess.run([elbo, "eval", str(run), "--json"], capture_output=True, text=True)
    metrics = json.loads(asked.stdout)["metrics"]
    return metrics.get("neg_elbo", metrics["recon"])["value"]


def helps(elbo, path, folder, run, options, finding):
    """Whether the first setting that a warning names makes the held-out loss lower; the finding says so."""
    setting = re.search(r"[a-z_]+(\.[a-z_]+)+=[^ ,;()]+", finding["text"])
    if finding["level"] != "warn" or not setting:
        return False
    followed = folder / "followed"
    subprocess.run([elbo, "train", str(path), "--quiet", "--no-report", "--threads", "1", "-o", str(followed),
                    *options.split(), "--set", setting[0]], capture_output=True)
    if not (followed / "best").is_dir():
        return False
    before, after = loss_of(elbo, run), loss_of(elbo, followed)
    finding["text"] += f" [followed: {before:.4g} nats become {after:.4g}]"
    return after < before


def examine(elbo, data, case):
    """{"name", "expected", "said": [..], "right", "seconds"}; {"name", "left_out"} without its data."""
    name, make, options, expected, change = case
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        path = make(data, folder)
        if path is None:
            return {"name": name, "left_out": True}
        began = time.monotonic()
        run = folder / "run"
        trained = subprocess.run([elbo, "train", str(path), "--quiet", "--no-report", "--threads", "1", "-o", str(run),
                                  *options.split()], capture_output=True, text=True)
        out = {"name": name, "options": options, "expected": expected}
        if trained.returncode and not run.is_dir():
            return out | {"said": [{"level": "refused", "text": trained.stderr.strip()}], "right": False, "seconds": 0}
        if change:
            change(run, path)
        asked = subprocess.run([elbo, "doctor", str(run), "--json"], capture_output=True, text=True)
        said = json.loads(asked.stdout).get("findings", [])
        for finding in said:
            finding["text"] = finding["text"].replace(str(folder) + "/", "")
        wrong = [f for f in said if f["level"] != "good"]
        if not expected:
            wrong = [f for f in wrong if not helps(elbo, path, folder, run, options, f)]
        right = any(re.search(expected, f["text"]) for f in wrong) if expected else bool(said) and not wrong
        return out | {"said": said, "right": right, "seconds": time.monotonic() - began}


def lines_of(title, results):
    out = [f"## {title}", "", "| model | options | said | |", "|---|---|---|---|"]
    for r in results:
        if r.get("left_out"):
            out.append(f"| {r['name']} | | its data are not here | |")
            continue
        said = "<br>".join(f"{f['level']}: {f['text']}" for f in r["said"]).replace("|", "\\|").replace("\n", " ")
        options = f"`{r['options']}`" if r["options"] else ""
        out.append(f"| {r['name']} | {options} | {said} | {'right' if r['right'] else 'WRONG'} |")
    asked = [r for r in results if not r.get("left_out")]
    out += ["", f"Right on {sum(r['right'] for r in asked)} of {len(asked)}.", ""]
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("elbo")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=pathlib.Path)
    o = parser.parse_args()
    wanted = lambda case: not o.names or any(n in case[0] for n in o.names)
    broken, good = [c for c in BROKEN if wanted(c)], [c + ("", None) for c in GOOD if wanted(c)]
    results = []
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for r in pool.map(lambda case: examine(o.elbo, o.data, case), broken + good):
            results.append(r)
            verdict = "left out" if r.get("left_out") else "right" if r["right"] else "WRONG"
            print(f"{verdict:<9}{r['name']}" + (f"  ({r['seconds']:.1f} s)" if "seconds" in r else ""), flush=True)
            for f in r.get("said", []):
                print(f"         {f['level']:<5}{f['text']}", flush=True)
    parts = [("Broken on purpose", results[:len(broken)]), ("Good ones", results[len(broken):])]
    text = "\n".join(line for title, part in parts for line in lines_of(title, part))
    if o.write:
        o.write.write_text(HEAD + "\n" + text)
    wrong = [r["name"] for r in results if not r.get("left_out") and not r["right"]]
    print(f"{len(results)} models, wrong on {len(wrong)}" + (": " + ", ".join(wrong) if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
