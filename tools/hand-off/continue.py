#!/usr/bin/env python3
"""Goes on with a run of Winnow on one process or many: the same pairs, timesteps, noise, loss, reference, AdamW moments and schedule, whatever the
number of processes. Writes a run's folder that Winnow opens: `winnow train --resume --out RUN_DIR`, `MODEL+RUN_DIR`.

    accelerate launch --num_processes 8 continue.py HANDOFF --steps 2000 --chunk 4 --mixed-precision bf16 --out RUN_DIR
    python continue.py HANDOFF --check            # the steps that Winnow ran ahead, compared; writes nothing

The same command goes on where it was stopped or killed: from the last save in RUN_DIR.
"""

import argparse
import contextlib
import json
import math
import os
import shutil
import signal
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, gather_object
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file

import draws
from folder import Handoff, kohya, read_state, refuse, sha256
from losses import WHOLE, implicit_accuracy, logit_scale, pair_losses, safeguard

BY = "continue.py 1"
KINDS = ("param", "exp_avg", "exp_avg_sq")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("handoff", type=Path)
    parser.add_argument("--out", type=Path, help="folder of the run")
    parser.add_argument("--model", type=Path, help="the model's diffusers folder, where it is not the one that handoff.json names")
    parser.add_argument("--steps", type=int, help="of the whole run (default: as its settings say)")
    parser.add_argument("--reschedule", action="store_true", help="let --steps change the learning rates of a cosine")
    parser.add_argument("--chunk", type=int, default=4, help="pairs in memory at once, per process; changes rounding only")
    parser.add_argument("--mixed-precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing: less memory, more time")
    parser.add_argument("--ema", type=float, help="keep an average of the trained tensors with this decay, in ema.safetensors")
    parser.add_argument("--save-every", type=int, help="default: as the run's settings say")
    parser.add_argument("--check", action="store_true", help="compare with the steps that Winnow ran ahead; write nothing")
    parser.add_argument("--trust", action="store_true", help="skip the hashes of files")
    args = parser.parse_args()
    if not args.check and args.out is None:
        parser.error("--out is missing")
    if args.chunk < 1 or (args.steps is not None and args.steps < 1):
        parser.error("--chunk and --steps count from 1")
    return args


class Policy:
    """The UNet with what is trained in it: an adapter (peft), or every weight."""

    def __init__(self, handoff: Handoff, args: argparse.Namespace, device: torch.device, state: dict[str, torch.Tensor] | None):
        config = handoff.config
        self.lora = config["mode"] == "lora"
        self.unet = handoff.unet()
        self.names = [entry["name"] for entry in handoff.entries]
        if self.lora:
            paths = [name.removesuffix(".lora_down.weight") for name in self.names if name.endswith(".lora_down.weight")]
            self.unet.add_adapter(LoraConfig(r=config["rank"], lora_alpha=config["alpha"], target_modules=paths, init_lora_weights=False))
            layers = {name: layer for name, layer in self.unet.named_modules() if isinstance(layer, BaseTunerLayer)}
            # Without a state of its own a layer would be random, not absent.
            if set(layers) != set(paths):
                raise refuse(f"{sorted(set(layers) ^ set(paths))[:3]} are no layers of both, the run and its model.", "Give the run's own model: --model.")
            self.layers = list(layers.values())
            tensor = {}
            for path, layer in layers.items():
                tensor[f"{path}.lora_down.weight"] = layer.lora_A["default"].weight
                tensor[f"{path}.lora_up.weight"] = layer.lora_B["default"].weight
        else:
            self.layers = []
            tensor = dict(self.unet.named_parameters())
        missing = set(self.names) ^ set(tensor)
        if missing:
            raise refuse(f"{sorted(missing)[:3]} are no tensors of both, the run and its model.", "Give the run's own model: --model.")
        self.tensors = {name: tensor[name] for name in self.names}
        if state is not None:
            wanted = {f"{kind}.{name}" for kind in KINDS for name in self.names}
            if wanted != set(state):
                raise refuse(f"The state and the run differ in {sorted(wanted ^ set(state))[:3]}.", "Hand the run off again.")
            with torch.no_grad():
                for name, parameter in self.tensors.items():
                    parameter.copy_(state[f"param.{name}"])
        elif self.lora:
            self._begin(config)
        # Only now: the weights of a full fine-tune are the base's up to here, which the reference table needs.
        for parameter in self.tensors.values():
            parameter.requires_grad_(True)
        if args.checkpointing:
            self.unet.enable_gradient_checkpointing()
        self.unet.to(device).train()

    @torch.no_grad()
    def _begin(self, config: dict) -> None:
        """As a run of Winnow begins: down ~ N(0, 1 / rank), up = 0."""
        for index, (name, parameter) in enumerate(self.tensors.items()):
            if name.endswith(".lora_up.weight"):
                parameter.zero_()
            else:
                drawn = draws.Stream(config["seed"], "loraInit", pair=index).normals(parameter.numel())
                parameter.copy_(torch.from_numpy((drawn.astype(np.float64) / config["rank"]).astype(np.float32)).reshape(parameter.shape))

    def optimizer(self, config: dict, state: dict[str, torch.Tensor] | None, step: int) -> torch.optim.AdamW:
        made = torch.optim.AdamW(
            self.tensors.values(), lr=0.0, betas=(config["adamBeta1"], config["adamBeta2"]), eps=config["adamEps"], weight_decay=config["weightDecay"])
        if state is not None:
            for name, parameter in self.tensors.items():
                moments = {key: state[f"{key}.{name}"].to(parameter.device) for key in ("exp_avg", "exp_avg_sq")}
                made.state[parameter] = {"step": torch.tensor(float(step)), **moments}
        return made

    @contextlib.contextmanager
    def reference(self):
        """The adapter off: the model that the run started from."""
        with torch.no_grad():
            for layer in self.layers:
                layer.enable_adapters(False)
            try:
                yield
            finally:
                for layer in self.layers:
                    layer.enable_adapters(True)


