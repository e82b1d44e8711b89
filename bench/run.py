#!/usr/bin/env python3
"""Runs elbo and its peers in turn on this machine and prints medians, spreads and ratios.

usage: bench/run.py BUILD_FOLDER [NAME ...] [--python /path/to/python] [--repeats 5] [--csv FILE]

Each benchmark is a file of this folder, whose first lines say what is measured.
"""
import importlib

from common import Bench, machine

BENCHMARKS = ("dense", "conv", "quality", "start", "memory", "busy", "target", "bound", "scaling", "pythae")
BY_DEFAULT = ("dense", "conv", "start", "memory")


def main():
    bench = Bench(__doc__)
    print(machine())
    print(f"median of {bench.repeats} runs in turn [spread], peer's median / this one's")
    for name in bench.only or BY_DEFAULT:
        if name not in BENCHMARKS:
            raise SystemExit(f"no benchmark {name}: there are {', '.join(BENCHMARKS)}")
        importlib.import_module(name).run(bench)
    bench.save()


if __name__ == "__main__":
    main()
