"""Render the data set: images.npy [N, 96, 96, 3] uint8, attributes.npy [N, 7], looks.npy [N, 4], captions.json.

    python make_data.py WORK --count 40000

Image i depends on i alone, so the script resumes and any number of processes agree.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from captions import sample_captions
from draw import SIZE
from world import ATTRIBUTES, render, sample_scene


def make(i):
    scene = sample_scene(np.random.default_rng([2026, i]))
    texts, said = sample_captions(scene.attributes, [2027, i])
    return render(scene), [scene.attributes[k] for k in ATTRIBUTES], scene.look, texts, said


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--count", type=int, default=40000)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    data = args.work / "data"
    data.mkdir(parents=True, exist_ok=True)
    if (data / "captions.json").exists():
        print("data: already there")
        return
    images = np.lib.format.open_memmap(data / "images.npy", "w+", np.uint8, (args.count, SIZE, SIZE, 3))
    attributes, looks, captions = [], [], {"texts": [], "said": []}
    with ProcessPoolExecutor(args.processes) as pool:
        for i, (image, a, look, texts, said) in enumerate(pool.map(make, range(args.count), chunksize=200)):
            images[i] = image
            attributes.append(a)
            looks.append(look)
            captions["texts"].append(texts)
            captions["said"].append(said)
            if i % 5000 == 0:
                print(f"data: {i}/{args.count}", flush=True)
    images.flush()
    np.save(data / "attributes.npy", np.array(attributes, np.int64))
    np.save(data / "looks.npy", np.array(looks, np.float32))
    (data / "captions.json").write_text(json.dumps(captions))


if __name__ == "__main__":
    main()
