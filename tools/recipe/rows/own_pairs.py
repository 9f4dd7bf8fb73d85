"""Pairs that the model made itself against pairs from elsewhere: same prompts, same number, same spread of A's margins."""

import numpy as np
import torch

from figures import compare, difference
from rig import Candidates, Missing, Pairs, drawn_prompts, labelled, short
from row import Row, above, says


def through(rig, candidates, name):
    """All pictures once through the autoencoder, so that nothing tells encoded pictures from sampled ones."""

    def make():
        z = candidates.z.flatten(0, 1)
        images = rig.model.decode(z)
        again = encoded(rig, images)
        hidden, pooled = rig.model.read(candidates.texts)
        of = candidates.z.shape[1]
        scores = rig.rated(rig.model.decode(again), pooled.repeat_interleave(of, 0), "ab")
        return again.view_as(candidates.z), {k: v.view(-1, of) for k, v in scores.items()}

    z, scores = rig.kept({"through": candidates.key}, make)
    return Candidates(f"{candidates.key}|{name}", candidates.texts, z, candidates.hidden, scores)


@torch.no_grad()
def encoded(rig, images):
    return torch.cat([rig.model.vae.encode(x).latents.float() for x in images.split(25)]) * rig.model.scale


def renders(rig, count, seed):
    """Two drawn scenes of each prompt's attributes, as looks and styles come."""
    from common import to_float
    from world import Scene, render, sample_scene

    known = {t: a for t, a, _ in drawn_prompts(400, False, 101)}
    like = rig.candidates(rig.base, count, 2, seed)
    if not set(like.texts) <= set(known):
        raise Missing("The world that tools/base-model draws is not the one of these prompts: no renders.")

    def make():
        rng, out = np.random.default_rng(seed), []
        for text in like.texts:
            for _ in range(2):
                s = sample_scene(rng)
                out.append(render(Scene(known[text], s.look, s.style, s.seed)))
        z = encoded(rig, to_float(torch.from_numpy(np.stack(out))))
        _, pooled = rig.model.read(like.texts)
        scores = rig.rated(rig.model.decode(z), pooled.repeat_interleave(2, 0), "ab")
        return z.view(count, 2, *z.shape[1:]), {k: v.view(count, 2) for k, v in scores.items()}

    z, scores = rig.kept({"renders": count, "seed": seed}, make)
    return Candidates(short({"renders": count, "seed": seed}), like.texts, z, like.hidden, scores)


def matched(pairs, margins, count):
    """`count` of the pairs whose margins are nearest to the quantiles of `margins`."""
    wanted = margins.quantile((torch.arange(count) + 0.5) / count)
    left, rows = list(range(len(pairs.w))), []
    for m in wanted[torch.randperm(count, generator=torch.Generator().manual_seed(3))].tolist():
        rows.append(left.pop(min(range(len(left)), key=lambda i: abs(pairs.margin[left[i]].item() - m))))
    return Pairs(f"{pairs.key}|matched {rows}", pairs.w[rows], pairs.l[rows], pairs.hidden[rows], pairs.margin[rows])


def own(rig, seed):
    return labelled(through(rig, rig.candidates(rig.base, rig.size.pairs(100), 2, seed), "own"))


def like_own(source):
    return lambda rig, seed: matched(labelled(source(rig, rig.size.pairs(200), seed)), own(rig, seed).margin, rig.size.pairs(100))


def mixed(balanced):
    """One picture of each: the drawn one always wins, or whichever A prefers."""

    def make(rig, seed):
        count = rig.size.pairs(100)
        mine, theirs = through(rig, rig.candidates(rig.base, count, 2, seed), "own"), renders(rig, count, seed)
        z = torch.stack([theirs.z[:, 0], mine.z[:, 0]], 1)
        scores = {"a": torch.stack([theirs.scores["a"][:, 0], mine.scores["a"][:, 0]], 1)}
        pairs = labelled(Candidates(f"{theirs.key}+{mine.key}", mine.texts, z, mine.hidden, scores))
        if balanced:
            return pairs
        return Pairs(f"{pairs.key}|foreign wins", z[:, 0], z[:, 1], mine.hidden, scores["a"][:, 0] - scores["a"][:, 1])

    return make


def arm(pairs, start=None):
    def run(rig, seed):
        before = start(rig) if start else None
        net, tail = rig.tuned(pairs(rig, seed), seed, start=before)
        return compare(rig, net, before, tail)

    return run


WEAK = like_own(lambda rig, n, seed: through(rig, rig.candidates(rig.weak(), n, 2, seed), "weak"))
OWN = "its own pictures"
ARMS = {
    OWN: arm(own), "a weaker model's pictures": arm(WEAK), "drawn pictures": arm(like_own(renders)), "drawn against its own, the drawn one always wins": arm(mixed(False)),
    "drawn against its own, A decides": arm(mixed(True)), "the weak model on the strong one's pictures": arm(own, lambda rig: rig.weak()),
}


def extra(cells):
    return {f"{name} less its own": difference(cells[name], cells[OWN], "gain b") for name in cells if name not in (OWN, "the weak model on the strong one's pictures") and OWN in cells}


def reading(figures, extra):
    out = [f"{name}: gain by B {says(f)}, " + {True: "more than by its own.", False: "less than by its own.", None: "not told from its own."}[above(f)] for name, f in extra.items()]
    always = figures.get("drawn against its own, the drawn one always wins")
    if always:
        out.append(f"Where the drawn picture always wins, the training accuracy is {always['training implicit accuracy']['mean']:.2f} for a gain of {says(always['gain b'])}: it learns which model made a picture as much as which is better.")
    return out


ROW = Row(
    "own-pairs", "Own pairs against foreign pairs",
    "Figure 7, median PickScore, bars only: SDXL gains much from pairs of models weaker than itself; Dreamlike gains a little from the 15 % of pairs that it made itself. Size and origin are confounded there.",
    "100 pairs, prompts and A's margins alike in every arm (`foreign-pairs` are those not its own); all pictures pass the autoencoder once. The weaker model is that of `sft`.",
    ARMS, reading, extra=extra, columns=("gain b", "gain c", "wins b alignment", "winner error", "drift", "diversity", "training implicit accuracy"),
)
