#!/usr/bin/env python3
"""Writes a table of 100 columns in (0, 1): logistic mixtures of 10 independent normal factors.

usage: tools/make_factors.py FILE.csv
5,000 rows x_j = 1 / (1 + exp(-sum_k w_jk f_k)) with f_k, w_jk ~ N(0, 1).
"""
import math
import random
import sys


def main():
    rng = random.Random(0)
    weights = [[rng.gauss(0, 1) for _ in range(10)] for _ in range(100)]
    with open(sys.argv[1], "w") as out:
        out.write(",".join(f"x{j}" for j in range(100)) + "\n")
        for _ in range(5000):
            f = [rng.gauss(0, 1) for _ in range(10)]
            row = (1 / (1 + math.exp(-sum(a * b for a, b in zip(w, f)))) for w in weights)
            out.write(",".join(f"{x:.5f}" for x in row) + "\n")


main()
