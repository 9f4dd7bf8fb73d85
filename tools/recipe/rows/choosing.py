"""Labels saved by asking about disputed pairs first."""

import torch

from figures import compare, over_seeds, span
from rig import labelled
from row import Row, above, says

POOL, FIRST, STEP = 300, 50, 50


def pool(rig, seed):
    return rig.candidates(rig.base, rig.size.pairs(POOL), 2, seed)


def train(rig, seed, rows):
    candidates = pool(rig, seed)
    pairs = labelled(candidates.pick(rows))
    return rig.tuned(pairs, seed)


def at_random(rig, seed, n):
    order = torch.randperm(len(pool(rig, seed).texts), generator=torch.Generator().manual_seed(900 + seed)).tolist()
    return order[:n]


def disputed(rig, seed, n):
    """The first labels at random; then rounds, each 70 % those whose implicit margin by the last model is nearest to 0, 30 % at random."""
    first, step = rig.size.pairs(FIRST), rig.size.pairs(STEP)
    rows = at_random(rig, seed, first)
    everything = pool(rig, seed)
    while len(rows) < n:
        net, _ = train(rig, seed, rows)
        margins = rig.margins(net, labelled(everything), rig.size.draws, trained=True).mean(1).abs()
        left = [i for i in margins.argsort().tolist() if i not in rows]
        ask = min(step, n - len(rows))
        chance = -(-3 * ask // 10)
        doubted = left[: ask - chance]
        rest = left[ask - chance :]
        pick = torch.randperm(len(rest), generator=torch.Generator().manual_seed(800 + seed + len(rows)))[:chance].tolist()
        rows = rows + doubted + [rest[i] for i in pick]
    return rows


def arm(rule, n):
    def run(rig, seed):
        net, tail = train(rig, seed, rule(rig, seed, rig.size.pairs(n)))
        return compare(rig, net, None, tail)

    return run


def labels_for(curve, gain):
    """Where random's line of (labels, gain) first reaches a gain; None beyond its end."""
    points = sorted(curve.items())
    if gain <= points[0][1]:
        return points[0][0]
    for (n, g), (m, h) in zip(points, points[1:]):
        if g < gain <= h:
            return n + (m - n) * (gain - g) / (h - g)
    return None


def extra(cells):
    """Of each training seed: the labels that random needs for what the chosen ones gain, and how many fewer those are."""
    out = {}
    for n in (100, 150):
        shares = []
        for cell in cells.get(f"{n} labels, disputed first", []):
            curve = {k: c["prompts"]["gain b"].mean().item() for k in (50, 100, 150, 200) for c in cells.get(f"{k} labels at random", []) if c["seed"] == cell["seed"]}
            if len(curve) > 1:
                shares.append((labels_for(curve, cell["prompts"]["gain b"].mean().item()), n))
        told = [n / m for m, n in shares if m]
        if told:
            out[f"{n} chosen labels over random's for the same gain"] = {**over_seeds(told), "beyond random's last point": len(shares) - len(told)}
        gain = {rule: {c["seed"]: c["prompts"]["gain b"].mean().item() for c in cells.get(f"{n} labels{rule}", [])} for rule in (", disputed first", " at random")}
        both = sorted(gain[", disputed first"].keys() & gain[" at random"].keys())
        if both:
            out[f"gain of {n} chosen labels less that of {n} at random"] = over_seeds([gain[", disputed first"][k] - gain[" at random"][k] for k in both])
    return out


def reading(figures, extra):
    out = []
    curve = {n: figures[f"{n} labels at random"]["gain b"] for n in (50, 100, 150, 200) if f"{n} labels at random" in figures}
    spans = [span(f) for f in curve.values()]
    flat = len(spans) > 1 and all(spans) and max(low for low, _ in spans) <= min(high for _, high in spans)
    if flat:
        out.append(f"Random's own curve is not told from a flat one at equal steps ({', '.join(f'{says(f)} with {n}' for n, f in curve.items())}): fifty labels do what two hundred do, so there are none to be saved, and the ratio of labels says little.")
    for name, f in extra.items():
        if name.startswith("gain"):
            out.append(f"{name}: {says(f)}: {'more' if above(f) else 'less' if above(f) is False else 'not told from nothing'}.")
        else:
            out.append(f"{name}: {says(f)}; at most 0.70 was the aim: {'reached' if f['mean'] <= 0.7 else 'not reached'}.")
    return out


ROW = Row(
    "choosing", "Which pairs to ask: disputed first",
    "No row of the paper. Work on active choice claims a third to two thirds fewer labels.",
    "A pool of 300 pairs of two seeds; the first 50 labels at random, then in steps of 50: 70 % those with the implicit margin nearest to 0, 30 % at random (the studio's rule). 480 pair-steps whatever the number of labels.",
    {
        "50 labels at random": arm(at_random, 50), "100 labels at random": arm(at_random, 100), "100 labels, disputed first": arm(disputed, 100), "200 labels at random": arm(at_random, 200),
        "150 labels, disputed first": arm(disputed, 150), "150 labels at random": arm(at_random, 150),
    },
    reading, extra=extra, columns=("gain b", "gain c", "gain a", "held-out accuracy", "wins b alignment", "winner error", "diversity"),
)
