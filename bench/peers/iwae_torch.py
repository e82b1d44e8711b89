"""Batched PyTorch L_K of a dense Bernoulli VAE (784-400-20-400-784): seconds, as one JSON line.

Random weights and random binary images: only the time counts. The K draws of each group of images are decoded in
chunks of --rows rows (draws times images), the encoder runs once for each group, log-weights are summed by
logsumexp in float64. --compile runs the decoder and the log-likelihood through torch.compile, whose compilation is
not counted. The seconds for --images are measured; those for 1,000 images follow in proportion.
"""
import argparse
import json
import math
import time

import torch
import torch.nn.functional as F
from torch import nn


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.e1, self.e2 = nn.Linear(784, 400), nn.Linear(400, 40)
        self.d1, self.d2 = nn.Linear(20, 400), nn.Linear(400, 784)

    def encode(self, x):
        return self.e2(F.relu(self.e1(x))).chunk(2, 1)

    def log_px(self, z, x):
        """z [K, B, 20], x [B, 784]: log p(x|z), [K, B]."""
        logits = self.d2(F.relu(self.d1(z)))
        return -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)


def bound(model, log_px, x, samples, rows):
    """L_K of each image, [B]."""
    mu, log_var = model.encode(x)
    sigma = torch.exp(0.5 * log_var)
    log_det = 0.5 * (log_var.sum(-1) + 20 * math.log(2 * math.pi))
    chunk, parts, done = max(1, rows // len(x)), [], 0
    while done < samples:
        k = min(chunk, samples - done)
        noise = torch.randn(k, len(x), 20)
        z = torch.addcmul(mu, noise, sigma)
        log_q = -0.5 * noise.square().sum(-1) - log_det
        log_p = -0.5 * (z.square().sum(-1) + 20 * math.log(2 * math.pi))
        parts.append((log_px(z, x) + log_p - log_q).double())
        done += k
    return torch.logsumexp(torch.cat(parts), 0) - math.log(samples)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--images", type=int, default=100)
    p.add_argument("--samples", type=int, default=5000)
    p.add_argument("--group", type=int, default=50, help="images at a time")
    p.add_argument("--rows", type=int, default=2000, help="draws times images decoded at a time")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--compile", action="store_true")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    model = Vae().eval()
    x = (torch.rand(a.images, 784) < 0.13).float()
    log_px = torch.compile(model.log_px) if a.compile else model.log_px
    with torch.inference_mode():
        whole = max(1, a.rows // a.group)
        bound(model, log_px, x[:a.group], whole + a.samples % whole, a.rows)  # warm-up, both chunk sizes
        start = time.perf_counter()
        values = [bound(model, log_px, x[i:i + a.group], a.samples, a.rows) for i in range(0, a.images, a.group)]
        seconds = time.perf_counter() - start
    print(json.dumps(dict(peer="torch " + torch.__version__, capability=torch.backends.cpu.get_cpu_capability(),
                          **vars(a), seconds=round(seconds, 3), seconds_for_1000=round(seconds * 1000 / a.images, 2),
                          mean=round(torch.cat(values).mean().item(), 3))))


main()
