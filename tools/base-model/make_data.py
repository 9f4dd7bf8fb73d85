"""Render the data set: images.npy [N, 128, 128, 3] uint8, attributes.npy [N, 10], looks.npy [N, 4], styles.npy [N],
captions.json.

    python make_data.py WORK --count 40000

Image i depends on i alone, so any number of processes agree; a larger count keeps the pictures that are there.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from captions import sample_captions
from draw import SIZE
from world import ATTRIBUTES, render, sample_scene


def scene(i):
    return sample_scene(np.random.default_rng([2026, i]))


def picture(i):
    return render(scene(i))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--count", type=int, default=40000)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    data = args.work / "data"
    data.mkdir(parents=True, exist_ok=True)
    old = np.load(data / "images.npy", mmap_mode="r") if (data / "captions.json").exists() else []
    if len(old) == args.count:
        print("data: already there")
        return
    images = np.lib.format.open_memmap(data / "images.part.npy", "w+", np.uint8, (args.count, SIZE, SIZE, 3))
    start = min(len(old), args.count)
    if start:
        images[:start] = old[:start]
    with ProcessPoolExecutor(args.processes) as pool:
        for i, image in enumerate(pool.map(picture, range(start, args.count), chunksize=100), start):
            images[i] = image
            if i % 2000 == 0:
                print(f"data: {i}/{args.count}", flush=True)
    images.flush()
    scenes = [scene(i) for i in range(args.count)]
    captions = [sample_captions(s.attributes, [2027, i]) for i, s in enumerate(scenes)]
    np.save(data / "attributes.npy", np.array([[s.attributes[k] for k in ATTRIBUTES] for s in scenes], np.int64))
    np.save(data / "looks.npy", np.array([s.look for s in scenes], np.float32))
    np.save(data / "styles.npy", np.array([s.style for s in scenes], np.int64))
    (data / "images.part.npy").replace(data / "images.npy")
    (data / "captions.json").write_text(json.dumps({"texts": [t for t, _ in captions], "said": [s for _, s in captions]}))


if __name__ == "__main__":
    main()
