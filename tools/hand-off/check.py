#!/usr/bin/env python3
"""States whether continue.py goes on as Winnow does, and make_pairs.py makes the same pictures; see README.md. Exit code 0 only if all of it holds.

    python check.py                                # everything, with the embedded model
    python check.py --only follow processes        # some of it
    python check.py --work FOLDER                  # keep what is made there, and use it again
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler
from PIL import Image
from safetensors.torch import load_file, save_file

from losses import logit_scale, pair_losses

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TINY = ROOT / "tools/reference/cases/pipeline-tiny-v/pipeline"
TINY_EPSILON = ROOT / "tools/reference/cases/pipeline-sd1-pndm/pipeline"
TINY_XL = ROOT / "tools/reference/cases/pipeline-xl/pipeline"
BASE = {"reference": "engine", "sampleEvery": 0, "saveEvery": 0, "rank": 2, "alpha": 2, "steps": 6, "pairsPerStep": 2, "warmupSteps": 0, "lrSchedule": "constant", "beta": 500}

# What a run may be set to, a few steps each. The first step's logits are 0: the second shows the loss.
SETTINGS = {
    **{loss: {"loss": loss} for loss in ("sigmoid", "ipo", "hinge", "kto", "mapo", "dmpo", "linear", "sft")},
    "robust, label smoothing": {"loss": "robust", "labelSmoothing": 0.2},
    "soft, with ties": {"loss": "soft"},
    "sigmoid, label smoothing": {"labelSmoothing": 0.1},
    "min-SNR": {"minSnrGamma": 5},
    "SDPO": {"sdpoMu": 0.9, "accumulation": 2},
    "accumulation 2, three to a part": {"accumulation": 3},
    "prompt dropout": {"promptDropout": 0.5},
    "timesteps 100 to 400": {"timestepRange": "[100,400]"},
    "cosine, warm-up": {"lrSchedule": "cosine", "warmupSteps": 1},
    "no clipping": {"maxGradNorm": 0},
    "alpha is not rank": {"rank": 3, "alpha": 7},
    "every layer": {"targets": "all"},
    "full": {"mode": "full", "learningRate": 1e-4},
}


class Check:
    def __init__(self) -> None:
        self.failed = 0

    def __call__(self, what: str, ok: bool, figure: str = "") -> None:
        self.failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'}  {what}{f': {figure}' if figure else ''}", flush=True)


def called(command: list, fails: bool = False, **options) -> str:
    result = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if (result.returncode != 0) != fails:
        raise SystemExit(f"{' '.join(map(str, command))}\n{'succeeded' if fails else f'failed with {result.returncode}'}: {result.stdout[-2000:]}\n{result.stderr[-4000:]}")
    return result.stderr + result.stdout if fails else result.stdout


def winnow(*args: object, fails: bool = False) -> str:
    return called(["node", ROOT / "tools/cli/winnow.mjs", *args, "--json"], fails)


def launched(script: Path, processes: int, *args: object) -> list:
    """On a CPU accelerate launch starts one process, whatever --num_processes says; torchrun, which it calls on GPUs, starts them all."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", processes] if processes else [sys.executable]
    return [*launch, script, *args]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}


def go_on(*args: object, processes: int = 0, fails: bool = False) -> str:
    """continue.py of this folder, whatever went along with the hand-off."""
    return called(launched(HERE / "continue.py", processes, *args), fails, env=ENVIRONMENT)


def sets(settings: dict) -> list[str]:
    return [flag for key, value in settings.items() for flag in ("--set", f"{key}={value}")]


def rows(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def without_times(rows_: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "elapsedMs"} for row in rows_]


def farthest(a: Path, b: Path, prefix: str) -> float:
    """Relative difference of all such tensors of two states together, by norm."""
    x, y = load_file(a / "state.safetensors"), load_file(b / "state.safetensors")
    assert set(x) == set(y)
    names = [name for name in x if name.startswith(prefix)]
    total = lambda tensors: sum(float(tensor.double().square().sum()) for tensor in tensors) ** 0.5
    return total(x[name].double() - y[name].double() for name in names) / max(total(y[name] for name in names), 1e-30)


