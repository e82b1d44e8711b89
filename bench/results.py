"""Figures and where they are kept: a CSV file of one row for each side of each benchmark.

A side's name says what it is: elbo's own begin with `elbo`, the others are what they are set against, another build's
`elbo, before` too; those that multiply in bf16 hold that word.
"""
import csv
import pathlib
import statistics

MEASURED = ("benchmark", "case", "side", "dtype", "unit", "median", "least", "most", "runs", "ratio")
CIRCUMSTANCES = ("date", "cpu", "cores", "isa", "highest", "threads", "load", "elbo", "torch")
FIELDS = MEASURED + CIRCUMSTANCES
BEFORE = "elbo, before"
ALLOWED_NATS = 0.2  # between test -ELBOs that count as equal


def is_ours(side):
    return side.startswith("elbo") and not side.startswith(BEFORE)


def before(side):
    """The name of one of ours as another build has it."""
    return BEFORE + side.removeprefix("elbo")


def dtype_of(side):
    return "bf16" if "bf16" in side else "f32"


def ratio(side, medians):
    """Others' median over ours, more than 1 where ours is faster. Ours is set against the best of the others, in f32
    against those in f32; one of the others is set against the first of ours of its precision. None where there is
    nothing to set against."""
    if is_ours(side):
        others = [m for name, m in medians.items()
                  if not is_ours(name) and (dtype_of(side) == "bf16" or dtype_of(name) == "f32")]
        return min(others) / medians[side] if others else None
    own = [m for name, m in medians.items() if is_ours(name) and dtype_of(name) == dtype_of(side)]
    return medians[side] / own[0] if own else None


def make_rows(benchmark, case, unit, figures, circumstances):
    """{side: its figures} -> rows, in the order of the sides. -ELBOs (`nats`) have no ratio."""
    medians = {side: statistics.median(values) for side, values in figures.items()}
    rows = []
    for side, values in figures.items():
        share = None if unit == "nats" else ratio(side, medians)
        told = [rounded(value, unit) for value in (medians[side], min(values), max(values))]
        rows.append({
            "benchmark": benchmark, "case": case, "side": side, "dtype": dtype_of(side), "unit": unit,
            "median": told[0], "least": told[1], "most": told[2],
            "runs": str(len(values)), "ratio": "" if share is None else f"{share:.2f}", **circumstances})
    return rows


def rounded(value, unit):
    """Two decimals of nats; else four digits, without an exponent: 0.7270, 10.49, 20000."""
    if unit == "nats":
        return f"{value:.2f}"
    return f"{value:.0f}" if value >= 1000 else f"{value:#.4g}".rstrip(".")


def differences(rows):
    """What each -ELBO is beyond the first one, and whether they count as equal, as one sentence."""
    first = rows[0]
    beyond = {row["side"]: round(float(row["median"]) - float(first["median"]), 2) for row in rows[1:]}
    if not beyond:
        return f"Only {first['side']} was measured, so nothing is compared."
    told = "; ".join(f"{side} {difference:+.2f}" for side, difference in beyond.items())
    equal = all(abs(difference) <= ALLOWED_NATS for difference in beyond.values())
    return f"Beyond {first['side']}: {told} nats. They are {'' if equal else 'NOT '}equal within {ALLOWED_NATS} nats."


def place(row):
    """What keeps rows of one benchmark apart: figures of two places are never compared."""
    return row["cpu"], row["cores"], row["isa"], row["highest"], row["threads"]


def circumstances_line(row, dtypes):
    """Where and how figures were taken, for people to read."""
    held = row["isa"] != row["highest"]
    facts = (row["cpu"], f"{row['cores']} cores", f"{row['isa']} (of {row['highest']})" if held else row["isa"],
             f"{row['threads']} threads", " and ".join(dtypes), row["load"] and f"load {row['load']} at the start",
             row["date"], f"elbo {row['elbo']}", row["torch"] and f"PyTorch {row['torch']}")
    return ", ".join(filter(None, facts))


def read(path):
    if not pathlib.Path(path).exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, FIELDS, lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def merge(old, new):
    """New rows take the place of all that their benchmark had at their place; the rest stays, in its order."""
    groups = {}
    for row in old:
        groups.setdefault((row["benchmark"], place(row)), []).append(row)
    fresh = {}
    for row in new:
        fresh.setdefault((row["benchmark"], place(row)), []).append(row)
    benchmarks = list(dict.fromkeys(benchmark for benchmark, _ in {**groups, **fresh}))
    merged = {**groups, **fresh}
    return [row for key in sorted(merged, key=lambda key: benchmarks.index(key[0])) for row in merged[key]]
