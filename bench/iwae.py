"""Seconds per epoch under the importance-weighted bound of K samples (Burda et al. 2016): 784-400-20, batch 128, raw
MNIST binarised anew at every use, Adam 1e-3, the second of two epochs, without evaluation; with 50 samples the first
12,800 images alone. Peer: `bench/peers/vae_torch.py --model iwae`, with its fused Adam, as it is and compiled."""

CASES = {5: 60_000, 50: 12_800}  # images by samples, for some seconds each


def run(bench):
    rows = []
    for samples, images in CASES.items():
        ours = ("--set", f'objective.bound={{type="iwae", samples={samples}}}', "--limit", str(images))
        peers = ("--model", "iwae", "--samples", samples, "--limit", images)
        rows += bench.beside_torch("iwae", "mnist", ours, peers, case=f"{samples} samples, {images:,} images")
    return rows
