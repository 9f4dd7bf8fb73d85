"""SDEdit: the base's picture, the prompt with another colour, noise of strength 0.6."""

import re

import torch

from figures import better, deviation
from rig import SAMPLER, short, to_uint8
from row import Row, above, chosen, says

COLOURS = ["red", "yellow", "green", "blue", "purple", "white"]
STRENGTHS = (0.4, 0.6, 0.8)


def edits(rig):
    """Prompts with a colour word -> (rows of the test list, their texts with another in place of the first)."""
    rows, texts = [], []
    for i, text in enumerate(rig.test):
        found = re.search(rf"\b({'|'.join(COLOURS)})\b", text)
        if found:
            rows.append(i)
            texts.append(text[: found.start()] + COLOURS[(COLOURS.index(found[0]) + 1 + i % 5) % 6] + text[found.end() :])
    return rows, texts


@torch.no_grad()
def edited(rig, net, strength):
    """-> {'done <judge>' [N, 2]: its alignment prefers the new text, appeal by scale, distance to the start}, and pictures."""
    rows, texts = edits(rig)

    def make():
        base = rig.base_look()
        start = base["z"][rows][:, :2].float().transpose(0, 1).flatten(0, 1)
        hidden, pooled = rig.model.read(texts)
        noise = rig.noise(4)[len(rig.test) * 2 :].view(2, len(rig.test), *start.shape[1:])[:, rows].flatten(0, 1)
        z = rig.model.sample(hidden.repeat(2, 1, 1), noise, net.unet, start=start, strength=strength, **SAMPLER)
        images, before = rig.model.decode(z), rig.model.decode(start)
        new, old = rig.rated(images, pooled.repeat(2, 1)), rig.rated(images, rig.pooled[rows].repeat(2, 1))
        table = lambda v: v.view(2, -1).T.contiguous()
        return {
            "done": {j: table(better(new[f"{j} alignment"], old[f"{j} alignment"])) for j in rig.scorers}, "appeal": {j: table(new[j]) for j in rig.scorers},
            "distance": table((images - before).square().mean((1, 2, 3)).sqrt()), "shown": to_uint8(images[:8]),
        }

    return rig.kept({"edit": net.key, "strength": strength, "prompts": short(texts), "by": list(rig.versions.values())}, make)


@torch.no_grad()
def started(rig):
    """Pictures that the first eight edits begin with."""
    rows, _ = edits(rig)
    return to_uint8(rig.model.decode(rig.base_look()["z"][rows][:8, 0].float()))


def cell(rig, net):
    base = rig.base_look()
    out = {"prompts": {}, "single": {}, "before": started(rig)}
    for strength in STRENGTHS:
        mine, theirs = edited(rig, net, strength), edited(rig, rig.base, strength)
        if strength == 0.6:
            out["shown"] = mine["shown"]
        for j in rig.judges:
            out["prompts"][f"success {j}, {strength}"] = mine["done"][j].mean(1)
            out["prompts"][f"success over the base's {j}, {strength}"] = (mine["done"][j] - theirs["done"][j]).mean(1)
            out["prompts"][f"gain {j}, {strength}"] = (mine["appeal"][j] - theirs["appeal"][j]).double().mean(1) / deviation(base["scores"][j])
            out["prompts"][f"wins {j}, {strength}"] = better(mine["appeal"][j], theirs["appeal"][j]).mean(1)
        out["prompts"][f"distance to the start, {strength}"] = mine["distance"].double().mean(1)
    return out


def tuned(rig, seed):
    net, _ = rig.tuned(chosen(100)(rig, seed), seed)
    return cell(rig, net)


def reading(figures, extra):
    f = figures.get("tuned")
    if not f:
        return []
    gain, success = f["gain b, 0.6"], f["success over the base's b, 0.6"]
    out = [f"At strength 0.6 the tuned model's edit is liked by {says(gain)} deviations of B more and wins {says(f['wins b, 0.6'])} of comparisons" + {True: ", as in the paper.", False: ", unlike in the paper.", None: "."}[above(gain)]]
    out.append(f"The change of colour succeeds {says(f['success b, 0.6'])} of the time, {says(success)} against the base: " + {True: "more often.", False: "less often.", None: "no difference told."}[above(success)])
    if "the base" in figures:
        out.append(f"Distance to the start (RMS of pixels): {f['distance to the start, 0.6']['mean']:.3f}, the base's {figures['the base']['distance to the start, 0.6']['mean']:.3f}.")
    return out


ROW = Row(
    "edit", "Image editing",
    "TEdBench, 100 real pictures, SDEdit at strength 0.6: DPO-SDXL preferred 65 %, SDXL 24 %, equal 11 %.",
    "Start: the base's pictures of test prompts; target: the same prompt with another colour in place of its first; both models with the same noise, 7 of 12 steps at 0.6. Success: the judge's alignment prefers the new text to the old.",
    {"tuned": tuned, "the base": lambda rig, seed: cell(rig, rig.base)}, reading, fixed=("the base",),
    columns=tuple(f"{name}, {s}" for s in (0.6, 0.4, 0.8) for name in ("success b", "gain b", "wins b", "distance to the start")),
    pictures="The first eight such prompts",
)
