"""The test -ELBO, nats, after five epochs of the peers' recipe (784-400-20, batch 128, Adam 1e-3), seeds 0, 1, 2 and
so on: what makes the seconds of the dense benchmark comparable. The sides' initial weights differ in kind. Peer:
`torch_vae.py --mode fused`."""
from common import PLAIN
from results import differences


def run(bench):
    def ours(dtype):
        def last():
            records = bench.train("mnist", "--valid", "0", "--epochs", "5", "--seed", str(bench.turn), *PLAIN,
                                  dtype=dtype)
            return [r["neg_elbo"] for r in records if r["split"] == "test"][-1]
        return last

    sides = bench.precisions(ours)
    if bench.has_peer("torch_vae.py"):
        sides["PyTorch, fused Adam"] = lambda: bench.peer("torch_vae.py", "--mode", "fused", "--epochs", "5", "--seed",
                                                          bench.turn)["test_neg_elbo"]
    rows = bench.compare("quality", "nats", sides)
    print(differences(rows))
    return rows
