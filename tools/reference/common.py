"""Seeded weights, files and the noise floor: what every kind of golden case shares."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

SCHEMA = 1
TOLERANCE = {"forward": 1e-5, "grad": 1e-4, "trajectory": 1e-3}
# A tensor gets a tolerance of its own where torch's own float32 comes closer than this factor to the class tolerance:
# gradients of a pair are differences, and cancel.
FLOOR_MARGIN = 5.0
# One float32 run may be lucky, above all where one cancelling number scales a whole gradient: the floor is the worst of
# the run as it is and this many more whose weights and inputs are moved by one unit in the last place.
NUDGED_RUNS = 4


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


def set_weights(model: torch.nn.Module, weights: dict[str, torch.Tensor], dtype) -> torch.nn.Module:
    """`model` in `dtype` with `weights` for its parameters."""
    model.to(dtype)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(weights[name])
    return model


def nudged(tensors: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Every float32 number up or down by one unit in the last place. What is exactly 0 stays, as do integers: an adapter
    that starts as the identity still does."""
    rng = generator(seed)

    def nudge(t: torch.Tensor) -> torch.Tensor:
        if not t.is_floating_point():
            return t
        towards = torch.where(torch.rand(t.shape, generator=rng) < 0.5, -math.inf, math.inf)
        return torch.where(t == 0, t, torch.nextafter(t, towards))

    return {name: nudge(t.detach()) for name, t in sorted(tensors.items())}


def float32_runs(run, sets: tuple[dict | None, ...], seed: int) -> Iterator[dict[str, torch.Tensor]]:
    """What `run(*sets, torch.float32)` gives for the sets of tensors as they are, then nudged. A set that is there twice
    stays the same set: a policy that is its own reference must stay it to the bit."""
    yield run(*sets, torch.float32)
    for k in range(1, NUDGED_RUNS + 1):
        new = {id(s): s and nudged(s, seed * 7919 + 100 * k + i) for i, s in enumerate(sets)}
        yield run(*(new[id(s)] for s in sets), torch.float32)


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


def floors(exact: dict[str, torch.Tensor], runs: Iterator[dict[str, torch.Tensor]]) -> dict[str, float]:
    """What torch's own float32 loses against float64, by tensor: the worst of `runs`. Exact zeros and integers are left
    out, and logits and margins, which have a rule of their own (docs/golden-cases.md)."""
    worst = {
        name: 0.0 for name, ref in exact.items()
        if ref.is_floating_point() and float(ref.abs().max()) > 0 and not name.endswith(("logit", "margin"))
    }
    for float32 in runs:
        for name in worst:
            worst[name] = max(worst[name], relative_error(float32[name], exact[name]))
    return worst


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
