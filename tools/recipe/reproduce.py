"""The paper's experiments on the embedded model, a row at a time, in PyTorch.

    python reproduce.py preference                     # or: npm run reproduce -- preference
    python reproduce.py beta-sweep --seeds 0 1 2 --arms "beta 1000"
    python reproduce.py --tiny all                     # every row with counts that mean nothing, in minutes

Everything is kept below --work by what it was made of: a command that was killed goes on, and rows share their runs. Figures of a row go to
bench/results/paper/NAME.json after every run, pictures to docs/paper/, and docs/paper.md is written anew.
"""

import argparse
import json
import os
import time
from importlib.metadata import version
from pathlib import Path

import torch

from rig import HERE, Missing, Rig, Size, shape, short
from figures import rounded
from rows import NAMES, row
from write_paper import sheet, write_paper

ROOT = HERE.parents[1]


def cells_of(rig, one, args):
    """Cells that are there, and those that are asked for, made one after the other: yields (cells by arm, what was made or None)."""
    folder = rig.work / "cells"
    folder.mkdir(exist_ok=True)
    # What an arm is made of stands in its row's file.
    source = (HERE / "rows" / f"{one.name.replace('-', '_')}.py").read_text()
    path = lambda arm, seed: folder / f"{short([one.name, source, arm, seed, rig.classifier is not None, rig.versions])}.pt"
    seeds_of = lambda arm: [0] if arm in one.fixed else args.seeds
    asked = [(arm, seed) for seed in args.seeds for arm in one.arms if seed in seeds_of(arm) and (not args.arms or arm in args.arms)]
    made = {}
    if not args.again:
        for arm in one.arms:
            for seed in range(10):
                if path(arm, seed).exists():
                    made[arm, seed] = torch.load(path(arm, seed), weights_only=False)
    grouped = lambda: {arm: [made[arm, s] for s in range(10) if (arm, s) in made] for arm in one.arms if any((arm, s) in made for s in range(10))}
    yield grouped(), None
    for arm, seed in asked:
        if (arm, seed) in made:
            continue
        start = time.time()
        try:
            cell = {**one.arms[arm](rig, seed), "seed": seed}
        except Missing as reason:
            print(f"{one.name}, {arm}: {reason}", flush=True)
            continue
        part = path(arm, seed).with_suffix(".part")
        torch.save(cell, part)
        os.replace(part, path(arm, seed))
        made[arm, seed] = cell
        yield grouped(), (arm, seed, time.time() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=[*NAMES, "all", "foreign-pairs"], metavar="NAME", help=f"one of {', '.join(NAMES)}, or all")
    parser.add_argument("--model", type=Path, default=ROOT / "public/models/postcard")
    parser.add_argument("--prompts", type=Path, default=ROOT / "public/prompts", help="folder with train.txt and test.txt, of that model")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache/paper")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/paper")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="training seeds, 0 to 9: pairs, order, noise and LoRA")
    parser.add_argument("--arms", nargs="+", help="these alone")
    parser.add_argument("--classifier", type=Path, help="attribute classifier of tools/base-model, to report prompt following")
    parser.add_argument("--weak", type=Path, help="an earlier checkpoint's UNet (safetensors), for the rows with a weak base")
    parser.add_argument("--again", action="store_true", help="figure all anew from what is kept")
    parser.add_argument("--tiny", action="store_true", help="a dry run: everything counted in ones; writes below --work alone")
    args = parser.parse_args()
    if len(set(args.seeds)) < len(args.seeds) or not set(args.seeds) <= set(range(10)):
        parser.error("--seeds are different numbers from 0 to 9")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    if args.tiny:
        args.out, args.docs = args.work / "tiny/results", args.work / "tiny/docs"
    args.out.mkdir(parents=True, exist_ok=True)
    rig = Rig(args.model, args.prompts, args.work, Size.of(args.tiny), args.classifier, args.weak)
    names = list(NAMES) if "all" in args.names else [n if n != "foreign-pairs" else "own-pairs" for n in args.names]
    for name in names:
        one = row(name)
        if unknown := set(args.arms or ()) - set(one.arms):
            raise SystemExit(f"{name} has no arm {sorted(unknown)}. It has {', '.join(one.arms)}.")
        for cells, made in cells_of(rig, one, args):
            if not cells:
                continue
            write(rig, one, cells, args)
            if made:
                arm, seed, seconds = made
                figures = {k: round(v["mean"], 3) for k, v in one.figures(cells[arm][-1:]).items()}
                print(json.dumps({"row": name, "arm": arm, "seed": seed, "seconds": round(seconds), **{k: figures[k] for k in one.columns or ("gain b", "wins b alignment", "winner error") if k in figures}}), flush=True)
        write_paper(args.out, args.docs)


def compared(cells, prompts):
    """Prompts that a row's figures are over: an edit has not every one."""
    figures = next(iter(cells.values()))[0]["prompts"]
    return len(next(iter(figures.values()))) if figures else prompts


def write(rig, one, cells, args):
    figures = {arm: one.figures(list_) for arm, list_ in cells.items()}
    extra = {k: v for k, v in one.extra(cells).items() if v}
    record = {
        "row": one.name, "engine": f"PyTorch {version('torch')}, CPU, bf16", "model": rig.id, "judges": rig.judges, "labeller": "a",
        "comparisons": compared(cells, len(rig.test)) * rig.size.seeds, "latent": list(shape(rig.model)),
        "arms": rounded(figures), "extra": rounded(extra), "reading": [line for line in one.reading(figures, extra) if line],
    }
    path = args.out / f"{one.name}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    part.rename(path)
    sheet(args.docs / "paper" / f"{one.name}.jpg", cells, one.shown)


if __name__ == "__main__":
    main()
