"""Intervals, and what one tuned network comes to."""

import math

import torch

# 97.5 % of Student's t at n - 1 degrees of freedom.
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def bootstrap(values, draws=10_000):
    """Percentile interval of the mean over prompts: values [P]."""
    values = torch.as_tensor(values, dtype=torch.float64)
    values = values[~values.isnan()]
    generator = torch.Generator().manual_seed(5)
    means = torch.cat([values[torch.randint(len(values), (500, len(values)), generator=generator)].mean(1) for _ in range(draws // 500)])
    return [means.quantile(q).item() for q in (0.025, 0.975)]


def over_seeds(values):
    """One figure of several training runs: its mean, each, and the t interval; of one run there is none."""
    n, mean = len(values), sum(values) / len(values)
    out = {"mean": mean, "each": list(values)}
    if n > 1:
        half = STUDENT[n] * math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1)) / math.sqrt(n)
        out["interval"] = [mean - half, mean + half]
    return out


def rounded(value, digits=4):
    match value:
        case float():
            return round(value, digits)
        case dict():
            return {k: rounded(v, digits) for k, v in value.items()}
        case list() | tuple():
            return [rounded(v, digits) for v in value]
    return value


def better(after, before):
    """1 where higher, half for a tie."""
    return (after > before).double() + 0.5 * (after == before).double()


def deviation(base):
    """Of scores [P, S] within a prompt, pooled over prompts."""
    return base.double().var(1).mean().sqrt().item()


def pictures(look, base):
    """A look against the base's: by prompt [P] gain (rise in deviations of the base within a prompt), wins (same seed), other wins (against another
    seed of the base); diversity."""
    seeds, out = look["z"].shape[1], {"prompts": {}, "single": {}, "shown": look["shown"], "before": base["shown"]}
    for name, after in look["scores"].items():
        own = base["scores"][name]
        same = own[:, :seeds]
        other = [(i, j) for i in range(seeds) for j in range(own.shape[1]) if i != j]
        out["prompts"] |= {
            f"gain {name}": (after.double() - same.double()).mean(1) / deviation(own),
            f"wins {name}": better(after, same).mean(1),
            f"other wins {name}": torch.stack([better(after[:, i], own[:, j]) for i, j in other], 1).mean(1),
        }
    if look["attributes"] is not None:
        out["prompts"] |= {"attributes": look["attributes"].double().mean(1), "base attributes": base["attributes"].double().mean(1)}
    out["single"]["diversity"] = (look["distance"].mean() / base["distance"].mean()).item()
    return out


def compare(rig, net, before=None, tail=None, by="a", **sampler):
    """A network against the base (before: another one than the model's): its pictures, and errors on held-out pairs as `by` labels them."""
    start = before or rig.base
    out = pictures(rig.look(net, **sampler), rig.look(start, rig.size.base_seeds))
    held = rig.labelled(rig.held_out(), by)
    ours, theirs = rig.errors(net, held, rig.size.draws), rig.errors(start, held, rig.size.draws)
    closer = (theirs - ours).mean(2)
    out["single"] |= {
        "winner error": (ours[:, 0].mean() / theirs[:, 0].mean()).item(), "loser error": (ours[:, 1].mean() / theirs[:, 1].mean()).item(),
        "drift": rig.drift(net, start), "held-out accuracy": better(closer[:, 0], closer[:, 1]).mean().item(),
    }
    if tail:
        out["single"] |= {f"training {k}": v for k, v in tail.items()}
    return out


def table(cells):
    """Cells of one arm, a training seed each -> every figure over seeds, with the interval over prompts of the seeds' mean."""
    out = {}
    for name in cells[0]["prompts"]:
        rows = torch.stack([c["prompts"][name] for c in cells])
        out[name] = {**over_seeds(rows.nanmean(1).tolist()), "over prompts": bootstrap(rows.mean(0))}
    for name in cells[0]["single"]:
        out[name] = over_seeds([c["single"][name] for c in cells])
    return out


def difference(cells, others, name):
    """Paired by prompt and training seed: cells less others. None where no seed has both."""
    theirs = {c["seed"]: c for c in others}
    pairs = [(c, theirs[c["seed"]]) for c in cells if c["seed"] in theirs]
    if not pairs:
        return None
    rows = torch.stack([a["prompts"][name] - b["prompts"][name] for a, b in pairs])
    return {**over_seeds(rows.nanmean(1).tolist()), "over prompts": bootstrap(rows.mean(0))}


def span(figure):
    """The interval to go by: over training seeds where there are three, else over prompts; None where there is neither."""
    return figure["interval"] if len(figure["each"]) >= 3 else figure.get("over prompts")
