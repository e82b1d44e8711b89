"""What the programs of this folder share: running all sides in turn, and what is printed and kept."""
import argparse
import contextlib
import datetime
import itertools
import json
import os
import pathlib
import re
import shlex
import subprocess
import tempfile

import results

ROOT = pathlib.Path(__file__).resolve().parent.parent
MNIST = ROOT / "datasets" / "mnist" / "train-images-idx3-ubyte.gz"
OUR_PEER = ROOT / "bench" / "peers" / "vae_torch.py"
# The peers' recipe: every step costs the same work.
PLAIN = ("--lr", "1e-3", "--lr-schedule", "constant", "--ema", "0")
FORCED = {  # by --isa, for both sides: elbo, ATen and torch.compile, oneDNN under both its names, MKL
    "avx2": {"ELBO_ISA": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
             "DNNL_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "avx512": {"ELBO_ISA": "avx512", "ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
               "DNNL_MAX_CPU_ISA": "AVX512_CORE", "MKL_ENABLE_INSTRUCTIONS": "AVX512"},
}


def cpu_facts(cpuinfo):
    """The model's name and the set of flags in the text of /proc/cpuinfo."""
    return (re.search(r"model name\s*: (.*)", cpuinfo).group(1).strip(),
            set(re.search(r"flags\s*: (.*)", cpuinfo).group(1).split()))


def highest_isa(flags):
    """What elbo chooses unless it is held to less, by its own names (elbo/core/cpu.cpp)."""
    steps = (("avx2", {"avx2", "fma"}), ("avx512", {"avx512f", "avx512bw", "avx512dq", "avx512vl"}),
             ("avx512_bf16", {"avx512_bf16"}), ("amx", {"amx_tile", "amx_bf16"}))
    has = itertools.takewhile(lambda step: step[1] <= flags, steps)
    return ["scalar", *(isa for isa, _ in has)][-1]


def forced_isa(option, environment):
    """What --isa asks for, or else ELBO_ISA, which must be one that holds the peers too; empty when neither does."""
    forced = option or environment.get("ELBO_ISA", "")
    if forced and forced not in FORCED:
        raise SystemExit(f"ELBO_ISA={forced} holds elbo back and not its peers: unset it, or hold both sides by --isa "
                         + " or ".join(FORCED))
    return forced


def dtypes(flags, forced):
    """bf16 only where the machine has instructions for it and nothing keeps either side from them: emulated, it is
    slower than f32."""
    return ("f32", "bf16") if {"avx512_bf16", "amx_bf16"} & flags and not forced else ("f32",)


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="a build folder")
    parser.add_argument("only", nargs="*",
                        help="names of benchmarks, or all; those of half an hour when none is given")
    parser.add_argument("--peers", default=str(ROOT.parent / "shared" / "peers"))
    parser.add_argument("--python", default="python3", help="with PyTorch and NumPy, and pythae for its benchmark")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--isa", choices=FORCED, help="hold both sides to a lower instruction set than the machine has")
    parser.add_argument("--csv", help="merge the figures into this file")
    parser.add_argument("--against", metavar="BUILD", help="another build folder, measured in place of the peers")
    parser.add_argument("--against-options", default="", metavar="'..'", help="what its `elbo train` is given besides")
    a = parser.parse_args()
    if a.against and a.csv:
        parser.error("--csv keeps what is measured beside the peers, --against measures something else")
    return a


def program_of(build):
    return str(pathlib.Path(build).resolve() / "app" / "cli" / "elbo")


