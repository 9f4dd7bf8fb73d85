"""Measure a model folder and draw its sample sheets.

    python evaluate.py WORK public/models/postcard --sheets docs/model-card

Accuracy per attribute of samples for test prompts, beside chance and beside the autoencoder's own ceiling
(the same classifier on reconstructions of renders with held-out combinations). The classifiers saw renders
only. Small features: whether reconstructions show the eyes, windows, doors, stripes and petals that their renders
have, and not those painted over; whether samples show what the prompt's things have. Sharpness: gradient energy of
samples over that of renders of the same attributes. MODEL may be an autoencoder alone (a .safetensors file): then
only its figures are made. Writes WORK/figures.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from classifier import correct, load_classifier
from features import examples, has, load_features, right
from common import NAMES, SIZES, bf16, to_float, to_uint8
from make_prompts import prompts
from model import Model, load_autoencoder
from sampling import seeded_noise
from scorer import read_scorer
from train_autoencoder import edges
from world import Scene, is_held_out, render, sample_scene


def grid(images, columns):
    """uint8 [N, H, W, 3] -> one picture, row by row."""
    n, h, w, c = images.shape
    return images[: n // columns * columns].reshape(-1, columns, h, w, c).swapaxes(1, 2).reshape(-1, columns * w, c)


def write_sheet(path, images, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid(images, columns)).save(path, quality=88)


def rounded(d):
    return {k: round(v, 3) for k, v in d.items()}


def energy(images):
    """Mean squared gradient of [N, 3, H, W]."""
    return sum(images.diff(dim=k).square().mean().item() for k in (2, 3))


def reconstruct(vae, x):
    with bf16():
        return torch.cat([vae.decode(vae.encode(b).latents).sample.float() for b in x.split(25)]).clamp(-1, 1)


def autoencoder_figures(work, vae, judge, count):
    """Figures of the autoencoder on renders of held-out combinations; the scenes, renders and reconstructions."""
    rng, scenes = np.random.default_rng(77), []
    while len(scenes) < count:
        s = sample_scene(rng, allow_held_out=True)
        if is_held_out(s.attributes):
            scenes.append(s)
    x = to_float(torch.from_numpy(np.stack([render(s) for s in scenes])))
    attributes = torch.tensor([[s.attributes[k] for k in NAMES] for s in scenes])
    y = reconstruct(vae, x)
    error, near = ((y - x) / 2).square().mean(1, True), edges(x) > 0.25
    figures = {
        "psnr": round(-10 * torch.log10(error.mean()).item(), 2),
        "psnr on edges": round(-10 * torch.log10(error[near].mean()).item(), 2),
        "reconstructions, sharpness": round(energy(y) / energy(x), 3),
    }
    if judge:
        figures["renders"], figures["reconstructions"] = rounded(correct(judge, x, attributes)), rounded(correct(judge, y, attributes))
    if (work / "features.pt").exists():
        images, can, shown = examples(count, 78, True)
        small, net = to_float(torch.from_numpy(images)), load_features(work)
        figures["small features, renders"] = right(net, small, can, shown)
        figures["small features, reconstructions"] = right(net, reconstruct(vae, small), can, shown)
    return figures, scenes, x, y


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, nargs="+", default=[2.0])
    args = parser.parse_args()
    path = args.work / "classifier-judge.pt"
    judge = load_classifier(path, 1) if path.exists() else None
    model = None if args.model.is_file() else Model.load(args.model)
    figures, scenes, x, y = autoencoder_figures(args.work, model.vae if model else load_autoencoder(args.model), judge, args.count)
    if args.sheets:
        pairs = np.concatenate([np.concatenate([to_uint8(t[k : k + 10]) for t in (x, y)]) for k in (0, 10, 20)])
        write_sheet(args.sheets / "autoencoder.jpg", pairs, 10)
    if model:
        figures |= sample_figures(args, model, judge, scenes)
    (args.work / "figures.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))


def sample_figures(args, model, judge, scenes):
    """Figures of samples; writes the sheets."""
    mask = lambda said: sum(1 << NAMES.index(k) for k in said)
    mean = lambda row: round(sum(row.values()) / len(NAMES), 3)
    figures = {"chance": rounded({n: 1 / s for n, s in zip(NAMES, SIZES)})}
    figures["chance"]["mean"] = mean(figures["chance"])
    features = load_features(args.work) if (args.work / "features.pt").exists() else None

    # Samples for prompts never trained on (and the train prompts' kind for comparison).
    for name, test, seed in (("test", True, 202), ("train", False, 101)):
        rows = prompts(args.count, test, seed)
        hidden, pooled = model.read([t for t, _, _ in rows])
        attributes = torch.tensor([[a[k] for k in NAMES] for _, a, _ in rows])
        said = torch.tensor([mask(s) for _, _, s in rows])
        for g in args.guidance:
            images = model.decode(model.sample(hidden, seeded_noise(range(len(rows))), steps=args.steps, guidance=g))
            row = rounded(correct(judge, images, attributes, said))
            row["mean"] = mean(row)
            if test:
                rng = np.random.default_rng(5)  # renders of the same attributes, looks and styles as they come
                same = [Scene(a, s.look, s.style, s.seed) for _, a, _ in rows for s in [sample_scene(rng)]]
                like = to_float(torch.from_numpy(np.stack([render(s) for s in same])))
                figures[f"samples, sharpness, guidance {g:g}"] = round(energy(images) / energy(like), 3)
            if test and features:
                can = torch.from_numpy(np.stack([has(a) for _, a, _ in rows]))
                figures[f"small features, samples, guidance {g:g}"] = right(features, images, can, can)
            figures[f"samples, {name} prompts, guidance {g:g}"] = row
            if test and args.sheets and g == args.guidance[0]:
                write_sheet(args.sheets / "samples.jpg", to_uint8(images[:96]), 8)
                scorers = args.model / "scorers"
                if scorers.exists():
                    s = [read_scorer(scorers / k)(images, pooled) for k in "abc" if (scorers / k).exists()]
                    order = s[0][0].argsort()
                    write_sheet(args.sheets / "dull-and-lovely.jpg", to_uint8(torch.cat([images[order[:20]], images[order[-20:]]])), 10)
                    figures["samples, appeal r between scorers"] = round(np.corrcoef(s[0][0], s[1][0])[0, 1], 3)
                    figures["samples, appeal deviation"] = [round(v[0].std().item(), 3) for v in s]
    if args.sheets:
        looks = []
        for look in (0.05, 0.95):
            for s in scenes[:10]:
                s.look = np.full(4, look, np.float32)
                looks.append(render(s))
        write_sheet(args.sheets / "looks.jpg", np.stack(looks), 10)
    return figures


if __name__ == "__main__":
    main()
