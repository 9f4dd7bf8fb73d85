#!/usr/bin/env python3
"""Writes the golden cases of the kinds `judge` and `resize` that `npx winnow verify` reads; see README.md.

    python write_cases.py --out cases                     # the committed set
    python write_cases.py --out /tmp/new --seed 1         # the same shapes, weights and pictures nobody has seen
    python write_cases.py --out /tmp/new --only judge --name pickscore-full --large
"""

import argparse
import shutil
import sys
import warnings
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "reference"), str(HERE)]

import image_reward  # noqa: E402
import judge  # noqa: E402
import resize  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=("judge", "resize"), action="append", help="a kind; may be given more than once")
    parser.add_argument("--name", action="append", help="a case; may be given more than once")
    parser.add_argument("--seed", type=int, default=0, help="shifts every seed")
    parser.add_argument("--large", action="store_true", help="also the cases that are too large to commit")
    args = parser.parse_args()

    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for kind, module in (("judge", judge), ("judge", image_reward), ("resize", resize)):
        if args.only and kind not in args.only:
            continue
        for name, spec in module.CASES.items():
            if (args.name and name not in args.name) or (spec.get("large") and not args.large):
                continue
            folder = args.out / f"{kind}-{name}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            module.write(name, folder, spec | {"seed": spec["seed"] + 1000 * args.seed})
            size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1024
            print(f"{kind}-{name}: {size:.0f} KiB", flush=True)


if __name__ == "__main__":
    main()
