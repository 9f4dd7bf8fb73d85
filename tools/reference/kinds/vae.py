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
    # SDXL's: four levels, a scale of its own, force_upcast; the middle attention under the names it had before diffusers 0.17.
    "sdxl-old-names": dict(seed=45, cls=AutoencoderKL, image=(1, 32, 24), old_names=True, config=dict(
        block_out_channels=(4, 4, 6, 6), down_block_types=(ENCODER,) * 4, up_block_types=(DECODER,) * 4, layers_per_block=2,
        latent_channels=4, norm_num_groups=2, sample_size=1024, scaling_factor=0.13025, force_upcast=True)),
    # hf-internal-testing's tiny pipelines, as they are.
    "hf-tiny": dict(seed=46, cls=AutoencoderKL, image=(1, 32, 32), large=True, config=dict(
        block_out_channels=(32, 64), down_block_types=(ENCODER,) * 2, up_block_types=(DECODER,) * 2, latent_channels=4,
        sample_size=128)),
    # TAESD and TAESDXL: one, three, three, three blocks down and the reverse up.
    "taesd": dict(seed=47, cls=AutoencoderTiny, image=(1, 32, 40), config=dict(
        encoder_block_out_channels=(4, 4, 4, 4), decoder_block_out_channels=(4, 4, 4, 4), num_encoder_blocks=(1, 3, 3, 3),
        num_decoder_blocks=(3, 3, 3, 1), latent_channels=4)),
    "tiny": dict(seed=43, cls=AutoencoderTiny, image=(2, 32, 24), config=dict(
        encoder_block_out_channels=(6, 6, 6, 6), decoder_block_out_channels=(6, 6, 6, 6), num_encoder_blocks=(1, 2, 2, 2),
        num_decoder_blocks=(2, 2, 2, 1), latent_channels=8)),
    "tiny-factor-4": dict(seed=44, cls=AutoencoderTiny, image=(1, 16, 20), config=dict(
        encoder_block_out_channels=(8, 8, 8), decoder_block_out_channels=(8, 8, 8), num_encoder_blocks=(1, 1, 2),
        num_decoder_blocks=(2, 1, 1), latent_channels=4)),
}}


OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def old_names(weights: dict) -> dict:
    """ModelMixin._convert_deprecated_attention_blocks backwards."""
    def old(name: str) -> str:
        path, _, rest = name.partition(".attentions.0.")
        module, _, part = rest.rpartition(".")
        return f"{path}.attentions.0.{OLD_NAMES[module]}.{part}" if module in OLD_NAMES else name
    return {old(name): t for name, t in weights.items()}


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
    save_tensors(folder / "weights.safetensors", old_names(weights) if spec.get("old_names") else weights)
    run = lambda *tensors: evaluate(model, *tensors)
    sets = (weights, inputs)
    floor = floors(run(*sets, torch.float64), float32_runs(run, sets, seed))
    return save_case(folder, kind, name, inputs, run(*sets, torch.float32), floor)
