"""Choose, of many pictures, the few pairs that teach most: for the pairs that are there at the first visit.

    python choose_pairs.py public/models/postcard PAIRS_FOLDER --count 12

PAIRS_FOLDER as `winnow pairs` writes it, with several pairs of a prompt; any two pictures of a prompt may become one. A
pair tells of a taste by what its pictures differ in: vividness (mean chroma), light (deviation of the luma), detail
(gradient energy), and appeal by scorer A, each in deviations over all pictures. Only pictures that show what their
prompt says are looked at (alignment by A, the better three quarters), and only pairs whose appeals differ visibly. Of
these those are taken, one after the other, that add most to the determinant of the differences' products (D-optimal),
no prompt twice, and each of another first thing among twelve. Prints the places of their pictures as JSON: [[[pair, side], [pair, side]], ...].
"""

import argparse
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from common import to_float
from model import Model
from objects import OBJECTS
from scorer import read_scorer


def looks(images):
    """uint8 [N, H, W, 3] -> [N, 3]: mean chroma, deviation of the luma, log of the gradient energy."""
    x = images.astype(np.float32) / 255
    luma = x @ np.array([0.299, 0.587, 0.114], np.float32)
    chroma = np.sqrt(np.square(x - luma[..., None]).sum(-1)).mean((1, 2))
    energy = np.square(np.diff(luma, axis=1)).mean((1, 2)) + np.square(np.diff(luma, axis=2)).mean((1, 2))
    return np.stack([chroma, luma.std((1, 2)), np.log(energy)], 1)


def thing(prompt):
    """The thing that a prompt names first."""
    words = prompt.lower()
    places = [(words.find(o), o) for o in OBJECTS if o in words]
    return min(places)[1] if places else prompt


def spread(differences, prompts, count):
    """Rows that make a large determinant together, greedily: no prompt twice, no thing twice in a dozen."""
    left, taken, total = list(range(len(differences))), [], 1e-2 * np.eye(differences.shape[1])
    while left and len(taken) < count:
        inverse = np.linalg.inv(total)
        seen = {thing(prompts[k]) for k in taken[len(taken) // 12 * 12 :]}
        others = [i for i in left if thing(prompts[i]) not in seen] or left
        best = max(others, key=lambda i: differences[i] @ inverse @ differences[i])
        taken.append(best)
        total += np.outer(differences[best], differences[best])
        left = [i for i in left if prompts[i] != prompts[best]]
    return taken


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--count", type=int, default=24)
    args = parser.parse_args()
    pairs = [json.loads(line) for line in (args.pairs / "pairs.jsonl").read_text().splitlines()]
    images = np.stack([np.asarray(Image.open(args.pairs / i["file"]).convert("RGB")) for p in pairs for i in p["images"]])
    model, scorer = Model.load(args.model), read_scorer(args.model / "scorers" / "a")
    _, pooled = model.read([p["prompt"] for p in pairs])
    x, g = to_float(torch.from_numpy(images)), pooled.repeat_interleave(2, 0)
    rated = [scorer(a, b) for a, b in zip(x.split(50), g.split(50))]
    appeal, alignment = (torch.cat([r[k] for r in rated]).numpy() for k in (0, 1))
    features = np.concatenate([looks(images), appeal[:, None]], 1)
    features = (features - features.mean(0)) / features.std(0)
    shown = alignment >= np.quantile(alignment, 0.25)
    of = {}
    for k in np.flatnonzero(shown):
        of.setdefault(pairs[k // 2]["prompt"], []).append(int(k))
    both = [two for places in of.values() for two in combinations(places, 2)]
    differences = np.stack([features[a] - features[b] for a, b in both])
    fit = np.flatnonzero(np.abs(differences[:, 3]) >= 1)
    taken = fit[spread(differences[fit], [pairs[both[i][0] // 2]["prompt"] for i in fit], args.count)]
    print(json.dumps([[[k // 2, k % 2] for k in both[i]] for i in taken]))


if __name__ == "__main__":
    main()
