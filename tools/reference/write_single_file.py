#!/usr/bin/env python3
"""Writes single-file/: checkpoints in Stable Diffusion's original layout, as single `.safetensors` files.

    python write_single_file.py single-file

`sd1`, `sd2` and `xl.safetensors` hold the tensors of committed pipelines (cases/pipeline-*) in half precision, with what
the layout has no room for (widths of heads, the tokenizer) in the metadata, where `winnow export` puts it too.
`layouts.json` has, for published configs, the SHA-256 of every key and shape of their checkpoints, one `key [shape]` a line
in order. Both are checked with diffusers' own conversion."""

import hashlib
import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import original_layout
from common import save_json

HERE = Path(__file__).parent
SMALL = {"sd1": "pipeline-text-to-image", "sd2": "pipeline-sd2-v-rescale", "xl": "pipeline-xl"}
WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model", "text_encoder_2": "model"}
# BK-SDM: two layers of a level fewer, no middle block, and in the smallest no innermost level.
BK_SMALL = dict(layers_per_block=1, mid_block_type=None)
BK_TINY = BK_SMALL | dict(
    block_out_channels=[320, 640, 1280], down_block_types=["CrossAttnDownBlock2D"] * 3, up_block_types=["CrossAttnUpBlock2D"] * 3)
PUBLISHED = {
    "stable-diffusion-v1-5": ("stable-diffusion-v1-5", {}),
    "bk-sdm-small": ("stable-diffusion-v1-5", BK_SMALL),
    "bk-sdm-tiny": ("stable-diffusion-v1-5", BK_TINY),
    "stable-diffusion-2-1-base": ("stable-diffusion-2-1-base", {}),
    "stable-diffusion-xl-base-1.0": ("stable-diffusion-xl-base-1.0", {}),
    "ssd-1b": ("ssd-1b", {}),
}


def prefixed(folder: str, tensors: dict) -> dict:
    """Text encoders under the names that published files have."""
    if not folder.startswith("text_encoder"):
        return tensors
    return {n if n.startswith(("text_model.", "text_projection")) else f"text_model.{n}": t for n, t in tensors.items() if not n.endswith("position_ids")}


def small(name: str) -> tuple[dict, dict]:
    """A committed pipeline's checkpoint, and the metadata beside it."""
    folder = HERE / "cases" / name / "pipeline"
    parts = {}
    for part, stem in WEIGHTS.items():
        if (folder / part).is_dir():
            tensors = load_file(folder / part / f"{stem}.safetensors")
            half = {n: t.half() for n, t in prefixed(part, tensors).items()}
            parts[part] = (json.loads((folder / part / "config.json").read_text()), half)
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".txt"))
    metadata = {"format": "pt", "winnow.folder": json.dumps({str(p.relative_to(folder)): p.read_text() for p in files})}
    return original_layout.checkpoint(parts), metadata


def published(folder: str, changes: dict) -> dict:
    """What a published model's checkpoint has, without its data."""
    read = lambda part: json.loads((HERE / "configs" / folder / part / "config.json").read_text())
    parts = {}
    with torch.device("meta"):
        for part in WEIGHTS:
            if not (HERE / "configs" / folder / part).is_dir():
                continue
            config = read(part) | (changes if part == "unet" else {})
            if part in ("unet", "vae"):
                model = {"unet": UNet2DConditionModel, "vae": AutoencoderKL}[part].from_config(config)
            else:
                model = {"CLIPTextModel": CLIPTextModel, "CLIPTextModelWithProjection": CLIPTextModelWithProjection}[config["architectures"][0]](CLIPTextConfig(**config))
            parts[part] = (config, prefixed(part, model.state_dict()))
    return original_layout.checkpoint(parts)


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(exist_ok=True)
    for name, case in SMALL.items():
        tensors, metadata = small(case)
        if name == "sd1":
            # Things that published checkpoints carry beside.
            tensors |= {
                "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(16)[None],
                "model_ema.decay": torch.tensor(0.9999), "betas": torch.linspace(0.00085, 0.012, 10)}
        if name == "xl":
            tensors["conditioner.embedders.1.model.logit_scale"] = torch.tensor(4.6052)
        save_file(tensors, str(out / f"{name}.safetensors"), metadata)
    layouts = {}
    for name, (folder, changes) in PUBLISHED.items():
        lines = sorted(f"{key} {list(t.shape)}" for key, t in published(folder, changes).items())
        layouts[name] = {"folder": folder, "unet": changes, "tensors": len(lines), "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}
    save_json(out / "layouts.json", layouts)


main()
