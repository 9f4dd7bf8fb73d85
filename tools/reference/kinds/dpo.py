"""Kind `dpo`: a training run, in float64 on float32 weights and inputs.

A step is: errors of the reference, errors of the policy, loss, gradients, clipping, AdamW. `lr_schedule`
{"warmup_steps": n} is diffusers' `constant_with_warmup`: step k runs at lr * min(1, k / n), so step 0 moves nothing.
In LoRA mode `alpha`, where a field of `case.json`, is the loss's; the adapter's lies in `lora.safetensors`."""

from pathlib import Path

import torch
from diffusers import DDPMScheduler
from diffusers.optimization import get_scheduler

from common import float32_runs, floors, generator, randn, save_case, save_model_config, save_tensors, weights_of
from kinds import losses, lora
from kinds.add_noise import target
from kinds.scheduler import SD
from kinds.unet import CALM, build, call, conditions, latent_shape

V = SD | dict(prediction_type="v_prediction")
ADAMW = dict(name="adamw", lr=1e-3, betas=[0.9, 0.999], eps=1e-8, weight_decay=1e-2)


def case(seed: int, mode: str, config: str = "nano", *, steps: int = 20, batch: int = 2, tokens: int = 4, beta: float = 20.0,
         loss: str = "sigmoid", scheduler: dict = SD, lr: float = 1e-3, max_grad_norm: float | None = 1.0,
         lr_schedule="constant", targets: str = "attention", rank: int = 2, alpha: float = 2.0, zero_up: bool = False,
         perturb: float = 0.0, branch: float = 1.0, optimizer: dict = {}, params: dict = {}) -> dict:
    """`zero_up`: the adapter starts as a run starts, so the logit of step 0 is 0. `perturb`: the reference is the
    weights moved by this share of their deviation; 0 makes the weights their own reference."""
    return dict(seed=seed, mode=mode, config=config, steps=steps, batch=batch, tokens=tokens, beta=beta, loss=loss,
                scheduler=scheduler, optimizer=ADAMW | dict(lr=lr) | optimizer, max_grad_norm=max_grad_norm,
                lr_schedule=lr_schedule, targets=targets, rank=rank, lora_alpha=alpha, zero_up=zero_up, perturb=perturb,
                branch=branch, params=params)


def short(seed: int, loss: str, beta: float = 20.0, **params) -> dict:
    return case(seed, "lora", "pico", steps=3, batch=3, beta=beta, loss=loss, params=params, max_grad_norm=None)


CASES = {"dpo": {
    "lora": case(201, "lora", zero_up=True, beta=100.0, lr=3e-3, lr_schedule={"warmup_steps": 4}, targets="all", rank=3, alpha=1.5),
    "lora-v": case(202, "lora", steps=10, scheduler=V, max_grad_norm=None, lr=3e-3, optimizer=dict(betas=[0.9, 0.99])),
    "full": case(203, "full", max_grad_norm=0.5, lr=5e-4, beta=50.0),
    "full-v-reference": case(204, "full", "pico", scheduler=V, perturb=0.05, lr=5e-4, steps=10, max_grad_norm=None),
    "sdxl": case(205, "lora", "sdxl", steps=3, batch=1, tokens=3, targets="attention"),
    # Stable Diffusion 2: linear projections, heads by level, v-prediction.
    "sd2-v": case(206, "lora", "bk-sdm-v2-tiny", steps=3, tokens=3, scheduler=V, **CALM),
    # SSD-1B: transformer depths by layer, a middle without attention, text and time.
    "ssd": case(207, "lora", "ssd-nano", steps=3, tokens=3, targets="all", rank=1, alpha=1.0, **CALM),
    "smoothed": short(211, "sigmoid", label_smoothing=0.1),
    "robust": short(212, "robust", label_smoothing=0.2),
    "soft": short(213, "soft"),
    "ipo": short(214, "ipo"),
    "hinge": short(215, "hinge"),
    "kto": short(216, "kto"),
    "mapo": short(217, "mapo", b=0.1, T=20, k=0.5),
    "dmpo": short(218, "dmpo", alpha=0.01),
    "sdpo": short(219, "sigmoid", sdpo_mu=0.9),
    "min-snr": short(220, "sigmoid", min_snr_gamma=5.0),
}}


def make_inputs(model, spec: dict) -> dict[str, torch.Tensor]:
    inputs, shape = {}, latent_shape(model, spec["batch"])
    for k in range(spec["steps"]):
        seed = spec["seed"] * 1000 + 20 * k
        step = {
            "latents_w": randn(shape, seed), "latents_l": randn(shape, seed + 1), "noise": randn(shape, seed + 2),
            "timestep": torch.randint(0, 1000, (spec["batch"],), generator=generator(seed + 3)),
        } | conditions(model, spec["batch"], spec["tokens"], seed + 4)
        if spec["loss"] == "soft":
            step["preference"] = torch.rand(spec["batch"], generator=generator(seed + 9))
            step["preference"][0] = 0.5
        inputs |= {f"step.{k}.{name}": t for name, t in step.items()}
    return inputs


