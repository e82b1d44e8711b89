"""Dense VAEs in PyTorch at its best: seconds of the last epoch as one JSON line.

What is done for speed: Adam is fused; denormals are flushed to zero; rows are gathered by index_select; grey values
become bits by comparing bytes; Bernoulli's log-likelihood is one pass over signed logits; log q comes from the noise;
the components of a VampPrior are one product; a full covariance's matrix is never laid out; torch.compile is given the
loss with the model. The first epochs are warm-up, compilation included. Data: MNIST's IDX file, binarised anew at
every use, or an .npy file of bits or of real numbers.
"""
import argparse
import gzip
import json
import math
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Network(nn.Sequential):
    """Dense layers with ReLU between them; what comes out is f32."""

    def __init__(self, *widths, autocast=False):
        layers = []
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
        super().__init__(*layers[:-1])
        self.autocast = autocast

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            return super().forward(x).float()


class Vae(nn.Module):
    """Called with x [B, D] and noise [B, Z] it gives the mean of -ELBO, nats, as forward of all models here."""

    def __init__(self, data, sizes, latent, likelihood="bernoulli", samples=1, components=500, autocast=False):
        super().__init__()
        inputs, self.latent, self.samples = data.shape[1], latent, samples
        self.encoder = Network(inputs, *sizes, self.parameters_of_q(), autocast=autocast)
        self.decoder = Network(latent, *reversed(sizes), inputs, autocast=autocast)
        self.log_scale = nn.Parameter(torch.zeros(())) if likelihood == "gaussian" else None

    def parameters_of_q(self):
        return 2 * self.latent

    def noise(self, batch):
        return torch.randn(batch, self.latent)

    def log_px(self, z, x):
        """z [.., Z], x that broadcasts to [.., D]: log p(x|z), [..]."""
        out = self.decoder(z.view(-1, self.latent)).view(*z.shape[:-1], -1)
        if self.log_scale is None:
            return F.logsigmoid(out * (2 * x - 1)).sum(-1)
        squares = (x - out).square().sum(-1) * torch.exp(-2 * self.log_scale)
        return -0.5 * squares - x.shape[-1] * (self.log_scale + 0.5 * math.log(2 * math.pi))

    def forward(self, x, noise):
        mu, log_var = self.encoder(x).chunk(2, 1)
        z = mu + noise * torch.exp(0.5 * log_var)
        kl = 0.5 * (mu.square() + log_var.exp() - log_var - 1).sum(1)
        return (kl - self.log_px(z, x)).mean()


class Iwae(Vae):
    """-L_K, of noise [K, B, Z] (Burda et al. 2016)."""

    def noise(self, batch):
        return torch.randn(self.samples, batch, self.latent)

    def forward(self, x, noise):
        mu, log_var = self.encoder(x).chunk(2, 1)
        z = mu + noise * torch.exp(0.5 * log_var)
        log_p_over_q = 0.5 * ((noise.square() - z.square()).sum(-1) + log_var.sum(-1))
        log_weights = self.log_px(z, x) + log_p_over_q  # [K, B]
        return (math.log(self.samples) - torch.logsumexp(log_weights, 0)).mean()


class Vamp(Vae):
    """The prior is the mean of q(z|u) over learned pseudo-inputs u in [0, 1] (Tomczak & Welling 2018)."""

    def __init__(self, data, sizes, latent, components=500, **how):
        super().__init__(data, sizes, latent, **how)
        first = data[:components].float()
        self.pseudo_inputs = nn.Parameter(first / 255 if data.dtype == torch.uint8 else first)

    def log_prior(self, z):
        """log p(z) + Z/2 log 2 pi, [B]. (z - mu)^2 / var is multiplied out, so that all components are one product."""
        mu, log_var = self.encoder(self.pseudo_inputs.clamp(0, 1)).chunk(2, 1)
        precision = torch.exp(-log_var)
        rest = (mu.square() * precision + log_var).sum(1)
        both = torch.addmm(rest, torch.cat([z.square(), z], 1), torch.cat([precision, -2 * mu * precision], 1).t())
        return torch.logsumexp(-0.5 * both, 1) - math.log(len(mu))

    def forward(self, x, noise):
        mu, log_var = self.encoder(x).chunk(2, 1)
        z = mu + noise * torch.exp(0.5 * log_var)
        log_q = -0.5 * (noise.square() + log_var).sum(1)  # + Z/2 log 2 pi
        return (log_q - self.log_prior(z) - self.log_px(z, x)).mean()


