#!/usr/bin/env python3
"""Writes src/shared/torchGenerator.golden.json: what torch.Generator("cpu") gives, call after call.

    python write_torch_generator.py ../../src/shared/torchGenerator.golden.json
"""

import json
import sys
from pathlib import Path

import torch

# A generator lives through its row: odd sizes, sizes below 16, the kept normal in between, more words than one refill.
ROWS = [
    (0, ["randn 16", "randn 1024"]),
    (42, ["rand 5", "randn 20", "rand 3"]),
    (42, ["randn 3", "randn 1", "randn 17", "randn 2", "randn 15", "randn 33"]),
    (1234567, ["rand 700", "randn 31", "randn 5", "randn 5"]),
    (2**32 + 5, ["randn 64", "rand 1"]),
    (2**53 - 1, ["randn 1", "randn 16", "randn 1", "randn 1"]),
    (-1, ["rand 2", "randn 48"]),
]
SHOWN = 48  # the first and last values of a long call

def draw(generator, call):
    kind, n = call.split()
    values = getattr(torch, kind)(int(n), generator=generator).double().tolist()
    return {"call": kind, "n": int(n), "head": values[:SHOWN], "tail": values[-SHOWN:]}


rows = []
for seed, calls in ROWS:
    generator = torch.Generator("cpu").manual_seed(seed)
    rows.append({"seed": str(seed), "calls": [draw(generator, call) for call in calls]})
Path(sys.argv[1]).write_text(json.dumps({"torch": torch.__version__.split("+")[0], "rows": rows}) + "\n")
