"""Kind `scheduler`: trajectories of diffusers' schedulers on an analytic model, in float32."""

from pathlib import Path

import diffusers
import torch

from common import randn, save_case

SD = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
DDIM, EULER, DPM = "DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"
ANCESTRAL, PNDM, LCM = "EulerAncestralDiscreteScheduler", "PNDMScheduler", "LCMScheduler"
SD_DDIM = SD | dict(clip_sample=False, set_alpha_to_one=False)
V = dict(prediction_type="v_prediction")
ZERO_SNR = dict(rescale_betas_zero_snr=True)
PLMS = SD | dict(skip_prk_steps=True, set_alpha_to_one=False)
LCM_SD = SD | dict(original_inference_steps=50, set_alpha_to_one=True, timestep_scaling=10.0)
# The scheduler configs of SD-Turbo and SDXL-Turbo, of class Euler and Euler ancestral.
TURBO = SD | dict(
    interpolation_type="linear", prediction_type="epsilon", sample_max_value=1.0, set_alpha_to_one=False,
    skip_prk_steps=True, timestep_spacing="trailing", trained_betas=None, use_karras_sigmas=False, clip_sample=False)
LCM_IMAGE_TO_IMAGE = "LatentConsistencyModelImg2ImgPipeline"
SHAPE = (1, 4, 8, 8)


def spacing(name: str) -> dict:
    return dict(timestep_spacing=name)


