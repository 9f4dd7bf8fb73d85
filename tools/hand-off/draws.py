"""What chance decides in a run: Winnow's counter-based generator (src/shared/rng.ts, src/training/batch.ts) in numpy.

Philox4x32-10 (Salmon et al., SC 2011), keyed by the run's seed, counted by (block, pair, step, purpose): every draw can be made anywhere, by any
process, without the draws before it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

PURPOSES = {"timestep": 0, "noise": 1, "posterior": 2, "promptDropout": 3, "pairOrder": 4, "loraInit": 5, "imageSeed": 6}
M0, M1, W0, W1, LOW = (np.uint64(x) for x in (0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85, 0xFFFFFFFF))
SHIFT = np.uint64(32)


def philox(blocks: np.ndarray, seed: int, purpose: str, step: int, pair: int) -> np.ndarray:
    """uint64 block numbers [n] -> their words [n, 4], each below 2^32."""
    c0, c1, c2, c3 = blocks, *(np.full(len(blocks), x, np.uint64) for x in (pair, step, PURPOSES[purpose]))
    k0, k1 = np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)
    for _ in range(10):
        p0, p1 = M0 * c0, M1 * c2
        c0, c1, c2, c3 = (p1 >> SHIFT) ^ c1 ^ k0, p1 & LOW, (p0 >> SHIFT) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + W0) & LOW, (k1 + W1) & LOW
    return np.stack([c0, c1, c2, c3], 1)


class Stream:
    """The words of one (seed, purpose, step, pair), in order."""

    def __init__(self, seed: int, purpose: str, step: int = 0, pair: int = 0):
        self.of = (seed, purpose, step, pair)
        self.block, self.words = 0, np.empty(0, np.uint64)

    def take(self, count: int) -> np.ndarray:
        """The next words, uint64."""
        if (missing := count - len(self.words)) > 0:
            blocks = (missing + 3) // 4
            more = philox(np.arange(self.block, self.block + blocks, dtype=np.uint64), *self.of).reshape(-1)
            self.block, self.words = self.block + blocks, np.concatenate([self.words, more])
        taken, self.words = self.words[:count], self.words[count:]
        return taken

    def uniforms(self, count: int) -> np.ndarray:
        """[0, 1), f64 of 53 bits."""
        words = self.take(2 * count).reshape(-1, 2)
        return ((words[:, 0] >> np.uint64(5)) * 2.0**26 + (words[:, 1] >> np.uint64(6))) / 2.0**53

    def int(self, low: int, high: int) -> int:
        """[low, high), without the bias of a remainder."""
        span = high - low
        limit = 2**32 - 2**32 % span
        while (word := int(self.take(1)[0])) >= limit:
            pass
        return low + word % span

    def normals(self, count: int) -> np.ndarray:
        """Box and Muller in f64, rounded to f32."""
        u = self.uniforms(2 * ((count + 1) // 2)).reshape(-1, 2)
        radius, angle = np.sqrt(-2 * np.log1p(-u[:, 0])), 2 * np.pi * u[:, 1]
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:count].astype(np.float32)

    def shuffled(self, items: list[int]) -> list[int]:
        """By Fisher and Yates from the end."""
        order = list(items)
        # All words at once; one that is refused takes one more.
        self.words = np.concatenate([self.take(len(order)), self.words])
        for i in range(len(order) - 1, 0, -1):
            j = self.int(0, i + 1)
            order[i], order[j] = order[j], order[i]
        return order


class BatchOrder:
    """Which pairs each micro-batch has: all of one size, so that pairs lie in buckets. Each bucket is one endless row of shuffled epochs, and buckets
    take turns by how many pairs they have (src/training/batch.ts)."""

    def __init__(self, seed: int, buckets: list[list[int]], size: int):
        self.seed, self.buckets, self.size = seed, buckets, size
        total, had = sum(map(len, buckets)), [0] * len(buckets)
        # Of each micro-batch of a round: its bucket, and how many that one had before in the round.
        self.round: list[tuple[int, int]] = []
        for m in range(1, total + 1 if len(buckets) > 1 else 1):
            bucket = max(range(len(buckets)), key=lambda b: (m * len(buckets[b]) - had[b] * total, -b))
            self.round.append((bucket, had[bucket]))
            had[bucket] += 1
        self.epoch = lru_cache(maxsize=2 * len(buckets))(self._epoch)

    def _epoch(self, bucket: int, epoch: int) -> list[int]:
        return Stream(self.seed, "pairOrder", step=epoch, pair=bucket).shuffled(self.buckets[bucket])

    def at(self, micro: int) -> list[int]:
        """Indices of the micro-batch's pairs."""
        bucket, nth = 0, micro
        if self.round:
            bucket, before = self.round[micro % len(self.round)]
            nth = micro // len(self.round) * len(self.buckets[bucket]) + before
        members = len(self.buckets[bucket])
        return [self.epoch(bucket, i // members)[i % members] for i in range(nth * self.size, (nth + 1) * self.size)]


@dataclass(frozen=True)
class Draw:
    """The n-th of a run: n = step * accumulation * pairsPerStep + slot."""

    n: int
    # Index into the run's pairs.
    pair: int
    timestep: int
    # The prompt is replaced by the empty one.
    drop_prompt: bool


def draw(config: dict, order: BatchOrder, n: int) -> Draw:
    seed = config["seed"]
    return Draw(
        n,
        order.at(n // order.size)[n % order.size],
        Stream(seed, "timestep", step=n).int(*config["timestepRange"]),
        bool(Stream(seed, "promptDropout", step=n).uniforms(1)[0] < config["promptDropout"]),
    )


def noise(config: dict, n: int, shape: tuple[int, ...]) -> np.ndarray:
    """Shared by the draw's two pictures."""
    return Stream(config["seed"], "noise", step=n).normals(int(np.prod(shape))).reshape(shape)


def posterior(config: dict, n: int, side: str, mean: np.ndarray, std: np.ndarray | None, factor: float) -> np.ndarray:
    """Of a picture from elsewhere, its latents at the n-th draw; f32 throughout, as torch has it. side: w or l."""
    if std is not None and config["posterior"] == "sample":
        drawn = Stream(config["seed"], "posterior", step=n, pair="wl".index(side)).normals(mean.size).reshape(mean.shape)
        mean = mean + std * drawn
    return mean * np.float32(factor)


def image_seeds(seed: int, pair: int) -> tuple[int, int]:
    """Of the two pictures of Winnow's pair number `pair`."""
    words = Stream(seed, "imageSeed", step=pair).take(2)
    return int(words[0]), int(words[1])


def self_test() -> None:
    """Against what Winnow draws for seed 0."""
    config = {"seed": 0, "timestepRange": [0, 1000], "promptDropout": 0.5}
    words = philox(np.zeros(1, np.uint64), 0, "timestep", 0, 0)[0]
    assert [f"{int(w):08x}" for w in words] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"], words
    assert np.allclose(noise(config, 0, (4,)), [0.62619793, -0.04662102, -1.67839885, 1.42508280], rtol=1e-7, atol=0)
    order = BatchOrder(0, [list(range(8))], 2)
    assert [draw(config, order, n).timestep for n in range(6)] == [541, 97, 191, 172, 553, 604]
    assert [draw(config, order, n).pair for n in range(8)] == [3, 2, 0, 5, 7, 4, 1, 6]
    assert abs(Stream(0, "promptDropout").uniforms(1)[0] - 0.30266034) < 1e-8
    assert [image_seeds(0, n)[0] for n in range(3)] == [3754318685, 3028152036, 2211027358]
