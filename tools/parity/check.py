#!/usr/bin/env python3
"""States how far Winnow's pictures are from diffusers', see README.md. Exit code 0 only if every picture reaches
--psnr and its final latents --latents.

    python check.py                      # the embedded model, and a LoRA trained here in a few steps
    python check.py --run my-run         # the LoRA of this run instead, on the model it was trained from
    python check.py --model FOLDER       # another diffusers folder (with scorers, or with --run, or with --base-only)
"""

import argparse
import json
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import diffusers
import transformers

from pictures import Picture, Settings, differing, draw, latents_error, load_pipeline, psnr, read_picture
from winnow import ROOT, generate, tiny_run, winnow

SCHEDULERS = (
    "DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler", "LCMScheduler")
# A LoRA whose picture is nearer than this to the base model's would pass without being loaded at all.
VISIBLE_DB = 35.0


class Table:
    def __init__(self, least_db: float, most_error: float):
        self.least_db, self.most_error, self.ok = least_db, most_error, True
        print("| picture | seed | PSNR, dB | values that differ | by at most | latents, relative error | |\n" + "| --- " * 7 + "|")

    def row(self, name: str, seed: int, ours: Picture, theirs: Picture) -> None:
        db, (share, most) = psnr(ours, theirs), differing(ours, theirs)
        error = latents_error(ours, theirs)
        ok = db >= self.least_db and error <= self.most_error
        self.ok &= ok
        print(f"| {name} | {seed} | {db:.1f} | {share:.2%} | {most} | {error:.1e} | {'ok' if ok else 'FAIL'} |", flush=True)

    def fail(self, why: str) -> None:
        self.ok = False
        print(why, flush=True)


def check_base(model: str, folder: Path, prompts: list[str], work: Path, args, table: Table) -> None:
    pipe = load_pipeline(folder)
    init = None
    for scheduler in SCHEDULERS:
        common = dict(seed=args.seed, steps=args.steps, guidance=args.guidance, scheduler=scheduler)
        made = generate(model, work / "base", prompts, **flags_of(args), scheduler=scheduler)
        for i, (prompt, files) in enumerate(zip(prompts, made)):
            table.row(f"{scheduler}, prompt {i + 1}", args.seed, read_picture(files), draw(pipe, Settings(prompt, **common)))
        init = init or made[0][0]
    # The last scheduler; the first picture is redrawn after the second prompt, from noise of its own.
    again = replace(Settings(prompts[-1], **common), seed=args.seed + 1, init=init, strength=args.strength)
    (files,) = generate(model, work / "base", [again.prompt], **flags_of(args) | {"seeds": again.seed}, scheduler=scheduler,
                        init=init, strength=args.strength)
    table.row(f"{scheduler}, image to image, strength {args.strength}", again.seed, read_picture(files), draw(pipe, again))


def check_run(run: Path, folder: Path, prompts: list[str], work: Path, args, table: Table) -> None:
    """Winnow's picture of the tuned model against diffusers' with each of its exports."""
    scheduler = SCHEDULERS[-1]
    settings = [Settings(p, args.seed, args.steps, args.guidance, scheduler) for p in prompts]
    ours = [read_picture(f) for f in generate(str(run), work / "tuned", prompts, **flags_of(args), scheduler=scheduler)]
    base = load_pipeline(folder)
    untuned = [draw(base, s) for s in settings]

    def compare(title: str, pipe) -> None:
        for i, (s, picture) in enumerate(zip(settings, ours)):
            table.row(f"{title}, prompt {i + 1}", s.seed, picture, draw(pipe, s))

    if json.loads((run / "run.json").read_text())["config"]["mode"] == "lora":
        for kind in ("kohya", "peft"):
            file = work / f"{kind}.safetensors"
            winnow("export", run, "--as", kind, "--out", file)
            pipe = load_pipeline(folder)
            pipe.load_lora_weights(str(file))
            compare(f"LoRA, {kind}", pipe)
    merged = work / "merged"
    winnow("export", run, "--as", "diffusers", "--out", merged)
    compare("merged folder", load_pipeline(merged))

    moved = [psnr(a, b) for a, b in zip(ours, untuned)]
    print(f"\nTuned against base: {', '.join(f'{m:.1f} dB' for m in moved)}.")
    if min(moved) > VISIBLE_DB:
        table.fail(f"The run hardly moves these pictures (more than {VISIBLE_DB} dB): they say nothing about its exports.")


def flags_of(args) -> dict[str, object]:
    return dict(seeds=args.seed, steps=args.steps, guidance=args.guidance, backend=args.backend)


def default_prompts() -> list[str]:
    lines = (ROOT / "public/prompts/test.txt").read_text().splitlines()
    return [lines[0], lines[len(lines) // 2]]


def folder_of(model: str) -> Path:
    embedded = ROOT / "public/models" / model
    return embedded if embedded.is_dir() else Path(model).resolve()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="name of an embedded model, or a diffusers folder (default: the run's, else postcard)")
    parser.add_argument("--run", type=Path, help="a run's folder (default: a tiny run made here)")
    parser.add_argument("--base-only", action="store_true", help="leave the LoRA out")
    parser.add_argument("--prompt", action="append", help="may be repeated (default: two of public/prompts/test.txt)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--strength", type=float, default=0.6)
    parser.add_argument("--backend", choices=("engine", "onnx", "auto"), default="engine", help="what draws Winnow's pictures")
    parser.add_argument("--psnr", type=float, default=45.0, help="the least that passes, in dB")
    parser.add_argument("--latents", type=float, default=1e-3, help="the largest relative error of final latents that passes")
    parser.add_argument("--work", type=Path, help="folder to keep everything in (default: one that is deleted)")
    args = parser.parse_args()

    warnings.filterwarnings("ignore")
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    prompts = list(dict.fromkeys(args.prompt or default_prompts()))
    run = args.run and args.run.resolve()
    model = args.model or (json.loads((run / "run.json").read_text())["model"]["base"] if run else "postcard")
    folder = folder_of(model)
    model = model if folder.parent == ROOT / "public/models" else str(folder)
    table = Table(args.psnr, args.latents)
    with tempfile.TemporaryDirectory() as scratch:
        work = (args.work or Path(scratch)).resolve()
        check_base(model, folder, prompts, work, args, table)
        if not args.base_only:
            check_run(run or tiny_run(model, work / "tiny", prompts), folder, prompts, work, args, table)
    print(f"\n{'All reach' if table.ok else 'Not all reach'} {args.psnr:g} dB and {args.latents:g}.")
    raise SystemExit(0 if table.ok else 1)


if __name__ == "__main__":
    main()
