"""Seconds for L_5000 of 1,000 test digits under the dense model 784-400-20: the whole of `elbo eval --samples 5000
--limit 1000`. Peer: `bench/peers/iwae_torch.py`, batched PyTorch with random weights at the number of rows that is
the fastest here, 100 images, times ten, without its start."""
import functools
import pathlib
import time

ROWS = (500, 1000, 2000, 4000)


def run(bench):
    script = pathlib.Path(__file__).resolve().parent / "peers" / "iwae_torch.py"

    @functools.cache
    def trained(elbo):
        folder = bench.run_folder()
        bench.output(bench.train_command("mnist", folder, "--epochs", "1", "--quiet"))
        return folder

    def ours():
        model = trained(bench.elbo)
        start = time.perf_counter()
        bench.output([bench.elbo, "eval", model, "--samples", "5000", "--limit", "1000", "--quiet", "--threads",
                      str(bench.threads)])
        return time.perf_counter() - start

    def peer(*options):
        return bench.peer(script, *options)["seconds_for_1000"]

    def peer_at_its_best(*options):
        @functools.cache
        def fastest():
            """Found at the side's first figure, so that compare leaves out a side that dies of it."""
            rows = min(ROWS, key=lambda rows: peer("--images", 50, "--rows", rows, *options))
            print("bound: the fastest is", "--rows", rows, *options, flush=True)
            return rows
        return lambda: peer("--images", 100, "--rows", fastest(), *options)

    sides = {"elbo eval": ours}
    if bench.has_peer(script):
        sides["PyTorch, batched"] = peer_at_its_best()
        sides["PyTorch, batched and compiled"] = peer_at_its_best("--compile")
    return bench.compare("bound", "s", sides)
