"""Writes evaluation.json: figures of made-up comparisons by scipy and numpy, which src/evaluation/statistics.test.ts holds against.

    pip install -r requirements.txt && python evaluation.py
"""

import json
from pathlib import Path

import numpy as np
from scipy import integrate, optimize, stats

random = np.random.default_rng(12)
out = {}

out["wilson and sign"] = [
    {"wins": w, "losses": l, "rate": list(stats.binomtest(w, w + l).proportion_ci(method="wilson")), "p": stats.binomtest(w, w + l).pvalue}
    for w, l in [(14, 6), (17, 3), (0, 9), (50, 50), (1142, 490), (2070, 1130), (3, 1)]
]

# Scores of three models over prompts and seeds; prompts differ more than seeds.
prompts, seeds = 40, 3
ground = random.normal(0, 2, (prompts, 1))
scores = np.stack([ground + random.normal(shift, 0.7 + 0.1 * k, (prompts, seeds)) for k, shift in enumerate([0, 0.3, 0.9])]).round(6)
out["scores"] = scores.tolist()


def by_prompt(statistic, *samples):
    """Percentile interval over prompts, and the Monte Carlo deviation of its ends with 10,000 draws."""
    result = stats.bootstrap([np.arange(prompts)], lambda chosen: statistic(*(s[chosen] for s in samples)), vectorized=False,
                             n_resamples=100_000, method="percentile", rng=np.random.default_rng(1))
    drawn = np.sort(result.bootstrap_distribution)
    ends = []
    for share in (0.025, 0.975):
        half = 2 * np.sqrt(share * (1 - share) / 10_000)
        ends.append((np.quantile(drawn, share + half) - np.quantile(drawn, max(0, share - half))) / 4)
    return {"low": result.confidence_interval.low, "high": result.confidence_interval.high, "deviations": ends}


def gain(base, other):
    return (other.mean(1) - base.mean(1)).mean() / np.sqrt(base.var(1, ddof=1).mean())


def other_seeds(base, other):
    wins = (other[:, None, :] > base[:, :, None]) + 0.5 * (other[:, None, :] == base[:, :, None])
    return wins[:, ~np.eye(seeds, dtype=bool)].mean(1).mean()


out["spread"] = [
    {"mean": s.mean(), "median": np.median(s), "deviation": s.std(ddof=1), "meanInterval": by_prompt(np.mean, s), "medianInterval": by_prompt(np.median, s)}
    for s in scores
]
out["gain"] = [{"gain": gain(scores[0], s), "deviation": np.sqrt(scores[0].var(1, ddof=1).mean()), "interval": by_prompt(gain, scores[0], s)} for s in scores[1:]]
out["other seeds"] = [{"rate": other_seeds(scores[0], s), "interval": by_prompt(other_seeds, scores[0], s)} for s in scores[1:]]

# Bradley and Terry by direct maximisation, with half a win each way for every two that met.
def strengths(wins):
    wins = wins + 0.5 * ((wins + wins.T) > 0)

    def loss(free):
        s = np.concatenate([[0], free])
        return np.sum(wins * np.logaddexp(0, s[None, :] - s[:, None]))

    return np.concatenate([[0], optimize.minimize(loss, np.zeros(len(wins) - 1), method="BFGS", options={"gtol": 1e-10}).x])


def wins_of(values):
    k = len(values)
    wins = np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            if i != j:
                wins[i, j] = (values[i] > values[j]).sum() + 0.5 * (values[i] == values[j]).sum()
    return wins


chain = np.array([[0, 7, 0, 0], [3, 0, 12, 0], [0, 0, 0, 4], [0, 0, 5, 0]], float)
out["bradley terry"] = [{"wins": w.tolist(), "strengths": strengths(w).tolist()} for w in (wins_of(scores), chain)]
bt = [strengths(wins_of(scores[:, chosen])) for chosen in (np.random.default_rng(2).integers(0, prompts, (2000, prompts)))]
out["bradley terry interval"] = [{"low": np.quantile([b[i] for b in bt], 0.025), "high": np.quantile([b[i] for b in bt], 0.975)} for i in (1, 2)]

out["best of normals"] = [
    [n, integrate.quad(lambda x, n=n: x * n * stats.norm.pdf(x) * stats.norm.cdf(x) ** (n - 1), -10, 10)[0]]
    for n in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 64, 100)
]

features = random.random((2, 6, 3, 12)).astype(np.float32).round(4)
out["diversity"] = {
    "features": features.tolist(),
    "distances": [
        float(np.mean([np.mean([np.sqrt(np.mean((p[i] - p[j]) ** 2)) for i in range(3) for j in range(i + 1, 3)]) for p in m.astype(float)]))
        for m in features
    ],
}
out["quantiles"] = [{"values": v.tolist(), "share": q, "value": np.quantile(v, q)} for v in (np.sort(random.normal(size=7)).round(5),) for q in (0, 0.025, 0.5, 0.8, 1)]

(Path(__file__).parent / "evaluation.json").write_text(
    json.dumps(out, default=float) + "\n"
)