def case(seed: int, cls: str, steps: int, config: dict, strength: float | None = None, pipeline: str | None = None) -> dict:
    return dict(seed=seed, cls=cls, steps=steps, config=config, strength=strength, pipeline=pipeline)


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
    "pndm": case(101, PNDM, 12, PLMS),
    "pndm-v-trailing": case(102, PNDM, 9, PLMS | V | spacing("trailing")),
    "pndm-linspace-one": case(103, PNDM, 10, PLMS | dict(set_alpha_to_one=True) | spacing("linspace")),
    "pndm-strength": case(104, PNDM, 15, PLMS | V, strength=0.5),
    "pndm-prk": case(105, PNDM, 10, SD | V | dict(steps_offset=0)),
    "pndm-prk-trailing": case(106, PNDM, 8, SD | dict(steps_offset=0) | spacing("trailing")),
    "lcm": case(107, LCM, 4, LCM_SD),
    "lcm-v-zero-snr": case(108, LCM, 8, LCM_SD | V | ZERO_SNR),
    "lcm-sample-clip": case(109, LCM, 5, LCM_SD | dict(prediction_type="sample", clip_sample=True, original_inference_steps=100)),
    "lcm-strength": case(110, LCM, 10, LCM_SD, strength=0.5),
    "lcm-defaults": case(111, LCM, 3, {}),
    # What was missing of every sampler by every spacing, epsilon and v.
    "ddim-leading-v": case(112, DDIM, 10, SD_DDIM | V),
    "ddim-linspace-v": case(113, DDIM, 8, SD_DDIM | V | spacing("linspace")),
    "ddim-trailing": case(114, DDIM, 8, SD_DDIM | spacing("trailing")),
    "euler-linspace-v": case(115, EULER, 9, SD | V),
    "euler-leading": case(116, EULER, 9, SD | spacing("leading")),
    "euler-trailing-v": case(117, EULER, 9, SD | V | spacing("trailing")),
    "ancestral-linspace": case(118, ANCESTRAL, 9, SD),
    "ancestral-leading-v": case(119, ANCESTRAL, 8, SD | V | spacing("leading")),
    "ancestral-trailing": case(120, ANCESTRAL, 8, SD | spacing("trailing")),
    "ancestral-zero-snr-v": case(121, ANCESTRAL, 8, SD | V | ZERO_SNR | spacing("trailing")),
    "ancestral-strength": case(122, ANCESTRAL, 12, SD | spacing("leading"), strength=0.4),
    "dpm-linspace-v": case(123, DPM, 20, SD | V),
    "dpm-leading": case(124, DPM, 16, SD | spacing("leading")),
    "dpm-trailing": case(125, DPM, 12, SD | spacing("trailing")),
    "dpm-trailing-v-zero-snr": case(126, DPM, 12, SD | V | ZERO_SNR | spacing("trailing")),
    # One step, as the turbo models take it.
    "ddim-one-step": case(127, DDIM, 1, SD_DDIM | spacing("trailing")),
    "pndm-one-step": case(128, PNDM, 1, PLMS),
    "euler-one-step": case(129, EULER, 1, SD | spacing("trailing")),
    "ancestral-one-step": case(130, ANCESTRAL, 1, SD | spacing("trailing")),
    "dpm-one-step": case(131, DPM, 1, SD | spacing("trailing")),
    "lcm-one-step": case(132, LCM, 1, LCM_SD),
    "euler-one-step-linspace-v": case(133, EULER, 1, SD | V),
    "euler-one-step-leading": case(134, EULER, 1, SD | spacing("leading")),
    "ancestral-one-step-v-zero-snr": case(135, ANCESTRAL, 1, SD | V | ZERO_SNR | spacing("trailing")),
    "ddim-one-step-leading-v": case(136, DDIM, 1, SD_DDIM | V),
    "pndm-one-step-trailing-v": case(137, PNDM, 1, PLMS | V | spacing("trailing")),
    "dpm-one-step-leading-v": case(138, DPM, 1, SD | V | spacing("leading")),
    "dpm-one-step-linspace": case(139, DPM, 1, SD),
    "lcm-one-step-v": case(140, LCM, 1, LCM_SD | V),
    "euler-turbo": case(141, EULER, 4, TURBO),
    "euler-turbo-two": case(142, EULER, 2, TURBO),
    "ancestral-turbo": case(143, ANCESTRAL, 4, TURBO),
    "ancestral-turbo-one": case(144, ANCESTRAL, 1, TURBO),
    "euler-turbo-strength": case(145, EULER, 2, TURBO, strength=0.5),
    # PNDM by spacing and prediction; its class has no zero terminal SNR and leaves the field alone.
    "pndm-leading-v": case(146, PNDM, 8, PLMS | V),
    "pndm-trailing": case(147, PNDM, 7, PLMS | spacing("trailing")),
    "pndm-linspace-v": case(148, PNDM, 7, PLMS | V | spacing("linspace")),
    "pndm-zero-snr-v": case(149, PNDM, 6, PLMS | V | ZERO_SNR | spacing("trailing")),
    "pndm-two-steps": case(150, PNDM, 2, PLMS),
    "pndm-prk-shortest": case(151, PNDM, 4, SD),
    "pndm-prk-linspace": case(152, PNDM, 6, SD | dict(set_alpha_to_one=True) | spacing("linspace")),
    # Image to image: begins at the step that is taken twice, after it, and at the last; PRK's counter begins at 0 anywhere.
    "pndm-strength-second": case(153, PNDM, 8, PLMS, strength=0.9),
    "pndm-strength-third": case(154, PNDM, 8, PLMS, strength=0.8),
    "pndm-strength-last": case(155, PNDM, 8, PLMS, strength=0.13),
    "pndm-prk-strength": case(156, PNDM, 10, SD | V, strength=0.6),
    "ddim-strength-linspace": case(157, DDIM, 9, SD_DDIM | spacing("linspace"), strength=0.5),
    "ddim-strength-v-zero-snr": case(158, DDIM, 8, SD_DDIM | V | ZERO_SNR | spacing("trailing"), strength=0.75),
    "euler-strength-v-trailing": case(159, EULER, 9, SD | V | spacing("trailing"), strength=0.5),
    "euler-strength-karras": case(160, EULER, 9, SD | dict(use_karras_sigmas=True), strength=0.7),
    "ancestral-strength-v": case(161, ANCESTRAL, 9, SD | V, strength=0.6),
    "dpm-strength-v-leading": case(162, DPM, 10, SD | V | spacing("leading"), strength=0.6),
    "dpm-strength-trailing-last": case(163, DPM, 10, SD | spacing("trailing"), strength=0.1),
    "lcm-strength-v": case(164, LCM, 8, LCM_SD | V, strength=0.7),
    # The latent consistency pipeline gives the strength to set_timesteps, and all steps run.
    "lcm-strength-own": case(165, LCM, 4, LCM_SD, strength=0.5, pipeline=LCM_IMAGE_TO_IMAGE),
    "lcm-strength-own-v": case(166, LCM, 3, LCM_SD | V, strength=0.33, pipeline=LCM_IMAGE_TO_IMAGE),
    # Zero terminal SNR and a model of the noise: of no use at the very end, but sigmas are finite and leading steps have some signal.
    "ddim-zero-snr": case(167, DDIM, 6, SD_DDIM | ZERO_SNR),
    "euler-zero-snr": case(168, EULER, 6, SD | ZERO_SNR | spacing("trailing")),
    "euler-leading-v-zero-snr": case(169, EULER, 6, SD | V | ZERO_SNR | spacing("leading")),
    "ancestral-zero-snr": case(170, ANCESTRAL, 6, SD | ZERO_SNR | spacing("leading")),
    "dpm-zero-snr": case(171, DPM, 6, SD | ZERO_SNR | spacing("trailing")),
    "dpm-linspace-v-zero-snr": case(172, DPM, 16, SD | V | ZERO_SNR),
    "dpm-from-pndm": case(96, DPM, 10, SD_DDIM | dict(skip_prk_steps=True, _class_name="PNDMScheduler")),
}}


