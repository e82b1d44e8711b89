"""Seconds per epoch: dense VAE 784-512-512-50 and its mirror, batch 128, raw MNIST binarised anew at every use, Adam
1e-3, the second of two epochs, without evaluation. Peer: `bench/peers/vae_torch.py --sizes 512 512 --latent 50`, with
its fused Adam, as it is and compiled."""


def run(bench):
    ours = ("--latent", "50", "--set", 'model.encoder={type="mlp", sizes=[512, 512]}')
    return bench.beside_torch("deep", "mnist", ours, ("--sizes", 512, 512, "--latent", 50))
