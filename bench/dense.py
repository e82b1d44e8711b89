"""Seconds per epoch: dense VAE 784-400-20, batch 128, raw MNIST binarised anew at every use, Adam 1e-3, the second of two
epochs, without evaluation. Peer: torch_vae.py --mode fused."""
from common import PLAIN, seconds_of_last_epoch


def run(bench):
    def ours(engine):
        return lambda: seconds_of_last_epoch(bench.train("mnist", "--valid", "0", "--epochs", "2", "--engine", engine, *PLAIN))

    sides = {f"elbo, {engine} engine": ours(engine) for engine in ("fused", "autograd")}
    if bench.has_peer("torch_vae.py"):
        sides["PyTorch, fused Adam"] = lambda: bench.peer("torch_vae.py", "--mode", "fused", "--epochs", "2")["epoch_s"][-1]
    bench.compare("dense", "s", sides, "PyTorch, fused Adam")
