import torch

from figures import compare, deviation
from rig import Pairs, labelled
from row import Row, above, says

LABELLERS = {"A appeal": "a", "A alignment": "a alignment", "B appeal": "b", "B alignment": "b alignment"}


def pool(rig, seed):
    return rig.candidates(rig.base, rig.size.pairs(100), 2, seed)


def by_metric(by):
    def run(rig, seed):
        pairs = labelled(pool(rig, seed), by)
        net, tail = rig.tuned(pairs, seed)
        cell = compare(rig, net, None, tail, by)
        cell["single"]["mean margin, deviations"] = pairs.margin.mean().item() / deviation(rig.base_look()["scores"][by])
        return cell

    return run


def at_random(rig, seed):
    pairs = labelled(pool(rig, seed))
    pairs = pairs.turned(torch.rand(len(pairs.w), generator=torch.Generator().manual_seed(seed)) < 0.5, "random")
    net, tail = rig.tuned(pairs, seed)
    return compare(rig, net, None, tail)


def half(rig, seed):
    """Every other pair by appeal, the rest by alignment."""
    candidates = pool(rig, seed)
    appeal, alignment = labelled(candidates), labelled(candidates, "a alignment")
    m = (torch.arange(len(appeal.w)) % 2 == 0)
    pick = lambda x, y: torch.where(m.view(-1, *[1] * (x.ndim - 1)), x, y)
    pairs = Pairs(f"{appeal.key}|half", pick(appeal.w, alignment.w), pick(appeal.l, alignment.l), appeal.hidden, pick(appeal.margin, alignment.margin))
    net, tail = rig.tuned(pairs, seed)
    return compare(rig, net, None, tail)


def reading(figures, extra):
    out = []
    other = {"A appeal": "gain b", "A alignment": "gain b alignment", "B appeal": "gain a", "B alignment": "gain a alignment"}
    for name, column in other.items():
        if f := figures.get(f"labels by {name}"):
            word = {True: "carries over", False: "goes the wrong way", None: "is not told from nothing"}[above(f[column])]
            out.append(f"{name}'s labels: the same metric of the other scorer {word} ({says(f[column])}).")
    for name, column in (("A appeal", "gain b alignment"), ("A alignment", "gain b")):
        if f := figures.get(f"labels by {name}"):
            word = {True: "rises with it", False: "pays for it, as CLIP does for Aesthetic in the paper", None: "is not told from unmoved"}[above(f[column])]
            out.append(f"Labels by {name}: {column.replace('gain b alignment', 'B’s alignment').replace('gain b', 'B’s appeal')} {word} ({says(f[column])}).")
    return out


ROW = Row(
    "ai-feedback", "AI feedback: labels by four metrics, judged by four",
    "Figure 6, colours only: PickScore's and HPSv2's labels raise appeal and alignment, CLIP's and Aesthetic's act more narrowly, Aesthetic at CLIP's expense.",
    "One set of 100 pairs of two random seeds, labelled by each metric. Each column in deviations of the base by that metric; where labeller and judge are the same it is only a ceiling.",
    {"labels by A appeal": by_metric("a"), "labels by A alignment": by_metric("a alignment"), "labels by B appeal": by_metric("b"), "labels by B alignment": by_metric("b alignment"), "half A appeal, half A alignment": half, "random labels": at_random},
    reading, columns=("mean margin, deviations", "gain a", "gain a alignment", "gain b", "gain b alignment", "gain c", "gain c alignment", "winner error", "diversity"),
)