def model_output(x: torch.Tensor, t) -> torch.Tensor:
    return 0.3 * x + 0.2 * torch.sin(0.01 * torch.as_tensor(t, dtype=x.dtype))


def start_index(steps: int, strength: float | None) -> int:
    """StableDiffusionImg2ImgPipeline.get_timesteps."""
    return 0 if strength is None else max(steps - min(int(steps * strength), steps), 0)


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    scheduler = getattr(diffusers, spec["cls"]).from_config(spec["config"])
    own = spec["pipeline"] == LCM_IMAGE_TO_IMAGE
    scheduler.set_timesteps(spec["steps"], **({"strength": spec["strength"]} if own else {}))
    begin = 0 if own else start_index(spec["steps"], spec["strength"])
    if begin and hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    timesteps = scheduler.timesteps[begin:]

    sample = randn(SHAPE, spec["seed"])
    inputs, expected = {"sample": sample}, {"timesteps": timesteps}
    stochastic = spec["cls"] in (ANCESTRAL, LCM) or str(spec["config"].get("algorithm_type", "")).startswith("sde-")
    x = sample * scheduler.init_noise_sigma
    for i, t in enumerate(timesteps):
        out = model_output(scheduler.scale_model_input(x, t), t)
        extra = {}
        # LCM draws none for its last step.
        if stochastic and not (spec["cls"] == LCM and i == len(timesteps) - 1):
            generator = torch.Generator().manual_seed(1000 * spec["seed"] + i)
            inputs[f"noise.{i}"] = torch.randn(SHAPE, generator=generator)
            extra = {"generator": generator.manual_seed(1000 * spec["seed"] + i)}
        x = scheduler.step(out, t, x, **extra).prev_sample
        expected[f"sample.{i}"] = x
    fields = {"class": spec["cls"], "config": spec["config"], "steps": spec["steps"]}
    if spec["strength"] is not None:
        fields["strength"] = spec["strength"]
    if spec["pipeline"] is not None:
        fields["pipeline"] = spec["pipeline"]
    return save_case(folder, kind, name, inputs, expected, {}, **fields)
