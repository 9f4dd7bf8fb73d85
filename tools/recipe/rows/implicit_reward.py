"""The tuned model as a judge of pairs that it has not seen."""

import torch

from figures import better
from rig import bank, labelled, shape
from row import Row, above, chosen, says

DRAWS = 20


def held_pairs(rig, by):
    count = 8 if rig.size.tiny else rig.size.base_seeds // 2 * rig.size.prompts
    return labelled(rig.held_out(count), by)


def draws(rig):
    return 4 if rig.size.tiny else DRAWS


def right(margins):
    return better(margins.mean(1), torch.zeros(()))


def per_prompt(rig, values):
    """[N] in the order of held-out pairs -> mean of each prompt's [P]."""
    n = len(rig.test)
    full = torch.full((-(-len(values) // n) * n,), float("nan"), dtype=torch.float64)
    full[: len(values)] = values.double()
    return full.view(-1, n).nanmean(0)


def by_judge(rig, margins):
    """Of A's winners over A's losers [N, K] -> of each scorer's winners over its losers."""
    own = held_pairs(rig, "a")
    same = {by: (own.w == held_pairs(rig, by).w).flatten(1).all(1) for by in ("a", *rig.judges)}
    return {by: torch.where(rows[:, None], margins, -margins) for by, rows in same.items()}


def cell(rig, margins, everywhere, train=None):
    """margins: of A's held-out pairs at the timesteps that are trained, and at all of them, [N, K] each."""
    out = {"prompts": {}, "single": {}}
    for by, m in by_judge(rig, margins).items():
        out["prompts"][f"accuracy {by}"] = per_prompt(rig, right(m))
        for n in (1, 2, 5, 10, 20):
            if n <= m.shape[1]:
                out["single"][f"accuracy {by}, {n} draws"] = right(m[:, :n]).mean().item()
        quarters = held_pairs(rig, by).margin.argsort().chunk(4)
        for name, rows in zip(("least sure quarter", "second quarter", "third quarter", "surest quarter"), quarters):
            out["single"][f"accuracy {by}, {name}"] = right(m[rows]).mean().item()
    timesteps = bank(draws(rig), shape(rig.model))[0] // 100
    for by, m in by_judge(rig, everywhere).items():
        out["prompts"][f"accuracy {by}, all timesteps"] = per_prompt(rig, right(m))
        for b in range(10):
            mine = timesteps == b
            if by == "b" and mine.any():
                out["prompts"][f"timesteps {100 * b} to {100 * b + 99}"] = per_prompt(rig, right(m[:, mine]))
    if train is not None:
        out["single"]["training accuracy"] = right(train).mean().item()
    return out


def model_arm(of, count=100, **settings):
    def run(rig, seed):
        pairs = chosen(count, of)(rig, seed)
        net, _ = rig.tuned(pairs, seed, **settings)
        trained, everywhere = (rig.margins(net, held_pairs(rig, "a"), draws(rig), trained) for trained in (True, False))
        return cell(rig, trained, everywhere, rig.margins(net, pairs, rig.size.draws, trained=True))

    return run


def likelihood(rig, seed):
    """The base's own likelihood, which the paper has no row for: a picture with the smaller error is the better one."""
    errors = (rig.errors(rig.base, held_pairs(rig, "a"), draws(rig), trained) for trained in (True, False))
    return cell(rig, *(e[:, 1] - e[:, 0] for e in errors))


def scorer_a(rig, seed):
    """The labeller itself against the judges' labels: the ceiling."""
    held = {by: held_pairs(rig, by) for by in ("a", *rig.judges)}
    own = held["a"]
    out = {"prompts": {}, "single": {}}
    for by in rig.judges:
        same = (own.w == held[by].w).flatten(1).all(1)
        out["prompts"][f"accuracy {by}"] = per_prompt(rig, same.double())
    return out


def reading(figures, extra):
    out = []
    tuned = figures.get("tuned on 200 pairs") or figures.get("tuned on 100 pairs")
    if tuned:
        a, b = tuned["accuracy a"], tuned["accuracy b"]
        out.append(f"As a judge the tuned model agrees with A, whose labels it learned, on {says(a)} of unseen two-seed pairs, and with B on {says(b)}; 0.85 by the labeller was the aim: {'reached' if a['mean'] >= 0.85 else 'not reached'}.")
        if "accuracy a, all timesteps" in tuned:
            out.append(f"That is by draws of the timesteps that it was trained on, as the studio takes them; by draws of all timesteps, as the paper's, it is {says(tuned['accuracy a, all timesteps'])} by A, {says(tuned['accuracy b, all timesteps'])} by B.")
        bins = {k: v for k, v in tuned.items() if k.startswith("timesteps")}
        if bins:
            best, worst = max(bins, key=lambda k: bins[k]["mean"]), min(bins, key=lambda k: bins[k]["mean"])
            out.append(f"By timestep (B's labels): best at {best} ({says(bins[best])}), least at {worst} ({says(bins[worst])}).")
        if "accuracy b, 1 draws" in tuned and "accuracy b, 20 draws" in tuned:
            out.append(f"One draw gives {tuned['accuracy b, 1 draws']['mean']:.2f}, ten {tuned['accuracy b, 10 draws']['mean']:.2f}, twenty {tuned['accuracy b, 20 draws']['mean']:.2f}.")
        if "training accuracy" in tuned:
            out.append(f"On the pairs that it was trained on: {says(tuned['training accuracy'])}.")
    if base := figures.get("base, plain likelihood"):
        out.append(f"The untuned model's likelihood alone gives {says(base['accuracy b'])} by B" + {True: ": part of the figure is the base's.", False: ", below chance.", None: ", chance."}[above(base["accuracy b"], 0.5)])
    if top := figures.get("scorer A itself"):
        out.append(f"A itself agrees with B on {says(top['accuracy b'])}, which bounds what its labels can teach.")
    return out


ROW = Row(
    "implicit-reward", "Implicit reward: the tuned model as a judge",
    "Pick-a-Pic v2 validation, 10 random timesteps: DPO-SD1.5 60.8 %, DPO-SDXL 72.0 %; PickScore 64.2, HPSv2 59.3, CLIP 57.1, Aesthetic 51.4.",
    "Pairs of two random seeds for test prompts, two a prompt; 20 draws of timestep and noise, common to all pictures, pairs and models: spread over the timesteps that are trained (700 to 999), as the studio does, and beside it two in each tenth of all. A tie counts half.",
    {"tuned on 200 pairs": model_arm(4, 200), "tuned on 100 pairs": model_arm(4), "base, plain likelihood": likelihood, "scorer A itself": scorer_a},
    reading, fixed=("base, plain likelihood", "scorer A itself"),
    columns=("accuracy a", "accuracy b", "accuracy c", "accuracy a, all timesteps", "accuracy b, all timesteps", "training accuracy", "accuracy b, 1 draws", "accuracy b, 10 draws", "accuracy b, 20 draws", "accuracy b, least sure quarter", "accuracy b, surest quarter"),
)
