"""The same pictures from diffusers, in float32 on the CPU, and how far two pictures are apart."""

import math
from dataclasses import dataclass
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load_file


@dataclass
class Settings:
    """Of one picture, under diffusers' names."""

    prompt: str
    seed: int
    steps: int
    guidance: float
    scheduler: str
    init: Path | None = None
    strength: float = 0.6


@dataclass
class Picture:
    pixels: np.ndarray  # [H, W, 3], uint8
    latents: torch.Tensor  # [1, C, h, w], before the VAE


def load_pipeline(folder: Path) -> StableDiffusionPipeline:
    pipe = StableDiffusionPipeline.from_pretrained(
        str(folder), torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(pipe: StableDiffusionPipeline, settings: Settings) -> Picture:
    parts = pipe.components | {"scheduler": getattr(diffusers, settings.scheduler).from_config(pipe.scheduler.config)}
    fields = dict(prompt=settings.prompt, num_inference_steps=settings.steps, guidance_scale=settings.guidance)
    if settings.init is None:
        cls = StableDiffusionPipeline
    else:
        cls = StableDiffusionImg2ImgPipeline
        fields |= dict(image=Image.open(settings.init).convert("RGB"), strength=settings.strength)
    run = cls(**parts, requires_safety_checker=False)
    run.set_progress_bar_config(disable=True)
    last = {}

    def keep(_pipe, _step, _timestep, tensors):
        last.update(tensors)
        return {}

    image = run(**fields, generator=torch.Generator("cpu").manual_seed(settings.seed), callback_on_step_end=keep).images[0]
    return Picture(np.asarray(image), last["latents"])


def read_picture(files: tuple[Path, Path]) -> Picture:
    png, latents = files
    return Picture(np.asarray(Image.open(png).convert("RGB")), load_file(latents)["latents"])


def psnr(a: Picture, b: Picture) -> float:
    """Decibels between two pictures of 8 bits; infinite where they are the same."""
    mse = np.square(a.pixels.astype(np.float64) - b.pixels).mean()
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)


def differing(a: Picture, b: Picture) -> tuple[float, int]:
    """The share of the values (a colour of a pixel each) that differ, and by how much at most, of 255."""
    apart = np.abs(a.pixels.astype(int) - b.pixels)
    return float((apart > 0).mean()), int(apart.max())


def latents_error(out: Picture, ref: Picture) -> float:
    return float((out.latents - ref.latents).norm() / ref.latents.norm())
