#!/usr/bin/env python3
"""Writes datasets/moons/moons.csv: 3,000 points of a known density in the plane.

A third each: the upper half of the unit circle about (0, 0); the lower half of the unit circle about (1, 0.5); the
circle of radius 3 about (0.5, 0.25); all with normal noise of standard deviation 0.1 on both coordinates.
"""
import math
import pathlib
import random

CURVES = {
    "upper moon": lambda u: (math.cos(math.pi * u), math.sin(math.pi * u)),
    "lower moon": lambda u: (1 - math.cos(math.pi * u), 0.5 - math.sin(math.pi * u)),
    "ring": lambda u: (0.5 + 3 * math.cos(2 * math.pi * u), 0.25 + 3 * math.sin(2 * math.pi * u)),
}


def main():
    rng = random.Random(0)
    rows = []
    for i in range(3000):
        name, curve = list(CURVES.items())[i % 3]
        x, y = curve(rng.random())
        rows.append(f"{x + rng.gauss(0, 0.1):.4f},{y + rng.gauss(0, 0.1):.4f},{name}")
    folder = pathlib.Path(__file__).resolve().parent.parent / "datasets" / "moons"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "moons.csv").write_text("x,y,label\n" + "\n".join(rows) + "\n")


main()
