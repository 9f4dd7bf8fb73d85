"""Write public/prompts: train.txt, test.txt (one prompt a line), categories.json and words.json (what captions say).

    python make_prompts.py OUT --count 400

Every test prompt names an object, colour and land whose combination never occurs in training (the first thing's, or
that of the one beside it); no training prompt or training picture holds such a combination.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from captions import BESIDE, LAND, TIME, WEATHER, WHERE, caption
from objects import CATEGORIES, OBJECTS
from world import ATTRIBUTES, NOTHING, is_held_out, sample_scene


def prompts(count, test, seed):
    """Distinct prompts, objects in turn: list of (text, attributes, names mentioned)."""
    rng = np.random.default_rng(seed)
    out, seen = [], set()
    while len(out) < count:
        scene = sample_scene(rng, allow_held_out=test)
        a = scene.attributes
        if a["object"] != len(out) % len(OBJECTS):
            continue
        if test and not is_held_out(a):
            continue
        text, said = caption(a, rng, keep=0.6, must=("colour", "beside colour", "land"))
        if text not in seen:
            seen.add(text)
            out.append((text, a, said))
    return out


def words():
    """What a prompt can say, by kind; `comma` where captions set it apart."""
    said = lambda table: [text for texts in table.values() for text in texts]
    kinds = [
        *((name, objects, False) for name, objects in CATEGORIES.items()),
        ("colours", ATTRIBUTES["colour"], False),
        ("how many", ATTRIBUTES["count"], False),
        ("beside one another", BESIDE, False),
        ("where", list(WHERE.values()), False),
        ("land", said(LAND), False),
        ("time of day", said(TIME), False),
        ("weather", said(WEATHER), True),
        ("light", [f"the {body} to the {side}" for body in ("sun", "moon") for side in ("left", "right")], True),
    ]
    return [{"kind": kind, "words": list(found), "comma": comma} for kind, found, comma in kinds]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=400)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    record = {"objects": CATEGORIES}
    for name, test, seed in (("train", False, 101), ("test", True, 202)):
        rows = prompts(args.count, test, seed)
        (args.out / f"{name}.txt").write_text("".join(t + "\n" for t, _, _ in rows))
        single = [(t, OBJECTS[a["object"]]) for t, a, _ in rows if a["beside"] == NOTHING]
        record[name] = {c: [t for t, o in single if o in objects] for c, objects in CATEGORIES.items()}
        record[name]["pairs"] = [t for t, a, _ in rows if a["beside"] != NOTHING]
    (args.out / "categories.json").write_text(json.dumps(record, indent=1) + "\n")
    (args.out / "words.json").write_text(json.dumps(words(), indent=1) + "\n")


if __name__ == "__main__":
    main()