def apart(a: list[dict], b: list[dict]) -> float:
    """Largest difference of two runs' losses, of max(1, |loss|)."""
    assert [r["step"] for r in a] == [r["step"] for r in b] and all([p["pair"] for p in x["pairs"]] == [p["pair"] for p in y["pairs"]] for x, y in zip(a, b))
    return max(abs(x["loss"] - y["loss"]) / max(1, abs(y["loss"])) for x, y in zip(a, b))


class World:
    """What the checks share, made once."""

    def __init__(self, work: Path, model: str, settings: list[str] | None):
        self.work, self.model, self.settings = work, model, settings

    def takes(self, setting: str) -> bool:
        return self.settings is None or setting in self.settings

    def once(self, name: str, make) -> Path:
        folder = self.work / name
        if not folder.exists():
            make(folder)
        return folder

    def pairs(self) -> Path:
        def make(folder: Path) -> None:
            prompts = [f for line in (ROOT / "public/prompts/train.txt").read_text().splitlines()[:6] for f in ("--prompt", line)]
            winnow("pairs", self.model, *prompts, "--count", 8, "--steps", 6, "--out", folder)
            winnow("label", folder, "--judge", "a")
        return self.once("pairs", make)

    def tiny_pairs(self, model: Path) -> Path:
        """Of a model that no judge sees: labels by hand, ties and clear ones among them."""
        def make(folder: Path) -> None:
            winnow("pairs", model, "--prompt", "a cat", "--prompt", "a dog on a hill", "--prompt", "", "--count", 6, "--steps", 2, "--sampler", "onnx", "--out", folder)
            ids = [json.loads(line)["id"] for line in (folder / "pairs.jsonl").read_text().splitlines()]
            answers = [("left", False), ("right", True), ("tie", False), ("right", False), ("left", True), ("left", False)]
            events = [{"type": "label", "id": f"l{i}", "pair": pair, "answer": answer, "shownLeft": i % 2, "clearly": clearly, "elapsedMs": 1, "at": "2026-01-01T00:00:00.000Z", "by": "person"}
                      for i, (pair, (answer, clearly)) in enumerate(zip(ids, answers))]
            (folder / "labels.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
        return self.once(f"pairs-{model.parent.name}", make)

    def foreign(self) -> Path:
        """Pictures of three shapes, imported."""
        def make(folder: Path) -> None:
            rng, source = np.random.default_rng(0), self.work / "pictures"
            for side in ("win", "lose"):
                (source / side).mkdir(parents=True, exist_ok=True)
                for n in range(6):
                    width, height = ((64, 64), (96, 48), (48, 96))[n % 3]
                    smooth = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
                    smooth.save(source / side / f"{n}.png")
                    (source / side / f"{n}.txt").write_text(f"picture {n}")
            winnow("import", source, "--as", "folders", "--out", folder)
        return self.once("pairs-foreign", make)

    def run(self) -> Path:
        settings = {**BASE, "accumulation": 2, "rank": 4, "alpha": 12, "targets": "all", "promptDropout": 0.5, "warmupSteps": 1, "steps": 3, "saveEvery": 3, "learningRate": 5e-4}
        return self.once("run", lambda folder: winnow("train", self.model, self.pairs(), "--preset", "quick", *sets(settings), "--out", folder))

    def handoff(self) -> Path:
        return self.once("handoff", lambda folder: winnow("handoff", self.run(), "--expect", 10, "--out", folder))

    def continued(self, name: str, steps: int, processes: int = 0, *more: object) -> Path:
        return self.once(name, lambda folder: go_on(self.handoff(), "--steps", steps, "--save-every", 2, *more, "--out", folder, processes=processes))


def follow(world: World, check: Check) -> None:
    """The next ten losses are Winnow's."""
    handoff = world.handoff()
    expected = json.loads((handoff / "handoff.json").read_text())["expect"]
    print(go_on(handoff, "--check"))
    mine = rows(world.continued("one", 13))[3:]
    off = apart(mine, expected)
    check("one process, f32: ten losses equal Winnow's", off < 1e-5 or go_on(handoff, "--check").endswith("follow Winnow's.\n"), f"off by at most {off:.1e}")
    errors = max(abs(a[k] - b[k]) / b[k] for x, y in zip(mine, expected) for a, b in zip(x["pairs"], y["pairs"]) for k in ("mw", "ml", "rw", "rl"))
    check("their errors", errors < 1e-5, f"relative, at most {errors:.1e}")


def processes(world: World, check: Check) -> None:
    """Any number of processes takes the same steps: with the same chunks to the bit, else to rounding."""
    one, halves = world.continued("one", 13), world.continued("halves", 13, 0, "--chunk", 2)
    for name, count, more, reference in (
        ("two processes (gloo), chunks of two", 2, ("--chunk", 2), halves), ("two processes (gloo), against one chunk of four", 2, ("--chunk", 2), one),
        ("three processes (gloo)", 3, (), one), ("one process, chunks of one", 0, ("--chunk", 1), one), ("gradient checkpointing", 0, ("--checkpointing",), one),
    ):
        other = world.continued(f"continued-{count}-{'-'.join(map(str, more))}", 13, count, *more)
        assert json.loads((other / "run.json").read_text())["lineage"][-1]["processes"] == max(1, count)
        off, far = apart(rows(other), rows(reference)), farthest(other, reference, "param.")
        exact = reference is halves
        check(name, off == far == 0 if exact else off < 2e-5 and far < 1e-4, f"losses off by {off:.1e}, weights by {far:.1e}, moments by {farthest(other, reference, 'exp_avg'):.1e}")


def killed(world: World, check: Check) -> None:
    """Killed between two saves, and run again: the same files."""
    whole, folder = world.continued("one", 13), world.work / "killed"
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, HERE / "continue.py", world.handoff(), "--steps", "13", "--save-every", "2", "--out", folder]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    for line in process.stdout:
        if line.startswith("step 7/"):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    at = json.loads((folder / "run.json").read_text())["step"]
    go_on(world.handoff(), "--steps", 13, "--save-every", 2, "--out", folder)
    files = ["state.safetensors", *(f"checkpoints/{file.name}" for file in sorted((whole / "checkpoints").iterdir()))]
    # safetensors writes its metadata in any order; the numbers are what counts.
    same = [file for file in files if (a := load_file(folder / file)).keys() == (b := load_file(whole / file)).keys() and all(torch.equal(a[k], b[k]) for k in a)]
    check(f"killed after step 7, from the save at {at}: the same numbers to the bit", same == files and without_times(rows(folder)) == without_times(rows(whole)), ", ".join(same))


