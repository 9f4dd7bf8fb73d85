"""Kind `pipeline`: a whole diffusers folder with random weights, run by diffusers' own pipelines in float32.

`initial_latents` is what the pipeline's `prepare_latents` gives: for text the noise times the scheduler's initial
sigma, for an image the noised encoding. `scheduler`, where the case has one, is the class that replaces the folder's,
`from_config` of the folder's config."""

import json
from pathlib import Path

import diffusers
import onnx
import torch
from diffusers import (
    AutoencoderKL, AutoencoderTiny, LatentConsistencyModelImg2ImgPipeline, LatentConsistencyModelPipeline,
    StableDiffusionImg2ImgPipeline, StableDiffusionPipeline, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline,
    UNet2DConditionModel)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from common import clean_config, floors, generator, save_case, save_json, seed_weights
from kinds import tokenizer
from kinds.scheduler import SD, SD_DDIM, V
from kinds.unet import CROSS_DOWN, CROSS_UP, DOWN, UP
from kinds.vae import DECODER, ENCODER

LENGTH = 16
PSNR_DB = 45.0

KL = (AutoencoderKL, dict(
    block_out_channels=(4, 8), down_block_types=(ENCODER,) * 2, up_block_types=(DECODER,) * 2, layers_per_block=1,
    latent_channels=4, norm_num_groups=2, sample_size=16, scaling_factor=0.5))
TINY = (AutoencoderTiny, dict(
    encoder_block_out_channels=(4, 4, 4), decoder_block_out_channels=(4, 4, 4), num_encoder_blocks=(1, 1, 1),
    num_decoder_blocks=(1, 1, 1), latent_channels=8))

# The pipelines by family: from text, and from an image.
PIPELINES = {
    "sd": (StableDiffusionPipeline, StableDiffusionImg2ImgPipeline),
    "xl": (StableDiffusionXLPipeline, StableDiffusionXLImg2ImgPipeline),
    "lcm": (LatentConsistencyModelPipeline, LatentConsistencyModelImg2ImgPipeline),
}
PNDM = ("PNDMScheduler", SD | dict(skip_prk_steps=True, set_alpha_to_one=False))
XL_EULER = ("EulerDiscreteScheduler", SD | dict(timestep_spacing="leading"))
TURBO = ("EulerAncestralDiscreteScheduler", SD | dict(timestep_spacing="trailing"))
LCM = ("LCMScheduler", SD | dict(original_inference_steps=50, timestep_scaling=10.0, set_alpha_to_one=True))

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
    # Stable Diffusion 1's own scheduler, from text and from an image.
    "sd1-pndm": dict(
        seed=311, vae=KL, scheduler=PNDM, prompt="the best picture of a 日本 🐈‍⬛ café", negative_prompt="", steps=7,
        guidance_scale=7.5, height=16, width=24, prefix=True),
    "sd1-pndm-image-to-image": dict(
        seed=312, vae=KL, scheduler=PNDM, prompt="river and mountain " * 12, negative_prompt="snow", steps=8,
        guidance_scale=6.0, height=24, width=16, strength=0.7, prefix=True),
    # Stable Diffusion 2: erf GELU, "!" for padding, linear projections, heads by block; v with zero terminal SNR, guidance
    # rescaled.
    "sd2-v-rescale": dict(
        seed=313, kind="sd2", vae=KL, prompt="a tall tree", negative_prompt="boat", steps=6, guidance_scale=6.0,
        guidance_rescale=0.7, height=24, width=24, prefix=True,
        scheduler=("DDIMScheduler", SD_DDIM | V | dict(timestep_spacing="trailing", rescale_betas_zero_snr=True))),
    "xl": dict(
        seed=314, family="xl", vae=KL, scheduler=XL_EULER, prompt="a photo of a small red house", negative_prompt=None,
        steps=6, guidance_scale=5.0, height=24, width=16, prefix=True),
    "xl-negative": dict(
        seed=315, family="xl", vae=KL, scheduler=XL_EULER, run_with="DPMSolverMultistepScheduler", prompt="",
        negative_prompt="", steps=8, guidance_scale=4.0, height=16, width=32, prefix=True),
    "xl-image-to-image": dict(
        seed=316, family="xl", vae=KL, scheduler=XL_EULER, prompt="forest river", negative_prompt="night", steps=9,
        guidance_scale=3.0, height=16, width=24, strength=0.5, prefix=True),
    "xl-turbo": dict(
        seed=317, family="xl", vae=TINY, scheduler=TURBO, prompt="a balloon", negative_prompt=None, steps=2,
        guidance_scale=0.0, height=16, width=16, prefix=True),
    # .onnx files beside safetensors of other weights: only the former give the pictures.
    "onnx": dict(
        seed=320, vae=KL, scheduler=("DDIMScheduler", SD_DDIM), prompt="a small red house", negative_prompt="night", steps=4,
        guidance_scale=4.0, height=16, width=24, prefix=False, onnx=True),
    "lcm": dict(
        seed=318, family="lcm", vae=KL, scheduler=LCM, prompt="golden light", negative_prompt=None, steps=4,
        guidance_scale=8.5, height=16, width=24, prefix=True),
    "lcm-image-to-image": dict(
        seed=319, family="lcm", vae=KL, scheduler=LCM, prompt="moon over the sea", negative_prompt=None, steps=6,
        guidance_scale=7.0, height=16, width=24, strength=0.6, prefix=True),
}}


