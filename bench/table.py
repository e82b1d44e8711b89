"""Seconds per epoch over a table: 100,000 rows of 64 real columns made of 8 factors, dense VAE 64-256-128-8 and its
mirror, Gaussian likelihood with one learned scale, batch 128, Adam 1e-3, the second of two epochs, without evaluation.
Peer: `bench/peers/vae_torch.py --likelihood gaussian`, with its fused Adam, as it is and compiled."""
import array
import math
import pathlib
import random

from common import write_npy

ROWS, COLUMNS, FACTORS = 100_000, 64, 8


def write_table(path):
    """Each column bends a sum of two factors, and some noise is added, of about unit variance in all."""
    rng = random.Random(1)
    pairs = [rng.sample(range(FACTORS), 2) for _ in range(COLUMNS)]
    values = array.array("f")
    for _ in range(ROWS):
        factors = [rng.gauss(0, 1) for _ in range(FACTORS)]
        values.extend(1.4 * math.sin(factors[a] + factors[b]) + rng.random() - 0.5 for a, b in pairs)
    write_npy(path, "<f4", ROWS, COLUMNS, values.tobytes())


def run(bench):
    data = pathlib.Path(bench.folder.name) / "table.npy"
    write_table(data)
    ours = ("--test", "0", "--latent", "8", "--likelihood", "gaussian", "--set", "data.transform=[]", "--set",
            'model.encoder={type="mlp", sizes=[256, 128]}')
    return bench.beside_torch("table", data, ours,
                              ("--likelihood", "gaussian", "--sizes", 256, 128, "--latent", 8))
