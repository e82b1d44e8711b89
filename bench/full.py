"""Seconds per epoch with a full covariance: q(z|x) = N(mu, L L^T), whose mean and Cholesky factor the encoder puts out,
784-400-20, KL in closed form, batch 128, raw MNIST binarised anew at every use, Adam 1e-3, the second of two epochs,
without evaluation. Peer: `bench/peers/vae_torch.py --model full`, with its fused Adam, as it is and compiled."""


def run(bench):
    return bench.beside_torch("full", "mnist", ("--posterior", "full"), ("--model", "full"))
