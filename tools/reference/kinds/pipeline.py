"""Kind `pipeline`: a whole diffusers folder with random weights, run by diffusers' own pipelines in float32.

`initial_latents` is what the pipeline's `prepare_latents` gives: for text the noise times the scheduler's initial
sigma, for an image the noised encoding. `scheduler`, where the case has one, is the class that replaces the folder's,
`from_config` of the folder's config."""

import json
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from common import clean_config, floors, generator, save_case, save_json, seed_weights
from kinds import tokenizer
from kinds.scheduler import SD, SD_DDIM, V
from kinds.unet import CROSS_DOWN, CROSS_UP, DOWN, UP
from kinds.vae import DECODER, ENCODER

LENGTH = 16
PSNR_DB = 40.0

KL = (AutoencoderKL, dict(
    block_out_channels=(4, 8), down_block_types=(ENCODER,) * 2, up_block_types=(DECODER,) * 2, layers_per_block=1,
    latent_channels=4, norm_num_groups=2, sample_size=16, scaling_factor=0.5))
TINY = (AutoencoderTiny, dict(
    encoder_block_out_channels=(4, 4, 4), decoder_block_out_channels=(4, 4, 4), num_encoder_blocks=(1, 1, 1),
    num_decoder_blocks=(1, 1, 1), latent_channels=8))

CASES = {"pipeline": {
    "text-to-image": dict(
        seed=301, vae=KL, scheduler=("DDIMScheduler", SD_DDIM), prompt="a photo of a small red house by the sea",
        negative_prompt="night", steps=6, guidance_scale=5.0, height=24, width=16, prefix=True),
    "tiny-v": dict(
        seed=302, vae=TINY, scheduler=("DPMSolverMultistepScheduler", SD | V), prompt="golden light, the tall tree",
        negative_prompt="", steps=8, guidance_scale=3.0, height=32, width=32, prefix=False),
    "image-to-image": dict(
        seed=303, vae=KL, scheduler=("PNDMScheduler", SD | dict(skip_prk_steps=True, set_alpha_to_one=False)),
        run_with="EulerDiscreteScheduler", prompt="a balloon over snow", negative_prompt="cat", steps=10,
        guidance_scale=4.0, height=16, width=24, strength=0.6, prefix=True),
    "no-guidance": dict(
        seed=306, vae=TINY, scheduler=("EulerDiscreteScheduler", SD | V | dict(timestep_spacing="leading")),
        prompt="desert at sunset", negative_prompt="", steps=5, guidance_scale=1.0, height=16, width=24, prefix=True),
    "tiny-image-to-image": dict(
        seed=305, vae=TINY, scheduler=("DDIMScheduler", SD_DDIM | V), prompt="forest", negative_prompt="moon", steps=9,
        guidance_scale=2.0, height=24, width=16, strength=0.75, prefix=True, large=True),
}}


def build(folder: Path, spec: dict) -> None:
    """Writes the folder; what runs is read back from it."""
    tok = tokenizer.save(folder / "scratch", 40, ("vocab.json", "merges.txt"), max_length=LENGTH)
    (vae_class, vae_config), seed = spec["vae"], spec["seed"]
    channels = vae_config["latent_channels"]
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tok), hidden_size=12, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=LENGTH, hidden_act="quick_gelu", bos_token_id=tok.bos_token_id,
        eos_token_id=tok.eos_token_id, pad_token_id=tok.pad_token_id))
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=channels, out_channels=channels, block_out_channels=(4, 8), layers_per_block=1,
        down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP), attention_head_dim=2, norm_num_groups=2,
        cross_attention_dim=12, mid_block_type=None)
    name, config = spec["scheduler"]
    StableDiffusionPipeline(
        vae=seed_weights(vae_class(**vae_config), seed), text_encoder=seed_weights(text, seed + 1), tokenizer=tok,
        unet=seed_weights(unet, seed + 2), scheduler=getattr(diffusers, name).from_config(config), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False).save_pretrained(str(folder))
    for file in (folder / "tokenizer").iterdir():
        file.unlink()
    for file in (folder / "scratch").iterdir():
        file.rename(folder / "tokenizer" / file.name)
    (folder / "scratch").rmdir()
    if spec["prefix"]:
        path = folder / "text_encoder" / "model.safetensors"
        save_file({f"text_model.{n}": t for n, t in load_file(path).items()}, str(path), {"format": "pt"})
    for path in folder.rglob("*.json"):
        if path.name in ("config.json", "model_index.json"):
            save_json(path, clean_config(json.loads(path.read_text())))
    # Published folders come in two forms: as diffusers writes a scheduler's config today, every default in it and DPM-Solver's
    # -Infinity as Python spells it; and as older ones have it, only what was said, so that a scheduler made from another's
    # config takes its own defaults.
    if "run_with" in spec:
        save_json(folder / "scheduler" / "scheduler_config.json", {"_class_name": name} | config)


def evaluate(folder: Path, spec: dict, image: torch.Tensor | None, dtype) -> dict[str, torch.Tensor]:
    cls = StableDiffusionPipeline if image is None else StableDiffusionImg2ImgPipeline
    pipe = cls.from_pretrained(str(folder), safety_checker=None, requires_safety_checker=False).to(dtype)
    pipe.set_progress_bar_config(disable=True)
    if "run_with" in spec:
        pipe.scheduler = getattr(diffusers, spec["run_with"]).from_config(pipe.scheduler.config)
    fields = dict(prompt=spec["prompt"], negative_prompt=spec["negative_prompt"], num_inference_steps=spec["steps"],
                  guidance_scale=spec["guidance_scale"])
    if image is None:
        fields |= dict(height=spec["height"], width=spec["width"])
    else:
        fields |= dict(image=image.permute(2, 0, 1)[None].to(dtype), strength=spec["strength"])

    initial = []
    prepare = pipe.prepare_latents

    def record(*args, **kwargs):
        initial.append(prepare(*args, **kwargs))
        return initial[-1]

    pipe.prepare_latents = record
    run = lambda output: pipe(**fields, output_type=output, generator=generator(spec["seed"])).images
    latents, pixels = run("latent"), run("pt")
    return {"initial_latents": initial[0], "latents": latents, "image": pixels[0].permute(1, 2, 0)}


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    build(folder / "pipeline", spec)
    image = None
    if "strength" in spec:
        image = torch.rand((spec["height"], spec["width"], 3), generator=generator(spec["seed"] + 20))
    expected = evaluate(folder / "pipeline", spec, image, torch.float32)
    fields = {k: spec[k] for k in ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "height", "width")}
    if "run_with" in spec:
        fields["scheduler"] = spec["run_with"]
    if "strength" in spec:
        fields["strength"] = spec["strength"]
    save_case(folder, kind, name, {} if image is None else {"image": image}, expected, {}, **fields)
    case = json.loads((folder / "case.json").read_text())
    case["tolerance"]["psnr_db"] = PSNR_DB
    save_json(folder / "case.json", case)
    return {}
