"""Seconds for L_5000 of 1,000 test digits under the dense model 784-400-20: the whole of `elbo eval`. Peer: iwae_torch.py,
batched PyTorch at the number of rows where it is fastest here, 100 images, times ten, without its start."""
import json
import pathlib
import subprocess
import time


def run(bench):
    trained = bench.run_folder()
    subprocess.run([bench.elbo, "train", "mnist", "--epochs", "1", "--quiet", "--no-report", "-o", trained], check=True,
                   stdout=subprocess.DEVNULL)

    def ours():
        start = time.perf_counter()
        subprocess.run([bench.elbo, "eval", trained, "--samples", "5000", "--limit", "1000", "--quiet", "--threads",
                        str(bench.threads)], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    def peer(*options):
        own = pathlib.Path(__file__).resolve().parent / "peers" / "iwae_torch.py"
        return lambda: bench.peer(own, "--images", "100", "--rows", "2000", *options)["seconds_for_1000"]

    bench.compare("bound", "s", {"elbo eval --samples 5000": ours, "PyTorch, batched": peer(),
                                 "PyTorch, batched and compiled": peer("--compile")}, "PyTorch, batched")
