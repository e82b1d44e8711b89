"""Seconds from the start of the program: `elbo --help`, and the end of the first training step."""
import re
import subprocess
import time


def run(bench):
    def help_seconds():
        start = time.perf_counter()
        subprocess.run([bench.elbo, "--help"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    def first_step():
        out = subprocess.run([bench.elbo, "train", "mnist", "--epochs", "1", "-v", "--no-report", "-o", bench.run_folder()],
                             check=True, capture_output=True, text=True)
        return float(re.search(r"first step (\S+) s after", out.stderr).group(1))

    bench.compare("start", "s", {"elbo --help": help_seconds, "elbo train mnist, first step": first_step})
