#!/usr/bin/env python3
"""Loads the adapter of every `unet_lora` case the way diffusers' users do (kohya keys, through PEFT) and compares the
prediction with the case's: the writer merges weights by hand, this is the independent way. Needs `peft` as well.

    python check_lora.py cases/unet_lora-*
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file

from common import relative_error

for folder in map(Path, sys.argv[1:]):
    unet = UNet2DConditionModel.from_config(json.loads((folder / "config.json").read_text())).eval()
    unet.load_state_dict(load_file(folder / "weights.safetensors"))
    state, alphas = StableDiffusionPipeline.lora_state_dict(load_file(folder / "lora.safetensors"), unet_config=unet.config)
    StableDiffusionPipeline.load_lora_into_unet(state, network_alphas=alphas, unet=unet)
    inputs, expected = load_file(folder / "inputs.safetensors"), load_file(folder / "expected.safetensors")
    with torch.no_grad():
        out = unet(inputs["sample"], inputs["timestep"], inputs["encoder_hidden_states"]).sample
    print(f"{folder.name}: {relative_error(out, expected['noise_pred']):.1e}")