class Full(Vae):
    """q(z|x) = N(mu, L L^T): the encoder puts out mu, 2 log L_jj and the entries below the diagonal row by row."""

    def __init__(self, data, sizes, latent, **how):
        super().__init__(data, sizes, latent, **how)
        rows, columns = torch.tril_indices(latent, latent, -1)
        self.register_buffer("columns", columns)
        self.register_buffer("sums", F.one_hot(rows, latent).float())  # adds entries up by rows, as a product

    def parameters_of_q(self):
        return 2 * self.latent + self.latent * (self.latent - 1) // 2

    def forward(self, x, noise):
        mu, log_var, below = self.encoder(x).split([self.latent, self.latent, len(self.columns)], 1)
        z = torch.addmm(mu + noise * torch.exp(0.5 * log_var), below * noise[:, self.columns], self.sums)
        kl = 0.5 * ((mu.square() + log_var.exp() - log_var - 1).sum(1) + below.square().sum(1))
        return (kl - self.log_px(z, x)).mean()


MODELS = {"vae": Vae, "iwae": Iwae, "vamp": Vamp, "full": Full}


def read(path):
    """The rows of a file, and whether they are grey values to binarise."""
    if path.endswith(".npy"):
        return torch.from_numpy(np.load(path)), False
    with gzip.open(path) as file:
        content = file.read()
    images = int.from_bytes(content[4:8], "big")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=16).reshape(images, -1).copy()), True


def epoch(model, step, optimizer, data, batch, is_grey):
    """Seconds and the mean loss; a last batch that is not whole is left out."""
    start, total = time.perf_counter(), torch.zeros(())
    order = torch.randperm(len(data))
    for i in range(0, len(data) - batch + 1, batch):
        x = data.index_select(0, order[i:i + batch])
        if is_grey:
            x = torch.randint(0, 255, x.shape, dtype=torch.uint8) < x  # true in x of 255 draws
        optimizer.zero_grad(set_to_none=True)
        loss = step(x.float(), model.noise(batch))
        loss.backward()
        optimizer.step()
        total += loss.detach()
    return time.perf_counter() - start, total.item() / (len(data) // batch)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--model", choices=MODELS, default="vae")
    p.add_argument("--mode", choices=["fused", "compile", "amp", "compile-amp"], default="fused",
                   help="compile: model and loss through torch.compile; amp: networks in autocast to bf16")
    p.add_argument("--likelihood", choices=["bernoulli", "gaussian"], default="bernoulli",
                   help="gaussian: with one learned scale")
    p.add_argument("--sizes", type=int, nargs="+", default=[400], help="of the encoder, which the decoder mirrors")
    p.add_argument("--latent", type=int, default=20)
    p.add_argument("--samples", type=int, default=5, help="K of the model iwae")
    p.add_argument("--components", type=int, default=500, help="of the model vamp")
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--limit", type=int, help="use the first rows only")
    p.add_argument("--epochs", type=int, default=2)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_flush_denormal(True)  # before there are threads, which take it over
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    data, is_grey = read(a.data)
    data = data[:a.limit]
    model = MODELS[a.model](data, a.sizes, a.latent, likelihood=a.likelihood, samples=a.samples,
                            components=a.components, autocast=a.mode.endswith("amp"))
    step = torch.compile(model, dynamic=False) if a.mode.startswith("compile") else model
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    for _ in range(a.epochs):
        seconds, loss = epoch(model, step, optimizer, data, a.batch, is_grey)
    print(json.dumps(dict(peer="torch " + torch.__version__, capability=torch.backends.cpu.get_cpu_capability(),
                          **vars(a), epoch_s=round(seconds, 4), train_loss=round(loss, 3))))


if __name__ == "__main__":
    main()
