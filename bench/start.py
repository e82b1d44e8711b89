"""Seconds from the start of the program: `elbo --help`, and `elbo train mnist`, batch 128, to the end of its first
step."""
import re
import subprocess
import time


def run(bench):
    def help_seconds():
        start = time.perf_counter()
        subprocess.run([bench.elbo, "--help"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    def first_step():
        command = bench.train_command("mnist", bench.run_folder(), "--epochs", "1", "-v")
        out = subprocess.run(command, check=True, capture_output=True, text=True)
        return float(re.search(r"first step (\S+) s after", out.stderr).group(1))

    return bench.compare("start", "s", {"elbo --help": help_seconds, "elbo train mnist, first step": first_step})