def text_encoder(cls, tok, width: int, act: str, **extra):
    return cls(CLIPTextConfig(
        vocab_size=len(tok), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=LENGTH, hidden_act=act, bos_token_id=tok.bos_token_id, eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id, **extra))


def parts(folder: Path, spec: dict) -> dict:
    """Text encoders, tokenizers and the UNet of the spec's family. Tokenizers are written to `folder` too: published ones
    have their own files, which transformers 5 would not write."""
    seed, family = spec["seed"], spec.get("family", "sd")
    channels = spec["vae"][1]["latent_channels"]
    second = spec.get("kind") == "sd2"
    save = lambda name, pad: tokenizer.save(folder / name, 40, ("vocab.json", "merges.txt"), max_length=LENGTH, pad=pad)
    tok = save("tokenizer", "!" if second else tokenizer.END)
    unet = dict(
        sample_size=8, in_channels=channels, out_channels=channels, block_out_channels=(4, 8), layers_per_block=1,
        down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP), attention_head_dim=2, norm_num_groups=2,
        cross_attention_dim=12, mid_block_type=None)
    made = dict(tokenizer=tok, text_encoder=seed_weights(
        text_encoder(CLIPTextModel, tok, 12, "gelu" if second else "quick_gelu"), seed + 1))
    if second:
        unet |= dict(use_linear_projection=True, attention_head_dim=(2, 4), mid_block_type="UNetMidBlock2DCrossAttn")
    if family == "lcm":
        unet |= dict(time_cond_proj_dim=10)
    if family == "xl":
        tok_2 = save("tokenizer_2", "!")
        made |= dict(tokenizer_2=tok_2, text_encoder_2=seed_weights(
            text_encoder(CLIPTextModelWithProjection, tok_2, 16, "gelu", projection_dim=10), seed + 3))
        unet |= dict(
            cross_attention_dim=28, use_linear_projection=True, attention_head_dim=(2, 4), transformer_layers_per_block=(1, 2),
            addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=34,
            mid_block_type="UNetMidBlock2DCrossAttn")
    return made | dict(unet=seed_weights(UNet2DConditionModel(**unet), seed + 2))


