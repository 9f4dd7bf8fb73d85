"""Writes docs/paper.md from bench/results/paper/: every row, run or not, beside the paper's numbers.

    python write_paper.py
"""

import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

from identity import identity
from row import says
from rows import NAMES, row

ROOT = Path(__file__).parents[2]
COLUMNS = ("gain b", "gain c", "gain a", "wins b", "other wins b", "wins b alignment", "attributes", "winner error", "drift", "diversity", "held-out accuracy")
TITLES = {
    "gain": "gain, {}", "wins": "same-seed wins, {}", "other wins": "wins over another seed, {}", "accuracy": "accuracy, {}'s labels", "success": "success, {}",
}
PICTURES = 8

INTRODUCTION = """# The paper, row by row

Diffusion-DPO ([arXiv 2311.12908](https://arxiv.org/abs/2311.12908)) and some that follow it, on the embedded model. Written by
`tools/recipe/write_paper.py` from `bench/results/paper/`; every sentence of a reading comes from a rule beside its row.

    npm run reproduce -- NAME                      # PyTorch: all arms, three training seeds; goes on where it was killed
    npm run reproduce -- NAME --engine winnow      # the row's chosen settings once more by `winnow`, our own kernels

How: scorer A labels and selects. B judges and has neither labelled nor selected; C, where the model has one, has the last word. Test prompts hold
combinations that no training picture or prompt has. A training seed decides pairs, their order, noise and LoRA. The standard run is the
studio's preset `standard` for 100 pairs: 120 steps of 4, rate 2e-3 (cosine, 10 steps of warm-up), beta 1000, timesteps 700 to 999, LoRA of rank 8 on every
layer, prompt dropout 0.1.

**Gain** is the mean rise of a judge's score in deviations of the base within a prompt (over its seeds): 1.0 is worth choosing the best of four. *Same-seed wins*
saturate (a gain of 0.2 already wins 99 %); *wins over another seed* do not. *Alignment wins*: share of comparisons in which the judge's alignment rose. *Winner
error*: the error on winners of held-out pairs over the reference's, below 1 where they became more likely. *Drift*: mean square distance of predictions from
the base's. *Diversity*: distance of two pictures of a prompt over the base's. Brackets are 95 %: over training seeds (Student's t) from three on, else over
prompts (bootstrap; marked °). The paper's models are a hundred times as large, its labels are people's, and its win rates are majorities of five: numbers
beside one another are to be read for their direction.
"""


def sheet(path, cells, shown=()):
    """The first eight pictures: before, then an arm a line, of its first training seed."""
    lines = [c[0] for n, c in cells.items() if "shown" in c[0] and (not shown or n in shown)][:5]
    if not lines:
        return
    rows = [lines[0]["before"], *(c["shown"] for c in lines)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([np.concatenate(list(r[:PICTURES]), 1) for r in rows])).save(path, quality=85)


def title(name):
    judge = lambda key: key.upper() if len(key) == 1 else f"{key[0].upper()}'s {key[2:]}"
    for start, words in TITLES.items():
        if name.startswith(f"{start} "):
            head, _, tail = name[len(start) + 1 :].partition(", ")
            if head.split(" ")[0] in ("a", "b", "c"):
                text = f"alignment wins, {head[0].upper()}" if start == "wins" and head.endswith("alignment") else words.format(judge(head))
                return f"{text}, {tail}" if tail else text
    return name


def cell(figure):
    if figure is None:
        return ""
    digits = 3 if abs(figure["mean"]) < 0.095 else 2
    n = len(figure["each"])
    return says(figure, digits) + ("°" if n < 3 and "over prompts" in figure else "")


