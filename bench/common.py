"""What the programs of this folder share: running both sides in turn, and what is printed and kept."""
import argparse
import csv
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLAIN = ("--lr", "1e-3", "--lr-schedule", "constant", "--ema", "0")  # the peers' recipe: every step costs the same work


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", text).group(1)
    flags = set(re.search(r"flags\s*: (.*)", text).group(1).split())
    isa = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return f"{model}, {os.cpu_count()} cores, {' '.join(isa)}, load {os.getloadavg()[0]:.2f}"


class Bench:
    """One run of benchmarks: where things are, and the rows found so far."""

    def __init__(self, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("build", help="a build folder")
        parser.add_argument("only", nargs="*", help="names of benchmarks; all when none is given")
        parser.add_argument("--peers", default=str(ROOT.parent / "shared" / "peers"))
        parser.add_argument("--python", default="python3", help="with PyTorch and NumPy, and pythae for its benchmark")
        parser.add_argument("--repeats", type=int, default=5)
        parser.add_argument("--threads", type=int, default=2)
        parser.add_argument("--csv", help="also write the rows into this file")
        a = parser.parse_args()
        self.elbo = str(pathlib.Path(a.build).resolve() / "app" / "cli" / "elbo")
        self.only, self.peers, self.python = a.only, pathlib.Path(a.peers), a.python
        self.repeats, self.threads, self.csv = a.repeats, a.threads, a.csv
        self.rows, self.number = [], 0
        self.folder = tempfile.TemporaryDirectory()

    def run_folder(self):
        self.number += 1
        return pathlib.Path(self.folder.name) / f"run{self.number}"

    def train(self, data, *options):
        """Trains and returns the lines of metrics.jsonl."""
        run = self.run_folder()
        subprocess.run([self.elbo, "train", data, "--threads", str(self.threads), "--quiet", "--no-report", "-o", run,
                        *options], check=True, stdout=subprocess.DEVNULL)
        return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    def has_peer(self, script):
        found = (self.peers / script).exists()
        if not found:
            print(f"no peer at {self.peers / script}")
        return found

    def environment(self):
        bundled = ROOT / ".deps" / "torch"
        path = {"PYTHONPATH": str(bundled)} if self.python == "python3" and bundled.exists() else {}
        return {**os.environ, **path}

    def peer(self, script, *options):
        """Runs a peer's script, of the peers' folder or our own; returns the JSON line it ends with."""
        out = subprocess.run([self.python, self.peers / script, "--threads", str(self.threads), *options], check=True,
                             capture_output=True, text=True, env=self.environment())
        return json.loads(out.stdout.splitlines()[-1])

    def take_turns(self, sides):
        """{name: function to a figure} -> {name: figures}, each side in turn."""
        figures = {name: [] for name in sides}
        for _ in range(self.repeats):
            for name, measure in sides.items():
                figures[name].append(measure())
        return figures

    def compare(self, benchmark, unit, sides, peer=None):
        """Measures the sides in turn and tells each one's median, spread and the peer's ratio to it."""
        figures = self.take_turns(sides)
        for name, values in figures.items():
            self.tell(benchmark, name, unit, values, statistics.median(figures[peer]) if peer in figures else None)

    def tell(self, benchmark, name, unit, values, peer=None):
        median, low, high = statistics.median(values), min(values), max(values)
        ratio = f"  {peer / median:6.2f} x" if peer else ""
        print(f"{benchmark:<12} {name:<46} {median:9.3f} {unit:<4} [{low:.3f} .. {high:.3f}]{ratio}", flush=True)
        self.rows.append([benchmark, name, unit, f"{median:.4g}", f"{low:.4g}", f"{high:.4g}", len(values),
                          f"{peer / median:.3g}" if peer else ""])

    def save(self):
        if not self.csv:
            return
        with open(self.csv, "w", newline="") as f:
            out = csv.writer(f)
            out.writerow(["benchmark", "side", "unit", "median", "least", "most", "runs", "peer/side"])
            out.writerows(self.rows)


def seconds_of_last_epoch(records):
    return [r["epoch_seconds"] for r in records if r["split"] == "train"][-1]
