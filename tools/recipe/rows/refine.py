"""The tuned model alone against the base with more work: more steps, a second pass, best of two, more guidance."""

import torch

from figures import pictures
from rig import SAMPLER
from row import Row, above, chosen, says


def cell(rig, look, forwards):
    out = pictures(look, rig.base_look())
    out["single"]["UNet forwards a picture"] = float(forwards)
    return out


@torch.no_grad()
def second_pass(rig, first, net, strength=0.25):
    """Image to image over a look's pictures."""

    seeds = rig.size.seeds

    def make():
        start = first["look"]["z"][:, :seeds].float().transpose(0, 1).flatten(0, 1)
        return rig.model.sample(rig.hidden.repeat(seeds, 1, 1), rig.noise(2 * seeds)[len(start) :], net.unet, start=start, strength=strength, **SAMPLER)

    return rig.seen({"second pass": net.key, "over": first["key"], "strength": strength}, make, seeds)


def best_of_two(rig):
    """Of the base's pictures 0 and 2, and of 1 and 3, the one that A prefers; the first seeds are those of the comparison."""
    base = rig.base_look()
    pick = torch.stack([torch.where(base["scores"]["a"][:, k + 2] > base["scores"]["a"][:, k], k + 2, k) for k in range(2)], 1)
    take = lambda v: v.gather(1, pick)
    return {**base, "scores": {k: take(v) for k, v in base["scores"].items()}, "attributes": None, "z": base["z"][:, :2]}


def tuned(rig, seed):
    net, _ = rig.tuned(chosen(100)(rig, seed), seed)
    return cell(rig, rig.look(net), 24)


def tuned_refined(rig, seed):
    net, _ = rig.tuned(chosen(100)(rig, seed), seed)
    return cell(rig, second_pass(rig, {"key": net.key, "look": rig.look(net)}, rig.base), 30)


ARMS = {
    "tuned": tuned, "base, 24 steps": lambda rig, seed: cell(rig, rig.look(rig.base, steps=24), 48),
    "base and a second pass": lambda rig, seed: cell(rig, second_pass(rig, {"key": "base", "look": rig.base_look()}, rig.base), 30),
    "base, best of two by A": lambda rig, seed: cell(rig, best_of_two(rig), 48), "base, guidance 4": lambda rig, seed: cell(rig, rig.look(rig.base, guidance=4.0), 24),
    "tuned and a second pass by the base": tuned_refined,
}


def reading(figures, extra):
    if "tuned" not in figures:
        return []
    mine = figures["tuned"]["gain b"]["mean"]
    others = {n: f["gain b"] for n, f in figures.items() if n.startswith("base")}
    over = [n for n, f in others.items() if f["mean"] >= mine]
    more = figures.get("base, 24 steps", {})
    steps, seen = more.get("wins b alignment"), more.get("attributes")
    return [
        f"The tuned model at 12 steps gains {says(figures['tuned']['gain b'])} by B; " + ", ".join(f"{n} {says(f)}" for n, f in others.items()) + ".",
        "No amount of extra work by the base tried here reaches it." if others and not over else f"Reached by: {', '.join(over)}." if over else "",
        f"Alignment by the scorers hangs on how a picture is drawn: the base at twice its steps wins {says(steps)} of same-seed comparisons with itself at 12, by B's alignment" + (f", and shows {says(seen)} of what is asked where that showed {says(more['base attributes'])}" if seen else "") + "." if steps and above(steps, 0.45) is False else "",
    ]


ROW = Row(
    "refine", "Base plus refiner",
    "DPO-SDXL base alone over SDXL base and refiner: 69 % (PartiPrompts), 64 % (HPSv2), with 53 % of the parameters.",
    "There is no refiner here: the second pass is the same UNet, image to image at strength 0.25 (3 of 12 steps). All against the base as the model asks to be drawn (12 steps, guidance 2). Best of two is A's choice, so A's gain is no figure there.",
    ARMS, reading, fixed=tuple(n for n in ARMS if n.startswith("base")), columns=("UNet forwards a picture", "gain b", "gain c", "gain a", "wins b", "other wins b", "wins b alignment", "diversity"),
)
