"""How far pictures drawn in f16 are from the same in f32: the rounding of our kernels (src/webgpu/kernels/shared/tileHalf.wgsl, attentionTileHalf.wgsl) on
top of diffusers.

    python tools/reference/f16_pictures.py [--pictures 8] [--together 8] [--guidance 2] [--attention f16]

An adapter's own pictures need neither: `winnow generate` with and without --arithmetic f16, then `node bench/run.mjs pictures A B`.

In every linear layer and convolution of the UNet both factors are scaled by a power of two and rounded to f16; `together` products are added up in f16,
each product and each sum rounded, and what they come to is added in f32. In attention 20 products of a score at most are added up so, and the values of 32
keys, by weights in f16 (`--attention f32` leaves it alone). The decoder is run so by itself, too. For each picture the mean and the largest
difference in steps of 255 of a colour, of both, and the same of all pictures so far.
"""

import argparse
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline

ROOT = Path(__file__).resolve().parents[2]
STEPS = 12
SEEDS = 2

linear, conv2d, attend = F.linear, F.conv2d, F.scaled_dot_product_attention


class Half:
    """Stands in for torch's products while it is switched on."""

    def __init__(self, together):
        self.together = together
        self.on = False

    def product(self, weight, x, together=None):
        """weight [O, K], x [K, L] -> [O, L]."""
        together = together or self.together
        shrink_w, shrink_x = shrinking(weight), shrinking(x)
        weight, x = weight * shrink_w / 8, x * shrink_x / 8
        missing = -weight.shape[1] % together
        weight = F.pad(weight, (0, missing)).half().view(weight.shape[0], -1, together)
        x = F.pad(x, (0, 0, 0, missing)).half().view(-1, together, x.shape[1])
        parts = weight[:, :, 0, None] * x[None, :, 0]
        for k in range(1, together):
            parts += weight[:, :, k, None] * x[None, :, k]
        return 64 * parts.float().sum(1) / (shrink_w * shrink_x)

    def attend(self, q, k, v, **options):
        """[batch, heads, tokens, head size] each."""
        size = q.shape[-1]
        if not self.on or size % 4 or min(q.shape[-2], k.shape[-2]) < 16:
            return attend(q, k, v, **options)
        assert not any(options.get(name) for name in ("attn_mask", "dropout_p", "is_causal", "scale")), options
        chunk = 4 * math.ceil(size / 4 / math.ceil(size / 20))
        heads = zip(*(x.reshape(-1, *x.shape[-2:]) for x in (q, k, v)))
        return torch.stack([self.head(*one, chunk) for one in heads]).view(*q.shape[:-1], -1)

    def head(self, q, k, v, chunk):
        scores = self.product(q, k.T, chunk) * q.shape[-1] ** -0.5
        weights = torch.exp(scores - scores.max(-1, keepdim=True).values)
        return self.product(weights, v, 32) / weights.sum(-1, keepdim=True)

    def linear(self, x, weight, bias=None):
        if not self.on or max(x.numel() // x.shape[-1], weight.shape[0]) < 32:
            return linear(x, weight, bias)
        y = self.product(weight, x.reshape(-1, x.shape[-1]).T).T.reshape(*x.shape[:-1], -1)
        return y if bias is None else y + bias

    def conv2d(self, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        if not self.on or groups != 1:
            return conv2d(x, weight, bias, stride, padding, dilation, groups)
        kernel = weight.shape[2:]
        height, width = (
            (length + 2 * pad - taps) // step + 1
            for length, taps, step, pad in zip(x.shape[2:], kernel, pair(stride), pair(padding))
        )
        taps = F.unfold(x, kernel, dilation, padding, stride).permute(1, 0, 2)
        y = self.product(weight.reshape(weight.shape[0], -1), taps.reshape(taps.shape[0], -1))
        y = y.view(weight.shape[0], x.shape[0], height, width).permute(1, 0, 2, 3)
        return y if bias is None else y + bias[None, :, None, None]


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def shrinking(values):
    """The power of two that brings the largest below 64. A kernel takes that of sixteen steps of a tile, which rounds the same."""
    largest = values.abs().max()
    return torch.exp2(5 - torch.floor(torch.log2(largest))) if largest > 0 else torch.tensor(1.0)


class Difference:
    def __init__(self):
        self.means, self.largest = [], 0

    def add(self, a, b):
        off = (a - b).abs()
        self.means.append(off.mean().item())
        self.largest = max(self.largest, int(off.max()))
        return f"mean {self.means[-1]:.3f}, largest {int(off.max())}"

    def __str__(self):
        return f"mean {sum(self.means) / len(self.means):.3f}, largest {self.largest}"


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--together", type=int, default=8)
    parser.add_argument("--guidance", type=float, default=2)
    parser.add_argument("--attention", choices=["f16", "f32"], default="f16")
    args = parser.parse_args()
    pipe = StableDiffusionPipeline.from_pretrained(ROOT / "public/models/postcard", torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    prompts = (ROOT / "public/prompts/test.txt").read_text().splitlines()[::9]
    half = Half(args.together)
    F.linear, F.conv2d = half.linear, half.conv2d
    if args.attention == "f16":
        F.scaled_dot_product_attention = half.attend
    unet, drawing = pipe.unet.forward, [False]

    def denoise(*inputs, **options):
        half.on = drawing[0]
        try:
            return unet(*inputs, **options)
        finally:
            half.on = False

    pipe.unet.forward = denoise

    def draw(prompt, seed, in_half):
        drawing[0] = in_half
        generator = torch.Generator("cpu").manual_seed(seed)
        options = {"num_inference_steps": STEPS, "guidance_scale": args.guidance, "output_type": "latent"}
        return pipe(prompt, generator=generator, **options).images

    def decode(latents, in_half=False):
        half.on = in_half
        image = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
        half.on = False
        return ((image / 2 + 0.5).clamp(0, 1) * 255).round()

    drawn, decoded = Difference(), Difference()
    for i in range(args.pictures):
        prompt, seed = prompts[i // SEEDS], i % SEEDS
        latents = draw(prompt, seed, False)
        whole = decode(latents)
        own = drawn.add(whole, decode(draw(prompt, seed, True)))
        alone = decoded.add(whole, decode(latents, True))
        print(f"{prompt}, seed {seed}: drawn {own}; decoded {alone}; so far {drawn}; {decoded}", flush=True)


if __name__ == "__main__":
    main()
