"""Seconds from the start of the program until the test -ELBO of dynamically binarised MNIST is 100 nats, 784-400-20,
start-up and an evaluation after every epoch included; other seeds each time. Peer: torch_vae.py --target 100 with its
default recipe and with its tuned one."""
import json
import subprocess
import time

TARGET = 100


def run(bench):
    seeds = {}

    def seed(name):
        seeds[name] = seeds.get(name, -1) + 1
        return str(seeds[name])

    def ours():
        run_folder = bench.run_folder()
        start = time.perf_counter()
        process = subprocess.Popen([bench.elbo, "train", "mnist", "--valid", "0", "--quiet", "--no-report", "--seed",
                                    seed("elbo"), "--threads", str(bench.threads), "-o", run_folder],
                                   stdout=subprocess.DEVNULL)
        metrics = run_folder / "metrics.jsonl"
        while process.poll() is None:
            time.sleep(0.01)
            lines = metrics.read_text().splitlines() if metrics.exists() else []
            records = [json.loads(line) for line in lines if line.endswith("}")]
            if any(r["split"] == "test" and r["neg_elbo"] <= TARGET for r in records):
                seconds = time.perf_counter() - start
                process.kill()
                process.wait()
                return seconds
        raise RuntimeError(f"the run ended above {TARGET} nats")

    def peer(name, *options):
        return lambda: bench.peer("torch_vae.py", "--mode", "fused", "--target", str(TARGET), "--seed", seed(name),
                                  *options)["wall_s"]

    sides = {"elbo train mnist": ours}
    if bench.has_peer("torch_vae.py"):
        sides["PyTorch, default recipe"] = peer("default", "--epochs", "40")
        sides["PyTorch, tuned recipe"] = peer("tuned", "--lr", "3e-3", "--schedule", "cosine", "--epochs", "14")
    figures = bench.take_turns(sides)
    import statistics
    medians = {name: statistics.median(values) for name, values in figures.items()}
    for name, values in figures.items():
        bench.tell("target", name, "s", values, medians.get("PyTorch, default recipe"))
    if "PyTorch, tuned recipe" in medians:
        print(f"{'':<12} against the tuned recipe: {medians['PyTorch, tuned recipe'] / medians['elbo train mnist']:.2f} x")
