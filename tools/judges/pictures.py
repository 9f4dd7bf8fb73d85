"""Seeded pictures with smooth parts, edges and noise: what a resize gets wrong shows in all three."""

import numpy as np


def picture(height: int, width: int, seed: int) -> np.ndarray:
    """[height, width, 3] uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    across, down, phase = rng.uniform(0.02, 0.6, 3), rng.uniform(0.02, 0.6, 3), rng.uniform(0, 6, 3)
    waves = 0.5 + 0.5 * np.sin(x[..., None] * across + y[..., None] * down + phase)
    # Black and white beside each other: bicubic overshoots there.
    waves[(x // 7 + y // 5) % 6 == 0] = rng.integers(0, 2, 3)
    waves[height // 2:, : width // 3] += rng.uniform(-0.3, 0.3, (height - height // 2, width // 3, 3))
    return np.round(255 * np.clip(waves, 0, 1)).astype(np.uint8)
