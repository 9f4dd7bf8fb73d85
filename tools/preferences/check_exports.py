#!/usr/bin/env python3
"""States whether what `winnow export PAIRS` writes is what others read: types by pyarrow, splits and values by
datasets.load_dataset, pictures by PIL, winners as diffusers' DPO scripts take them. Exit code 0 only if all of it holds.

    python check_exports.py                  # 60 pairs, some imported from Pick-a-Pic with their fields
    python check_exports.py --large 10000    # and so many pairs of 2 x 60 kB in Pick-a-Pic's form, with the peak of memory
"""

import argparse
import io
import json
import os
import random
import resource
import subprocess
import tempfile
import time
import xml.etree.ElementTree
from datetime import datetime, timezone
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
AT = "2026-01-02T03:04:05.678Z"

PICKAPIC = pa.schema([
    ("are_different", pa.bool_()), ("best_image_uid", pa.string()), ("caption", pa.string()), ("created_at", pa.timestamp("ns")),
    ("has_label", pa.bool_()), ("image_0_uid", pa.string()), ("image_0_url", pa.string()), ("image_1_uid", pa.string()),
    ("image_1_url", pa.string()), ("jpg_0", pa.binary()), ("jpg_1", pa.binary()), ("label_0", pa.float64()), ("label_1", pa.float64()),
    ("model_0", pa.string()), ("model_1", pa.string()), ("ranking_id", pa.int64()), ("user_id", pa.int64()),
    ("num_example_per_prompt", pa.int64()), ("__index_level_0__", pa.int64())])


