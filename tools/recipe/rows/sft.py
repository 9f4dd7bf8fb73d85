"""SFT on the winners, and DPO on the same pairs, by how good the winners are: q = their appeal less the base's."""

from figures import compare, deviation
from rig import labelled
from row import Row, above, says

STRONG, WEAK = (lambda rig: rig.base), (lambda rig: rig.weak())


def arm(base, source, loss, of=4, lr=2e-3):
    def run(rig, seed):
        start = base(rig)
        candidates = rig.candidates(source(rig), rig.size.pairs(100), of, seed)
        pairs = labelled(candidates)
        net, tail = rig.tuned(pairs, seed, start=start, loss=loss, lr=lr)
        cell = compare(rig, net, start, tail)
        winners = candidates.scores["b"].gather(1, candidates.scores["a"].argmax(1, keepdim=True))[:, 0]
        own = rig.candidates(start, rig.size.pairs(100), of, seed).scores["b"]
        cell["single"]["q"] = ((winners - own.mean(1)).mean().item()) / deviation(rig.look(start, rig.size.base_seeds)["scores"]["b"])
        return cell

    return run


NAMES = {
    "strong base, its own pairs": (STRONG, STRONG), "strong base, the weak one's pairs": (STRONG, WEAK), "weak base, the strong one's pairs": (WEAK, STRONG),
    "weak base, its own pairs": (WEAK, WEAK),
}


SLOW = "a fifth of the rate"


def reading(figures, extra):
    out = []
    for name in NAMES:
        sft, dpo = figures.get(f"SFT, {name}"), figures.get(f"DPO, {name}")
        for word, f in (("SFT", sft), ("DPO", dpo)):
            if f:
                does = {True: "helps", False: "hurts", None: "is not told from nothing"}[above(f["gain b"])]
                out.append(f"{word}, {name} (winners {f['q']['mean']:+.2f} deviations from the base): {does}, {says(f['gain b'])} by B.")
    both = [n for n in NAMES if f"SFT, {n}" in figures and f"DPO, {n}" in figures]
    less = [n for n in both if figures[f"SFT, {n}"]["gain b"]["mean"] < figures[f"DPO, {n}"]["gain b"]["mean"]]
    if both:
        out.append(f"On the same pairs SFT gains less than DPO in {len(less)} of {len(both)} cases, and leaves less diversity in {sum(figures[f'SFT, {n}']['diversity']['mean'] < figures[f'DPO, {n}']['diversity']['mean'] for n in both)}.")
    for name in NAMES:
        full, slow = figures.get(f"SFT, {name}"), figures.get(f"SFT, {name}, {SLOW}")
        if full and slow:
            out.append(
                f"SFT, {name}, at {SLOW} instead: {says(slow['gain b'])} at a winner's error of {says(slow['winner error'])} and a diversity of {says(slow['diversity'])} "
                f"({says(full['winner error'])} and {says(full['diversity'])} at the full rate)."
            )
    want = [("SFT, weak base, the strong one's pairs", True), ("SFT, strong base, the weak one's pairs", False), ("DPO, strong base, the weak one's pairs", True)]
    if all(n in figures for n, _ in want):
        shows = all(above(figures[n]["gain b"]) is sign for n, sign in want)
        out.append("The paper's pattern (SFT helps below its pictures' level and hurts above it, DPO helps in both) " + ("shows." if shows else "does not show in whole."))
    return out


ROW = Row(
    "sft", "SFT on the winners: weak and strong base",
    "SFT on the winners: 55.5 % over SD 1.5; any amount hurts SDXL, at lower rates too. Read as: the pictures are better than SD 1.5's and worse than SDXL's.",
    "The strong base is the model as it is. No earlier checkpoint is kept, so the weak one is the same UNet with Gaussian noise of 0.15 of each weight's deviation (or `--weak FILE`). 100 pairs, best and worst of four by A, made by either; gain is over the base that was tuned.",
    {
        **{f"{word}, {name}": arm(*pair, loss) for name, pair in NAMES.items() for word, loss in (("SFT", "sft"), ("DPO", "sigmoid"))},
        f"SFT, strong base, its own pairs, {SLOW}": arm(STRONG, STRONG, "sft", lr=4e-4),
        f"SFT, strong base, the weak one's pairs, {SLOW}": arm(STRONG, WEAK, "sft", lr=4e-4),
        "SFT, strong base, its best of 16": arm(STRONG, STRONG, "sft", of=16),
    },
    reading, columns=("q", "gain b", "gain c", "wins b alignment", "winner error", "drift", "diversity"),
)
