"""What do the scorers say of a picture that is changed in nothing that its prompt names?

    python scorer_check.py public/models/postcard

Samples of test prompts, four seeds each; of each scorer the rise of appeal in deviations within a prompt, and the share of
pictures whose alignment rises, after a change of saturation, contrast or brightness.
"""

import argparse
from pathlib import Path

import torch

from make_prompts import prompts
from model import Model
from sampling import seeded_noise
from scorer import read_scorer
from taste_search import SAMPLER, shape

# Of images [B, 3, H, W] in -1 to 1.
CHANGES = {
    "saturation x 0.8": lambda x: grey(x) + 0.8 * (x - grey(x)),
    "saturation x 1.2": lambda x: grey(x) + 1.2 * (x - grey(x)),
    "contrast x 0.9": lambda x: 0.9 * x,
    "contrast x 1.1": lambda x: 1.1 * x,
    "brighter by 0.05": lambda x: x + 0.05,
    "darker by 0.05": lambda x: x - 0.05,
}


def grey(x):
    return x.mean(1, keepdim=True)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--test", type=int, default=60)
    args = parser.parse_args()
    model = Model.load(args.model)
    scorers = {p.parent.name: read_scorer(p.parent) for p in sorted(args.model.glob("scorers/*/config.json"))}
    hidden, pooled = (x.repeat_interleave(4, 0) for x in model.read([t for t, _, _ in prompts(400, True, 202)[: args.test]]))
    images = model.decode(model.sample(hidden, seeded_noise(range(50_000, 50_000 + len(hidden)), shape(model)), **SAMPLER))
    for key, scorer in scorers.items():
        appeal, alignment = scorer(images, pooled)
        spread = lambda x: x.view(-1, 4) - x.view(-1, 4).mean(1, keepdim=True)
        deviation = appeal.view(-1, 4).var(1).mean().sqrt()
        together = torch.corrcoef(torch.stack([spread(appeal).flatten(), spread(alignment).flatten()]))[0, 1]
        print(f"{key}: appeal and alignment within a prompt, correlation {together:.2f}")
        for name, change in CHANGES.items():
            to = scorer(change(images).clamp(-1, 1), pooled)
            print(f"  {name}: appeal {(to[0] - appeal).mean() / deviation:+.2f}, alignment rises in {(to[1] > alignment).float().mean():.2f}")


if __name__ == "__main__":
    main()
