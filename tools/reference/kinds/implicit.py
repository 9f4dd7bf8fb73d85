"""Kind `implicit`: what a model with an adapter says of pairs, held against itself without, in float64 on float32 weights and inputs.

Every pair is seen at every draw of one bank of (timestep, noise): `logit` [P, K], and `margin` [P], its mean over the bank."""

from pathlib import Path

import torch
from diffusers import DDPMScheduler

from common import float32_runs, floors, generator, randn, save_case, save_model_config, save_tensors, weights_of
from kinds import lora
from kinds.add_noise import target
from kinds.dpo import V
from kinds.scheduler import SD
from kinds.unet import CALM, build, call, conditions, latent_shape


def case(seed: int, config: str = "nano", *, pairs: int = 3, draws: int = 4, tokens: int = 4, beta: float = 1000.0,
         scheduler: dict = SD, targets: str = "attention", rank: int = 2, alpha: float = 2.0, branch: float = 1.0) -> dict:
    return dict(seed=seed, config=config, pairs=pairs, draws=draws, tokens=tokens, beta=beta, scheduler=scheduler,
                targets=targets, rank=rank, alpha=alpha, branch=branch)


CASES = {"implicit": {
    "attention": case(301),
    "every-layer-v": case(302, scheduler=V, targets="all", rank=3, alpha=1.5, draws=10),
    # Stable Diffusion 2: linear projections, heads by level; one pair, one draw.
    "one-draw-sd2-v": case(303, "bk-sdm-v2-tiny", pairs=1, draws=1, tokens=3, scheduler=V, **CALM),
    "sdxl": case(304, "sdxl", pairs=2, draws=2, tokens=3, beta=5000.0),
}}


def make_inputs(model, spec: dict) -> dict[str, torch.Tensor]:
    shape, seed = latent_shape(model, spec["pairs"]), spec["seed"] * 1000
    return {
        "latents_w": randn(shape, seed), "latents_l": randn(shape, seed + 1),
        "bank.timestep": torch.randint(0, 1000, (spec["draws"],), generator=generator(seed + 2)),
        "bank.noise": randn((spec["draws"], *shape[1:]), seed + 3),
    } | conditions(model, spec["pairs"], spec["tokens"], seed + 4)


@torch.no_grad()
def rate(model, spec: dict, scales, inputs: dict, base: dict, adapter: dict, dtype) -> dict[str, torch.Tensor]:
    model = model.to(dtype)
    base, adapter = ({n: p.to(dtype) for n, p in w.items()} for w in (base, adapter))
    x = {n: t.to(dtype) if t.is_floating_point() else t for n, t in inputs.items()}
    scheduler = DDPMScheduler.from_config(spec["scheduler"])
    policy = lora.merge(base, adapter, scales)
    logits = []
    for t, one in zip(x["bank.timestep"], x["bank.noise"]):
        def error(params: dict, side: str) -> torch.Tensor:
            latents = x[f"latents_{side}"]
            noise, timestep = one.expand_as(latents), t.expand(len(latents))
            pred = call(model, params, scheduler.add_noise(latents, noise, timestep), timestep, x, dtype)
            return (pred - target(scheduler, latents, noise, timestep)).square().mean(dim=(1, 2, 3))

        delta = (error(policy, "w") - error(base, "w")) - (error(policy, "l") - error(base, "l"))
        logits.append(-spec["beta"] / 2 * delta)
    logit = torch.stack(logits, dim=1)
    return {"logit": logit, "margin": logit.mean(dim=1)}


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    model = build(spec["config"], spec["seed"], spec["branch"])
    base = {n: p.clone() for n, p in weights_of(model).items()}
    save_model_config(folder, model)
    save_tensors(folder / "weights.safetensors", base)
    adapter, scales = lora.make(model, spec["targets"], spec["rank"], spec["alpha"], spec["seed"])
    lora.save(folder / "lora.safetensors", adapter, scales, spec["rank"])
    inputs = make_inputs(model, spec)
    run = lambda *tensors: rate(model, spec, scales, *tensors)
    sets = (inputs, base, adapter)
    expected = run(*sets, torch.float64)
    return save_case(folder, kind, name, inputs, expected, floors(expected, float32_runs(run, sets, spec["seed"])),
                     beta=spec["beta"], scheduler_config=spec["scheduler"])
