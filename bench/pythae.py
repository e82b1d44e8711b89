"""Seconds per epoch against pythae's own trainer and its default network, 784-512-20, batch 128, 60,000 images
binarised once. Peer: `pythae_vae.py`, the mean of two epochs."""
from common import PLAIN, seconds_of_last_epoch


def run(bench):
    sides = {"elbo": lambda: seconds_of_last_epoch(
        bench.train("mnist", "--valid", "0", "--epochs", "2",
                    "--set", 'data.transform=["unit", {type="binarise", mode="threshold"}]',
                    "--set", 'model.encoder={type="mlp", sizes=[512]}', *PLAIN))}
    if bench.has_peer("pythae_vae.py"):
        sides["pythae"] = lambda: bench.peer("pythae_vae.py", "--epochs", "2")["seconds_per_epoch"]
    return bench.compare("pythae", "s", sides)
