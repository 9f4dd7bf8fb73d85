#!/usr/bin/env python3
"""Checkpoints in one file, between Winnow and diffusers, see README.md. Exit code 0 only if every tensor is the same and
every picture reaches 45 dB.

    python single_file.py                # three minutes on two busy cores without a GPU

Out: a model with a LoRA is exported by `npx winnow export --as single-file`, loaded by diffusers' `from_single_file`, and
held against the merged folder, tensor by tensor.
In: a checkpoint that this script writes in the original layout, without a word about itself, is read by Winnow: its tensors
against the folder's, and a picture made with it against the one that diffusers makes with it."""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path

import diffusers
import numpy as np
import torch
import transformers
from diffusers import AutoencoderKL, StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pictures import Picture, latents_error, psnr, read_picture
from winnow import ROOT, generate, winnow

sys.path.insert(0, str(ROOT / "tools" / "reference"))
import original_layout  # noqa: E402
from common import seed_weights  # noqa: E402
from kinds import pipeline  # noqa: E402
from write_clip_tokens import folder_of, vocabulary  # noqa: E402

PARTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model", "text_encoder_2": "model"}
# Rows of kinds/pipeline.py, by family: real layouts, small, weights of a seed that is not committed.
SMALL = {"sd1": "text-to-image", "sd2": "sd2-v-rescale", "xl": "xl"}
LEAST_DB = 45.0


class Check:
    def __init__(self):
        self.ok = True

    def say(self, what: str, ok: bool, figure: str) -> None:
        self.ok &= ok
        print(f"| {what} | {figure} | {'ok' if ok else 'FAIL'} |", flush=True)


def bare(part: str, name: str) -> str:
    """One spelling of a text encoder's names."""
    return name.removeprefix("text_model.") if part.startswith("text_encoder") else name


def plain(part: str, tensors: dict) -> dict[str, torch.Tensor]:
    return {bare(part, n): t.float() for n, t in tensors.items() if not n.endswith("position_ids")}