class Batches:
    """What the network is given for draws of the run; one winner and one loser each."""

    def __init__(self, handoff: Handoff, accelerator: Accelerator, cache: Path | None):
        self.handoff, self.config, self.pairs = handoff, handoff.config, handoff.pairs
        self.device, self.alphas = accelerator.device, handoff.alphas().double()
        about = handoff.about
        self.row = {prompt: i for i, prompt in enumerate(dict.fromkeys(["", *self.pairs.prompts]))}
        self.context, self.pooled = self._texts(accelerator, cache)
        self.zeros = about["emptyText"] == "zeros"
        self.order = draws.BatchOrder(self.config["seed"], self.pairs.buckets, self.config["pairsPerStep"])

    def _texts(self, accelerator: Accelerator, cache: Path | None) -> tuple[np.ndarray, np.ndarray]:
        """Every prompt, encoded once. With a cache folder they lie on disk, one copy for all processes."""
        encoded = lambda: self.handoff.encode(list(self.row), self.device)
        if cache is None:
            contexts, pooled = zip(*encoded())
            return torch.cat(contexts).numpy(), torch.cat(pooled).numpy()
        files = [cache / f"{name}.npy" for name in ("context", "pooled")]
        if accelerator.is_main_process:
            cache.mkdir(parents=True, exist_ok=True)
            arrays, at = None, 0
            for batch in encoded():
                if arrays is None:
                    shapes = [(len(self.row), *part.shape[1:]) for part in batch]
                    arrays = [np.lib.format.open_memmap(file, "w+", np.float32, shape) for file, shape in zip(files, shapes)]
                for array, part in zip(arrays, batch):
                    array[at : at + len(part)] = part.numpy()
                at += len(batch[0])
            for array in arrays:
                array.flush()
        accelerator.wait_for_everyone()
        return tuple(np.load(file, mmap_mode="r") for file in files)

    def draw(self, n: int) -> draws.Draw:
        return draws.draw(self.config, self.order, n)

    def latents(self, row: dict, side: str, n: int) -> np.ndarray:
        """[C, h, w], of a picture that was made in Winnow as they are; of one from elsewhere drawn from its posterior."""
        kept = self.pairs.values(row, f"latents_{side}")
        if kept is not None:
            return kept
        mean, std = (self.pairs.values(row, f"{name}_{side}") for name in ("mean", "std"))
        return draws.posterior(self.config, n, side, mean, std, self.handoff.about["scalingFactor"])

    def of(self, drawn: list[draws.Draw]) -> dict:
        """Winners, then losers; all of one size."""
        rows = [self.pairs[one.pair] for one in drawn]
        x0 = torch.from_numpy(np.stack([self.latents(row, side, one.n) for side in "wl" for row, one in zip(rows, drawn)])).double()
        noise = [draws.noise(self.config, one.n, x0.shape[1:]) for one in drawn]
        eps = torch.from_numpy(np.stack(noise + noise)).double()
        timestep = torch.tensor([one.timestep for one in drawn] * 2)
        alpha = self.alphas[timestep].reshape(-1, 1, 1, 1)
        signal, deviation = alpha.sqrt(), (1 - alpha).sqrt()
        match self.handoff.about["prediction"]:
            case "epsilon":
                target = eps
            case "v_prediction":
                target = signal * eps - deviation * x0
            case "sample":
                target = x0
        texts = [0 if one.drop_prompt else self.row[row["caption"]] for row, one in zip(rows, drawn)]
        told = lambda of: torch.from_numpy(np.stack([of[text] for text in texts] * 2))
        context, added = told(self.context), {}
        if self.handoff.about["timeIds"]:
            time_ids = torch.tensor([row[f"time_ids_{side}"] for side in "wl" for row in rows], dtype=torch.float32)
            added = {"text_embeds": told(self.pooled), "time_ids": time_ids}
        if self.zeros:
            dropped = torch.tensor([one.drop_prompt for one in drawn] * 2)
            context[dropped] = 0
            if added:
                added["text_embeds"][dropped] = 0
        bar = self.alphas[timestep[: len(drawn)]]
        preference = [1.0 if row["preference"] is None else row["preference"] for row in rows]
        move = lambda tensor: tensor.to(self.device)
        inputs = {"sample": move((signal * x0 + deviation * eps).float()), "timestep": move(timestep), "encoder_hidden_states": move(context)}
        if added:
            inputs["added_cond_kwargs"] = {name: move(tensor) for name, tensor in added.items()}
        return {
            "inputs": inputs, "target": move(target.float()), "scale": move(logit_scale(self.config, bar / (1 - bar))),
            "preference": move(torch.tensor(preference, dtype=torch.float64))}


