"""Kind `resize`: Pillow's Image.resize(BICUBIC), and torch's bicubic of float tensors with antialias."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from common import SCHEMA
from pictures import picture

CASES = {
    "pillow-shrink": dict(seed=1, mode="pillow", image=(90, 121), size=(32, 43)),
    "pillow-enlarge": dict(seed=2, mode="pillow", image=(23, 17), size=(61, 64)),
    # One axis alone: its pass is the only one.
    "pillow-across": dict(seed=3, mode="pillow", image=(40, 67), size=(40, 32)),
    "pillow-down": dict(seed=4, mode="pillow", image=(67, 40), size=(29, 40)),
    # Down first, since Pillow 13: both where the width grows and where it shrinks by less; and where neither goes first by a tie.
    "pillow-tall": dict(seed=9, mode="pillow", image=(90, 40), size=(32, 21)),
    "pillow-wider": dict(seed=10, mode="pillow", image=(50, 31), size=(43, 60)),
    "pillow-tie": dict(seed=11, mode="pillow", image=(60, 60), size=(30, 45)),
    "pillow-narrow": dict(seed=5, mode="pillow", image=(3, 150), size=(2, 11)),
    "float-shrink": dict(seed=6, mode="float", image=(90, 121), size=(32, 43)),
    "float-enlarge": dict(seed=7, mode="float", image=(23, 17), size=(61, 45)),
    "float-across": dict(seed=8, mode="float", image=(40, 67), size=(40, 32)),
}


def resized(image: np.ndarray, size: tuple[int, int], mode: str) -> torch.Tensor:
    if mode == "pillow":
        small = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.asarray(small).copy())
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    out = torch.nn.functional.interpolate(planes, size, mode="bicubic", antialias=True, align_corners=False)
    return out[0].permute(1, 2, 0).contiguous()


def write(name: str, folder: Path, spec: dict) -> None:
    image = picture(*spec["image"], spec["seed"])
    save_file({"image": torch.from_numpy(image)}, str(folder / "inputs.safetensors"))
    save_file({"resized": resized(image, spec["size"], spec["mode"])}, str(folder / "expected.safetensors"))
    case = {"schema": SCHEMA, "kind": "resize", "name": name, "tolerance": {"forward": 1e-6},
            "size": list(spec["size"]), "mode": spec["mode"]}
    (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n")
