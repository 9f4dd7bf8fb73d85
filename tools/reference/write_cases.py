#!/usr/bin/env python3
"""Writes the golden cases that `npx winnow verify` reads; see README.md.

    python write_cases.py --out cases                     # the committed set
    python write_cases.py --out /tmp/new --seed 1         # the same shapes, weights and inputs never seen before
    python write_cases.py --out /tmp/new --only dpo --large
"""

import argparse
import shutil
import warnings
from pathlib import Path

import diffusers
import torch
import transformers
from torch.nn.attention import SDPBackend, sdpa_kernel

from common import worst_by_class
from kinds import add_noise, dpo, implicit, pipeline, scheduler, text_encoder, tokenizer, unet, vae

KINDS = {kind: module for module in (unet, vae, text_encoder, tokenizer, scheduler, add_noise, dpo, implicit, pipeline)
         for kind in module.CASES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=sorted(KINDS), action="append", help="a kind; may be given more than once")
    parser.add_argument("--name", action="append", help="a case; may be given more than once")
    parser.add_argument("--seed", type=int, default=0, help="shifts every seed")
    parser.add_argument("--large", action="store_true", help="also the cases that are too large to commit")
    args = parser.parse_args()

    warnings.filterwarnings("ignore")
    diffusers.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    # One attention path whether or not gradients are wanted, so that a policy equal to its reference is so in every bit.
    with sdpa_kernel(SDPBackend.MATH):
        write_all(args)


def write_all(args: argparse.Namespace) -> None:
    print("| case | KiB | forward | grad | trajectory |\n| --- | --- | --- | --- | --- |")
    for kind, module in KINDS.items():
        if args.only and kind not in args.only:
            continue
        for name, spec in module.CASES[kind].items():
            if (args.name and name not in args.name) or (spec.get("large") and not args.large):
                continue
            folder = args.out / f"{kind}-{name}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            shifted = spec | {"seed": spec["seed"] + 1000 * args.seed}
            worst = worst_by_class(module.write(kind, name, folder, shifted))
            size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1024
            row = " | ".join(f"{worst[c]:.1e}" if c in worst else "-" for c in ("forward", "grad", "trajectory"))
            print(f"| {kind}-{name} | {size:.0f} | {row} |", flush=True)


if __name__ == "__main__":
    main()
