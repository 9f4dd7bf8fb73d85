import torch

from figures import difference, span
from rig import Pairs
from row import Row, above, chosen, left, says, standard


def soft(rig, seed):
    """Preferences as the studio's: 0.95 where A's margin is in the upper half (clearly), else 0.8."""
    p = chosen(100)(rig, seed)
    return Pairs(f"{p.key}|soft", p.w, p.l, p.hidden, p.margin, torch.where(p.margin >= p.margin.median(), 0.95, 0.8))


def arm(loss, pairs=chosen(100), **settings):
    return standard(pairs, loss=loss, **settings)


ALL, MIN_SNR = "sigmoid, all timesteps", "sigmoid, all timesteps, min-SNR 5"


def extra(cells):
    return {"min-SNR 5 less none, over all timesteps": difference(cells[MIN_SNR], cells[ALL], "gain b")} if ALL in cells and MIN_SNR in cells else {}


def reading(figures, extra):
    if "sigmoid" not in figures:
        return []
    base = figures["sigmoid"]
    up, down, same = [], [], []
    for name, f in figures.items():
        if name == "sigmoid":
            continue
        gain, mine = span(f["gain b"]), span(base["gain b"])
        if not gain or not mine:
            continue
        group = up if gain[0] > mine[1] else down if gain[1] < mine[0] else same
        group.append(name)
    words = [(up, "more"), (down, "less"), (same, "about as much (intervals meet)")]
    out = [f"Against `sigmoid` ({says(base['gain b'])} by B) gain {word}: {', '.join(f'`{n}`' for n in names)}." for names, word in words if names]
    gentle = [n for n in up if figures[n]["winner error"]["mean"] <= base["winner error"]["mean"] and figures[n]["wins b alignment"]["mean"] >= base["wins b alignment"]["mean"]]
    out.append(f"More gain with no more error and no less alignment than `sigmoid`: {', '.join(f'`{n}`' for n in gentle) or 'none'}.")
    out += left(figures)
    for name, f in extra.items():
        out.append(f"{name}, in gain by B: {says(f)}, " + {True: "more.", False: "less.", None: "not told from nothing."}[above(f)])
    return out + ["One beta each is no ranking: strength and loss are confounded, and only a loss whose whole frontier lies above is better (see Frontier)."]


ROW = Row(
    "losses", "Losses: all of ours at one strength",
    "No row of the paper: it has DPO and SFT alone (55.5 % of comparisons for SFT on SD 1.5). Later papers claim each of the others to be better.",
    "The standard run with 100 pairs, the same pairs, steps and rate for all, each loss at its own defaults ([losses.md](losses.md)). Min-SNR is asked over all timesteps: from 700 on a gamma of 5 weighs none.",
    {
        "sigmoid": arm("sigmoid"), "sigmoid, safeguarded (SDPO 0.9)": arm("sigmoid", sdpoMu=0.9), "sigmoid, smoothed 0.1": arm("sigmoid", labelSmoothing=0.1),
        "robust, 0.1": arm("robust", labelSmoothing=0.1), "soft": arm("soft", soft), "ipo": arm("ipo"), "hinge": arm("hinge"), "kto": arm("kto"), "mapo": arm("mapo"), "dmpo": arm("dmpo"), "linear": arm("linear"), "sft": arm("sft"),
        ALL: arm("sigmoid", low=0), MIN_SNR: arm("sigmoid", low=0, minSnrGamma=5),
    },
    reading, extra=extra,
)
