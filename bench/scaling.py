"""Microseconds per example over sizes: a dense VAE on random bits, half of them ones so that there is nothing to
skip, Bernoulli likelihood, Adam, the second of two epochs. One size varies at a time around 784-400-20 with batch
128. Peer: `bench/peers/vae_torch.py`, PyTorch with its fused Adam, as it is and compiled."""
import pathlib
import random

from common import OUR_PEER, PLAIN, seconds_of_last_epoch, write_npy

SIZES = {
    "batch": (32, 128, 512, 2048, 4096),
    "hidden": (64, 256, 1024, 4096),
    "latent": (2, 32, 128, 512),
    "input": (10, 100, 1000, 5000, 20000),
}
BASE = {"batch": 128, "hidden": 400, "latent": 20, "input": 784}
FLOATS = 40e6  # in a data set, at most: 160 MB
WORK = 3e11  # floating-point operations in an epoch, about


def examples(size):
    """As many as make an epoch of some tenths of a second, and some batches at least."""
    operations = 6 * size["hidden"] * (2 * size["input"] + 3 * size["latent"])
    rows = min(WORK / operations, FLOATS / size["input"], 200_000)
    return max(4, round(rows / size["batch"])) * size["batch"]


def write_bits(path, rows, columns):
    bits = random.Random(1).randbytes(rows * columns)
    write_npy(path, "|u1", rows, columns, bits.translate(bytes(i & 1 for i in range(256))))


def sides(bench, size):
    rows = examples(size)
    data = pathlib.Path(bench.folder.name) / "bits.npy"
    write_bits(data, rows, size["input"])

    def ours():
        return 1e6 / rows * seconds_of_last_epoch(
            bench.train(data, "--valid", "0", "--test", "0", "--epochs", "2", "--batch", str(size["batch"]), "--latent",
                        str(size["latent"]), "--likelihood", "bernoulli", "--set", "data.transform=[]", "--set",
                        f'model.encoder={{type="mlp", sizes=[{size["hidden"]}]}}', *PLAIN))

    def peer(mode):
        return lambda: 1e6 / rows * bench.peer(
            OUR_PEER, "--data", data, "--mode", mode, "--batch", size["batch"], "--sizes", size["hidden"], "--latent",
            size["latent"])["epoch_s"]

    both = {"PyTorch, fused Adam": peer("fused"), "PyTorch, fused Adam, compiled": peer("compile")}
    return {"elbo": ours, **(both if bench.has_peer(OUR_PEER) else {})}


def run(bench):
    found = []
    for name, values in SIZES.items():
        for value in values:
            found += bench.compare("scaling", "us", sides(bench, {**BASE, name: value}), case=f"{name} {value}")
    return found
