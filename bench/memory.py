"""Most memory resident at once, MiB, in two epochs of training 784-400-20, batch 128: `elbo train mnist` and
`torch_vae.py --mode fused`."""
import os
import subprocess

from common import PLAIN, Died


def peak(command, environment):
    """The child's own peak, whatever other children there were."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise Died(f"{' '.join(map(str, command))}\nended with {process.returncode}")
    return usage.ru_maxrss / 1024


def run(bench):
    sides = {"elbo train mnist": lambda: peak(
        bench.train_command("mnist", bench.run_folder(), "--epochs", "2", "--quiet", *PLAIN), None)}
    if bench.has_peer("torch_vae.py"):
        sides["PyTorch, fused Adam"] = lambda: peak(
            [bench.python, bench.peers / "torch_vae.py", "--mode", "fused", "--epochs", "2", "--threads",
             str(bench.threads)], bench.environment())
    return bench.compare("memory", "MiB", sides)
