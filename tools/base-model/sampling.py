"""Sampling in batches with guidance: the same arithmetic as StableDiffusionPipeline, without its overhead."""

import torch
from diffusers import DPMSolverMultistepScheduler

from common import bf16
from train_text import encode
from train_unet import NOISE

# Trailing: a picture begins where training ends, at noise alone.
SCHEDULER = dict(
    **NOISE, algorithm_type="dpmsolver++", solver_order=2, solver_type="midpoint", lower_order_final=True, steps_offset=1,
    timestep_spacing="trailing",
)


def seeded_noise(seeds, shape=(12, 16, 16)):
    """One CPU generator a seed, as in diffusers: [len(seeds), *shape]."""
    return torch.cat([torch.randn((1, *shape), generator=torch.Generator("cpu").manual_seed(int(s))) for s in seeds])


@torch.no_grad()
def sample(unet, hidden, empty, noise, steps=12, guidance=2.0, start=None, strength=1.0, negative=None, batch=50, fast=True):
    """hidden [N, 40, 96], empty [40, 96], noise [N, 12, 16, 16] -> latents [N, 12, 16, 16].

    With start [N, 12, 16, 16] and strength < 1: noised to that point and denoised from there. negative: another UNet for
    the unconditional branch.
    """
    out = []
    for i in range(0, len(noise), batch):
        scheduler = DPMSolverMultistepScheduler(**SCHEDULER)
        scheduler.set_timesteps(steps)
        timesteps = scheduler.timesteps
        x = noise[i : i + batch]
        if start is not None:
            first = steps - min(int(steps * strength), steps)
            timesteps = timesteps[first:]
            scheduler.set_begin_index(first)
            x = scheduler.add_noise(start[i : i + batch], x, timesteps[:1].repeat(len(x)))
        h = torch.cat([empty.expand(len(x), -1, -1), hidden[i : i + batch].float()])
        for t in timesteps:
            with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                if negative is None:
                    u, c = unet(torch.cat([x, x]), t, h).sample.float().chunk(2)
                else:
                    u, c = (net(x, t, part).sample.float() for net, part in zip((negative, unet), h.chunk(2)))
            x = scheduler.step(u + guidance * (c - u), t, x).prev_sample
        out.append(x.contiguous())
    return torch.cat(out)


@torch.no_grad()
def decode(vae, latents, scale, batch=50):
    """Latents [N, 12, 16, 16] -> images [N, 3, 128, 128] in [-1, 1]."""
    out = []
    for z in latents.split(batch):
        with bf16():
            out.append(vae.decode(z / scale).sample.float().clamp(-1, 1))
    return torch.cat(out)


@torch.no_grad()
def read(tokenizer, text_encoder, texts, batch=250):
    """Texts -> last hidden states [N, 40, 96] and pooled output [N, 96]."""
    hidden, pooled = [], []
    for i in range(0, len(texts), batch):
        h = text_encoder(encode(tokenizer, texts[i : i + batch]))
        hidden.append(h.last_hidden_state)
        pooled.append(h.pooler_output)
    return torch.cat(hidden), torch.cat(pooled)