def write_npy(path, kind, rows, columns, content):
    """An .npy file of the bytes of numbers of a kind such as |u1, without NumPy."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content)


class Died(Exception):
    """A program did not end well; the message says which and how."""


class Bench:
    """One run of benchmarks: where things are, what holds for all its figures, and how they are taken."""
    options, before = (), None  # of `elbo train`; program and options of --against
    turn = 0  # which of the repeats is measured, for seeds

    def __init__(self, a):
        forced = forced_isa(a.isa, os.environ)
        self.elbo = program_of(a.build)
        if a.against:
            self.before = program_of(a.against), tuple(shlex.split(a.against_options))
        self.peers, self.python = pathlib.Path(a.peers), a.python
        self.repeats, self.threads, self.csv = a.repeats, a.threads, a.csv
        self.numbers, self.folder = itertools.count(1), tempfile.TemporaryDirectory()
        cpu, flags = cpu_facts(pathlib.Path("/proc/cpuinfo").read_text())
        os.environ.update(FORCED.get(forced, {}))
        isa = forced or highest_isa(flags)
        self.circumstances = {
            "date": datetime.date.today().isoformat(), "cpu": cpu, "cores": str(os.cpu_count()), "isa": isa,
            "highest": highest_isa(flags), "threads": str(self.threads), "load": f"{os.getloadavg()[0]:.2f}",
            "elbo": self.version_of_elbo(), "torch": self.version_of_torch()}
        self.dtypes = dtypes(flags, forced) if self.elbo_knows_bf16() else ("f32",)

    def version_of_elbo(self):
        return self.output([self.elbo, "--version"]).split()[-1]

    def version_of_torch(self):
        code = "import importlib.metadata as m; print(m.version('torch'))"
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, env=self.environment())
        if done.returncode:
            print(f"{self.python} has no PyTorch (--python), so the peers are left out")
        return done.stdout.strip()

    def elbo_knows_bf16(self):
        options = self.output([self.elbo, "list", "options"]).splitlines()
        return any(line.startswith("train.precision ") and "bf16" in line for line in options)

    def output(self, command):
        """What a program prints, as a peer's Python sees the environment. Its progress bars and warnings are kept from
        ours; Died holds how they end."""
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment())
        if done.returncode:
            raise Died(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stderr[-2000:].strip()}")
        return done.stdout.strip()

    def run_folder(self):
        return pathlib.Path(self.folder.name) / f"run{next(self.numbers)}"

    def train_command(self, data, run, *options, dtype="f32", threads=None):
        return [self.elbo, "train", str(data), "--threads", str(threads or self.threads), "--no-report", "-o", str(run),
                "--set", f"train.precision={dtype}", *options, *self.options]

    def train(self, data, *options, **how):
        """Trains and returns the lines of metrics.jsonl; how: see train_command."""
        run = self.run_folder()
        self.output(self.train_command(data, run, "--quiet", *options, **how))
        return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    def has_peer(self, script):
        """Whether a peer's script, of the peers' folder or our own, can run and is to."""
        if self.before:
            return False
        found = (self.peers / script).exists()
        if not found:
            print(f"no peer at {self.peers / script}")
        return found and self.circumstances["torch"]

    def environment(self):
        bundled = ROOT / ".deps" / "torch"
        path = {"PYTHONPATH": str(bundled)} if self.python == "python3" and bundled.exists() else {}
        return {**os.environ, **path}

    def peer(self, script, *options):
        """Runs a peer's script and returns the JSON line it ends with."""
        command = [self.python, str(self.peers / script), "--threads", str(self.threads), *map(str, options)]
        return json.loads(self.output(command).splitlines()[-1])

    def precisions(self, measure):
        """{side: function to a figure} of ours, also in bf16 where machine and program have it; measure(dtype) makes
        the function."""
        sides = {"elbo": measure("f32")}
        if "bf16" in self.dtypes:
            sides["elbo, bf16"] = measure("bf16")
        return sides

    def torch_modes(self, measure, script="torch_vae.py"):
        """{side: function to a figure} of a script at each setting that is the best somewhere; measure(mode) makes the
        function. Its autocast to bf16 runs only beside our own bf16: without instructions for it, it is several times
        slower than f32."""
        if not self.has_peer(script):
            return {}
        sides = {"PyTorch, fused Adam": measure("fused"), "PyTorch, fused Adam, compiled": measure("compile")}
        if "bf16" in self.dtypes:
            sides["PyTorch, bf16 autocast"] = measure("amp")
            sides["PyTorch, bf16 autocast, compiled"] = measure("compile-amp")
        return sides

    def beside_torch(self, benchmark, data, options, peers_options, case=""):
        """Rows of the seconds of the second of two epochs of the peers' recipe on "mnist" or an .npy file: `elbo train`
        and vae_torch.py, each with its own options."""
        def ours(dtype):
            return lambda: seconds_of_last_epoch(
                self.train(data, "--valid", "0", "--epochs", "2", *PLAIN, *options, dtype=dtype))

        def peer(mode):
            return lambda: self.peer(OUR_PEER, "--data", MNIST if data == "mnist" else data, "--mode", mode,
                                     *peers_options)["epoch_s"]

        return self.compare(benchmark, "s", {**self.precisions(ours), **self.torch_modes(peer, OUR_PEER)}, case)

    @contextlib.contextmanager
    def the_other_build(self):
        """Within it `elbo` is what --against names."""
        ours = self.elbo, self.options
        self.elbo, self.options = self.before
        try:
            yield
        finally:
            self.elbo, self.options = ours

    def beside_the_other_build(self, sides):
        """Each side of ours, and the same of the build before; no others."""
        def before(measure):
            def figure():
                with self.the_other_build():
                    return measure()
            return figure

        ours = {side: measure for side, measure in sides.items() if results.is_ours(side)}
        return {**ours, **{results.before(side): before(measure) for side, measure in ours.items()}}

    def compare(self, benchmark, unit, sides, case=""):
        """Measures {side: function to a figure}, each side in turn; prints and returns a row for each. One of the
        others that dies is left out, with a word; one of ours ends it all."""
        if self.before:
            sides = self.beside_the_other_build(sides)
        figures = {side: [] for side in sides}
        for self.turn in range(self.repeats):
            for side in list(figures):
                try:
                    figures[side].append(sides[side]())
                except Died as death:
                    if results.is_ours(side):
                        raise
                    print(f"{f'{benchmark} {case}'.strip()}: {side} is left out: {death}", flush=True)
                    del figures[side]
        rows = results.make_rows(benchmark, case, unit, figures, self.circumstances)
        for row in rows:
            tell(row)
        return rows


def tell(row):
    name = " ".join(filter(None, (row["benchmark"], row["case"])))
    share = f"{row['ratio']:>6} x" if row["ratio"] else ""
    spread = f"[{row['least']} .. {row['most']}]"
    print(f"{name:<20} {row['side']:<34} {row['median']:>7} {row['unit']:<4} {spread:<20}{share}", flush=True)


def seconds_of_last_epoch(records):
    return [r["epoch_seconds"] for r in records if r["split"] == "train"][-1]
