"""That the losses of vae_torch.py are what they are called: by a Python with PyTorch,

    PYTHON bench/peers/test_vae_torch.py
"""
import gzip
import math
import pathlib
import tempfile
import unittest

import torch
from torch import distributions as dist

import vae_torch

BATCH, LATENT = 6, 4


def made(kind, likelihood="bernoulli", **how):
    """A small model in f64, bits or real numbers for it, and noise."""
    torch.manual_seed(1)
    data = (torch.rand(10, 12) < 0.3).to(torch.uint8) if likelihood == "bernoulli" else torch.randn(10, 12)
    model = vae_torch.MODELS[kind](data, [8, 5], LATENT, likelihood=likelihood, **how)
    for network in model.encoder, model.decoder:
        network.forward = torch.nn.Sequential.forward.__get__(network)  # what comes out stays f64
    return model.double(), data[:BATCH].double(), model.noise(BATCH).double()


def encoded(model, x):
    """q(z|x) with independent dimensions."""
    mu, log_var = model.encoder(x).chunk(2, 1)
    return dist.Independent(dist.Normal(mu, torch.exp(0.5 * log_var)), 1)


def log_px(model, z, x):
    if model.log_scale is None:
        return dist.Independent(dist.Bernoulli(logits=model.decoder(z), validate_args=False), 1).log_prob(x)
    return dist.Independent(dist.Normal(model.decoder(z), model.log_scale.exp()), 1).log_prob(x)


def log_normal(z):
    return dist.Normal(0, 1).log_prob(z).sum(-1)


class Loss(unittest.TestCase):
    def assert_close(self, found, expected):
        self.assertLess((found - expected).abs().max().item(), 1e-10)

    def test_of_a_vae_is_the_elbo_with_its_kl_in_closed_form(self):
        for likelihood in ("bernoulli", "gaussian"):
            model, x, noise = made("vae", likelihood)
            if model.log_scale is not None:
                model.log_scale.data.fill_(0.3)
            q = encoded(model, x)
            z = q.mean + noise * q.stddev
            normal = dist.Independent(dist.Normal(torch.zeros_like(z), torch.ones_like(z)), 1)
            self.assert_close(model(x, noise), (dist.kl_divergence(q, normal) - log_px(model, z, x)).mean())

    def test_of_one_importance_sample_is_the_estimate_of_the_elbo(self):
        model, x, noise = made("iwae", samples=1)
        q = encoded(model, x)
        z = q.mean + noise[0] * q.stddev
        self.assert_close(model(x, noise), (q.log_prob(z) - log_normal(z) - log_px(model, z, x)).mean())

    def test_of_many_importance_samples_is_the_logarithm_of_their_mean_weight(self):
        model, x, noise = made("iwae", samples=7)
        q = encoded(model, x)
        draws = [q.mean + eps * q.stddev for eps in noise]
        weights = [torch.exp(log_px(model, z, x) + log_normal(z) - q.log_prob(z)) for z in draws]
        self.assert_close(model(x, noise), -torch.log(sum(weights) / 7).mean())

    def test_of_a_vamp_prior_takes_the_density_of_each_component(self):
        model, x, noise = made("vamp", components=9)
        model.pseudo_inputs.data += torch.randn(9, 12)  # beyond 0 and 1 too
        components = [encoded(model, u.clamp(0, 1)[None]) for u in model.pseudo_inputs]
        q = encoded(model, x)
        z = q.mean + noise * q.stddev
        log_p = torch.log(sum(torch.exp(c.log_prob(z)) for c in components) / 9)
        self.assert_close(model(x, noise), (q.log_prob(z) - log_p - log_px(model, z, x)).mean())

    def test_of_a_full_covariance_has_its_kl_in_closed_form(self):
        model, x, noise = made("full")
        mu, log_var, below = model.encoder(x).split([LATENT, LATENT, LATENT * (LATENT - 1) // 2], 1)
        cholesky = torch.diag_embed(torch.exp(0.5 * log_var))
        rows, columns = torch.tril_indices(LATENT, LATENT, -1)
        cholesky[:, rows, columns] = below
        q = dist.MultivariateNormal(mu, scale_tril=cholesky)
        normal = dist.MultivariateNormal(torch.zeros(LATENT).double(), torch.eye(LATENT).double())
        z = mu + (cholesky @ noise[:, :, None])[:, :, 0]
        self.assert_close(model(x, noise), (dist.kl_divergence(q, normal) - log_px(model, z, x)).mean())


class Vamp(unittest.TestCase):
    def test_components_multiplied_out_lose_little_in_f32(self):
        """With means within 2 and deviations from 0.03 to 0.4, narrower than what a VAE of digits learns."""
        torch.manual_seed(1)
        mu, log_var = 4 * torch.rand(500, 20) - 2, 5 * torch.rand(500, 20) - 7
        z = mu[:128] + torch.randn(128, 20) * torch.exp(0.5 * log_var[:128])
        model = vae_torch.Vamp(torch.zeros(500, 3, dtype=torch.uint8), [], 20)
        model.encoder.forward = lambda _: torch.cat([mu, log_var], 1)
        off = (z.double()[:, None] - mu.double()).square() * torch.exp(-log_var.double())
        exact = torch.logsumexp(-0.5 * (off + log_var.double()).sum(-1), 1) - math.log(500)
        self.assertLess((model.log_prior(z) - exact).abs().max().item(), 0.01)  # nats


class Data(unittest.TestCase):
    def test_greys_are_bits_as_often_as_they_say(self):
        greys = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "greys.gz"
            path.write_bytes(gzip.compress(bytes(3) + b"\x03" + b"".join(n.to_bytes(4, "big") for n in (4000, 1, 3)) +
                                           bytes([0, 51, 255]) * 4000))
            data, is_grey = vae_torch.read(str(path))
        self.assertTrue(is_grey and torch.equal(data, greys.expand(4000, 3)))
        seen = []
        model = vae_torch.Vae(data, [2], 2)

        def step(x, noise):
            seen.append(x)
            return model(x, noise)
        vae_torch.epoch(model, step, torch.optim.Adam(model.parameters()), data, 1000, is_grey)
        shares = torch.cat(seen).mean(0)
        self.assertEqual((shares[0].item(), shares[2].item(), len(seen)), (0, 1, 4))
        self.assertAlmostEqual(shares[1].item(), 0.2, delta=0.03)


if __name__ == "__main__":
    unittest.main()
