"""Seconds per epoch: dense VAE 784-400-20, batch 128, raw MNIST binarised anew at every use, Adam 1e-3, the second of
two epochs, without evaluation. Peer: `torch_vae.py --mode fused` and `--mode compile`."""
from common import PLAIN, seconds_of_last_epoch


def run(bench):
    def ours(dtype):
        return lambda: seconds_of_last_epoch(
            bench.train("mnist", "--valid", "0", "--epochs", "2", *PLAIN, dtype=dtype))

    def peer(mode):
        return lambda: bench.peer("torch_vae.py", "--mode", mode, "--epochs", "2")["epoch_s"][-1]

    return bench.compare("dense", "s", {**bench.precisions(ours), **bench.torch_modes(peer)})
