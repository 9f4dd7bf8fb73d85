#!/usr/bin/env python3
"""Writes src/diffusion/posterior.golden.json: draws from the posteriors of the committed `vae` cases, by diffusers, in float32.

    python write_posterior.py ../../src/diffusion/posterior.golden.json

`noise` is what torch.Generator("cpu").manual_seed(seed) gave; `sample` times scaling_factor is what the published scripts train on.
`raw` is no VAE's: a logvar that leaves the bounds which it is clamped to.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from safetensors.torch import load_file

CASES = [("vae-kl", 11, 0.18215), ("vae-sdxl-old-names", 12, 0.13025), ("vae-kl-bare", 14, 1.0)]
RAW = {"mean": [0.5, -2.0, 1e-3, 3.0, 0.0, -0.25], "logvar": [-50.0, -30.0, 0.1, 25.0, 20.0, -7.3]}


def drawn(mean: torch.Tensor, logvar: torch.Tensor, seed: int, scale: float) -> dict:
    posterior = DiagonalGaussianDistribution(torch.cat([mean, logvar], dim=1))
    sample = posterior.sample(torch.Generator("cpu").manual_seed(seed)) * scale
    noise = torch.randn(mean.shape, generator=torch.Generator("cpu").manual_seed(seed))
    tensors = {"noise": noise, "sample": sample, "mode": posterior.mode() * scale}
    return {"seed": seed, "scale": scale, **{name: tensor.flatten().tolist() for name, tensor in tensors.items()}}


def main() -> None:
    out = []
    for name, seed, scale in CASES:
        expected = load_file(Path(__file__).parent / "cases" / name / "expected.safetensors")
        out.append({"case": name, **drawn(expected["mean"][:1], expected["logvar"][:1], seed, scale)})
    mean, logvar = (torch.tensor(RAW[key]).reshape(1, 6, 1, 1) for key in ("mean", "logvar"))
    out.append({"raw": RAW, **drawn(mean, logvar, 13, 1.0)})
    Path(sys.argv[1]).write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