def stored_tensors(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    parts = {part: load_file(folder / part / f"{stem}.safetensors") for part, stem in PARTS.items() if (folder / part).is_dir()}
    return {part: {bare(part, n): t for n, t in tensors.items()} for part, tensors in parts.items()}


def folder_tensors(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {part: plain(part, tensors) for part, tensors in stored_tensors(folder).items()}


def pipeline_tensors(pipe) -> dict[str, dict[str, torch.Tensor]]:
    return {part: plain(part, getattr(pipe, part).state_dict()) for part in PARTS if getattr(pipe, part, None) is not None}


def different(a: dict, b: dict) -> tuple[int, int]:
    """How many tensors there are, and how many are missing on one side or not the same to the bit."""
    names = {(part, n) for side in (a, b) for part, tensors in side.items() for n in tensors}
    wrong = [key for key in names if any(key[1] not in side.get(key[0], {}) for side in (a, b)) or not torch.equal(a[key[0]][key[1]], b[key[0]][key[1]])]
    for part, name in sorted(wrong)[:3]:
        print(f"  {part}: {name}")
    return len(names), len(wrong)


def random_lora(folder: Path, file: Path, seed: int) -> None:
    """kohya keys, on every attention projection of the UNet."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, weight in load_file(folder / "unet" / "diffusion_pytorch_model.safetensors").items():
        if not name.endswith(("to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight")):
            continue
        key = "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
        tensors[f"{key}.lora_down.weight"] = torch.randn(2, weight.shape[1], generator=generator)
        tensors[f"{key}.lora_up.weight"] = torch.randn(weight.shape[0], 2, generator=generator) * 0.1
        tensors[f"{key}.alpha"] = torch.tensor(3.0)
    save_file(tensors, str(file))


def class_of(folder: Path):
    name = json.loads((folder / "model_index.json").read_text())["_class_name"]
    return {"StableDiffusionPipeline": StableDiffusionPipeline, "StableDiffusionXLPipeline": StableDiffusionXLPipeline}[name]


def check_out(check: Check, name: str, model: str, folder: Path, work: Path) -> None:
    lora, merged = work / "lora.safetensors", work / "merged"
    random_lora(folder, lora, 7)
    tuned = f"{model}+{lora}"
    winnow("export", tuned, "--as", "diffusers", "--precision", "f32", "--out", merged)
    expected = folder_tensors(merged)
    for precision in (None, "f32", "f16"):
        file = work / f"{name}-{precision}.safetensors"
        winnow("export", tuned, "--as", "single-file", *(("--precision", precision) if precision else ()), "--out", file)
        stored = load_file(file)
        pipe = class_of(folder).from_single_file(str(file), config=str(merged), local_files_only=True)
        found = pipeline_tensors(pipe)
        if precision != "f32":
            # As wide as the file has it: what the base keeps in half precision is rounded once.
            half = {(part, n) for part, tensors in stored_tensors(folder).items() for n, t in tensors.items() if precision or t.dtype == torch.float16}
            rounded = {part: {n: t.half().float() if (part, n) in half else t for n, t in tensors.items()} for part, tensors in expected.items()}
        else:
            rounded = dict(expected)
        if type(pipe.vae).__name__ == "AutoencoderTiny":
            # diffusers has no conversion for it, and takes the folder's.
            found["vae"], rounded["vae"] = {}, {}
        count, wrong = different(found, rounded)
        dtypes = sorted({str(t.dtype).removeprefix("torch.") for t in stored.values()})
        check.say(f"{name}, out, {precision or 'as stored'}", wrong == 0, f"{count - wrong} of {count} tensors the same; {', '.join(dtypes)}, {file.stat().st_size / 1e6:.2f} MB")
    # And what we read ourselves of what we wrote.
    back = work / "back"
    winnow("export", work / f"{name}-f32.safetensors", "--as", "diffusers", "--out", back)
    count, wrong = different(folder_tensors(back), expected)
    check.say(f"{name}, out and back", wrong == 0, f"{count - wrong} of {count} tensors the same")


def plain_pipeline(family: str, folder: Path, seed: int) -> None:
    """A pipeline as narrow as its family's own rules allow (32 groups, heads of 64 or 8 of them, CLIP's vocabulary), so that its
    checkpoint needs no word beside it."""
    merges = (ROOT / "src/models/clip/vocabulary/merges.txt").read_text()
    vocab = vocabulary([tuple(line.split(" ")) for line in merges.split("\n")[1:-1]])
    scratch = folder.with_name(f"{folder.name}-tokenizers")
    scratch.mkdir(parents=True)

    def text(cls, act: str, width: int, at: int, **extra):
        return seed_weights(cls(CLIPTextConfig(
            vocab_size=len(vocab), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2, num_attention_heads=width // 64,
            max_position_embeddings=77, hidden_act=act, bos_token_id=49406, eos_token_id=49407, pad_token_id=0, **extra)), seed + at)

    tokenizer = lambda name, pad: CLIPTokenizer.from_pretrained(str(folder_of(scratch / name, vocab, merges, pad)))
    second = family == "sd2"
    unet = dict(
        sample_size=96 if second else 64, in_channels=4, out_channels=4, block_out_channels=(64, 128), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=8, cross_attention_dim=64)
    parts = dict(tokenizer=tokenizer("tokenizer", "!" if second else "<|endoftext|>"), text_encoder=text(CLIPTextModel, "gelu" if second else "quick_gelu", 64, 1))
    if second:
        unet |= dict(use_linear_projection=True, attention_head_dim=(1, 2))
    if family == "xl":
        parts |= dict(
            tokenizer_2=tokenizer("tokenizer_2", "!"),
            text_encoder_2=text(CLIPTextModelWithProjection, "gelu", 128, 3, projection_dim=96))
        unet |= dict(
            sample_size=128, use_linear_projection=True, attention_head_dim=(1, 2), cross_attention_dim=192,
            transformer_layers_per_block=(1, 2), addition_embed_type="text_time", addition_time_embed_dim=32,
            projection_class_embeddings_input_dim=96 + 6 * 32, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"))
    vae = AutoencoderKL(
        block_out_channels=(32,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1, latent_channels=4, norm_num_groups=32, sample_size=512, scaling_factor=0.13025 if family == "xl" else 0.18215)
    schedulers = {"sd1": diffusers.PNDMScheduler, "sd2": diffusers.DDIMScheduler, "xl": diffusers.EulerDiscreteScheduler}
    scheduler = schedulers[family].from_config(dict(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, clip_sample=False, set_alpha_to_one=False,
        skip_prk_steps=True, timestep_spacing="leading", prediction_type="v_prediction" if second else "epsilon"))
    fields = parts | dict(unet=seed_weights(UNet2DConditionModel(**unet), seed + 2), vae=seed_weights(vae, seed), scheduler=scheduler)
    extra = dict(add_watermarker=False) if family == "xl" else dict(safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    (StableDiffusionXLPipeline if family == "xl" else StableDiffusionPipeline)(**fields, **extra).save_pretrained(str(folder))


def check_in(check: Check, name: str, folder: Path, work: Path) -> None:
    parts = {}
    for part, stem in PARTS.items():
        if (folder / part).is_dir():
            prefix = lambda n: n if not part.startswith("text_encoder") or n.startswith(("text_model.", "text_projection")) else f"text_model.{n}"
            parts[part] = (json.loads((folder / part / "config.json").read_text()), {prefix(n): t for n, t in load_file(folder / part / f"{stem}.safetensors").items()})
    file = work / f"{name}.safetensors"
    save_file({n: t.contiguous() for n, t in original_layout.checkpoint(parts).items()}, str(file))
    expected = folder_tensors(folder)
    pipe = class_of(folder).from_single_file(str(file), config=str(folder), local_files_only=True)
    count, wrong = different(pipeline_tensors(pipe), expected)
    check.say(f"{name}, in, by diffusers", wrong == 0, f"{count - wrong} of {count} tensors the same")
    back = work / "read"
    winnow("export", file, "--as", "diffusers", "--precision", "f32", "--out", back)
    count, wrong = different(folder_tensors(back), expected)
    check.say(f"{name}, in", wrong == 0, f"{count - wrong} of {count} tensors the same")
    prompt, steps, guidance, seed = "a small red house by the sea 🐈‍⬛", 4, 4.0, 5
    (made,) = generate(str(file), work / "pictures", [prompt], seeds=seed, steps=steps, guidance=guidance, scheduler="DDIMScheduler", size="64x64")
    pipe.scheduler = diffusers.DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    last = {}
    image = pipe(
        prompt=prompt, num_inference_steps=steps, guidance_scale=guidance, height=64, width=64, generator=torch.Generator("cpu").manual_seed(seed),
        callback_on_step_end=lambda _pipe, _step, _timestep, tensors: last.update(tensors) or {}).images[0]
    ours, theirs = read_picture(made), Picture(np.asarray(image), last["latents"])
    db, error = psnr(ours, theirs), latents_error(ours, theirs)
    check.say(f"{name}, in, a picture", db >= LEAST_DB and error <= 1e-3, f"{db:.1f} dB, latents off by {error:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    diffusers.logging.set_verbosity_error()
    diffusers.logging.disable_progress_bar()
    check = Check()
    print("| check | | |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / "postcard").mkdir()
        check_out(check, "postcard", "postcard", ROOT / "public/models/postcard", work / "postcard")
        for name, row in SMALL.items():
            here = work / name
            here.mkdir()
            spec = pipeline.CASES["pipeline"][row]
            pipeline.build(here / "folder", spec | {"seed": spec["seed"] + 1000 * args.seed})
            check_out(check, f"small {name}", str(here / "folder"), here / "folder", here)
        for name in SMALL:
            here = work / f"plain-{name}"
            here.mkdir()
            plain_pipeline(name, here / "folder", 500 + 1000 * args.seed)
            check_in(check, f"plain {name}", here / "folder", here)
    raise SystemExit(0 if check.ok else 1)


main()