def build(folder: Path, spec: dict) -> None:
    """Writes the folder; what runs is read back from it."""
    scratch = folder / "scratch"
    (vae_class, vae_config), seed = spec["vae"], spec["seed"]
    name, config = spec["scheduler"]
    family = spec.get("family", "sd")
    fields = parts(scratch, spec) | dict(
        vae=seed_weights(vae_class(**vae_config), seed), scheduler=getattr(diffusers, name).from_config(config))
    fields |= dict(add_watermarker=False) if family == "xl" else dict(
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    PIPELINES[family][0](**fields).save_pretrained(str(folder))
    for kept in scratch.iterdir():
        for file in (folder / kept.name).iterdir():
            file.unlink()
        for file in kept.iterdir():
            file.rename(folder / kept.name / file.name)
        kept.rmdir()
    scratch.rmdir()
    if spec["prefix"]:
        # transformers 5 leaves the prefix out of a CLIPTextModel's names alone.
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


class Decoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        return self.vae.decode(latent_sample, return_dict=False)[0]


class Text(torch.nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids):
        out = self.encoder(input_ids)
        return out.last_hidden_state, out.pooler_output


def strip(path: Path) -> None:
    """Leaves out where in whose sources each node came from."""
    model = onnx.load(str(path))
    for item in [model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del item.metadata_props[:]
        item.doc_string = ""
    del model.graph.value_info[:]
    onnx.save(model, str(path))


def export_onnx(folder: Path, spec: dict) -> None:
    """Text encoder and VAE decoder as optimum names and places them, and other numbers into their safetensors."""
    vae_class, vae_config = spec["vae"]
    text = CLIPTextModel.from_pretrained(str(folder / "text_encoder")).eval()
    vae = vae_class.from_pretrained(str(folder / "vae")).eval()
    latents = torch.zeros(1, vae_config["latent_channels"], spec["height"] // 2, spec["width"] // 2)
    ids = torch.zeros((1, LENGTH), dtype=torch.int64)
    for part, module, args, names in (
            ("text_encoder", Text(text), (ids,), (["input_ids"], ["last_hidden_state", "pooler_output"])),
            ("vae_decoder", Decoder(vae), (latents,), (["latent_sample"], ["sample"]))):
        (folder / part).mkdir(exist_ok=True)
        torch.onnx.export(module, args, str(folder / part / "model.onnx"), input_names=names[0], output_names=names[1],
                          opset_version=18, external_data=False, dynamo=True, verbose=False)
        strip(folder / part / "model.onnx")
    seed_weights(text, spec["seed"] + 50).save_pretrained(str(folder / "text_encoder"))
    seed_weights(vae, spec["seed"] + 51).save_pretrained(str(folder / "vae"))


def evaluate(folder: Path, spec: dict, image: torch.Tensor | None, dtype) -> dict[str, torch.Tensor]:
    family = spec.get("family", "sd")
    extra = dict(add_watermarker=False) if family == "xl" else dict(safety_checker=None, requires_safety_checker=False)
    pipe = PIPELINES[family][image is not None].from_pretrained(str(folder), **extra).to(dtype)
    pipe.set_progress_bar_config(disable=True)
    if "run_with" in spec:
        pipe.scheduler = getattr(diffusers, spec["run_with"]).from_config(pipe.scheduler.config)
    fields = dict(prompt=spec["prompt"], num_inference_steps=spec["steps"], guidance_scale=spec["guidance_scale"])
    if family != "lcm":
        fields |= dict(negative_prompt=spec["negative_prompt"])
    if "guidance_rescale" in spec:
        fields |= dict(guidance_rescale=spec["guidance_rescale"])
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
    if spec.get("onnx"):
        export_onnx(folder / "pipeline", spec)
    fields = {k: spec[k] for k in ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "height", "width")}
    if "guidance_rescale" in spec:
        fields["guidance_rescale"] = spec["guidance_rescale"]
    if "run_with" in spec:
        fields["scheduler"] = spec["run_with"]
    if "strength" in spec:
        fields["strength"] = spec["strength"]
    save_case(folder, kind, name, {} if image is None else {"image": image}, expected, {}, **fields)
    case = json.loads((folder / "case.json").read_text())
    case["tolerance"]["psnr_db"] = PSNR_DB
    save_json(folder / "case.json", case)
    return {}
