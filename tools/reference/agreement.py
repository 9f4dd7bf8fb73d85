"""Prints the agreement figures that src/evaluation/agreement.test.ts holds against: Krippendorff's published example (Computing Krippendorff's
Alpha-Reliability, 2011, data C and B), and made-up raters, by scikit-learn and the krippendorff package."""

import krippendorff
import numpy as np
from sklearn.metrics import cohen_kappa_score

n = np.nan


def alpha(rows):
    return float(krippendorff.alpha(np.array(rows, float), level_of_measurement="nominal"))


print("data C", alpha([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, n, n, n],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, n, 3],
    [n, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, n],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, n],
]))
a, b = "aabbdcccedda", "babbbccceddd"
print("data B", alpha([["abcde".index(x) for x in a], ["abcde".index(x) for x in b]]), cohen_kappa_score(list(a), list(b)))
print("25 and 25", cohen_kappa_score(["y"] * 25 + ["n"] * 25, ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15))

random = np.random.default_rng(7)
x = random.integers(0, 4, 60)
y = np.where(random.random(60) < 0.6, x, random.integers(0, 4, 60))
z = np.where(random.random(60) < 0.7, x, random.integers(0, 4, 60)).astype(float)
z[random.random(60) < 0.3] = n
three = np.array([x, y, z], float)
for row in three:
    print("".join("-" if v != v else str(int(v)) for v in row))
print("kappa", cohen_kappa_score(x, y), "alpha", alpha(three))
draws = [random.integers(0, 60, 60) for _ in range(10_000)]
for name, drawn in {
    "kappa": [cohen_kappa_score(x[i], y[i]) for i in draws],
    "alpha": [alpha(three[:, i]) for i in draws],
}.items():
    print("bootstrap of", name, np.quantile(drawn, [0.025, 0.975]))
