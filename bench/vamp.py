"""Seconds per epoch with a VampPrior (Tomczak & Welling 2018): 500 pseudo-inputs that are learned and encoded at every
step, the KL as log q - log p at the draw, 784-400-20, batch 128, raw MNIST binarised anew at every use, Adam 1e-3, the
second of two epochs, without evaluation. Peer: `bench/peers/vae_torch.py --model vamp`, with its fused Adam, as it is
and compiled."""


def run(bench):
    ours = ("--set", 'model.prior={type="vamp", components=500}')
    return bench.beside_torch("vamp", "mnist", ours, ("--model", "vamp", "--components", 500))
