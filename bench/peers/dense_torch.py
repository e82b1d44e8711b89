"""A page of PyTorch: seconds per epoch of a dense VAE of any size on an .npy file of bits, as one JSON line."""
import argparse
import json
import time

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

p = argparse.ArgumentParser()
p.add_argument("--data")
for name in ("batch", "hidden", "latent", "input", "threads"):
    p.add_argument(f"--{name}", type=int)
p.add_argument("--compile", action="store_true", help="the network through torch.compile")
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(0)
data = torch.from_numpy(np.load(a.data))
layers = [nn.Linear(a.input, a.hidden), nn.Linear(a.hidden, 2 * a.latent), nn.Linear(a.latent, a.hidden),
          nn.Linear(a.hidden, a.input)]
optimizer = torch.optim.Adam([w for layer in layers for w in layer.parameters()], 1e-3, fused=True)


def network(x):
    mu, lv = layers[1](F.relu(layers[0](x))).chunk(2, 1)
    z = mu + torch.randn_like(mu) * torch.exp(0.5 * lv)
    return layers[3](F.relu(layers[2](z))), mu, lv


forward = torch.compile(network) if a.compile else network


def epoch():
    start, order = time.perf_counter(), torch.randperm(len(data))
    for i in range(0, len(data), a.batch):
        x = data[order[i:i + a.batch]].float()
        logits, mu, lv = forward(x)
        loss = (F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
                - 0.5 * torch.sum(1 + lv - mu * mu - lv.exp())) / len(x)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


epoch()
print(json.dumps({"epoch_s": epoch()}))
