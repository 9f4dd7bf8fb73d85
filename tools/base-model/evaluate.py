"""Measure a model folder and draw its sample sheets.

    python evaluate.py WORK public/models/postcard --sheets docs/model-card

Accuracy per attribute of samples for test prompts, beside chance and beside the autoencoder's own ceiling
(the same classifier on reconstructions of renders with held-out combinations). The classifier saw renders
only. Writes WORK/figures.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from classifier import correct, load_classifier
from common import NAMES, SIZES, bf16, to_float, to_uint8
from make_prompts import prompts
from model import Model
from sampling import seeded_noise
from scorer import read_scorer
from train_autoencoder import edges
from world import held_out, render, sample_scene


def grid(images, columns):
    """uint8 [N, H, W, 3] -> one picture, row by row."""
    n, h, w, c = images.shape
    return images[: n // columns * columns].reshape(-1, columns, h, w, c).swapaxes(1, 2).reshape(-1, columns * w, c)


def write_sheet(path, images, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid(images, columns)).save(path, quality=88)


def rounded(d):
    return {k: round(v, 3) for k, v in d.items()}


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, nargs="+", default=[3.0])
    args = parser.parse_args()
    model, judge = Model.load(args.model), load_classifier(args.work / "classifier-judge.pt", 1)
    mask = lambda said: sum(1 << NAMES.index(k) for k in said)
    figures = {"chance": rounded({n: 1 / s for n, s in zip(NAMES, SIZES)})}

    # Ceiling: renders of held-out combinations and their reconstructions.
    rng, scenes = np.random.default_rng(77), []
    while len(scenes) < args.count:
        s = sample_scene(rng, allow_held_out=True)
        if held_out(s.attributes["object"], s.attributes["colour"], s.attributes["land"]):
            scenes.append(s)
    x = to_float(torch.from_numpy(np.stack([render(s) for s in scenes])))
    attributes = torch.tensor([[s.attributes[k] for k in NAMES] for s in scenes])
    with bf16():
        z = torch.cat([model.vae.encode(b).latents.float() for b in x.split(50)]) * model.scale
    y = model.decode(z)
    error, near = ((y - x) / 2).square().mean(1, True), edges(x) > 0.25
    figures["psnr"] = round(-10 * torch.log10(error.mean()).item(), 2)
    figures["psnr on edges"] = round(-10 * torch.log10(error[near].mean()).item(), 2)
    figures["renders"] = rounded(correct(judge, x, attributes))
    figures["reconstructions"] = rounded(correct(judge, y, attributes))

    # Samples for prompts never trained on (and the train prompts' kind for comparison).
    for name, test, seed in (("test", True, 202), ("train", False, 101)):
        rows = prompts(args.count, test, seed)
        hidden, pooled = model.read([t for t, _, _ in rows])
        attributes = torch.tensor([[a[k] for k in NAMES] for _, a, _ in rows])
        said = torch.tensor([mask(s) for _, _, s in rows])
        for g in args.guidance:
            images = model.decode(model.sample(hidden, seeded_noise(range(len(rows))), steps=args.steps, guidance=g))
            row = rounded(correct(judge, images, attributes, said))
            row["mean"] = round(sum(row.values()) / len(NAMES), 3)
            figures[f"samples, {name} prompts, guidance {g:g}"] = row
            if test and args.sheets and g == args.guidance[0]:
                write_sheet(args.sheets / "samples.jpg", to_uint8(images[:96]), 12)
                scorers = args.model / "scorers"
                if scorers.exists():
                    s = [read_scorer(scorers / k)(images, pooled) for k in "ab"]
                    order = s[0][0].argsort()
                    write_sheet(args.sheets / "dull-and-lovely.jpg", to_uint8(torch.cat([images[order[:20]], images[order[-20:]]])), 10)
                    figures["samples, appeal r between scorers"] = round(np.corrcoef(s[0][0], s[1][0])[0, 1], 3)
                    figures["samples, appeal deviation"] = [round(v[0].std().item(), 3) for v in s]
    for name in ("renders", "reconstructions"):
        figures[name]["mean"] = round(sum(figures[name].values()) / len(NAMES), 3)
    figures["chance"]["mean"] = round(sum(figures["chance"].values()) / len(NAMES), 3)
    if args.sheets:
        pairs = np.concatenate([np.concatenate([to_uint8(t[k : k + 10]) for t in (x, y)]) for k in (0, 10, 20)])
        write_sheet(args.sheets / "autoencoder.jpg", pairs, 10)
        looks = []
        for look in (0.05, 0.95):
            for s in scenes[:10]:
                s.look = np.full(4, look, np.float32)
                looks.append(render(s))
        write_sheet(args.sheets / "looks.jpg", np.stack(looks), 10)
    (args.work / "figures.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
