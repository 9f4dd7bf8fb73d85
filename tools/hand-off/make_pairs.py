#!/usr/bin/env python3
"""Makes the pairs that `winnow pairs` makes (same prompts, seeds and noise), on many processes, through diffusers.

    accelerate launch --num_processes 8 make_pairs.py request.json --model MODEL_FOLDER --count 10000 --out parts
    python make_pairs.py --merge parts more-parts --out PAIRS      # a folder for winnow label, winnow train, ...

request.json lies in every folder that `winnow pairs` made (one pair will do) and says what to make. Each process makes every N-th pair and writes it
into a part of its own: what is there already is not made again, however many processes come back; parts of several machines are copied together.
"""

import argparse
import io
import json
import os
import uuid
from datetime import datetime, timezone
from pathlib import Path

import pyarrow
import pyarrow.parquet
import torch

import draws

SCHEMA = pyarrow.schema([
    ("index", pyarrow.int64()), ("slot", pyarrow.int8()), ("caption", pyarrow.string()), ("seed", pyarrow.int64()), ("latents", pyarrow.binary()),
    ("latent_shape", pyarrow.list_(pyarrow.int32())), ("png", pyarrow.binary()), ("record", pyarrow.string())])
REQUEST = b"winnow.request"
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("request", type=Path, nargs="?", help="request.json, or the folder it lies in")
    parser.add_argument("--model", type=Path, help="diffusers folder; with adapters, one that they are merged into (winnow export --as diffusers)")
    parser.add_argument("--count", type=int, help="pairs in all (default: one a prompt)")
    parser.add_argument("--batch", type=int, default=4, help="pairs drawn at once, per process")
    parser.add_argument("--part", type=int, default=64, help="pairs of a file")
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="f16 and bf16 give other pictures than Winnow")
    parser.add_argument("--merge", type=Path, nargs="+", help="folders of parts")
    parser.add_argument("--partial", action="store_true", help="merge what is there, though pairs are missing")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.merge is None and args.request is None:
        parser.error("give request.json, or --merge")
    return args


def refuse(what: str, remedy: str) -> SystemExit:
    return SystemExit(f"{what} {remedy}")


def read_request(path: Path) -> dict:
    request = json.loads((path / "request.json" if path.is_dir() else path).read_text())
    for name, remedy in {"against": "make the pairs of two models in Winnow", "bestOf": "choose in Winnow (winnow pairs --best-of)", "init": "start from noise"}.items():
        if request.get(name):
            raise refuse(f"The request has {name}, which make_pairs.py does not make.", f"{remedy.capitalize()}.")
    return request


def model_of(request: dict, given: Path | None) -> Path:
    model = request["model"]
    if given is None and model["adapters"]:
        raise refuse("The request's model has adapters.", "Merge them (winnow export MODEL+ADAPTER --as diffusers --out DIR), and give --model DIR.")
    folder = given or Path(model["base"])
    if not (folder / "model_index.json").exists():
        raise refuse(f"There is no diffusers folder {folder}.", "Give --model FOLDER.")
    return folder


def parts_of(folders: list[Path]) -> list[Path]:
    return sorted(file for folder in folders for file in folder.glob("pairs-*.parquet"))


def done(folder: Path, request: dict) -> set[int]:
    found: set[int] = set()
    for file in parts_of([folder]):
        if json.loads(pyarrow.parquet.read_schema(file).metadata[REQUEST]) != request:
            raise refuse(f"{file} was made for another request.", "Choose another --out.")
        found |= set(pyarrow.parquet.read_table(file, columns=["index"])["index"].to_pylist())
    return found


class Easel:
    """diffusers' own pipeline, with each picture's own generator."""

    def __init__(self, request: dict, model: Path, device: torch.device, dtype: torch.dtype):
        import diffusers

        self.request = request
        self.pipe = diffusers.DiffusionPipeline.from_pretrained(model, torch_dtype=dtype).to(device)
        scheduler = getattr(diffusers, request["scheduler"])
        self.pipe.scheduler = scheduler.from_config({**self.pipe.scheduler.config, **(request.get("schedulerConfig") or {})})
        self.pipe.set_progress_bar_config(disable=True)

    @torch.no_grad()
    def draw(self, pairs: list[int]) -> list[dict]:
        request = self.request
        todo = [(n, slot, request["prompts"][n % len(request["prompts"])], seed)
                for n in pairs for slot, seed in enumerate(draws.image_seeds(request["seed"], n))]
        extra = {name: request[ours] for name, ours in (("eta", "eta"), ("guidance_rescale", "guidanceRescale")) if request.get(ours)}
        latents = self.pipe(
            prompt=[prompt for _, _, prompt, _ in todo], negative_prompt=[request["negativePrompt"]] * len(todo) if request["negativePrompt"] else None,
            num_inference_steps=request["steps"], guidance_scale=request["guidanceScale"], height=request["height"], width=request["width"],
            generator=[torch.Generator("cpu").manual_seed(seed) for *_, seed in todo], output_type="latent", **extra).images
        rows = []
        for (n, slot, prompt, seed), one in zip(todo, latents):
            # One after the other: the decoder is what takes the most memory.
            image = self.pipe.vae.decode(one[None] / self.pipe.vae.config.scaling_factor).sample
            picture = self.pipe.image_processor.postprocess(image, output_type="pil")[0]
            record = self.record(n, slot, prompt, seed)
            rows.append({
                "index": n, "slot": slot, "caption": prompt, "seed": seed, "latents": one.float().cpu().numpy().astype("<f4").tobytes(),
                "latent_shape": list(one.shape), "png": png_of(picture, record), "record": json.dumps(record)})
        return rows

    def record(self, n: int, slot: int, prompt: str, seed: int) -> dict:
        """As Winnow keeps of a picture."""
        settings = {key: value for key, value in self.request.items() if key not in ("prompts", "seed", "modelHash")}
        name = str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([self.request["modelHash"], self.request["seed"], n, slot])))
        return {
            **settings, "id": name, "prompt": prompt, "seed": seed, "modelHash": self.request["modelHash"], "ranOn": "diffusers", "createdAt": now(),
            "file": f"images/{name}.png", "latentsFile": f"images/{name}.safetensors"}


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def png_of(picture, record: dict) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    text, file = PngInfo(), io.BytesIO()
    # Pictures travel; where the model lies does not.
    model = {**record["model"], "base": record["model"]["base"].replace("\\", "/").split("/")[-1]}
    text.add_itxt("winnow", json.dumps({**record, "model": model}))
    picture.save(file, "png", pnginfo=text)
    return file.getvalue()


