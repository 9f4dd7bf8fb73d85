#!/usr/bin/env python3
"""Writes src/diffusion/guidance.golden.json: diffusers' guidance, and the embedding of its scale, in float32.

    python write_guidance.py ../../src/diffusion/guidance.golden.json
"""

import json
import sys
from pathlib import Path

import diffusers
import torch
from diffusers import LatentConsistencyModelPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

from common import randn

# Width 256 is what published LCMs have; odd widths end in a zero.
EMBEDDINGS = [(8.5, 256), (1.0, 256), (2.0, 32), (7.5, 17), (1.3, 8)]
# (seed, shape, guidance_scale, guidance_rescale). The second sample is put on another scale, so that a deviation taken
# over the whole batch shows.
GUIDED = [
    (401, (1, 4, 3, 2), 7.5, 0.0),
    (402, (1, 4, 3, 2), 7.5, 0.7),
    (403, (2, 4, 2, 2), 5.0, 0.7),
    (404, (2, 4, 2, 2), 12.0, 1.0),
    (405, (2, 4, 2, 2), 3.0, 0.0),
]


def embedding(scale: float, width: int) -> dict:
    """As the pipelines call it; the method reads nothing of the pipeline."""
    w = torch.tensor(scale - 1).repeat(1)
    values = LatentConsistencyModelPipeline.get_guidance_scale_embedding(None, w, embedding_dim=width)
    return {"guidanceScale": scale, "width": width, "values": values[0].tolist()}


def guided(seed: int, shape: tuple, scale: float, rescale: float) -> dict:
    """StableDiffusionPipeline.__call__, "perform guidance"."""
    unconditional, conditional = randn(shape, seed), randn(shape, seed + 50)
    unconditional[1:] *= 3.0
    conditional[1:] = 0.5 * conditional[1:] + 1.0
    out = unconditional + scale * (conditional - unconditional)
    if rescale > 0.0:
        out = rescale_noise_cfg(out, conditional, guidance_rescale=rescale)
    flat = lambda t: t.flatten().tolist()
    return {
        "batch": shape[0], "guidanceScale": scale, "guidanceRescale": rescale, "unconditional": flat(unconditional),
        "conditional": flat(conditional), "guided": flat(out),
    }


golden = {
    "torch": torch.__version__.split("+")[0],
    "diffusers": diffusers.__version__,
    "embeddings": [embedding(*row) for row in EMBEDDINGS],
    "guided": [guided(*row) for row in GUIDED],
}
Path(sys.argv[1]).write_text(json.dumps(golden) + "\n")