def back(world: World, check: Check) -> None:
    """Winnow goes on with what was written."""
    far = world.continued("one", 13)
    run = world.work / "back"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(world.continued("ten", 10, 2), run)
    record = json.loads((run / "run.json").read_text())
    record["config"]["steps"] = 11
    (run / "run.json").write_text(json.dumps(record))
    winnow("train", "--resume", "--out", run)
    after = json.loads((run / "run.json").read_text())
    off = apart(rows(run)[-1:], [row for row in rows(far) if row["step"] == 10])
    check("winnow train --resume: its next step is the one that continue.py takes", off < 1e-5, f"loss off by {off:.1e}")
    check("it keeps where the run went", [(e["by"], e["fromStep"], e["toStep"], e["processes"]) for e in after["lineage"]] == [("continue.py 1", 3, 10, 2)])
    made = json.loads(winnow("generate", f"{world.model}+{run}@10", "--prompt", "a red house", "--steps", 2, "--out", world.work / f"generated-{time.time_ns()}"))
    check("MODEL+RUN draws with its checkpoint", len(made["images"]) == 1)


def losses(world: World, check: Check) -> None:
    """Every loss is the golden cases' (tools/reference/cases/dpo-*), from PyTorch's own errors."""
    names = {"min_snr_gamma": "minSnrGamma", "label_smoothing": "labelSmoothing", "b": "mapoBeta", "T": "mapoT", "k": "mapoK", "alpha": "dmpoAlpha", "eta": "linearEta"}
    for folder in sorted((ROOT / "tools/reference/cases").glob("dpo-*")):
        case = json.loads((folder / "case.json").read_text())
        config = {"minSnrGamma": None, "labelSmoothing": 0, "loss": case["loss"], "beta": case["beta"]} | {ours: case[theirs] for theirs, ours in names.items() if theirs in case}
        expected, inputs = load_file(folder / "expected.safetensors"), load_file(folder / "inputs.safetensors")
        alphas = DDPMScheduler.from_config(case["scheduler_config"]).alphas_cumprod.double()
        worst, allowed = 0.0, 0.0
        for k in range(case["steps"]):
            errors = [expected[f"step.{k}.{name}"].double() for name in ("m_w", "m_l", "r_w", "r_l")]
            bar = alphas[inputs[f"step.{k}.timestep"]]
            preference = inputs.get(f"step.{k}.preference", torch.ones_like(errors[0])).double()
            each, _ = pair_losses(config, *errors, logit_scale(config, bar / (1 - bar)), preference)
            worst = max(worst, abs(float(each.mean()) - float(expected[f"step.{k}.loss"])))
            allowed = max(allowed, 10 * case["beta"] * 6e-8 * max(float(e.max()) for e in errors[:2]) + 2e-7 * abs(float(each.mean())))
        check(f"{folder.name} ({case['loss']})", worst <= allowed, f"off by {worst:.1e} of {allowed:.1e}")


