"""The scorer: a small stack described by its config.json, so that any engine can run it.

    f = layers(x)                                x [B, 3, 128, 128] in [-1, 1] -> f [B, F]
    appeal = f @ appeal.weight.T + appeal.bias   [B, 1]
    p = f @ image_projection.weight.T + .bias,   q = g @ text_projection.weight.T + .bias
    alignment = scale * sum(p/|p| * q/|q|) + bias

g [B, 96] is the text encoder's pooled output (after the final layer norm, at the first <|endoftext|>).
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F


def stack(kernel, widths, strides, act, groups=8, text=96, joint=96):
    """Config of one scorer: convolution, GroupNorm, activation per width; then the mean over space."""
    layers, last = [], 3
    for w, s in zip(widths, strides):
        n = len(layers)
        layers += [
            {"type": "conv2d", "name": f"layers.{n}", "in_channels": last, "out_channels": w, "kernel_size": kernel, "stride": s, "padding": kernel // 2},
            {"type": "groupNorm", "name": f"layers.{n + 1}", "num_groups": groups, "num_channels": w, "eps": 1e-5},
            {"type": act},
        ]
        last = w
    layers.append({"type": "mean", "axes": [2, 3]})
    return {
        "_class_name": "WinnowScorer", "image_size": 128, "layers": layers,
        "appeal": {"name": "appeal", "in_features": last, "out_features": 1},
        "alignment": {
            "text_input": "text_encoder pooled output (last_hidden_state after the final layer norm, at the first <|endoftext|>)",
            "image_projection": {"name": "image_projection", "in_features": last, "out_features": joint},
            "text_projection": {"name": "text_projection", "in_features": text, "out_features": joint},
            "normalize": "l2", "scale": 10.0, "bias": 0.0,
        },
    }


class Scorer(nn.Module):
    """Runs a scorer config. State dict names are the config's names."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(self.build(c) for c in config["layers"])
        linear = lambda c: nn.Linear(c["in_features"], c["out_features"])
        self.appeal = linear(config["appeal"])
        self.image_projection = linear(config["alignment"]["image_projection"])
        self.text_projection = linear(config["alignment"]["text_projection"])
        self.scale, self.bias = config["alignment"]["scale"], config["alignment"]["bias"]

    @staticmethod
    def build(c):
        match c["type"]:
            case "conv2d":
                return nn.Conv2d(c["in_channels"], c["out_channels"], c["kernel_size"], c["stride"], c["padding"])
            case "groupNorm":
                return nn.GroupNorm(c["num_groups"], c["num_channels"], c["eps"])
            case "linear":
                return nn.Linear(c["in_features"], c["out_features"])
            case "silu":
                return nn.SiLU()
            case "relu":
                return nn.ReLU()
            case "mean":
                return Mean()
        raise ValueError(f"scorer: unknown layer type {c['type']}")

    def features(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def match(self, f, g):
        """f [B, F], g [K, 96] -> logits [B, K] of every image with every text."""
        p = F.normalize(self.image_projection(f), dim=-1)
        q = F.normalize(self.text_projection(g), dim=-1)
        return self.scale * p @ q.T + self.bias

    def forward(self, x, g):
        """x [B, 3, 128, 128], g [B, 96] -> appeal [B], alignment [B]."""
        f = self.features(x)
        return self.appeal(f)[:, 0], self.match(f, g).diagonal()


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def write_scorer(scorer, folder):
    """config.json and model.safetensors (fp16)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    scorer.config["alignment"].update(scale=float(scorer.scale), bias=float(scorer.bias))
    (folder / "config.json").write_text(json.dumps(scorer.config, indent=1) + "\n")
    tensors = {k: v.half().contiguous() for k, v in scorer.state_dict().items() if k not in ("scale", "bias")}
    save_file(tensors, folder / "model.safetensors")


def read_scorer(folder):
    folder = Path(folder)
    scorer = Scorer(json.loads((folder / "config.json").read_text()))
    scorer.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()})
    return scorer.eval().requires_grad_(False)