def lines_of(record, one):
    arms = record["arms"]
    names = [c for c in one.columns or COLUMNS if any(c in f for f in arms.values())]
    yield "| | seeds | " + " | ".join(title(n) for n in names) + " |"
    yield "| --- | --- |" + " --- |" * len(names)
    for arm, figures in arms.items():
        seeds = "" if arm in one.fixed else str(max(len(f["each"]) for f in figures.values()))
        yield f"| {arm} | {seeds} | " + " | ".join(cell(figures.get(n)) for n in names) + " |"
    missing = [a for a in one.arms if a not in arms]
    if missing:
        yield ""
        yield f"Not run: {', '.join(missing)}."


def timesteps(record):
    """The curve by timestep of the first arm that has one."""
    for arm, figures in record["arms"].items():
        bins = {k: f for k, f in figures.items() if k.startswith("timesteps")}
        if bins:
            bins = dict(sorted(bins.items(), key=lambda kv: int(kv[0].split()[1])))
            yield ""
            yield f"By timestep, {arm}, B's labels:"
            yield ""
            yield "| " + " | ".join(k.removeprefix("timesteps ").replace(" to ", "–") for k in bins) + " |"
            yield "|" + " --- |" * len(bins)
            yield "| " + " | ".join(cell(f) for f in bins.values()) + " |"
            return


def chart(path, record):
    """Gain by B against drift (left, logarithmic) and alignment wins (right), a colour a rate, a point a beta."""
    points = [(arm.split(", beta ")[0], arm.split(", beta ")[1], f) for arm, f in record["arms"].items() if ", beta " in arm]
    if len(points) < 2:
        return False
    colours = dict(zip(dict.fromkeys(p[0] for p in points), ("#2f6de0", "#e23b34", "#35b04a", "#8a4fc7", "#b26a00"), strict=False))
    w, h, pad, out = 340, 260, 44, []
    for k, (name, words) in enumerate((("drift", "drift, logarithmic"), ("wins b alignment", "alignment wins, B"))):
        scaled, read = (math.log10, lambda x: 10**x) if name == "drift" else (float, float)
        xs, ys = [scaled(f[name]["mean"]) for *_, f in points], [f["gain b"]["mean"] for *_, f in points]
        x0, x1, y0, y1 = min(xs), max(xs), min(0, *ys), max(ys)
        at = lambda x, y: (k * w + pad + (x - x0) / (x1 - x0 or 1) * (w - 2 * pad), h - pad - (y - y0) / (y1 - y0 or 1) * (h - 2 * pad))
        left, bottom = k * w + pad, h - pad
        out.append(f'<path d="M{left} {pad}V{bottom}H{k * w + w - pad}" fill="none" stroke="#888"/><text x="{k * w + w / 2}" y="{h - 8}" text-anchor="middle">{words}</text>')
        out += [f'<text x="{left}" y="{bottom + 14}" text-anchor="middle">{read(x0):.2g}</text><text x="{k * w + w - pad}" y="{bottom + 14}" text-anchor="middle">{read(x1):.2g}</text><text x="{left - 4}" y="{bottom}" text-anchor="end">{y0:.2g}</text><text x="{left - 4}" y="{pad + 4}" text-anchor="end">{y1:.2g}</text>']
        for rate, colour in colours.items():
            mine = sorted((int(b), at(scaled(f[name]["mean"]), f["gain b"]["mean"])) for r, b, f in points if r == rate)
            out.append(f'<polyline points="{" ".join(f"{x:.0f},{y:.0f}" for _, (x, y) in mine)}" fill="none" stroke="{colour}"/>')
            out += [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/><text x="{x + 5:.0f}" y="{y - 4:.0f}" fill="{colour}">{b}</text>' for b, (x, y) in mine]
    out.append(f'<text x="8" y="16">gain, B</text>' + "".join(f'<text x="{90 + 110 * i}" y="16" fill="{c}">{r}</text>' for i, (r, c) in enumerate(colours.items())))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * w} {h}" font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>{"".join(out)}</svg>\n')
    return True


def engine_lines(confirmed):
    figures = "; ".join(f"{name} {value}" for name, value in confirmed["figures"].items())
    yield ""
    yield f"**By the engine** (`{confirmed['command']}`; {confirmed['engine']}; {confirmed['arm']}, {confirmed['comparisons']} comparisons, one training seed): {figures}."