@torch.no_grad()
def perturbed(base: dict, share: float, seed: int) -> dict[str, torch.Tensor]:
    return {n: p + share * (p.std() if p.numel() > 1 else 1.0) * randn(p.shape, seed + i)
            for i, (n, p) in enumerate(sorted(base.items()))}


def train(model, spec: dict, scales, inputs: dict, base: dict, reference: dict, adapter, dtype) -> dict[str, torch.Tensor]:
    model = model.to(dtype)
    base, reference = ({n: p.to(dtype) for n, p in w.items()} for w in (base, reference))
    start = adapter if spec["mode"] == "lora" else base
    trained = {n: p.to(dtype).clone().requires_grad_() for n, p in start.items()}
    scheduler = DDPMScheduler.from_config(spec["scheduler"])
    adamw = {k: v for k, v in spec["optimizer"].items() if k != "name"}
    optimizer = torch.optim.AdamW(list(trained.values()), **adamw, foreach=False)
    warmup = {} if spec["lr_schedule"] == "constant" else {"num_warmup_steps": spec["lr_schedule"]["warmup_steps"]}
    lr_schedule = get_scheduler("constant_with_warmup" if warmup else "constant", optimizer, **warmup)

    out: dict[str, torch.Tensor] = {}
    for k in range(spec["steps"]):
        prefix = f"step.{k}."
        x = {n.removeprefix(prefix): t.to(dtype) if t.is_floating_point() else t
             for n, t in inputs.items() if n.startswith(prefix)}
        noise, t = x["noise"], x["timestep"]

        def predict(params: dict, side: str):
            """Prediction and error [B] on one side of the pairs; both sides share noise and timestep."""
            latents = x[f"latents_{side}"]
            pred = call(model, params, scheduler.add_noise(latents, noise, t), t, x, dtype)
            return pred, (pred - target(scheduler, latents, noise, t)).square().mean(dim=(1, 2, 3))

        params = lora.merge(base, trained, scales) if spec["mode"] == "lora" else trained
        # torch takes another path, with other rounding, where a weight wants a gradient: let the reference take it too.
        frozen = {n: p.clone().requires_grad_(params[n].requires_grad) for n, p in reference.items()}
        r_w, r_l = predict(frozen, "w")[1].detach(), predict(frozen, "l")[1].detach()
        (pred_w, m_w), (pred_l, m_l) = predict(params, "w"), predict(params, "l")

        weight = torch.ones_like(m_w)
        if "min_snr_gamma" in spec["params"]:
            alpha_bar = scheduler.alphas_cumprod.to(dtype)[t]
            snr = alpha_bar / (1 - alpha_bar)
            weight = snr.clamp_max(spec["params"]["min_snr_gamma"]) / snr
        guarded = losses.safeguard(m_w, m_l, pred_w, pred_l, spec["params"]["sdpo_mu"]) if "sdpo_mu" in spec["params"] else m_l
        loss, logit = losses.batch_loss(spec | spec["params"], m_w, guarded, r_w, r_l, weight, x.get("preference"))

        optimizer.zero_grad()
        loss.backward()
        grads = {n: p.grad.clone() for n, p in trained.items()}
        norm = torch.stack([g.norm() for g in grads.values()]).norm()
        if spec["max_grad_norm"] is not None:
            torch.nn.utils.clip_grad_norm_(trained.values(), spec["max_grad_norm"])
        optimizer.step()
        lr_schedule.step()

        scalars = dict(m_w=m_w, m_l=m_l, r_w=r_w, r_l=r_l, logit=logit, loss=loss, grad_norm=norm)
        out |= {prefix + n: v.detach() for n, v in scalars.items()}
        if k == 0:
            out |= {f"grad.{n}": g for n, g in grads.items()}
    return out | {f"final.{n}": p.detach() for n, p in trained.items()}


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    model = build(spec["config"], spec["seed"], spec["branch"])
    base = {n: p.clone() for n, p in weights_of(model).items()}
    save_model_config(folder, model)
    save_tensors(folder / "weights.safetensors", base)
    reference = base
    if spec["perturb"]:
        reference = perturbed(base, spec["perturb"], spec["seed"] * 100)
        save_tensors(folder / "reference.safetensors", reference)
    adapter = scales = None
    if spec["mode"] == "lora":
        adapter, scales = lora.make(model, spec["targets"], spec["rank"], spec["lora_alpha"], spec["seed"], spec["zero_up"])
        lora.save(folder / "lora.safetensors", adapter, scales, spec["rank"])

    inputs = make_inputs(model, spec)
    run = lambda *tensors: train(model, spec, scales, *tensors)
    sets = (inputs, base, reference, adapter)
    expected = run(*sets, torch.float64)
    fields = {k: spec[k] for k in ("mode", "loss", "beta")} | spec["params"] | {
        "scheduler_config": spec["scheduler"],
        **{k: spec[k] for k in ("optimizer", "max_grad_norm", "lr_schedule", "steps")},
    }
    return save_case(folder, kind, name, inputs, expected, floors(expected, float32_runs(run, sets, spec["seed"])), **fields)