def winnow(*args: object) -> tuple[dict, float]:
    """Runs a verb; returns its JSON, and the most memory that any run of it held so far, in MB."""
    result = subprocess.run(["node", ROOT / "tools/cli/winnow.mjs", *map(str, args), "--json"], stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise SystemExit(f"winnow {' '.join(map(str, args))} failed: {result.stdout}")
    return json.loads(result.stdout), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3


def picture(path: Path, rng: random.Random, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.frombytes("RGB", (size, size), rng.randbytes(3 * size * size)).save(path)


def make_pairs(folder: Path, count: int, rng: random.Random) -> tuple[list[dict], dict[str, dict]]:
    """A pairs folder of all kinds: own pairs, and pairs that came with fields; every answer."""
    pairs, labels = [], {}
    for n in range(count):
        images = []
        for which in (0, 1):
            own, file = n % 2 == 0, f"pictures/{n}-{which}.{'png' if n % 2 == 0 else 'jpg'}"
            picture(folder / file, rng, 16)
            image = {"id": f"i{n}-{which}", "file": file, "width": 16, "height": 16, "createdAt": AT}
            if own:
                image |= {
                    "model": {"base": "postcard", "adapters": []}, "prompt": "", "negativePrompt": "", "steps": 8, "guidanceScale": 3, "seed": n,
                    "scheduler": "DDIMScheduler", "sampler": "auto", "modelHash": "", "ranOn": "engine", "latentsFile": f"{file}.safetensors"}
                (folder / image["latentsFile"]).write_bytes(b"latents")
            else:
                image |= {"foreign": True}
            images.append(image)
        pair = {"id": f"p{n}", "prompt": f"prompt {n // 3}: häuschen, \"rot\"", "images": images, "createdAt": AT, "origin": "seeds" if own else "imported"}
        answer = ("left", "right", "right", "left", "tie", "bothBad")[n % 6]
        if not own:
            won = {"left": 0, "right": 1}.get(answer)
            pair["source"] = {"format": "pickapic", "file": "a.parquet", "row": n, "fields": {
                "are_different": n % 3 == 0, "best_image_uid": "none" if won is None else f"u{n}-{won}", "created_at": f"2023-05-06T07:08:09.{n:09d}Z",
                "has_label": won is not None, "image_0_uid": f"u{n}-0", "image_0_url": f"https://example/{n}", "image_1_uid": f"u{n}-1",
                "image_1_url": None, "label_1": {0: 0.0, 1: 1.0, None: 0.5}[won], "model_0": "a/b", "model_1": "c/d", "ranking_id": 7 * n,
                "user_id": str(2**53 + n), "num_example_per_prompt": 3, "__index_level_0__": 1000 + n}}
        pairs.append(pair)
        labels[pair["id"]] = {"type": "label", "id": f"l{n}", "pair": pair["id"], "answer": answer, "shownLeft": 0, "clearly": False,
                              "elapsedMs": 1000, "at": AT, "by": "person" if own else f"import:{n}"}
    write_jsonl(folder / "pairs.jsonl", pairs)
    write_jsonl(folder / "labels.jsonl", labels.values())
    return pairs, labels


def write_jsonl(file: Path, values) -> None:
    file.write_text("".join(json.dumps(value) + "\n" for value in values))


def nanoseconds(text: str) -> int:
    seconds, fraction = text.rstrip("Z").split(".")
    return int(datetime.fromisoformat(seconds).replace(tzinfo=timezone.utc).timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


class Check:
    def __init__(self) -> None:
        self.failed = 0

    def __call__(self, what: str, found: object, expected: object = True) -> None:
        ok = found == expected
        self.failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'}  {what}" + ("" if ok else f"\n      found    {str(found)[:300]}\n      expected {str(expected)[:300]}"))


def as_scripts_take_it(row: dict) -> tuple[bytes, bytes]:
    """Winner and loser as train_diffusion_dpo.py (diffusers) swaps them: only label_0 == 0 is looked at."""
    pictures = [row["jpg_0"], row["jpg_1"]]
    for one in pictures:
        Image.open(io.BytesIO(one)).convert("RGB")
    return (pictures[1], pictures[0]) if row["label_0"] == 0 else (pictures[0], pictures[1])


def check_all(folder: Path, count: int, check: Check) -> None:
    source = folder / "pairs"
    pairs, labels = make_pairs(source, count, random.Random(0))
    bytes_of = lambda pair, which: (source / pair["images"][which]["file"]).read_bytes()
    winner_of = lambda pair: {"left": 0, "right": 1}.get(labels[pair["id"]]["answer"])
    decided = [pair for pair in pairs if winner_of(pair) is not None]

    out = folder / "my-pickapic"
    figures, _ = winnow("export", source, "--as", "pickapic", "--validation", 0.2, "--out", out)
    ties, bad = (sum(label["answer"] == answer for label in labels.values()) for answer in ("tie", "bothBad"))
    check("pickapic: what is left out is told", figures["leftOut"], {"unjudged": 0, "bothBad": bad, "skip": 0, "tie": ties})
    for file in sorted(out.glob("data/*.parquet")):
        check(f"pickapic: pyarrow reads the 19 types of {file.name}", pa.parquet.read_schema(file).remove_metadata(), PICKAPIC)
    # As an un-annotated BYTE_ARRAY, which older readers do not take for text.
    parquet = pa.parquet.ParquetFile(next(out.glob("data/train-*"))).schema
    jpg = [parquet.column(i) for i in range(len(parquet)) if parquet.column(i).name == "jpg_0"][0]
    check("pickapic: jpg_0 is a plain BYTE_ARRAY", (jpg.physical_type, jpg.logical_type.type), ("BYTE_ARRAY", "NONE"))
    loaded = datasets.load_dataset(str(out), cache_dir=str(folder / "cache"))
    check("pickapic: load_dataset finds the splits", sorted(loaded), ["train", "validation"])
    check("pickapic: no prompt is in both", set(loaded["train"]["caption"]) & set(loaded["validation"]["caption"]), set())
    table = pa.concat_tables(pa.parquet.read_table(file) for file in sorted(out.glob("data/*.parquet")))
    rows = {bytes(row["jpg_0"]): row for row in table.to_pylist()}
    created = dict(zip((bytes(b) for b in table["jpg_0"].to_pylist()), table["created_at"].cast(pa.int64()).to_pylist()))
    check("pickapic: every decided pair is there once", len(rows), len(decided))
    wrong = []
    for pair in decided:
        row, won = rows[bytes_of(pair, 0)], winner_of(pair)
        fields = pair.get("source", {}).get("fields")
        expected = {"caption": pair["prompt"], "jpg_1": bytes_of(pair, 1), "label_0": 1.0 - won, "label_1": float(won)}
        expected |= {k: int(v) if k == "user_id" else v for k, v in fields.items() if k != "created_at"} if fields else {
            "best_image_uid": f"{pair['id'].replace('p', 'i')}-{won}", "has_label": True, "model_0": "postcard", "user_id": 0}
        at = nanoseconds(fields["created_at"] if fields else AT)
        if any(row[k] != v for k, v in expected.items()) or created[bytes_of(pair, 0)] != at:
            wrong.append((pair["id"], {k: (row[k], v) for k, v in expected.items() if row[k] != v}))
    check("pickapic: values are those of the pairs; imported rows go out as they came", wrong, [])
    by_prompt = [row for split in loaded.values() for row in split]
    taken = {as_scripts_take_it(row) for row in by_prompt}
    check("pickapic: the scripts take the winners for winners", taken, {(bytes_of(p, winner_of(p)), bytes_of(p, 1 - winner_of(p))) for p in decided})

    winnow("export", source, "--as", "pairs", "--keep-ties", "--out", folder / "pairs.parquet")
    table = pa.parquet.read_table(folder / "pairs.parquet")
    check("pairs: columns", table.column_names[:4], ["caption", "jpg_0", "jpg_1", "label_0"])
    check("pairs: ties are 0.5", sum(value == 0.5 for value in table["label_0"].to_pylist()), ties)
    check("pairs: what else came goes out, too", [table.schema.field(n).type for n in ("ranking_id", "has_label", "model_0")], [pa.int64(), pa.bool_(), pa.string()])

    winnow("export", source, "--as", "chosen", "--out", folder / "chosen")
    chosen = datasets.load_dataset(str(folder / "chosen"), split="train", cache_dir=str(folder / "cache"))
    check("chosen: pictures are pictures", isinstance(chosen.features["chosen"], datasets.Image) and chosen[0]["chosen"].size == (16, 16))
    raw = chosen.cast_column("chosen", datasets.Image(decode=False)).cast_column("rejected", datasets.Image(decode=False))
    check("chosen: the winner is chosen", [(r["chosen"]["bytes"], r["rejected"]["bytes"]) for r in raw], [(bytes_of(p, winner_of(p)), bytes_of(p, 1 - winner_of(p))) for p in decided])

    winnow("export", source, "--as", "folders", "--out", folder / "folders")
    names = lambda side: {f.stem: f for f in (folder / "folders" / side).iterdir() if f.suffix != ".txt"}
    win, lose = names("win"), names("lose")
    found = [(win[k].read_bytes(), lose[k].read_bytes(), win[k].with_suffix(".txt").read_text()) for k in sorted(win)]
    check("folders: winners and losers match by name, with captions", found, [(bytes_of(p, winner_of(p)), bytes_of(p, 1 - winner_of(p)), p["prompt"]) for p in decided])
    metadata = [json.loads(line) for line in (folder / "folders/metadata.jsonl").read_text().splitlines()]
    at = lambda name: (folder / "folders" / name).read_bytes()
    check("folders: metadata.jsonl says the same", [(at(m["image_0"]), m["prefer_0"], m["prefer_1"]) for m in metadata], [(bytes_of(p, 0), winner_of(p) == 0, winner_of(p) == 1) for p in decided])

    winnow("export", source, "--as", "label-studio", "--out", folder / "label-studio")
    tasks = [task["data"] for task in json.loads((folder / "label-studio/tasks.json").read_text())]
    open_ = lambda url: (folder / "label-studio" / url.removeprefix("/data/local-files/?d=")).read_bytes()
    check("label-studio: left is the picture that shown_left says", [open_(t["left"]) for t in tasks], [bytes_of(p, t["shown_left"]) for p, t in zip(pairs, tasks)])
    left = sum(task["shown_left"] for task in tasks)
    check(f"label-studio: sides are shuffled ({left} of {len(tasks)} turned)", len(tasks) / 4 < left < 3 * len(tasks) / 4)
    config = xml.etree.ElementTree.parse(folder / "label-studio/config.xml").getroot()
    values = {f"${name}" for name in tasks[0]}
    check("label-studio: the configuration names what tasks have", {e.get("value") for e in config if e.get("value")} <= values)

    winnow("export", source, "--as", "jsonl", "--out", folder / "copy")
    copied = [json.loads(line) for line in (folder / "copy/pairs.jsonl").read_text().splitlines()]
    check("jsonl: every pair, every answer, every picture", (copied, (folder / "copy/labels.jsonl").read_text() == (source / "labels.jsonl").read_text().replace(", ", ",").replace(": ", ":")), (pairs, True))


def check_round_trip(folder: Path, check: Check) -> None:
    """A set that pyarrow wrote, taken in and given out again: every value of every column, ties among them."""
    source = ROOT / "tools/preferences/fixtures/pickapic"
    winnow("import", source, "--as", "pickapic", "--out", folder / "came")
    winnow("export", folder / "came", "--as", "pickapic", "--keep-ties", "--out", folder / "went-pickapic")
    read = lambda root: pa.concat_tables(pa.parquet.read_table(file).select(PICKAPIC.names) for file in sorted(root.rglob("*.parquet")))
    came, went = read(source), read(folder / "went-pickapic")
    check(f"import, export: all {len(PICKAPIC.names)} columns of {came.num_rows} rows are what came in", went.cast(came.schema).sort_by("jpg_0").equals(came.sort_by("jpg_0")))
    check("import, export: their types, too", went.schema.remove_metadata(), PICKAPIC)


def check_large(folder: Path, count: int, check: Check) -> None:
    source, rng = folder / "large", random.Random(1)
    (source / "pictures").mkdir(parents=True)
    for n in range(200):
        (source / f"pictures/{n}.jpg").write_bytes(rng.randbytes(60_000))
    image = lambda n: {"foreign": True, "id": str(n), "file": f"pictures/{n % 200}.jpg", "width": 512, "height": 512, "createdAt": AT}
    write_jsonl(source / "pairs.jsonl", ({"id": f"p{n}", "prompt": f"prompt {n}", "images": [image(2 * n), image(2 * n + 1)], "origin": "imported", "createdAt": AT} for n in range(count)))
    write_jsonl(source / "labels.jsonl", ({"type": "label", "id": f"l{n}", "pair": f"p{n}", "answer": "left", "shownLeft": 0, "clearly": False, "elapsedMs": 1, "at": AT, "by": "import"} for n in range(count)))
    start = time.monotonic()
    figures, peak = winnow("export", source, "--as", "pickapic", "--out", folder / "large-pickapic")
    seconds = time.monotonic() - start
    rows = sum(pa.parquet.read_metadata(file).num_rows for file in (folder / "large-pickapic/data").iterdir())
    check(f"{count} pairs, {figures['bytes'] / 1e6:.0f} MB in {len(os.listdir(folder / 'large-pickapic/data'))} files, {seconds:.0f} s, peak {peak:.0f} MB", rows, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--large", type=int, default=0)
    args = parser.parse_args()
    check = Check()
    print(f"datasets {datasets.__version__}, pyarrow {pa.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        check_all(Path(folder), args.pairs, check)
        check_round_trip(Path(folder), check)
        if args.large:
            check_large(Path(folder), args.large, check)
    raise SystemExit(1 if check.failed else 0)


if __name__ == "__main__":
    main()
