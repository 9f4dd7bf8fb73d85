"""Kind `scheduler`: trajectories of diffusers' schedulers on an analytic model, in float32."""

from pathlib import Path

import diffusers
import torch

from common import randn, save_case

SD = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
DDIM, EULER, DPM = "DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"
ANCESTRAL = "EulerAncestralDiscreteScheduler"
SD_DDIM = SD | dict(clip_sample=False, set_alpha_to_one=False)
V = dict(prediction_type="v_prediction")
SHAPE = (1, 4, 8, 8)


def case(seed: int, cls: str, steps: int, config: dict, strength: float | None = None) -> dict:
    return dict(seed=seed, cls=cls, steps=steps, config=config, strength=strength)


CASES = {"scheduler": {
    "ddim-leading": case(71, DDIM, 10, SD_DDIM),
    "ddim-trailing-v-zero-snr": case(72, DDIM, 12, SD_DDIM | V | dict(timestep_spacing="trailing", rescale_betas_zero_snr=True)),
    "ddim-linspace-sample": case(73, DDIM, 7, SD_DDIM | dict(timestep_spacing="linspace", prediction_type="sample")),
    "ddim-defaults": case(74, DDIM, 9, dict(clip_sample_range=2.0)),
    "ddim-strength": case(75, DDIM, 20, SD_DDIM | V, strength=0.6),
    "euler-linspace": case(76, EULER, 11, SD),
    "euler-leading-v": case(77, EULER, 13, SD | V | dict(timestep_spacing="leading")),
    "euler-trailing": case(78, EULER, 6, SD | dict(timestep_spacing="trailing", final_sigmas_type="sigma_min")),
    "euler-karras": case(79, EULER, 10, SD | dict(use_karras_sigmas=True)),
    "euler-zero-snr-v": case(80, EULER, 8, SD | V | dict(timestep_spacing="trailing", rescale_betas_zero_snr=True)),
    "euler-cosine": case(81, EULER, 8, dict(beta_schedule="squaredcos_cap_v2", timestep_spacing="leading")),
    "euler-log-linear": case(82, EULER, 8, SD | dict(interpolation_type="log_linear")),
    "euler-strength": case(83, EULER, 20, SD | dict(timestep_spacing="leading"), strength=0.35),
    "ancestral": case(84, ANCESTRAL, 9, SD | dict(timestep_spacing="leading")),
    "ancestral-v": case(85, ANCESTRAL, 8, SD | V | dict(timestep_spacing="trailing")),
    "dpm-linspace": case(86, DPM, 20, SD),
    "dpm-leading-v-short": case(87, DPM, 8, SD | V | dict(timestep_spacing="leading")),
    "dpm-trailing-sigma-min": case(88, DPM, 16, SD | dict(timestep_spacing="trailing", final_sigmas_type="sigma_min")),
    "dpm-karras": case(89, DPM, 12, SD | dict(use_karras_sigmas=True)),
    "dpm-karras-v": case(90, DPM, 25, SD | V | dict(use_karras_sigmas=True, euler_at_final=True, lower_order_final=False)),
    "dpm-order-1": case(91, DPM, 6, SD | dict(solver_order=1)),
    "dpm-heun": case(92, DPM, 9, SD | dict(solver_type="heun")),
    "dpm-cosine": case(93, DPM, 10, dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1)),
    "dpm-sde": case(94, DPM, 10, SD | dict(algorithm_type="sde-dpmsolver++")),
    "dpm-strength": case(95, DPM, 20, SD, strength=0.5),
    "dpm-from-pndm": case(96, DPM, 10, SD_DDIM | dict(skip_prk_steps=True, _class_name="PNDMScheduler")),
}}


def model_output(x: torch.Tensor, t) -> torch.Tensor:
    return 0.3 * x + 0.2 * torch.sin(0.01 * torch.as_tensor(t, dtype=x.dtype))


def start_index(steps: int, strength: float | None) -> int:
    """StableDiffusionImg2ImgPipeline.get_timesteps."""
    return 0 if strength is None else max(steps - min(int(steps * strength), steps), 0)


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    scheduler = getattr(diffusers, spec["cls"]).from_config(spec["config"])
    scheduler.set_timesteps(spec["steps"])
    begin = start_index(spec["steps"], spec["strength"])
    if begin and hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    timesteps = scheduler.timesteps[begin:]

    sample = randn(SHAPE, spec["seed"])
    inputs, expected = {"sample": sample}, {"timesteps": timesteps}
    stochastic = spec["cls"] == ANCESTRAL or str(spec["config"].get("algorithm_type", "")).startswith("sde-")
    x = sample * scheduler.init_noise_sigma
    for i, t in enumerate(timesteps):
        out = model_output(scheduler.scale_model_input(x, t), t)
        extra = {}
        if stochastic:
            generator = torch.Generator().manual_seed(1000 * spec["seed"] + i)
            inputs[f"noise.{i}"] = torch.randn(SHAPE, generator=generator)
            extra = {"generator": generator.manual_seed(1000 * spec["seed"] + i)}
        x = scheduler.step(out, t, x, **extra).prev_sample
        expected[f"sample.{i}"] = x
    fields = {"class": spec["cls"], "config": spec["config"], "steps": spec["steps"]}
    if spec["strength"] is not None:
        fields["strength"] = spec["strength"]
    return save_case(folder, kind, name, inputs, expected, {}, **fields)
