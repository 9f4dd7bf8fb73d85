"""Write golden inputs and outputs of a scorer, computed in float64 on the stored weights.

    python scorer_golden.py public/models/postcard tools/base-model/golden

scorer-{a,b,c}.safetensors: image [4, 3, 128, 128] in [-1, 1], pooled [4, 96] -> feature [4, F], appeal [4],
alignment [4] (image i with text i). Two renders, two of noise; float32 in the file.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from captions import caption
from common import to_float
from model import Model
from scorer import read_scorer
from world import render, sample_scene


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(6)
    scenes = [sample_scene(rng) for _ in range(2)]
    texts = [caption(s.attributes, rng)[0] for s in scenes] + ["a red cat at night", ""]
    noise = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(6)).clamp(-1, 1)
    image = torch.cat([to_float(torch.from_numpy(np.stack([render(s) for s in scenes]))), noise]).contiguous()
    pooled = Model.load(args.model).read(texts)[1].contiguous()
    for key in "abc":
        net = read_scorer(args.model / "scorers" / key).double()
        appeal, alignment = net(image.double(), pooled.double())
        out = {"image": image, "pooled": pooled, "feature": net.features(image.double()), "appeal": appeal, "alignment": alignment}
        save_file({k: v.float().contiguous() for k, v in out.items()}, args.out / f"scorer-{key}.safetensors", {"texts": "|".join(texts)})
        print(key, "appeal", appeal.tolist(), "alignment", alignment.tolist())


if __name__ == "__main__":
    main()
