"""Seconds per epoch of the dense benchmark alone and beside two processes that never rest, as one run of two threads
that wait for each other after each layer, and as two runs of one thread that wait for nobody. What the latter lose is
what the machine takes from any work of two threads: on two cores about one half."""
import concurrent.futures
import contextlib
import statistics
import subprocess

from common import PLAIN, seconds_of_last_epoch


@contextlib.contextmanager
def busy(processes):
    others = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def run(bench):
    def epoch(threads):
        lines = bench.train("mnist", "--valid", "0", "--epochs", "3", *PLAIN, threads=threads)
        return seconds_of_last_epoch(lines)

    def side(runs, processes):
        def figure():
            with busy(processes), concurrent.futures.ThreadPoolExecutor() as pool:
                return statistics.mean(pool.map(epoch, [bench.threads // runs] * runs))
        return figure

    def case(name, runs):
        sides = {"elbo, alone": side(runs, 0), "beside two busy processes": side(runs, 2)}
        return bench.compare("busy", "s", sides, name)

    return case("one run of all threads", 1) + case("a run for each thread", bench.threads)
