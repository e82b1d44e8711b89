"""Seconds per 100 steps: convolutions 1-32-64, kernels 4x4 with stride 2, dense 256, latent 16 and the mirror, batch 128, raw
MNIST binarised anew at every use, the second of two epochs. Peer: torch_vae.py --model conv --mode fused."""
from common import PLAIN, seconds_of_last_epoch


def run(bench):
    def ours(engine):
        return lambda: seconds_of_last_epoch(
            bench.train("mnist", "--encoder", "conv", "--latent", "16", "--valid", "0", "--limit", "12800", "--epochs", "2",
                        "--engine", engine, *PLAIN))

    sides = {f"elbo, {engine} engine": ours(engine) for engine in ("fused", "autograd")}
    if bench.has_peer("torch_vae.py"):
        sides["PyTorch, fused Adam"] = lambda: bench.peer("torch_vae.py", "--model", "conv", "--mode", "fused", "--steps", "100",
                                                          "--epochs", "2")["epoch_s"][-1]
    bench.compare("conv", "s", sides, "PyTorch, fused Adam")
