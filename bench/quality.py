"""The test -ELBO, nats, after five epochs of the peers' recipe (784-400-20, batch 128, Adam 1e-3): what makes the seconds of
the dense benchmark comparable. Other seeds each time; initial weights differ in kind between the sides."""
from common import PLAIN


def run(bench):
    seeds = {}

    def seed(name):
        seeds[name] = seeds.get(name, -1) + 1
        return str(seeds[name])

    def ours(engine):
        def last():
            records = bench.train("mnist", "--valid", "0", "--epochs", "5", "--engine", engine, "--seed", seed(engine), *PLAIN)
            return [r["neg_elbo"] for r in records if r["split"] == "test"][-1]
        return last

    sides = {f"elbo, {engine} engine": ours(engine) for engine in ("fused", "autograd")}
    if bench.has_peer("torch_vae.py"):
        sides["PyTorch, fused Adam"] = lambda: bench.peer("torch_vae.py", "--mode", "fused", "--epochs", "5", "--seed",
                                                          seed("peer"))["test_neg_elbo"]
    bench.compare("quality", "nats", sides)