def settings(world: World, check: Check) -> None:
    """Every setting of a run: a few steps of a tiny model each, from the first."""
    cases = {name: (TINY, changed) for name, changed in SETTINGS.items()} | {
        "epsilon": (TINY_EPSILON, {"promptDropout": 0.5}),
        "SDXL": (TINY_XL, {"promptDropout": 0.5}),
        "pictures from elsewhere, of several sizes": (TINY_EPSILON, {"accumulation": 2}),
        "the posterior's mean, repeats": (TINY_EPSILON, {"posterior": "mean", "repeats": '{"person":1,"import":3,"judge":1}'})}
    for name, (model, changed) in cases.items():
        if not world.takes(name):
            continue
        # What would do nothing is refused.
        idle = ("beta",) if changed.get("loss") in ("mapo", "sft") else ("rank", "alpha") if changed.get("mode") == "full" else ()
        given = {key: value for key, value in {**BASE, "learningRate": 5e-3, **changed}.items() if key not in idle}
        pairs = world.foreign() if "posterior" in name or "elsewhere" in name else world.tiny_pairs(model)
        handoff = world.once(f"settings-{name.replace(' ', '-')}", lambda folder: winnow(
            "handoff", pairs, "--model", model, "--preset", "quick", *sets(given), "--expect", 3, "--out", folder))
        followed(check, name, handoff, "--chunk", 2)
        if name in ("kto", "SDPO", "full", "pictures from elsewhere, of several sizes"):
            runs = [world.once(f"{handoff.name}-{n}", lambda folder: go_on(handoff, "--steps", 4, "--out", folder, processes=n)) for n in (0, 2)]
            far = farthest(runs[1], runs[0], "param.")
            check(f"{name}, two processes", far < 1e-5, f"weights off by {far:.1e}")
    if world.takes("an adapter below"):
        quick = ("--preset", "quick", *sets({**BASE, "learningRate": 2e-2, "steps": 2}))
        run = world.once("below-run", lambda folder: winnow("train", TINY, world.tiny_pairs(TINY), *quick, "--out", folder))
        above = world.once("above-run", lambda folder: winnow("train", f"{TINY}+{run}:0.8", world.tiny_pairs(TINY), *quick, "--out", folder))
        handoff = world.once("settings-below", lambda folder: winnow("handoff", above, "--expect", 2, "--out", folder))
        assert len(json.loads((handoff / "handoff.json").read_text())["below"]) == 1
        followed(check, "an adapter below, at a strength", handoff)


def followed(check: Check, name: str, handoff: Path, *more: object) -> None:
    try:
        check(name, True, figures(go_on(handoff, "--check", *more)))
    except SystemExit as error:
        check(name, False, str(error)[-800:])


def figures(text: str) -> str:
    """Of --check: the largest share of what is allowed that a loss was off by."""
    shares = [float(line.split("off by ")[1].split(" of ")[0]) / float(line.split(" of ")[1].split(";")[0]) for line in text.splitlines() if "off by" in line]
    losses = [line.split("Winnow ")[1].split(",")[0] for line in text.splitlines() if "off by" in line]
    return f"losses {', '.join(losses)}; off by at most {max(shares):.0%} of what is allowed"


