"""Gain against drift and alignment: a curve a rate, points are beta."""

from row import Row, chosen, says, standard

POINTS = {2e-3: (1000, 5000, 20000), 1e-3: (1000, 200, 5000), 5e-4: (1000, 200, 20), 2e-4: (200, 20)}


USUAL = "rate 0.002, beta 1000"


def reading(figures, extra):
    good = {n: f for n, f in figures.items() if f["wins b alignment"]["mean"] >= 0.45 and f["winner error"]["mean"] <= 1.1 and f["diversity"]["mean"] >= 0.9}
    out = []
    usual = figures.get(USUAL)
    at = lambda f: (f["gain b"]["mean"], -f["winner error"]["mean"], f["diversity"]["mean"])
    if usual:
        better = [n for n, f in figures.items() if n != USUAL and len(f["gain b"]["each"]) >= len(usual["gain b"]["each"]) and all(x > y for x, y in zip(at(f), at(usual)))]
        said = "; ".join(f"{n} ({says(figures[n]['gain b'])}, error {says(figures[n]['winner error'])}, diversity {says(figures[n]['diversity'])})" for n in better)
        out.append(
            f"More gain, less of the winner's error and more diversity than the standard run ({USUAL}: {says(usual['gain b'])}, error {says(usual['winner error'])}, "
            f"diversity {says(usual['diversity'])}): {said or 'none'}, by the means of its training seeds."
        )
    if not good:
        return out + ["No point keeps alignment wins at 45 %, the winner's error below 1.1 and diversity at 90 % of the base's."] if figures else []
    best = max(good, key=lambda n: good[n]["gain b"]["mean"])
    return out + [f"The most gain within the bounds (alignment wins 45 %, winner's error 1.1, diversity 90 %) is at {best}: {says(good[best]['gain b'])} by B, alignment {says(good[best]['wins b alignment'])}, drift {good[best]['drift']['mean']:.4f}."]


ROW = Row(
    "frontier", "Frontier: gain against drift and alignment",
    "None: the paper gives one point a model.",
    "The standard run with 100 pairs over rates and betas. Drift is the mean square distance of the tuned model's predictions from the base's on held-out pictures.",
    {f"rate {lr:g}, beta {b}": standard(chosen(100), beta=b, **({} if lr == 2e-3 else {"lr": lr})) for lr, betas in POINTS.items() for b in betas},
    reading,
)