def errors(model, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """pred - target [2B, C, h, w], and its mean square [2B], in f32."""
    difference = model(**batch["inputs"]).sample.float() - batch["target"]
    return difference, (difference**2).mean(dim=(1, 2, 3))


def learning_rate(config: dict, steps: int, step: int) -> float:
    warmup = config["warmupSteps"]
    if step < warmup:
        factor = step / warmup
    elif config["lrSchedule"] == "constant":
        factor = 1.0
    else:
        factor = max(0.0, 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))))
    return config["learningRate"] * factor


def plan(config: dict, sizes: int, rank: int, processes: int, chunk: int) -> list[list[tuple[int, float]]]:
    """This rank's part of a step: chunks of (slot, weight). The chunks are those of the whole step, dealt out in turn, so that with the same chunks
    any number of processes adds up the same sums. All ranks have as many, so that they meet in every collective; what is missing is a chunk again,
    of weight 0. A chunk stays within a micro-batch where those are of several sizes, and is one where the loss sees it as a whole."""
    size, slots = config["pairsPerStep"], config["accumulation"] * config["pairsPerStep"]
    whole = config["loss"] in WHOLE or config["sdpoMu"] is not None
    length = size if whole else min(chunk, -(-slots // processes))
    within = size if whole or sizes > 1 else slots
    chunks = [
        [(slot, 1.0) for slot in range(at, min(at + length, start + within))]
        for start in range(0, slots, within) for at in range(start, start + within, length)]
    mine = chunks[rank::processes]
    return mine + [[(slot, 0.0) for slot, _ in chunks[0]]] * (-(-len(chunks) // processes) - len(mine))


class Run:
    def __init__(self, args: argparse.Namespace):
        draws.self_test()
        self.args = args
        # Every draw has its own numbers; nothing else is left to chance.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        self.accelerator = Accelerator(mixed_precision=args.mixed_precision, gradient_accumulation_steps=1)
        self.main = self.accelerator.is_main_process
        self._refuse_engines()
        self.handoff = Handoff(args.handoff, args.model, check_files=not args.trust and self.main)
        self.config = config = self.handoff.config
        self.steps = args.steps or config["steps"]
        if config["lrSchedule"] == "cosine" and self.steps != config["steps"] and not (args.reschedule or args.check):
            raise refuse(f"The learning rate falls as a cosine over {config['steps']} steps.", "Leave out --steps, or allow another curve by --reschedule.")
        self.record, self.rows = self._opened()
        state_file = (args.out / "state.safetensors") if self.resumed else self.handoff.state()
        state, self.step = read_state(state_file) if state_file.exists() else (None, 0)
        self.rows = [row for row in self.rows if row["step"] < self.step]
        self.parent = sha256(self.handoff.state()) if self.handoff.state().exists() else None
        device = self.accelerator.device
        cache = None if args.check else args.out / "cache"
        self.batches = Batches(self.handoff, self.accelerator, cache)
        end = self.step + len(self.handoff.about["expect"]) if args.check else self.steps
        self.table = {} if config["mode"] == "lora" else self._reference_table(self.step, end)
        self.policy = Policy(self.handoff, args, device, state)
        optimizer = self.policy.optimizer(config, state, self.step)
        self.model, self.optimizer = self.accelerator.prepare(self.policy.unet, optimizer)
        self.averages = self._averages()
        self.stopped = False

    def _refuse_engines(self) -> None:
        kind = self.accelerator.distributed_type
        if kind in (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM, DistributedType.XLA):
            raise refuse(f"continue.py does not shard weights ({kind.value}).", "Launch it with --multi_gpu (DDP).")

    def _opened(self) -> tuple[dict, list[dict]]:
        """The run's record and metrics so far: those in --out, if it was begun there."""
        args, out = self.args, self.args.out
        self.resumed = out is not None and not args.check and (out / "run.json").exists()
        folder = out if self.resumed else self.handoff.folder
        record = json.loads((folder / "run.json").read_text())
        metrics = folder / "metrics.jsonl"
        rows = [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.exists() else []
        mine = [entry for entry in record.get("lineage", []) if entry.get("by") == BY]
        if self.resumed and not (mine and mine[-1]["handoff"] == sha256(args.handoff / "handoff.json")):
            raise refuse(f"{out} holds another run.", "Choose another --out.")
        return record, rows

    @torch.no_grad()
    def _reference_table(self, first: int, end: int) -> dict[int, tuple[float, float]]:
        """Of a full fine-tune: the reference's errors for every draw to come, n -> (r_w, r_l). The second copy of the weights is gone then."""
        unet = self.handoff.unet().to(self.accelerator.device)
        size, chunk = self.config["pairsPerStep"], min(self.args.chunk, self.config["pairsPerStep"])
        # Within micro-batches, which are of one size each.
        starts = [n + at for n in range(first * self.config["accumulation"] * size, end * self.config["accumulation"] * size, size) for at in range(0, size, chunk)]
        found = []
        for start in starts[self.accelerator.process_index :: self.accelerator.num_processes]:
            drawn = [self.batches.draw(n) for n in range(start, min(start + chunk, start - start % size + size))]
            with self.accelerator.autocast():
                _, r = errors(unet, self.batches.of(drawn))
            found += [(one.n, w, l) for one, w, l in zip(drawn, r[: len(drawn)].tolist(), r[len(drawn) :].tolist())]
        return {n: (w, l) for n, w, l in gather_object(found)}

    def take_step(self) -> dict:
        config, accelerator, step = self.config, self.accelerator, self.step
        started = time.monotonic()
        slots = config["accumulation"] * config["pairsPerStep"]
        rate = learning_rate(config, self.steps, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        mine = []
        chunks = plan(config, len(self.handoff.pairs.buckets), accelerator.process_index, accelerator.num_processes, self.args.chunk)
        for i, chunk in enumerate(chunks):
            drawn = [self.batches.draw(step * slots + slot) for slot, _ in chunk]
            batch = self.batches.of(drawn)
            b = len(drawn)
            if self.table:
                r = torch.tensor([self.table[one.n][half] for half in (0, 1) for one in drawn], device=accelerator.device)
            else:
                with self.policy.reference():
                    _, r = errors(self.policy.unet, batch)
            with contextlib.nullcontext() if i == len(chunks) - 1 else accelerator.no_sync(self.model):
                difference, m = errors(self.model, batch)
                factor = safeguard(config, difference[:b].detach(), difference[b:].detach())
                # The value as it is, the gradient held back.
                ml = m[b:] if factor == 1 else m[b:] * factor + m[b:].detach() * (1 - factor)
                doubles = [values.double() for values in (m[:b], ml, r[:b], r[b:])]
                doubles[1] = doubles[1] + (m[b:].double() - doubles[1]).detach()
                each, logit = pair_losses(config, *doubles, batch["scale"], batch["preference"])
                weights = torch.tensor([weight for _, weight in chunk], dtype=torch.float64, device=accelerator.device)
                accelerator.backward((each * weights).sum() * accelerator.num_processes / slots)
            values = zip(chunk, drawn, *(t.tolist() for t in (each, logit, m[:b], m[b:], r[:b], r[b:], batch["preference"])))
            mine += [(slot, value, row_of(self.handoff, one, s, mw, ml, rw, rl, p if config["loss"] == "soft" else None))
                     for (slot, weight), one, value, s, mw, ml, rw, rl, p in values if weight > 0]
        norm = torch.nn.utils.clip_grad_norm_(self.policy.tensors.values(), config["maxGradNorm"] or math.inf)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._average()
        gathered = sorted(gather_object([(*one, self.stopped) for one in mine] or [(-1, 0.0, None, self.stopped)]), key=lambda one: one[0])
        # All processes, or none.
        self.stopped = any(one[3] for one in gathered)
        pairs = [one[2] for one in gathered if one[0] >= 0]
        assert len(pairs) == slots, f"{len(pairs)} draws of {slots}"
        mean = lambda key: sum(pair[key] for pair in pairs) / slots
        self.step += 1
        return {
            "step": step, "loss": sum(one[1] for one in gathered) / slots, "implicitAccuracy": implicit_accuracy(pairs), "logit": mean("logit"),
            "winnerError": mean("mw"), "loserError": mean("ml"), "winnerReferenceError": mean("rw"), "loserReferenceError": mean("rl"),
            "gradNorm": float(norm), "learningRate": rate, "elapsedMs": 1000 * (time.monotonic() - started), "pairs": pairs}

    def train(self) -> None:
        if self.args.check:
            return self.check()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: setattr(self, "stopped", True))
        if self.main:
            count, device = self.accelerator.num_processes, self.accelerator.device.type
            print(f"from step {self.step} to {self.steps}: {len(self.handoff.pairs)} pairs, {count} {'process' if count == 1 else 'processes'} ({device}, {self.args.mixed_precision})", flush=True)
        every = self.args.save_every if self.args.save_every is not None else self.config["saveEvery"]
        if self.main and not self.resumed:
            self.save("running")
        while self.step < self.steps and not self.stopped:
            row = self.take_step()
            if not math.isfinite(row["loss"]):
                raise SystemExit(f"Step {row['step']} is no number any more: the run diverged. Go on from an earlier save at a lower learning rate.")
            self.rows.append(row)
            if self.main:
                print(f"step {self.step}/{self.steps}, loss {row['loss']:.4f}, implicit accuracy {row['implicitAccuracy']:.0%}, {row['elapsedMs']:.0f} ms", flush=True)
            if self.main and every and self.step % every == 0 and self.step < self.steps and not self.stopped:
                self.save("running")
        if self.main:
            self.save("stopped" if self.step < self.steps else "finished")
            shutil.rmtree(self.args.out / "cache", ignore_errors=True)
        self.accelerator.wait_for_everyone()

    # ---- what is kept ----

    def save(self, status: str) -> None:
        """Checkpoint, state, metrics, then the record that names them; each under its name when it is whole."""
        out, step = self.args.out, self.step
        tensors = {name: parameter.detach().cpu().contiguous() for name, parameter in self.policy.tensors.items()}
        metadata = {"run": self.record["name"], "step": str(step)}
        checkpoints = [one for one in self.record["checkpoints"] if self.resumed and one["step"] < step]
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if step > 0:
            file = f"checkpoints/step-{step:06d}.safetensors"
            write_tensors(out / file, self._checkpoint(tensors), metadata)
            checkpoints.append({"step": step, "file": file, "at": now})
        zeros = lambda parameter: torch.zeros_like(parameter, device="cpu")
        moments = {name: self.optimizer.state.get(parameter, {}) for name, parameter in self.policy.tensors.items()}
        state = {f"param.{name}": tensor for name, tensor in tensors.items()}
        for kind in KINDS[1:]:
            state |= {f"{kind}.{name}": moments[name][kind].cpu() if moments[name] else zeros(self.policy.tensors[name]) for name in tensors}
        write_tensors(out / "state.safetensors", state, {**metadata, "version": "2"})
        if self.averages is not None:
            write_tensors(out / "ema.safetensors", self.averages, {**metadata, "decay": str(self.args.ema)})
        write_text(out / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in self.rows))
        kept = checkpoints[-self.config["keepCheckpoints"] :]
        logit = self.record["step0Logit"]
        if logit is None and self.rows and self.rows[0]["step"] == 0:
            logit = max(abs(pair["logit"]) for pair in self.rows[0]["pairs"])
        self.record |= {
            "config": {**self.record["config"], "steps": self.steps}, "status": status, "step": step, "checkpoints": kept,
            "samples": [], "updatedAt": now, "step0Logit": logit, "lineage": self._lineage()}
        self.record.pop("error", None)
        self.resumed = True
        write_text(out / "run.json", json.dumps(self.record, indent=2) + "\n")
        for file in (out / "checkpoints").glob("step-*.safetensors"):
            if f"checkpoints/{file.name}" not in {one["file"] for one in kept}:
                file.unlink()

    def _checkpoint(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if not self.policy.lora:
            return tensors
        made = {}
        for name, tensor in tensors.items():
            path, half = name.rsplit(".lora_", 1)
            made[f"{kohya(path)}.lora_{half}"] = tensor
            made[f"{kohya(path)}.alpha"] = torch.tensor(float(self.config["alpha"]))
        return made

    def _lineage(self) -> list[dict]:
        before = list(self.record.get("lineage", []))
        entry = {
            "by": BY, "parent": self.handoff.about["run"], "handoff": sha256(self.args.handoff / "handoff.json"), "stateSha256": self.parent,
            "processes": self.accelerator.num_processes, "chunk": self.args.chunk, "precision": self.args.mixed_precision,
            "moments": "restored" if self.parent else "fresh",
            "packages": {name: version(name) for name in ("torch", "diffusers", "peft", "accelerate")},
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() and self.accelerator.device.type == "cuda" else "cpu"}
        same = lambda last: all(last.get(key) == value for key, value in entry.items())
        start = self.handoff.about["step"]
        if before and same(before[-1]):
            start = before.pop()["fromStep"]
        elif before and before[-1].get("handoff") == entry["handoff"]:
            start = before[-1]["toStep"]
        return [*before, {**entry, "fromStep": start, "toStep": self.step}]

    def _averages(self) -> dict[str, torch.Tensor] | None:
        if self.args.ema is None or self.args.check:
            return None
        file = self.args.out / "ema.safetensors"
        if self.resumed and file.exists():
            return load_file(file)
        return {name: parameter.detach().float().cpu().clone() for name, parameter in self.policy.tensors.items()}

    @torch.no_grad()
    def _average(self) -> None:
        """diffusers' EMAModel: the decay warms up. Of an adapter's halves, each on its own."""
        if self.averages is not None and self.main:
            done = self.step - self.handoff.about["step"] + 1
            decay = min(self.args.ema, (1 + done) / (10 + done))
            for name, parameter in self.policy.tensors.items():
                self.averages[name].lerp_(parameter.detach().float().cpu(), 1 - decay)

    # ---- against Winnow ----

    def check(self) -> None:
        expected, worst = self.handoff.about["expect"], 0.0
        if not expected:
            raise refuse("There are no steps to compare with.", "Hand the run off with --expect 3.")
        for row in expected:
            found = self.take_step()
            for mine, theirs in zip(found["pairs"], row["pairs"]):
                if any(mine[key] != theirs[key] for key in ("pair", "timestep")):
                    raise SystemExit(f"Step {row['step']} draws {mine['pair']} at {mine['timestep']}, and Winnow {theirs['pair']} at {theirs['timestep']}.")
            largest = max(pair[key] for pair in row["pairs"] for key in ("mw", "ml"))
            allowed = 1e-5 * max(1, abs(row["loss"])) + self.config["beta"] / 2 * 1e-6 * largest
            off = abs(found["loss"] - row["loss"])
            worst = max(worst, off / allowed)
            if self.main:
                print(f"step {row['step']}: loss {found['loss']:.8f}, Winnow {row['loss']:.8f}, off by {off:.1e} of {allowed:.1e}; gradient {found['gradNorm']:.6g}, {row['gradNorm']:.6g}")
        if worst > 1:
            raise SystemExit("continue.py does not follow this run: do not go on with it.")
        if self.main:
            print(f"{len(expected)} steps follow Winnow's.")


def row_of(handoff: Handoff, one: draws.Draw, logit: float, mw: float, ml: float, rw: float, rl: float, preference: float | None) -> dict:
    row = {"pair": handoff.pairs.ids[one.pair], "timestep": one.timestep, "logit": logit, "mw": mw, "ml": ml, "rw": rw, "rl": rl}
    return row if preference is None else {**row, "preference": preference}


def write_tensors(file: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    save_file(tensors, part, metadata)
    os.replace(part, file)


def write_text(file: Path, text: str) -> None:
    part = file.with_name(f"{file.name}.part")
    part.write_text(text)
    os.replace(part, file)


if __name__ == "__main__":
    Run(arguments()).train()
