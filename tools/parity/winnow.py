"""The command line, as a person would call it: `npx winnow VERB ... --json`."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def winnow(*args: object) -> dict:
    """Runs a verb and returns its JSON. Its progress goes to our stderr; a failure ends the check."""
    command = ["npx", "winnow", *map(str, args), "--json"]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)}\nfailed with {result.returncode}: {result.stdout.strip()}")
    return json.loads(result.stdout)


def generate(model: str, out: Path, prompts: list[str], **options: object) -> list[tuple[Path, Path]]:
    """Makes one picture a prompt; returns (PNG, final latents) of each, in the prompts' order."""
    flags = [f for prompt in prompts for f in ("--prompt", prompt)]
    flags += [f for name, value in options.items() for f in (f"--{name}", value)]
    images = winnow("generate", model, *flags, "--out", out)["images"]
    by_prompt = {image["prompt"]: (out / image["file"], out / image["latentsFile"]) for image in images}
    return [by_prompt[prompt] for prompt in prompts]


def tiny_run(model: str, folder: Path, prompts: list[str]) -> Path:
    """A run of a few steps on pairs that scorer a judged, loud enough to be seen in the picture."""
    pairs, run = folder / "pairs", folder / "run"
    if (run / "run.json").exists():
        return run
    winnow("pairs", model, *(f for p in prompts for f in ("--prompt", p)), "--steps", 8, "--count", 4, "--out", pairs)
    winnow("label", pairs, "--judge", "a")
    # alpha is not the rank: a reader that forgets it must be seen.
    settings = dict(steps=8, rank=4, alpha=12, pairsPerStep=2, warmupSteps=1, learningRate=2e-3, lrSchedule="constant", sampleEvery=0, saveEvery=8)
    sets = [f for k, v in settings.items() for f in ("--set", f"{k}={v}")]
    winnow("train", model, pairs, "--preset", "quick", *sets, "--out", run)
    return run
