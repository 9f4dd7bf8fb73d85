"""Small features: does a picture show the eyes, windows, doors, stripes or petals that its things have?

    python features.py WORK --minutes 4

A classifier trained on renders that either show a feature or have it painted over (world.render's `without`),
so that it answers what an eye asks of a reconstruction or a sample. Writes WORK/features.pt, and the accuracy on
unseen renders.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from common import Budget, bf16, load, lr_at, save, to_float
from objects import FEATURES, OBJECTS
from world import NOTHING, render, sample_scene

KINDS = list(FEATURES)


class FeatureNet(nn.Module):
    """[B, 3, 128, 128] in [-1, 1] -> logits [B, 5] that each feature is shown."""

    def __init__(self, widths=(32, 64, 96, 128, 128)):
        super().__init__()
        layers, last = [], 3
        for w in widths:
            layers += [nn.Conv2d(last, w, 3, 2, 1), nn.GroupNorm(8, w), nn.SiLU()]
            last = w
        self.stages = nn.Sequential(*layers)
        self.head = nn.Linear(last * 16, len(KINDS))

    def forward(self, x):
        return self.head(self.stages(x).flatten(1))


def has(attributes):
    """Attributes (a dict) -> which features the things of the scene can show: bool [5]."""
    things = {OBJECTS[attributes["object"]]}
    if attributes["beside"] != NOTHING:
        things.add(OBJECTS[attributes["beside"] - 1])
    return np.array([bool(things & set(FEATURES[k])) for k in KINDS])


def example(rng, allow_held_out=False):
    """A render with each of its features left out half the time: image, has [5], shown [5]."""
    while True:
        scene = sample_scene(rng, allow_held_out)
        can = has(scene.attributes)
        if can.any():
            break
    shown = can & (rng.random(len(KINDS)) < 0.5)
    without = [k for k, c, s in zip(KINDS, can, shown) if c and not s]
    return render(scene, without=without), can, shown


def examples(count, seed, allow_held_out=False):
    rng = np.random.default_rng(seed)
    images, can, shown = zip(*(example(rng, allow_held_out) for _ in range(count)))
    return np.stack(images), torch.from_numpy(np.stack(can)), torch.from_numpy(np.stack(shown))


@torch.no_grad()
def right(net, images, can, shown):
    """Share put right per feature, and over all: images [N, 3, 128, 128], can and shown [N, 5]."""
    ok = (torch.cat([net(b) for b in images.split(100)]) > 0) == shown
    out = {k: round((ok[:, i] & can[:, i]).sum().item() / max(can[:, i].sum().item(), 1), 3) for i, k in enumerate(KINDS)}
    return {**out, "all": round((ok & can).sum().item() / can.sum().item(), 3)}


def load_features(work):
    net = FeatureNet()
    net.load_state_dict(load(Path(work) / "features.pt")["net"])
    return net.eval().requires_grad_(False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--count", type=int, default=10000)
    args = parser.parse_args()
    if (args.work / "features.pt").exists():
        return
    cache = args.work / "cache" / "features-data.pt"
    if not cache.exists():
        images, can, shown = examples(args.count, 31)
        save(cache, images=images, can=can, shown=shown)
    state = load(cache)
    images, can, shown = state["images"], state["can"], state["shown"]
    torch.manual_seed(4)
    net = FeatureNet().to(memory_format=torch.channels_last)
    opt = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=3e-2)
    budget, step, count = Budget(args.minutes), 0, len(images) - 500
    while (p := budget.tick()) < 1:
        index = torch.randint(count, (64,)).sort().values
        x = to_float(torch.from_numpy(images[index.numpy()]))
        if torch.rand(()) < 0.5:
            x = x.flip(3)
        shift = torch.randint(-5, 6, (2,)).tolist()
        x = x.roll(shift, (2, 3)) + 0.05 * torch.rand(64, 1, 1, 1) * torch.randn_like(x)
        with bf16():
            logits = net(x).float()
        mask = can[index].float()
        loss = (F.binary_cross_entropy_with_logits(logits, shown[index].float(), reduction="none") * mask).sum() / mask.sum()
        opt.param_groups[0]["lr"] = lr_at(p, 2e-3)
        opt.zero_grad()
        loss.backward()
        opt.step()
        step += 1
        if step % 50 == 0:
            print(f"features: step {step} loss {loss.item():.3f} {p:.0%}", flush=True)
    save(args.work / "features.pt", net=net.state_dict())
    print("features on unseen renders:", right(net.eval(), to_float(torch.from_numpy(images[count:])), can[count:], shown[count:]))


if __name__ == "__main__":
    main()
