"""What every training script shares: data, minibatches, averaged weights, checkpoints, a time budget."""

import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch

from world import ATTRIBUTES

NAMES = list(ATTRIBUTES)
SIZES = [len(v) for v in ATTRIBUTES.values()]


class Data:
    """The rendered data set; images stay on disk as uint8 [N, H, W, 3]."""

    def __init__(self, work):
        data = Path(work) / "data"
        self.images = np.load(data / "images.npy", mmap_mode="r")
        self.attributes = torch.from_numpy(np.load(data / "attributes.npy"))
        self.looks = torch.from_numpy(np.load(data / "looks.npy"))
        self.styles = torch.from_numpy(np.load(data / "styles.npy"))
        self.captions = json.loads((data / "captions.json").read_text())

    def batch(self, index):
        """index [B] -> images [B, 3, H, W] in [-1, 1], channels last."""
        x = torch.from_numpy(self.images[np.asarray(index)])
        return to_float(x)


def to_float(x):
    """uint8 [B, H, W, 3] -> float [B, 3, H, W] in [-1, 1]."""
    return (x.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def to_uint8(x):
    """float [B, 3, H, W] in [-1, 1] -> numpy uint8 [B, H, W, 3]."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


class Average:
    """Exponential moving average of a module's parameters."""

    def __init__(self, module, decay):
        self.decay, self.steps = decay, 0
        self.shadow = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module):
        self.steps += 1
        d = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for k, v in module.state_dict().items():
            if v.dtype.is_floating_point:
                self.shadow[k].lerp_(v, 1 - d)


def lr_at(progress, peak, flat=0.3, floor=0.03):
    """Flat until `flat` of the budget, then a cosine to `floor` x peak."""
    if progress < flat:
        return peak
    p = min((progress - flat) / (1 - flat), 1)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * p)))


class Budget:
    """Minutes that this thread computed, counted over resumes: on a busy machine the same work takes more of the clock, and is to end
    at the same learning rate. Progress in [0, 1] drives it."""

    def __init__(self, minutes, spent=0.0):
        self.seconds, self.spent, self.last = minutes * 60, spent, time.thread_time()

    def tick(self):
        now = time.thread_time()
        self.spent, self.last = self.spent + now - self.last, now
        return self.spent / self.seconds


def join_group(seed):
    """Rank of this process. Under `torchrun --nproc-per-node 2` with one thread each, two processes share a step:
    on a busy machine that is faster than two threads, which wait for each other at every operation."""
    rank = int(os.environ.get("RANK", 0))
    if "RANK" in os.environ:
        torch.distributed.init_process_group("gloo")
        torch.set_num_threads(1)
    torch.manual_seed(seed)
    return rank


def share(params, progress):
    """Average gradients over the processes; returns progress averaged, so that all stop at the same step."""
    if not torch.distributed.is_initialized():
        return progress
    grads = [p.grad for p in params if p.grad is not None]
    flat = torch.cat([*(g.reshape(-1) for g in grads), torch.tensor([progress])])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    start = 0
    for g in grads:
        g.copy_(flat[start : start + g.numel()].view_as(g))
        start += g.numel()
    return flat[-1].item()


def save(path, **state):
    """Write a checkpoint so that an interrupted write leaves the old one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def load(path):
    return torch.load(path, weights_only=False) if Path(path).exists() else None


def bf16():
    return torch.autocast("cpu", torch.bfloat16)


def round_fp16(module):
    """Round weights through fp16, as they are stored."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(p.half().float())
    return module
