"""What figures belong to: a model by its weights, as sampled and judged."""

import hashlib
from pathlib import Path

# What all that is kept depends on; of a judge beyond A and B only its own scores do.
PARTS = ("unet", "vae", "text_encoder", "scorers/a", "scorers/b")


def hashed(paths):
    return hashlib.sha256(b"".join(p.read_bytes() for p in sorted(paths))).hexdigest()[:12]


def identity(folder):
    """Of a model folder: 12 hexadecimal digits."""
    return hashed(path for part in PARTS for path in (Path(folder) / part).glob("*.safetensors"))
