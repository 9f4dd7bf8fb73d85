"""Kind `add_noise`: noisy latents and the training target, in float32."""

from pathlib import Path

import torch
from diffusers import DDPMScheduler

from common import float32_runs, floors, randn, save_case
from kinds.scheduler import SD

CASES = {"add_noise": {
    "epsilon": dict(seed=101, config=SD),
    "v": dict(seed=102, config=SD | dict(prediction_type="v_prediction")),
    "sample-linear": dict(seed=103, config=dict(prediction_type="sample")),
    "v-zero-snr": dict(seed=104, config=SD | dict(prediction_type="v_prediction", rescale_betas_zero_snr=True)),
    "cosine": dict(seed=105, config=dict(beta_schedule="squaredcos_cap_v2")),
}}
TIMESTEPS = torch.tensor([0, 1, 499, 500, 998, 999])


def target(scheduler, latents, noise, timestep):
    """What the network is trained to give."""
    match scheduler.config.prediction_type:
        case "epsilon":
            return noise
        case "v_prediction":
            return scheduler.get_velocity(latents, noise, timestep)
        case "sample":
            return latents


def evaluate(config: dict, inputs: dict, dtype) -> dict[str, torch.Tensor]:
    scheduler = DDPMScheduler.from_config(config)
    latents, noise = inputs["latents"].to(dtype), inputs["noise"].to(dtype)
    return {
        "noisy": scheduler.add_noise(latents, noise, inputs["timestep"]),
        "target": target(scheduler, latents, noise, inputs["timestep"]),
    }


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    shape = (len(TIMESTEPS), 4, 4, 6)
    inputs = {"latents": randn(shape, spec["seed"]), "noise": randn(shape, spec["seed"] + 20), "timestep": TIMESTEPS}
    run = lambda *tensors: evaluate(spec["config"], *tensors)
    floor = floors(run(inputs, torch.float64), float32_runs(run, (inputs,), spec["seed"]))
    return save_case(folder, kind, name, inputs, run(inputs, torch.float32), floor, **{"class": "DDPMScheduler", "config": spec["config"]})
