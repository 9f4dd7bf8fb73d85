"""Writes fixtures/: preference data as the field's own tools write it, each with what an import must answer (expected.json).

    pip install -r requirements.txt && python write_fixtures.py

Parquet by `datasets` and `pyarrow` (every codec that pyarrow writes, data pages of both versions, with and without a page index, dictionaries
and footers of `datasets`), CSV by `csv` and `pandas`, JSON by `json`. Pictures are plain colours, so that all of it stays small.
"""

import csv
import io
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROOT = Path(__file__).parent / "fixtures"
expected: dict[str, dict] = {}


def expect(source, fmt, pairs, usable, ties, raters, prompts, refused=(), args=()):
    expected[f"{source} {' '.join(args)}".strip()] = {
        "source": source, "args": list(args), "format": fmt, "pairs": pairs, "usable": usable, "ties": ties,
        "raters": raters, "prompts": prompts, "refused": list(refused),
    }


def picture(n, kind="PNG", size=(6, 4), mode="RGB"):
    colour = (n * 37 % 256, n * 91 % 256, n * 13 % 256)
    image = Image.new("RGB", size, colour)
    # Two pictures of one colour are one picture: a dot tells n.
    image.putpixel((n % size[0], n // size[0] % size[1]), (255 - colour[0], n % 256, 0))
    out = io.BytesIO()
    image.convert(mode).save(out, kind)
    return out.getvalue()


def damaged(png):
    """Another byte in the pixels, which the header does not show."""
    at = png.index(b"IDAT") + 8
    return png[:at] + bytes([png[at] ^ 0x55]) + png[at + 1 :]


def folder(name):
    path = ROOT / name
    path.mkdir(parents=True, exist_ok=True)
    return path


PICKAPIC = pa.schema([
    ("are_different", pa.bool_()), ("best_image_uid", pa.string()), ("caption", pa.string()), ("created_at", pa.timestamp("ns")),
    ("has_label", pa.bool_()), ("image_0_uid", pa.string()), ("image_0_url", pa.string()), ("image_1_uid", pa.string()),
    ("image_1_url", pa.string()), ("jpg_0", pa.binary()), ("jpg_1", pa.binary()), ("label_0", pa.float64()), ("label_1", pa.float64()),
    ("model_0", pa.string()), ("model_1", pa.string()), ("ranking_id", pa.int64()), ("user_id", pa.int64()),
    ("num_example_per_prompt", pa.int64()), ("__index_level_0__", pa.int64()),
])


def pickapic_rows(start, count):
    for i in range(start, start + count):
        label = [1.0, 0.0, 0.5, 1.0][i % 4]
        yield {
            "are_different": i % 3 == 0, "best_image_uid": {1.0: f"u{i}a", 0.0: f"u{i}b", 0.5: "none"}[label],
            "caption": f"a lighthouse, number {i // 2}", "created_at": datetime(2022, 11, 3, 12, 0) + timedelta(seconds=i, microseconds=i),
            "has_label": label != 0.5, "image_0_uid": f"u{i}a", "image_0_url": f"https://example.invalid/u{i}a.png",
            "image_1_uid": f"u{i}b", "image_1_url": f"https://example.invalid/u{i}b.png", "jpg_0": picture(2 * i, "JPEG"),
            "jpg_1": picture(2 * i + 1, "JPEG"), "label_0": label, "label_1": 1 - label,
            "model_0": ["CompVis/stable-diffusion-v1-4", "dreamlike-art/dreamlike-photoreal-2.0"][i % 2],
            "model_1": "dreamlike-art/dreamlike-photoreal-2.0",
            "ranking_id": 1000 + i, "user_id": 7 + i % 3, "num_example_per_prompt": 2, "__index_level_0__": i,
        }


def pickapic():
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        table = pa.Table.from_pylist(list(pickapic_rows(0, 4)), schema=PICKAPIC)
        name = f"codecs/pickapic-{codec}.parquet"
        folder("codecs")
        pq.write_table(table, ROOT / name, compression=codec)
        expect(name, "pickapic", 4, 3, 1, 3, 2)
    # As load_dataset lays it out, by `datasets` itself.
    data = folder("pickapic/data")
    def shard(start, count):
        rows = list(pickapic_rows(start, count))
        features = datasets.Features.from_arrow_schema(PICKAPIC)
        return datasets.Dataset.from_list(rows, features=features)
    shard(0, 6).to_parquet(str(data / "train-00000-of-00002-0a1b.parquet"))
    shard(6, 6).to_parquet(str(data / "train-00001-of-00002-0a1b.parquet"))
    shard(20, 4).to_parquet(str(data / "validation_unique-00000-of-00001-0a1b.parquet"))
    expect("pickapic", "pickapic", 16, 12, 4, 3, 8)
    expect("pickapic", "pickapic", 12, 9, 3, 3, 6, args=["--split", "train"])
    expect("pickapic", "pickapic", 4, 3, 1, 3, 2, args=["--split", "validation_unique"])
    dreamlike = "dreamlike-art/dreamlike-photoreal-2.0"
    odd = [row for row in pickapic_rows(0, 12) if row["model_0"] == dreamlike]
    expect("pickapic", "pickapic", len(odd), sum(r["label_0"] != 0.5 for r in odd), sum(r["label_0"] == 0.5 for r in odd),
           len({r["user_id"] for r in odd}), len({r["caption"] for r in odd}),
           args=["--split", "train", "--where", f"model_0={dreamlike}", "--where", f"model_1={dreamlike}"])
    # By its README alone.
    other = folder("readme/files")
    shard(0, 4).to_parquet(str(other / "a.parquet"))
    shard(4, 2).to_parquet(str(other / "b.parquet"))
    (ROOT / "readme/README.md").write_text(
        "---\nlicense: mit\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: files/a*.parquet\n"
        "  - split: test\n    path:\n    - files/b.parquet\n---\n# A card\n")
    expect("readme", "pickapic", 4, 3, 1, 3, 2, args=["--split", "train"])
    expect("readme", "pickapic", 2, 2, 0, 2, 1, args=["--split", "test"])
    # A row group of many pages, without and with an index, in both versions of data pages; nothing of it by dictionary.
    table = pa.Table.from_pylist(list(pickapic_rows(0, 24)), schema=PICKAPIC)
    for version in ["1.0", "2.0"]:
        name = f"codecs/pages-{version[0]}.parquet"
        pq.write_table(table, ROOT / name, compression="zstd", data_page_version=version, data_page_size=1024, write_batch_size=4,
                       use_dictionary=version == "1.0", write_page_index=version == "2.0")
        expect(name, "pickapic", 24, 18, 6, 3, 12)


def pairs():
    where = folder("pairs")
    rows = [{"caption": f"a tree, {i}", "jpg_0": picture(100 + 2 * i), "jpg_1": picture(101 + 2 * i), "label_0": [1, 0, 0.5][i % 3]} for i in range(6)]
    plain = pa.Table.from_pylist(rows, schema=pa.schema([("caption", pa.large_string()), ("jpg_0", pa.large_binary()), ("jpg_1", pa.large_binary()), ("label_0", pa.float32())]))
    pq.write_table(plain, where / "binary.parquet")
    expect("pairs/binary.parquet", "pairs", 6, 4, 2, 1, 6)
    # Image structs, as `datasets` writes them.
    features = datasets.Features({"caption": datasets.Value("string"), "jpg_0": datasets.Image(), "jpg_1": datasets.Image(), "label_0": datasets.Value("int64"), "label_1": datasets.Value("int64")})
    structs = [{"caption": r["caption"], "jpg_0": {"bytes": r["jpg_0"], "path": None}, "jpg_1": {"bytes": r["jpg_1"], "path": "x.png"}, "label_0": int(i % 2), "label_1": int(1 - i % 2)} for i, r in enumerate(rows)]
    datasets.Dataset.from_list(structs, features=features).to_parquet(str(where / "structs.parquet"))
    expect("pairs/structs.parquet", "pairs", 6, 6, 0, 1, 6)
    # What is wrong with a row is said of that row alone.
    cmyk = picture(1, "JPEG", mode="CMYK")
    bad = [
        rows[0],
        {**rows[1], "caption": None},
        {**rows[2], "label_0": 1.5},
        {**rows[3], "jpg_0": b"not a picture"},
        {**rows[4], "jpg_1": rows[4]["jpg_1"][:-20]},
        {**rows[5], "jpg_1": None},
        {**rows[0], "caption": "   "},
        rows[0],
        {**rows[1], "label_0": None},
        {**rows[2], "label_0": float("nan")},
        {**rows[3], "jpg_0": b""},
        {**rows[3], "jpg_0": cmyk},
        {**rows[5], "label_0": -1.0},
        rows[5],
        {**rows[4], "jpg_0": damaged(rows[4]["jpg_0"])},
    ]
    pq.write_table(pa.Table.from_pylist(bad, schema=pa.schema([("caption", pa.string()), ("jpg_0", pa.binary()), ("jpg_1", pa.binary()), ("label_0", pa.float64())])), where / "bad-rows.parquet")
    expect("pairs/bad-rows.parquet", "pairs", 2, 1, 1, 1, 2, refused=[
        [1, "no prompt"], [2, "1.5"], [3, "JPEG, PNG or WebP"], [4, "cut off"], [5, "no picture"], [6, "prompt is empty"], [7, "same as row 0"],
        [8, "no label"], [9, "no label"], [10, "0 bytes"], [11, "CMYK"], [12, "-1"], [14, "picture 0"]])
    # Tables with pictures beside.
    beside = folder("pairs/beside/images")
    listed = []
    for i, row in enumerate(rows):
        for side in (0, 1):
            (beside / f"{i}_{side}.png").write_bytes(row[f"jpg_{side}"])
        listed.append({"caption": f'a "tree", {i}' + ("\nby the sea" if i == 1 else ""), "jpg_0": f"images/{i}_0.png", "jpg_1": f"images/{i}_1.png", "label_0": row["label_0"]})
    listed.append({"caption": "outside", "jpg_0": "../../secret.png", "jpg_1": "images/0_1.png", "label_0": 1})
    listed.append({"caption": "absolute", "jpg_0": "/etc/hostname", "jpg_1": "images/0_1.png", "label_0": 1})
    listed.append({"caption": "gone", "jpg_0": "images/none.png", "jpg_1": "images/0_1.png", "label_0": 1})
    refused = [[6, "outside"], [7, "outside"], [8, "not there"]]
    def table(name, encoding, **how):
        with open(ROOT / "pairs/beside" / name, "w", newline="", encoding=encoding) as out:
            writer = csv.DictWriter(out, list(listed[0]), **how)
            writer.writeheader()
            writer.writerows(listed)
        expect(f"pairs/beside/{name}", "pairs", 6, 4, 2, 1, 6, refused=refused)
    table("crlf-bom.csv", "utf-8-sig")
    table("quoted.csv", "utf-8", lineterminator="\n", quoting=csv.QUOTE_ALL)
    table("semicolons.csv", "utf-8", lineterminator="\n", delimiter=";")
    table("tabs.tsv", "utf-16", delimiter="\t")
    pd.DataFrame(listed).to_csv(ROOT / "pairs/beside/pandas.csv")
    expect("pairs/beside/pandas.csv", "pairs", 6, 4, 2, 1, 6, refused=refused)
    (ROOT / "pairs/beside/lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed))
    expect("pairs/beside/lines.jsonl", "pairs", 6, 4, 2, 1, 6, refused=refused)
    (ROOT / "pairs/beside/array.json").write_text(json.dumps(listed, indent=2))
    expect("pairs/beside/array.json", "pairs", 6, 4, 2, 1, 6, refused=refused)
    # Other names for the same.
    named = [{"text": r["caption"], "left": r["jpg_0"], "right": r["jpg_1"], "better": r["label_0"]} for r in rows]
    pq.write_table(pa.Table.from_pylist(named), where / "renamed.parquet", compression="none")
    expect("pairs/renamed.parquet", "pairs", 6, 4, 2, 1, 6, args=["--map", "jpg_0=left", "--map", "jpg_1=right", "--map", "label_0=better"])


def chosen():
    where = folder("chosen")
    image = datasets.Image()
    rows = [{"prompt": f"a boat, {i}", "chosen": {"bytes": picture(200 + 2 * i, "WEBP"), "path": None}, "rejected": {"bytes": picture(201 + 2 * i), "path": None}, "score": i / 2} for i in range(5)]
    features = datasets.Features({"prompt": datasets.Value("string"), "chosen": image, "rejected": image, "score": datasets.Value("float32")})
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(where / "images.parquet"))
    expect("chosen/images.parquet", "chosen", 5, 5, 0, 1, 5)
    lists = [{"prompt": r["prompt"], "chosen": [r["chosen"]], "rejected": [r["rejected"]]} for r in rows]
    features = datasets.Features({"prompt": datasets.Value("string"), "chosen": datasets.List(image), "rejected": datasets.List(image)})
    datasets.Dataset.from_list(lists, features=features).to_parquet(str(where / "lists.parquet"))
    expect("chosen/lists.parquet", "chosen", 5, 5, 0, 1, 5)
    files = folder("chosen/files/pictures")
    lines = []
    for i, r in enumerate(rows):
        (files / f"{i}-good.webp").write_bytes(r["chosen"]["bytes"])
        (files / f"{i}-poor.png").write_bytes(r["rejected"]["bytes"])
        lines.append({"prompt": r["prompt"], "chosen": f"pictures/{i}-good.webp", "rejected": f"pictures/{i}-poor.png"})
    (ROOT / "chosen/files/train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    expect("chosen/files", "chosen", 5, 5, 0, 1, 5)


def save(where, names, start, kind="PNG"):
    for i, name in enumerate(names):
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(start + i, kind))


def hpd():
    where = folder("hpd")
    train = [{"prompt": f"a fox, {i // 2}", "file_path": [f"{i}a.jpg", f"{i}b.jpg"], "human_preference": [1, 0] if i % 2 else [0, 1]} for i in range(4)]
    train.append({"prompt": "none better", "file_path": ["0a.jpg", "1b.jpg"], "human_preference": [0, 0]})
    save(where / "train", [name for row in train[:4] for name in row["file_path"]], 300, "JPEG")
    (where / "train.json").write_text(json.dumps(train))
    test = [
        {"prompt": "a heron", "image_path": [f"h{i}.jpg" for i in range(4)], "rank": [2, 1, 3, 3],
         "raw_annotations": [{"rank": [2, 1, 3, 4], "user_hash": "ab12"}, {"rank": [1, 2, 4, 3], "user_hash": "cd34"}]},
        {"prompt": "two herons", "image_path": ["h0.jpg", "h1.jpg"], "rank": [1, 2]},
    ]
    save(where / "test", [f"h{i}.jpg" for i in range(4)], 320, "JPEG")
    (where / "test.json").write_text(json.dumps(test))
    expect("hpd", "hpd", 5, 4, 1, 1, 3, args=["--split", "train"])
    # Four pictures in order of rank, 1 0 2 3: neighbours, of which 2 and 3 are tied, and first against last.
    expect("hpd", "hpd", 5, 4, 1, 2, 2, args=["--split", "test"])
    expect("hpd/test.json", "hpd", 2, 2, 0, 2, 2, args=["--per-group", "1"])
    third = folder("hpdv3")
    rows = [{"prompt": f"a crane, {i}", "path1": f"images/{i}w.png", "path2": f"images/{i}l.png", "model1": "flux", "model2": "sd3", "confidence": 0.9, "choice_dist": [9, 3]} for i in range(3)]
    save(third, [row[side] for row in rows for side in ("path1", "path2")], 340)
    (third / "train.json").write_text(json.dumps(rows))
    expect("hpdv3/train.json", "hpd", 3, 3, 0, 1, 3)


def imagereward():
    where = folder("imagereward")
    rows = []
    for p, ranks in enumerate([[1, 2, 2], [1, 3], [2, 1, 3, 4]]):
        for i, rank in enumerate(ranks):
            rows.append({"image_path": f"images/{p}-{i}.webp", "prompt_id": f"00{p}-1", "prompt": f"a mill, {p}", "classification": "Outdoor Scenes", "image_amount_in_total": len(ranks), "rank": rank, "overall_rating": 7 - rank, "image_text_alignment_rating": 5, "fidelity_rating": 6})
    save(where, [row["image_path"] for row in rows], 400, "WEBP")
    pd.DataFrame(rows).to_parquet(where / "metadata-train.parquet")
    expect("imagereward/metadata-train.parquet", "imagereward", 8, 7, 1, 1, 3)
    groups = [{"id": f"00{p}-1", "prompt": f"a mill, {p}", "generations": [r["image_path"] for r in rows if r["prompt_id"] == f"00{p}-1"], "ranking": [r["rank"] for r in rows if r["prompt_id"] == f"00{p}-1"]} for p in range(3)]
    (where / "test.json").write_text(json.dumps(groups, indent=1))
    expect("imagereward/test.json", "imagereward", 8, 7, 1, 1, 3)
    image = datasets.Image()
    features = datasets.Features({"prompt_id": datasets.Value("string"), "prompt": datasets.Value("string"), "img_better": image, "img_worse": image})
    both = [{"prompt_id": "1", "prompt": f"a mill, {i}", "img_better": {"bytes": picture(420 + 2 * i), "path": None}, "img_worse": {"bytes": picture(421 + 2 * i), "path": None}} for i in range(3)]
    datasets.Dataset.from_list(both, features=features).to_parquet(str(where / "pair.parquet"))
    expect("imagereward/pair.parquet", "imagereward", 3, 3, 0, 1, 3)
    features = datasets.Features({"prompt_id": datasets.Value("string"), "prompt": datasets.Value("string"), "image": datasets.List(image), "rank": datasets.List(datasets.Value("int32"))})
    group = [{"prompt_id": "9", "prompt": "a well", "image": [{"bytes": picture(430 + i), "path": None} for i in range(3)], "rank": [3, 1, 2]}]
    datasets.Dataset.from_list(group, features=features).to_parquet(str(where / "group.parquet"))
    expect("imagereward/group.parquet", "imagereward", 3, 3, 0, 1, 1)


def folders():
    for n, (win, lose) in enumerate([("win", "lose"), ("w", "l"), ("chosen", "rejected"), ("preferred", "rejected")]):
        where = folder(f"folders/{win}-{lose}")
        save(where / win, ["a.png", "b.png", "only.png"], 500 + 10 * n)
        save(where / lose, ["a.jpg", "b.jpg"], 505 + 10 * n, "JPEG")
        refused = [[2, "no picture"]]
        if n == 0:
            (where / win / "a.txt").write_text("a red door\n")
            (where / lose / "b.txt").write_text("a blue door")
        if n == 1:
            (where / "metadata.jsonl").write_text(json.dumps({"file_name": "w/a.png", "text": "a red door"}) + "\n" + json.dumps({"file_name": "b.png", "text": "a blue door"}) + "\n")
        if n == 2:
            with open(where / "metadata.csv", "w", newline="") as out:
                csv.writer(out).writerows([["file_name", "prompt"], ["a", "a red door"], ["b", "a blue door"]])
        if n == 3:
            (where / "prompt.txt").write_text("a door\n")
        expect(f"folders/{win}-{lose}", "folders", 2, 2, 0, 1, 1 if n == 3 else 2, refused=refused)


def metadata():
    where = folder("metadata")
    rows = [{"image_0": f"images/{i}a.png", "image_1": f"images/{i}b.png", "prompt": f"a bridge, {i}", "prefer_0": i == 0 or i == 3, "prefer_1": i == 1 or i == 3} for i in range(4)]
    save(where, [row[side] for row in rows for side in ("image_0", "image_1")], 600)
    (where / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    expect("metadata", "metadata", 4, 2, 2, 1, 4)


def label_studio():
    where = folder("label-studio")
    save(where, [f"{i}{side}.png" for i in range(6) for side in "ab"], 700)
    def result(selected, to="pref", tie=None):
        out = [] if selected is None else [{"id": "x", "type": "pairwise", "from_name": "pref", "to_name": to, "origin": "manual", "value": {"selected": selected}}]
        if tie:
            out.append({"id": "y", "type": "choices", "from_name": "none", "to_name": "prompt", "origin": "manual", "value": {"choices": [tie]}})
        return out
    def annotation(id, by, results, cancelled=False):
        return {"id": id, "completed_by": by, "was_cancelled": cancelled, "lead_time": 4.125, "created_at": "2026-02-01T10:00:00.000000Z", "ground_truth": False, "result": results}
    def task(i, annotations, **more):
        return {"id": 100 + i, "data": {"pair": f"p{i}", "prompt": f"a stair, {i}", "left": f"/data/local-files/?d={i}a.png", "right": f"/data/local-files/?d={i}b.png", "shown_left": i % 2, **more}, "annotations": annotations, "predictions": []}
    tasks = [
        task(0, [annotation(1, 2, result("left")), annotation(2, 3, result("left"))]),
        task(1, [annotation(3, 2, result("right", to="left,right"))]),
        task(2, [annotation(4, 2, result(None))]),
        task(3, [annotation(5, {"id": 3, "email": "b@example.invalid"}, result(None, tie="tie"))]),
        task(4, [annotation(6, 2, [], cancelled=True)]),
        task(5, [annotation(7, 2, [], cancelled=True), annotation(8, 3, result("right"))]),
    ]
    (where / "export.json").write_text(json.dumps(tasks))
    expect("label-studio/export.json", "label-studio", 5, 3, 2, 2, 5, refused=[[4, "skipped"]])
    # One answer a row.
    least = [
        {"id": 100 + i, "prompt": f"a stair, {i}", "left": f"/data/upload/3/0a1b2c3d-{i}a.png", "right": f"/data/upload/3/9f8e7d6c-{i}b.png",
         "pref": pref, "none": none, "annotator": by, "annotation_id": 50 + i, "created_at": "2026-02-01T10:00:00.000000Z", "lead_time": 2.5}
        for i, pref, none, by in [(0, "left", None, 2), (0, "left", None, 3), (1, {"selected": "right"}, None, 2), (2, None, "tie", 2), (3, None, "both_bad", 3)]
    ]
    (where / "min.json").write_text(json.dumps(least))
    expect("label-studio/min.json", "label-studio", 4, 2, 1, 2, 4)


if __name__ == "__main__":
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    for write in [pickapic, pairs, chosen, hpd, imagereward, folders, metadata, label_studio]:
        write()
    (ROOT / "expected.json").write_text(json.dumps(list(expected.values()), indent=1) + "\n")
    size = sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file())
    print(f"{len(expected)} cases, {size / 1e6:.2f} MB")
