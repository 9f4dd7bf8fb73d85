"""An attribute classifier trained on renders: the measuring instrument, and features for the autoencoder's loss.

    python classifier.py WORK --minutes 2 --seed 1 --out WORK/classifier-judge.pt

Seed 1 measures; seed 0, of other widths, lends its features to the autoencoder's loss, so that the
instrument is never the one that was optimised.
"""

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from common import NAMES, SIZES, Budget, Data, bf16, load, lr_at, save, to_float
from world import meant


WIDTHS = {0: (32, 64, 96, 128, 128), 1: (24, 56, 88, 120, 136)}


class AttributeNet(nn.Module):
    """[B, 3, 128, 128] in [-1, 1] -> list of logits [B, classes], one an attribute."""

    def __init__(self, seed):
        super().__init__()
        layers, last = [], 3
        for w in WIDTHS[seed]:
            layers.append(nn.Sequential(nn.Conv2d(last, w, 3, 2, 1), nn.GroupNorm(8, w), nn.SiLU()))
            last = w
        self.stages = nn.ModuleList(layers)
        self.heads = nn.ModuleList(nn.Linear(last * 16, n) for n in SIZES)

    def features(self, x):
        out = []
        for stage in self.stages:
            x = stage(x)
            out.append(x)
        return out

    def forward(self, x):
        f = self.features(x)[-1].flatten(1)
        return [h(f) for h in self.heads]


def load_classifier(path, seed):
    net = AttributeNet(seed)
    net.load_state_dict(load(path)["net"])
    return net.eval().requires_grad_(False)


def correct(net, images, attributes, said=None):
    """Accuracy per attribute where it is meant: images [N,3,H,W], attributes [N,10], said [N] bit masks or None."""
    right = torch.stack([h.argmax(1) for h in net(images)], 1) == attributes
    mask = meant(attributes)
    if said is not None:
        mask &= torch.stack([(said >> k) & 1 for k in range(len(NAMES))], 1).bool()
    return {n: (right[:, k] & mask[:, k]).sum().item() / max(mask[:, k].sum().item(), 1) for k, n in enumerate(NAMES)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.out.exists():
        return
    torch.manual_seed(args.seed)
    data, budget = Data(args.work), Budget(args.minutes)
    count = len(data.attributes) - 1000
    net = AttributeNet(args.seed).to(memory_format=torch.channels_last)
    opt = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    step = 0
    while (p := budget.tick()) < 1:
        index = torch.randint(count, (128,)).sort().values
        x = data.batch(index)
        x = x + 0.10 * torch.rand(128, 1, 1, 1) * torch.randn_like(x)
        if step % 3 == 0:  # soften some, as an autoencoder would
            x = F.avg_pool2d(x, 3, 1, 1)
        a = data.attributes[index]
        with bf16():
            logits = net(x)
        mask = meant(a)
        loss = sum(F.cross_entropy(l.float()[mask[:, k]], a[mask[:, k], k]) for k, l in enumerate(logits))
        opt.param_groups[0]["lr"] = lr_at(p, 2e-3)
        opt.zero_grad()
        loss.backward()
        opt.step()
        step += 1
        if step % 200 == 0:
            print(f"classifier: step {step} loss {loss.item():.3f} {p:.0%}", flush=True)
    save(args.out, net=net.state_dict())
    with torch.no_grad():
        test = to_float(torch.from_numpy(data.images[count:]))
        print("classifier on unseen renders:", {k: round(v, 3) for k, v in correct(net.eval(), test, data.attributes[count:]).items()})


if __name__ == "__main__":
    main()
