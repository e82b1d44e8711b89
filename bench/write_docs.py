#!/usr/bin/env python3
"""Writes what bench/results.csv holds into docs/performance.md, between `<!-- bench:NAME -->` and `<!-- /bench -->`,
and draws docs/scaling.svg. What stands outside of the markers is written by hand."""
import ast
import pathlib
import re
import textwrap

import results
import scaling_chart

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results.csv"
PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "scaling.svg"
SECTION = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench -->)", re.S)


def first_lines(benchmark):
    """What the benchmark's file says that it measures."""
    text = ast.get_docstring(ast.parse((ROOT / "bench" / f"{benchmark}.py").read_text()))
    return " ".join(text.split())


def by(rows, key):
    """{key(row): rows}, in the order in which the keys come up."""
    groups = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def figure(row):
    spread = "" if row["least"] == row["most"] else f" [{row['least']} .. {row['most']}]"
    return f"{row['median']}{spread}"


def table(head, lines):
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *lines])


def table_of_sides(rows):
    unit = rows[0]["unit"]
    with_ratio = any(row["ratio"] for row in rows)
    head = ["", f"{unit} [least .. most]"] + ["ratio"] * with_ratio + ["runs"]
    return table(head, [[row["side"], figure(row)] + [row["ratio"]] * with_ratio + [row["runs"]] for row in rows])


def table_of_cases(rows):
    """A line for each case, a column for each side, and the ratio of each of ours."""
    sides = list(dict.fromkeys(row["side"] for row in rows))
    ours = [side for side in sides if results.is_ours(side)]
    lines = []
    for case, own in by(rows, lambda row: row["case"]).items():
        found = {row["side"]: row for row in own}
        ratios = [found[side]["ratio"] if side in found else "" for side in ours]
        lines.append([case] + [figure(found[side]) if side in found else "" for side in sides] + ratios)
    return table([rows[0]["unit"], *sides, *("ratio" + side.removeprefix(ours[0]) for side in ours)], lines)


def command(benchmark, row=None):
    """What repeats a row, or measures the first."""
    words = ["bench/run.py", "build/release", benchmark]
    if row and row["isa"] != row["highest"]:
        words += ["--isa", row["isa"]]
    if row and row["threads"] != "2":
        words += ["--threads", row["threads"]]
    if row and row["runs"] not in ("5", ""):
        words += ["--repeats", row["runs"]]
    return f"`{' '.join(words)}`"


def measured_at_one_place(rows):
    make_table = table_of_cases if any(row["case"] for row in rows) else table_of_sides
    circumstances = results.circumstances_line(rows[0], dict.fromkeys(row["dtype"] for row in rows))
    parts = [f"{circumstances}: {command(rows[0]['benchmark'], rows[0])}", make_table(rows)]
    if rows[0]["unit"] == "nats":
        parts.append(results.differences(rows))
    return "\n\n".join(parts)


def section(benchmark, rows):
    measured = f"`{benchmark}`: {first_lines(benchmark)}"
    parts = [textwrap.fill(measured, 120, break_long_words=False, break_on_hyphens=False)]
    if benchmark == "scaling" and rows:
        parts.append(f"![Microseconds per example over batch, hidden, latent and input]({CHART.name})")
    parts += [measured_at_one_place(own) for own in by(rows, results.place).values()]
    return "\n\n".join(parts if rows else parts + [f"Not measured yet: {command(benchmark)}"])


def page(text, rows):
    """The page with its marked sections written anew."""
    own = by(rows, lambda row: row["benchmark"])

    def fill(match):
        return f"{match[1]}\n{section(match[2], own.get(match[2], []))}\n\n{match[3]}"

    return SECTION.sub(fill, text)


def main():
    rows = results.read(RESULTS)
    PAGE.write_text(page(PAGE.read_text(), rows))
    CHART.write_text(scaling_chart.draw(rows))


if __name__ == "__main__":
    main()