def refusals(world: World, check: Check) -> None:
    """What is not the run's own is refused in words."""
    def changed(change) -> Path:
        folder = world.work / "refused"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(world.handoff(), folder)
        change(folder)
        return folder

    def without_a_key(folder: Path) -> None:
        state = load_file(folder / "state.safetensors")
        state.pop(sorted(state)[0])
        save_file(state, folder / "state.safetensors", {"run": "run", "step": "3", "version": "2"})

    def other_model(folder: Path) -> None:
        shutil.rmtree(folder / "model")
        shutil.copytree(TINY, folder / "model")

    cases = {
        "a changed pairs.parquet": (lambda folder: (folder / "pairs.parquet").write_bytes((folder / "pairs.parquet").read_bytes()[:-9] + b"x" * 9), (), "another file than the run began with"),
        "another model": (other_model, (), "another file than the run began with"),
        "a state without a tensor": (without_a_key, ("--trust",), "The state and the run differ in"),
        "a cosine over more steps": (lambda folder: edit(folder / "run.json", lambda record: record["config"].update(lrSchedule="cosine")), ("--steps", 20), "falls as a cosine"),
        "another run's folder": (lambda folder: (folder / "out").mkdir() or shutil.copy(folder / "run.json", folder / "out/run.json"), ("--out", world.work / "refused/out"), "holds another run"),
        "what it does not know": (lambda folder: edit(folder / "handoff.json", lambda about: about.update(needs=["telepathy"])), (), "needs telepathy"),
    }
    for name, (change, more, words) in cases.items():
        folder = changed(change)
        out = () if "--out" in more else ("--out", folder / "new")
        check(f"refuses {name}", words in go_on(folder, *more, *out, fails=True))


def edit(file: Path, change) -> None:
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def pictures(world: World, check: Check) -> None:
    """make_pairs.py makes the pictures of winnow pairs, in any number of parts."""
    theirs, parts, made = world.pairs(), world.work / "parts", world.work / "made"
    shutil.rmtree(parts, ignore_errors=True)
    shutil.rmtree(made, ignore_errors=True)
    model = ROOT / "public/models" / world.model if (ROOT / "public/models" / world.model).exists() else Path(world.model)
    for processes, count in ((0, 3), (2, 6)):
        called(launched(HERE / "make_pairs.py", processes, theirs, "--model", model, "--batch", 2, "--part", 2, "--count", count, "--out", parts), env=ENVIRONMENT)
    called([sys.executable, HERE / "make_pairs.py", "--merge", parts, "--out", made])
    read = lambda folder: [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    worst, pixels = 0.0, 0
    ours = read(made)
    for a, b in zip(read(theirs), ours):
        for x, y in zip(a["images"], b["images"]):
            assert (x["prompt"], x["seed"]) == (y["prompt"], y["seed"])
            one, two = load_file(theirs / x["latentsFile"])["latents"], load_file(made / y["latentsFile"])["latents"]
            worst = max(worst, float((one - two).norm() / one.norm()))
            images = [np.asarray(Image.open(folder / image["file"]).convert("RGB")).astype(int) for folder, image in ((theirs, x), (made, y))]
            pixels = max(pixels, int(np.abs(images[0] - images[1]).max()))
    check("one process for three pairs, then two for the rest: the pictures of winnow pairs", len(ours) == 6 and worst < 1e-4 and pixels <= 2, f"latents off by {worst:.1e}, pixels by {pixels} of 255")
    labels = json.loads(winnow("label", made, "--judge", "a"))
    check("winnow label takes them", labels["labels"] == 6)


PARTS = {part.__name__: part for part in (losses, follow, processes, killed, back, settings, refusals, pictures)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="postcard")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--settings", nargs="+", help="of settings, these alone: kto, SDXL, ...")
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    check = Check()
    with tempfile.TemporaryDirectory() if args.work is None else contextlib.nullcontext(args.work) as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        world = World(Path(folder), args.model, args.settings)
        for name in args.only:
            print(f"\n{name}: {PARTS[name].__doc__}")
            PARTS[name](world, check)
    raise SystemExit(1 if check.failed else 0)


if __name__ == "__main__":
    main()
