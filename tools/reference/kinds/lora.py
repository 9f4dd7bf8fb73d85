"""LoRA under kohya's keys: `lora_unet_<module path with _>.lora_down.weight`, `.lora_up.weight`, `.alpha`."""

import math
from pathlib import Path

import torch

from common import randn, save_tensors

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


def modules(model: torch.nn.Module, targets: str) -> dict[str, torch.nn.Module]:
    """`attention` (the four projections, as diffusers' scripts train) or `all` (every linear layer and convolution)."""
    return {
        name: m for name, m in model.named_modules()
        if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d)) and (targets == "all" or name.endswith(ATTENTION))
    }


def key(module: str) -> str:
    return "lora_unet_" + module.replace(".", "_")


def make(model, targets: str, rank: int, alpha: float, seed: int, zero_up: bool = False):
    """Returns the trained tensors by key and, by module, (key, alpha / rank)."""
    tensors, scales = {}, {}
    for index, (name, module) in enumerate(modules(model, targets).items()):
        out, fan_in, *kernel = module.weight.shape
        tail = [1] * len(kernel)
        down = randn([rank, fan_in, *kernel], seed * 1009 + 2 * index) / math.sqrt(rank)
        up = randn([out, rank, *tail], seed * 1009 + 2 * index + 1) * (0.0 if zero_up else 0.1)
        tensors[f"{key(name)}.lora_down.weight"], tensors[f"{key(name)}.lora_up.weight"] = down, up
        scales[name] = (key(name), alpha / rank)
    return tensors, scales


def merge(base: dict, adapter: dict, scales: dict) -> dict:
    """base + (alpha / rank) up @ down, differentiable in the adapter."""
    out = dict(base)
    for module, (k, scale) in scales.items():
        weight = base[f"{module}.weight"]
        up, down = adapter[f"{k}.lora_up.weight"], adapter[f"{k}.lora_down.weight"]
        out[f"{module}.weight"] = weight + scale * (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
    return out


def save(path: Path, adapter: dict, scales: dict, rank: int) -> None:
    alphas = {f"{k}.alpha": torch.tensor(scale * rank) for k, scale in scales.values()}
    save_tensors(path, adapter | alphas)
