"""Do the losses that the rows train with give what the golden cases have? m and r in, loss and logit out, step by step.

    python check_losses.py [tools/reference/cases]
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "hand-off"))
from losses import logit_scale, pair_losses  # noqa: E402

# Ours by their names in case.json (docs/losses.md).
NAMES = dict(label_smoothing="labelSmoothing", b="mapoBeta", T="mapoT", k="mapoK", alpha="dmpoAlpha", eta="linearEta", min_snr_gamma="minSnrGamma", sdpo_mu="sdpoMu")
DEFAULTS = dict(labelSmoothing=0, mapoBeta=0.1, mapoT=1000, mapoK=0.5, dmpoAlpha=0.01, linearEta=1e-3, minSnrGamma=None, sdpoMu=None)


def alphas(config):
    start, end, n = config["beta_start"], config["beta_end"], config["num_train_timesteps"]
    scaled = config["beta_schedule"] == "scaled_linear"
    betas = torch.linspace(start**0.5, end**0.5, n, dtype=torch.float64) ** 2 if scaled else torch.linspace(start, end, n, dtype=torch.float64)
    return (1 - betas).cumprod(0)


def check(folder):
    case = json.loads((folder / "case.json").read_text())
    given, expected = (load_file(folder / f"{name}.safetensors") for name in ("inputs", "expected"))
    config = {**DEFAULTS, "loss": case.get("loss", "sigmoid"), "beta": case["beta"], **{ours: case[name] for name, ours in NAMES.items() if name in case}}
    worst = 0.0
    for k in range(case["steps"]):
        m = [expected[f"step.{k}.{name}"].double() for name in ("m_w", "m_l", "r_w", "r_l")]
        bar = alphas(case["scheduler_config"])[given[f"step.{k}.timestep"]]
        preference = given.get(f"step.{k}.preference", torch.ones(len(m[0]))).double()
        values, logit = pair_losses(config, *m, logit_scale(config, bar / (1 - bar)), preference)
        loss, wanted = values.mean(), expected[f"step.{k}.loss"].double()
        worst = max(worst, ((loss - wanted).abs() / wanted.abs().clamp(min=1e-3)).item())
        if config["loss"] not in ("mapo", "sft"):
            room = case["beta"] / 2 * 1e-6 * torch.maximum(m[0], m[1])  # a small difference of large numbers (docs/golden-cases.md)
            off = (logit - expected[f"step.{k}.logit"].double()).abs() - room
            worst = max(worst, off.clamp(min=0).max().item())
    return case.get("loss", "sigmoid"), worst


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "reference/cases"
    failed = 0
    for folder in sorted(p.parent for p in root.glob("dpo-*/case.json")):
        loss, worst = check(folder)
        failed += worst > 1e-4
        print(f"{folder.name:24} {loss:8} {worst:.1e} {'ok' if worst <= 1e-4 else 'FAIL'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