def section(results, docs, name, model):
    one, file = row(name), results / f"{name}.json"
    yield f"\n## {one.title}\n"
    yield f"`npm run reproduce -- {name}`\n"
    yield f"**The paper.** {one.paper}\n"
    yield f"**Here.** {one.here}\n"
    if not file.exists():
        yield "Not run."
    else:
        record = json.loads(file.read_text())
        old = "" if record["model"] == model else ", **before the one that is shipped, with the presets of that time**: to be run again"
        yield f"{record['engine']}; model {record['model']}{old}; {record['comparisons']} comparisons of prompt and seed each.\n"
        yield from lines_of(record, one)
        yield from timesteps(record)
        if record["reading"]:
            yield "\n**Reading.** " + " ".join(record["reading"])
        if name == "frontier" and chart(docs / "paper/frontier.svg", record):
            yield "\n![Gain against drift and alignment](paper/frontier.svg)"
        if (docs / f"paper/{name}.jpg").exists():
            shown = [a for a, f in record["arms"].items() if not one.shown or a in one.shown][:5]
            yield f"\n![{one.title}: pictures](paper/{name}.jpg)\n"
            yield f"*{one.pictures}, seed 0, not selected: before, then {'; '.join(shown)}.*"
    if (results / f"{name}.engine.json").exists():
        yield from engine_lines(json.loads((results / f"{name}.engine.json").read_text()))


# What a tuned network is asked to keep beside its gain.
KEPT = {"wins b alignment": lambda x: x >= 0.45, "winner error": lambda x: x <= 1.1, "diversity": lambda x: x >= 0.9}


def together(results):
    """Sentences over the runs of all rows: whether gain is to be had without a loss of alignment."""
    runs = {}
    for name in NAMES:
        file = results / f"{name}.json"
        for arm, figures in json.loads(file.read_text())["arms"].items() if file.exists() else ():
            if all(k in figures for k in ("gain b", "drift", *KEPT)):
                for run in zip(*(figures[k]["each"] for k in ("gain b", *KEPT))):
                    runs.setdefault(run, arm)
    if len(runs) < 10:
        return ""
    ranks = [np.array([run[k] for run in runs]).argsort().argsort() for k in (0, 1)]
    kept = lambda names: [run for run in runs if all(KEPT[k](x) for k, x in zip(KEPT, run[1:]) if k in names)]
    most = lambda some: f"the most gain is {max(some)[0]:.2f} ({runs[max(some)]})" if some else "there is none"
    aligned, all_three = kept(("wins b alignment",)), kept(KEPT)
    return (
        f"\n**All rows together.** Over {len(runs)} tuned networks the ranks of gain and of alignment wins, both by B, correlate by {np.corrcoef(*ranks)[0, 1]:.2f}: "
        "what its judges call lovely they call less like the prompt ([why](../tools/base-model/README.md#preference-tuning-what-to-use)). "
        f"Of the {len(aligned)} that keep alignment wins at 45 % {most(aligned)}; of the {len(all_three)} that also keep the winner's error at 1.1 and diversity at 90 % of the "
        f"base's, {most(all_three)}.\n"
    )


def write_paper(results, docs):
    docs.mkdir(parents=True, exist_ok=True)
    model = identity(ROOT / "public/models/postcard")
    run = [n for n in NAMES if (results / f"{n}.json").exists()]
    state = f"\nRun so far: {', '.join(f'`{n}`' for n in run) or 'none'}. Not run: {', '.join(f'`{n}`' for n in NAMES if n not in run) or 'none'}.\n"
    text = INTRODUCTION + state + together(results) + "\n".join(line for name in NAMES for line in section(results, docs, name, model)) + "\n"
    (docs / "paper.md").write_text(text)


if __name__ == "__main__":
    write_paper(ROOT / "bench/results/paper", ROOT / "docs")
