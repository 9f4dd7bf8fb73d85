"""Labels of a ranker fitted to noisy labels, against those labels themselves."""

import torch

from figures import compare, difference
from rig import labelled
from row import Row, above, left, says

FLIPS = 0.25


def pool(rig, seed, count=200, first=0):
    return rig.candidates(rig.base, rig.size.pairs(count), 2, seed, rig.size.pairs(first) if first else 0)


def noisy(rig, seed):
    pairs = labelled(pool(rig, seed))
    mask = torch.rand(len(pairs.w), generator=torch.Generator().manual_seed(seed)) < FLIPS
    return pairs.turned(mask, f"{FLIPS} flipped")


@torch.no_grad()
def features(rig, z):
    """Of pictures, sharing nothing with a scorer: means and deviations of latents and colours, and gradient energy. [N, F]"""
    images = rig.model.decode(z.flatten(0, -4))
    parts = [z.flatten(0, -4).flatten(2), images.flatten(2)]
    energy = torch.stack([images.diff(dim=k).square().mean((1, 2, 3)) for k in (2, 3)], 1).log()
    f = torch.cat([x for p in parts for x in (p.mean(2), p.std(2))] + [energy], 1)
    return f.view(*z.shape[:-3], -1)


def fit(x, steps=300):
    """Logistic regression on differences winner - loser [N, F], with a ridge: weights [F]."""
    w = torch.zeros(x.shape[1], requires_grad=True)
    opt = torch.optim.LBFGS([w], max_iter=steps)

    def closure():
        opt.zero_grad()
        loss = torch.nn.functional.softplus(-(x @ w)).mean() + 0.02 * w.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        opt.step(closure)
    return w.detach()


def ranked(rig, seed, fresh=False):
    """The ranker's labels of the same pairs (cross-fitted by halves), or of four times as many new ones."""
    pairs = noisy(rig, seed)
    d = features(rig, pairs.w) - features(rig, pairs.l)
    scale = d.std(0).clamp(min=1e-6)
    d = d / scale
    if not fresh:
        m = torch.zeros(len(d), dtype=torch.bool)
        halves = torch.arange(len(d)) % 2 == 0
        for half in (halves, ~halves):
            m[half] = d[half] @ fit(d[~half]) < 0
        return pairs.turned(m, "by a ranker")
    more = pool(rig, seed, 800, 200)
    first, second = (features(rig, more.z[:, k]) / scale for k in (0, 1))
    s = torch.stack([first, second], 1) @ fit(d)
    more.scores["ranker"] = s
    return labelled(more, "ranker")


def arm(pairs, **settings):
    def run(rig, seed):
        p = pairs(rig, seed)
        net, tail = rig.tuned(p, seed, steps=200, **settings)
        cell = compare(rig, net, None, tail)
        clean = labelled(pool(rig, seed)) if len(p.w) == len(pool(rig, seed).texts) else None
        if clean:
            cell["single"]["labels that A would give"] = (p.w == clean.w).flatten(1).all(1).double().mean().item()
        return cell

    return run


CLEAN = lambda rig, seed: labelled(pool(rig, seed))
NOISY, SAME, FRESH, ROBUST = "noisy labels", "a ranker's, of the same pairs", "a ranker's, of four times as many new pairs", "noisy labels, robust loss"


def extra(cells):
    return {f"{name} less noisy": difference(cells[name], cells[NOISY], "gain b") for name in (SAME, FRESH, ROBUST) if name in cells and NOISY in cells}


def reading(figures, extra):
    return [f"{name}, in gain by B: {says(f)}, " + {True: "better, as in the paper.", False: "worse, unlike in the paper.", None: "not told from no difference."}[above(f)] for name, f in extra.items()] + left(figures)


ROW = Row(
    "pseudo-labels", "Pseudo-labels against people",
    "SD 1.5 trained on PickScore's labels instead of people's: 59.8 to 63.3 % on PartiPrompts, read as cleaning of the data (difference 3.5 ± 3.3 points).",
    "\"People\" are A with a quarter of the labels flipped, of 200 pairs of two seeds. The ranker is a logistic regression on means and deviations of latents and colours, fitted to those labels (cross-fitted where it labels its own pairs). 1600 pair-steps each.",
    {NOISY: arm(noisy), SAME: arm(ranked), "clean labels": arm(CLEAN), ROBUST: arm(noisy, loss="robust", labelSmoothing=FLIPS), FRESH: arm(lambda rig, seed: ranked(rig, seed, True))},
    reading, extra=extra, columns=("labels that A would give", "gain b", "gain c", "gain a", "wins b alignment", "winner error", "diversity"),
)
