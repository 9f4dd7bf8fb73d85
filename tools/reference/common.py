"""Seeded weights, files and the noise floor: what every kind of golden case shares."""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file

SCHEMA = 1
TOLERANCE = {"forward": 1e-5, "grad": 1e-4, "trajectory": 1e-3}
# A tensor gets a tolerance of its own where torch's own float32 comes closer than this factor to the class tolerance:
# gradients of a pair are differences, and cancel.
FLOOR_MARGIN = 5.0


def generator(seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def randn(shape, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator(seed))


@torch.no_grad()
def seed_weights(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Fills every parameter from its own generator, so that neither torch's global state nor the order in which a
    library builds its modules matters. Nothing is zero: a bias or a norm weight at its default hides mistakes."""
    for index, (name, p) in enumerate(sorted(model.named_parameters())):
        x = randn(p.shape, seed * 100_003 + index)
        if p.ndim <= 1:
            p.copy_(0.1 * x + (1.0 if "norm" in name and name.endswith("weight") else 0.0))
        else:
            p.copy_(x / math.sqrt(p[0].numel()))
    return model.eval()


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in model.named_parameters()}


def relative_error(out: torch.Tensor, ref: torch.Tensor) -> float:
    out, ref = out.double(), ref.double()
    return float((out - ref).norm() / max(float(ref.norm()), 1e-30))


def class_of(name: str) -> str:
    """The tolerance class of an expected tensor."""
    if name.startswith("grad"):
        return "grad"
    if name.startswith(("step.", "final.", "sample.")) or name in ("latents", "image"):
        return "trajectory"
    return "forward"


def floors(expected: dict[str, torch.Tensor], float32: dict[str, torch.Tensor]) -> dict[str, float]:
    """What torch's own float32 loses against float64, by tensor. Exact zeros and integers are left out, and
    logits, which have a rule of their own (golden-cases.md)."""
    return {
        name: relative_error(float32[name], ref)
        for name, ref in expected.items()
        if ref.is_floating_point() and float(ref.abs().max()) > 0 and not name.endswith(".logit")
    }


def tolerances(floor: dict[str, float]) -> dict:
    own = {n: float(f"{FLOOR_MARGIN * e:.1e}") for n, e in floor.items() if FLOOR_MARGIN * e > TOLERANCE[class_of(n)]}
    return TOLERANCE | ({"tensors": own} if own else {})


def worst_by_class(floor: dict[str, float]) -> dict[str, float]:
    worst: dict[str, float] = {}
    for name, e in floor.items():
        worst[class_of(name)] = max(worst.get(class_of(name), 0.0), e)
    return worst


def save_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    stored = {
        name: (t.detach().to(torch.float32) if t.is_floating_point() else t.to(torch.int64)).contiguous().clone()
        for name, t in tensors.items()
    }
    save_file(stored, str(path))


def save_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def save_case(folder: Path, kind: str, name: str, inputs: dict, expected: dict, floor: dict[str, float], **fields):
    if inputs:
        save_tensors(folder / "inputs.safetensors", inputs)
    save_tensors(folder / "expected.safetensors", expected)
    save_json(folder / "case.json", {"schema": SCHEMA, "kind": kind, "name": name, "tolerance": tolerances(floor)} | fields)
    return floor


def clean_config(config: dict) -> dict:
    """A config as a model repository ships it: without the folder it was made from."""
    return {k: v for k, v in config.items() if k not in ("_name_or_path", "_commit_hash")}


def save_model_config(folder: Path, model) -> None:
    model.save_config(str(folder))
    path = folder / "config.json"
    save_json(path, clean_config(json.loads(path.read_text())))
