#!/usr/bin/env python3
"""Runs elbo and its peers in turn on this machine and prints medians, spreads and ratios.

usage: bench/run.py BUILD_FOLDER [NAME ... | all] [--python /path/to/python] [--isa avx2] [--csv bench/results.csv]
       bench/run.py BUILD_FOLDER [NAME ... | all] --against OTHER_BUILD_FOLDER [--against-options '--engine fused']

Each benchmark is a file of this folder, whose first lines say what is measured: they stand in docs/performance.md
above its figures. To add one: a file with such lines and `run(bench)`, which returns bench.compare(its name, unit,
{side: function to a figure}); its name in the list below; and `<!-- bench:NAME -->` and `<!-- /bench -->` in
docs/performance.md. A side of elbo's is named `elbo ..`, one in bf16 `.. bf16`. --csv keeps the figures, and
bench/write_docs.py writes them down. --against sets ours beside those of another build instead of the peers': `elbo,
before`, whose ratio is less than 1 where this build is slower.
"""
import importlib

import results
from common import Bench, arguments

BY_DEFAULT = ("dense", "conv", "start", "memory", "busy", "bound")
BENCHMARKS = BY_DEFAULT + ("deep", "table", "full", "vamp", "iwae", "quality", "target", "scaling", "pythae")


def chosen(names):
    if names == ["all"]:
        return BENCHMARKS
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise SystemExit(f"no benchmark {unknown[0]}: there are {', '.join(BENCHMARKS)}, all")
    return names or BY_DEFAULT


def main():
    a = arguments(__doc__)
    names = chosen(a.only)
    bench = Bench(a)
    print(results.circumstances_line(bench.circumstances, bench.dtypes))
    print(f"median of {bench.repeats} runs in turn [least .. most], others' median / ours")
    for name in names:
        benchmark = importlib.import_module(name)
        print(f"\n{benchmark.__doc__}")
        rows = benchmark.run(bench)
        if bench.csv:
            results.write(bench.csv, results.merge(results.read(bench.csv), rows))


if __name__ == "__main__":
    main()
