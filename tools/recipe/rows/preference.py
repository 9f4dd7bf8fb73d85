from row import DOUBTFUL, Row, above, chosen, says, seeds_of, standard


def flipped(rig, seed):
    import torch

    pairs = chosen(200)(rig, seed)
    return pairs.turned(torch.rand(len(pairs.w), generator=torch.Generator().manual_seed(seed)) < 0.25, "a quarter flipped")


FLIPPED = "200 pairs, a quarter of the labels flipped"
BY_ALIGNMENT = "200 pairs by alignment"

# What is to be reached, judged by B: (arm, figure, bound).
GOALS = (
    ("200 pairs", "gain b", 1.8), ("200 pairs", "wins b alignment", 0.45), (f"{FLIPPED}, preset doubtful", "gain b", 1.2),
    (BY_ALIGNMENT, "wins b alignment", 0.60), (BY_ALIGNMENT, "gain b", 0.0), ("200 pairs", "diversity", 0.90),
)


def goals(figures):
    out = []
    for arm, name, bound in GOALS:
        if arm in figures:
            mean = figures[arm][name]["mean"]
            out.append(f"{arm}, {name.replace('gain b', 'gain by B').replace('wins b alignment', 'alignment wins by B')} {says(figures[arm][name])}; aim {bound:g}: {'reached' if mean >= bound else 'not reached'}.")
    if "200 pairs" in figures:
        error = figures["200 pairs"]["winner error"]
        out.append(f"Winner's error over the reference {says(error)}; at most 1.1 asked: {'kept' if error['mean'] <= 1.1 else 'not kept'}.")
    return out


def reading(figures, extra):
    arm = "100 pairs" if "100 pairs" in figures else next(iter(figures))
    f = figures[arm]
    word = {True: "The effect shows", False: "It goes the other way", None: "No effect is shown beyond chance"}[above(f["gain b"])]
    out = [
        f"{word}: with {arm} B's appeal rises by {says(f['gain b'])} deviations of the base, and a tuned picture beats another seed of the base in "
        f"{says(f['other wins b'])} of comparisons ({seeds_of(f['gain b'])}).",
        f"With the same seed it wins {says(f['wins b'])}: a rate that saturates here, so the gain is the figure to read.",
    ]
    alignment = f["wins b alignment"]
    out.append(f"Alignment by B: {says(alignment)} of same-seed comparisons" + {True: ", more than half.", False: ", fewer than half: appeal is bought with it, unlike in the paper.", None: ", not told from half."}[above(alignment, 0.5)])
    return out + goals(figures)


ROW = Row(
    "preference", "Preference: tuned against the base",
    "DPO-SDXL over SDXL-base, general preference: 70.0 % on PartiPrompts, 64.7 % on HPSv2's prompts (majority of five people); visual appeal and alignment \"similar\".",
    "Best and worst of four by scorer A on train prompts, judged by B and C on test prompts.",
    {
        "200 pairs": standard(chosen(200)), "100 pairs": standard(chosen(100)),
        FLIPPED: standard(flipped), f"{FLIPPED}, preset doubtful": standard(flipped, **DOUBTFUL),
        BY_ALIGNMENT: standard(chosen(200, by="a alignment"), by="a alignment"),
        f"{BY_ALIGNMENT}, preset doubtful": standard(chosen(200, by="a alignment"), by="a alignment", **DOUBTFUL),
    },
    reading,
)
