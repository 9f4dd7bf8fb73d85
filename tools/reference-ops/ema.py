"""Writes ema.json beside this file: diffusers' EMAModel with warm-up over weights that move as in training, in float64 (tools/reference/requirements.txt).

    python ema.py
"""

import json
import pathlib

import diffusers
import torch
from diffusers.training_utils import EMAModel

STEPS = 12
COUNTED = (1, 2, 3, 10, 100, 1000, 31_600, 100_000)


def averaged(decay: float) -> dict:
    generator = torch.Generator("cpu").manual_seed(7)
    param = torch.nn.Parameter(torch.randn(6, generator=generator, dtype=torch.float64))
    model = EMAModel([param], decay=decay, use_ema_warmup=True)
    start, steps = param.tolist(), []
    for _ in range(STEPS):
        with torch.no_grad():
            param += 0.1 * torch.randn(6, generator=generator, dtype=torch.float64)
        model.step([param])
        steps.append({"param": param.tolist(), "decay": model.cur_decay_value, "ema": model.shadow_params[0].tolist()})
    decays = [{"t": t, "decay": model.get_decay(t)} for t in COUNTED]
    return {"decay": decay, "start": start, "steps": steps, "decays": decays}


path = pathlib.Path(__file__).with_name("ema.json")
cases = [averaged(decay) for decay in (0.9999, 0.6)]
path.write_text(json.dumps({"diffusers": diffusers.__version__, "cases": cases}) + "\n")
print(path, path.stat().st_size, "bytes")
