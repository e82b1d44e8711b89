"""Seconds per epoch of the dense benchmark alone and beside two processes that never rest: on two cores a fair share
makes it twice as long."""
import subprocess

from common import PLAIN, seconds_of_last_epoch


def run(bench):
    def epoch():
        return seconds_of_last_epoch(bench.train("mnist", "--valid", "0", "--epochs", "2", *PLAIN))

    def beside_two():
        others = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(2)]
        try:
            return epoch()
        finally:
            for other in others:
                other.kill()
                other.wait()

    return bench.compare("busy", "s", {"elbo, alone": epoch, "beside two busy processes": beside_two})
