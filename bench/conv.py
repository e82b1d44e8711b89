"""Seconds per 100 steps: convolutions 1-32-64, kernels 4x4 with stride 2, dense 256, latent 16 and the mirror, batch
128, raw MNIST binarised anew at every use, Adam 1e-3, the second of two epochs, without evaluation. Peer:
`torch_vae.py --model conv`, which keeps channels last, with `--mode fused` and `--mode compile`."""
from common import PLAIN, seconds_of_last_epoch


def run(bench):
    def ours(dtype):
        return lambda: seconds_of_last_epoch(
            bench.train("mnist", "--encoder", "conv", "--latent", "16", "--valid", "0", "--limit", "12800", "--epochs",
                        "2", *PLAIN, dtype=dtype))

    def peer(mode):
        return lambda: bench.peer("torch_vae.py", "--model", "conv", "--mode", mode, "--steps", "100", "--epochs",
                                  "2")["epoch_s"][-1]

    return bench.compare("conv", "s", {**bench.precisions(ours), **bench.torch_modes(peer)})
