"""Diffusion-NPO: another adapter for the unconditional branch, trained with the labels turned around."""

from figures import pictures
from row import Row, chosen, says

GUIDANCE = (2.0, 3.0, 4.5)


def nets(rig, seed):
    pairs = chosen(100)(rig, seed)
    liked, _ = rig.tuned(pairs, seed)
    disliked, _ = rig.tuned(pairs, seed, flip=1)
    return liked, disliked


def arm(alpha, beta):
    """The negative branch is base + alpha (liked - base) + beta (disliked - base)."""

    def run(rig, seed):
        liked, disliked = nets(rig, seed)
        negative = None if (alpha, beta) == (1, 0) else rig.base if (alpha, beta) == (0, 0) else rig.combined([(alpha, liked), (beta, disliked)])
        out = {"prompts": {}, "single": {}}
        for g in GUIDANCE:
            cell = pictures(rig.look(liked, negative=negative, guidance=g), rig.base_look())
            for group in ("prompts", "single"):
                out[group] |= {f"{k}, guidance {g:g}": v for k, v in cell[group].items()}
            if g == 3:
                out |= {"shown": cell["shown"], "before": cell["before"]}
        return out

    return run


def twice(rig, seed):
    """DPO with twice the pair-steps, which is what two adapters cost."""
    net, _ = rig.tuned(chosen(100)(rig, seed), seed, steps=200)
    out = {"prompts": {}, "single": {}}
    for g in GUIDANCE:
        cell = pictures(rig.look(net, guidance=g), rig.base_look())
        for group in ("prompts", "single"):
            out[group] |= {f"{k}, guidance {g:g}": v for k, v in cell[group].items()}
        if g == 3:
            out |= {"shown": cell["shown"], "before": cell["before"]}
    return out


def reading(figures, extra):
    out, best = [], {}
    for name, f in figures.items():
        g = max(GUIDANCE, key=lambda g: f[f"gain b, guidance {g:g}"]["mean"])
        best[name] = f[f"gain b, guidance {g:g}"]["mean"]
        out.append(f"{name}: best at guidance {g:g}, gain by B {says(f[f'gain b, guidance {g:g}'])}, alignment wins {says(f[f'wins b alignment, guidance {g:g}'])}.")
    if "negative branch turned around" in best and "DPO, twice the steps" in best:
        out.append("Best over guidance, the negative branch " + ("is ahead of" if best["negative branch turned around"] > best["DPO, twice the steps"] else "is not ahead of") + " DPO with the same pair-steps.")
    return out


ROW = Row(
    "npo", "NPO: a worse model for the negative branch",
    "No row of the paper (Diffusion-NPO is a follow-up). A later paper's table, HPSv2 on SD 1.5: base 26.24, DPO 26.55, NPO 26.92.",
    "Two adapters from the same 100 pairs, one with the labels turned around. NPO changes the effective guidance, so each arm is drawn at guidance 2, 3 and 4.5, and the best over guidance is compared.",
    {"DPO alone": arm(1, 0), "negative branch turned around": arm(1, 1), "the base as negative": arm(0, 0), "turned around from the base": arm(0, 1), "DPO, twice the steps": twice},
    reading, columns=tuple(f"{name}, guidance {g:g}" for g in GUIDANCE for name in ("gain b", "wins b alignment", "diversity")),
)
