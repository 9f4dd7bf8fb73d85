"""Kind `vae`: AutoencoderKL and AutoencoderTiny, encode and decode, in float32."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from common import (float32_runs, floors, generator, randn, save_case, save_model_config, save_tensors, seed_weights,
                    set_weights, weights_of)

ENCODER, DECODER = "DownEncoderBlock2D", "UpDecoderBlock2D"

CASES = {"vae": {
    # Stable Diffusion's layout: several levels, attention in the middle, quantisation convolutions.
    "kl": dict(seed=41, cls=AutoencoderKL, image=(2, 24, 16), config=dict(
        block_out_channels=(4, 8, 8), down_block_types=(ENCODER,) * 3, up_block_types=(DECODER,) * 3, layers_per_block=2,
        latent_channels=4, norm_num_groups=4, sample_size=24, scaling_factor=0.18215)),
    # Without middle attention and without quantisation convolutions, eight latent channels, an odd size.
    "kl-bare": dict(seed=42, cls=AutoencoderKL, image=(1, 18, 14), config=dict(
        block_out_channels=(8, 8), down_block_types=(ENCODER,) * 2, up_block_types=(DECODER,) * 2, layers_per_block=1,
        latent_channels=8, norm_num_groups=2, sample_size=16, mid_block_add_attention=False, use_quant_conv=False,
        use_post_quant_conv=False)),
    "tiny": dict(seed=43, cls=AutoencoderTiny, image=(2, 32, 24), config=dict(
        encoder_block_out_channels=(6, 6, 6, 6), decoder_block_out_channels=(6, 6, 6, 6), num_encoder_blocks=(1, 2, 2, 2),
        num_decoder_blocks=(2, 2, 2, 1), latent_channels=8)),
    "tiny-factor-4": dict(seed=44, cls=AutoencoderTiny, image=(1, 16, 20), config=dict(
        encoder_block_out_channels=(8, 8, 8), decoder_block_out_channels=(8, 8, 8), num_encoder_blocks=(1, 1, 2),
        num_decoder_blocks=(2, 1, 1), latent_channels=4)),
}}


def build(spec: dict):
    return seed_weights(spec["cls"](**spec["config"]), spec["seed"])


@torch.no_grad()
def evaluate(model, weights: dict, inputs: dict, dtype) -> dict[str, torch.Tensor]:
    model = set_weights(model, weights, dtype)
    encoded = model.encode(inputs["image"].to(dtype))
    decoded = {"decoded": model.decode(inputs["latents"].to(dtype)).sample}
    if isinstance(model, AutoencoderTiny):
        return {"encoded": encoded.latents} | decoded
    return {"mean": encoded.latent_dist.mean, "logvar": encoded.latent_dist.logvar} | decoded


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    model, seed = build(spec), spec["seed"]
    batch, height, width = spec["image"]
    levels = len(spec["config"].get("block_out_channels") or spec["config"]["encoder_block_out_channels"])
    factor = 2 ** (levels - 1)
    inputs = {
        "image": torch.rand((batch, 3, height, width), generator=generator(seed + 20)) * 2 - 1,
        "latents": randn((batch, spec["config"]["latent_channels"], height // factor, width // factor), seed + 21),
    }
    weights = {n: p.clone() for n, p in weights_of(model).items()}
    save_model_config(folder, model)
    save_tensors(folder / "weights.safetensors", weights)
    run = lambda *tensors: evaluate(model, *tensors)
    sets = (weights, inputs)
    floor = floors(run(*sets, torch.float64), float32_runs(run, sets, seed))
    return save_case(folder, kind, name, inputs, run(*sets, torch.float32), floor)