def make(args: argparse.Namespace) -> None:
    from accelerate import PartialState

    draws.self_test()
    request = read_request(args.request)
    model = model_of(request, args.model)
    state = PartialState()
    count = args.count or len(request["prompts"])
    args.out.mkdir(parents=True, exist_ok=True)
    there = done(args.out, request)
    state.wait_for_everyone()
    # All processes see the same; each takes every N-th.
    missing = [n for n in range(count) if n not in there]
    mine = missing[state.process_index :: state.num_processes]
    if state.is_main_process:
        print(f"{count - len(missing)} of {count} pairs are there", flush=True)
    easel = Easel(request, model, state.device, DTYPES[args.dtype]) if mine else None
    for at in range(0, len(mine), args.part):
        wanted = mine[at : at + args.part]
        rows = [row for i in range(0, len(wanted), args.batch) for row in easel.draw(wanted[i : i + args.batch])]
        table = pyarrow.Table.from_pylist(rows, SCHEMA.with_metadata({REQUEST: json.dumps(request)}))
        file = args.out / f"pairs-{wanted[0]:08d}-{uuid.uuid4().hex[:8]}.parquet"
        part = file.with_suffix(".tmp")
        pyarrow.parquet.write_table(table, part)
        os.replace(part, file)
        print(f"process {state.process_index}: {at + len(wanted)}/{len(mine)} pairs", flush=True)
    state.wait_for_everyone()


def merge(args: argparse.Namespace) -> None:
    from safetensors.torch import save_file

    files = parts_of(args.merge)
    if not files:
        raise refuse(f"There are no parts in {', '.join(map(str, args.merge))}.", "Give the --out of make_pairs.py.")
    if (args.out / "pairs.jsonl").exists():
        raise refuse(f"{args.out} holds pairs already.", "Choose another --out.")
    requests = {pyarrow.parquet.read_schema(file).metadata[REQUEST] for file in files}
    if len(requests) > 1:
        raise refuse("The parts were made for several requests.", "Merge those of one at a time.")
    where: dict[tuple[int, int], tuple[Path, int]] = {}
    for file in files:
        table = pyarrow.parquet.read_table(file, columns=["index", "slot"])
        for i, key in enumerate(zip(table["index"].to_pylist(), table["slot"].to_pylist())):
            # Made twice, by processes that did not see one another: the same picture.
            where.setdefault(key, (file, i))
    last = max(n for n, _ in where)
    missing = [n for n in range(last + 1) if (n, 0) not in where or (n, 1) not in where]
    if missing and not args.partial:
        raise refuse(f"{len(missing)} of {last + 1} pairs are missing, the first of them {missing[0]}.", "Run make_pairs.py again, or merge with --partial.")
    (args.out / "images").mkdir(parents=True, exist_ok=True)
    records: dict[tuple[int, int], dict] = {}
    for file in files:
        for i, row in enumerate(pyarrow.parquet.read_table(file).to_pylist()):
            key = (row["index"], row["slot"])
            if where[key] != (file, i) or row["index"] in missing:
                continue
            records[key] = json.loads(row["record"])
            (args.out / records[key]["file"]).write_bytes(row["png"])
            latents = torch.frombuffer(bytearray(row["latents"]), dtype=torch.float32).reshape(1, *row["latent_shape"])
            save_file({"latents": latents}, args.out / records[key]["latentsFile"])
    lines = []
    for n in sorted({n for n, _ in records}):
        images = [records[n, 0], records[n, 1]]
        made = uuid.uuid5(uuid.NAMESPACE_OID, images[0]["id"])
        lines.append(json.dumps({"id": str(made), "prompt": images[0]["prompt"], "images": images, "origin": "seeds", "createdAt": images[0]["createdAt"]}))
    (args.out / "request.json").write_text(json.dumps(json.loads(requests.pop()), indent=2) + "\n")
    # Last: a folder is one of pairs once it is there.
    part = args.out / "pairs.jsonl.part"
    part.write_text("".join(f"{line}\n" for line in lines))
    os.replace(part, args.out / "pairs.jsonl")
    print(f"{len(lines)} pairs in {args.out}")


if __name__ == "__main__":
    given = arguments()
    merge(given) if given.merge else make(given)
