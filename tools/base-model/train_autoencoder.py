"""Train the autoencoder (AutoencoderTiny, 128 px to [12, 16, 16]), or sharpen its decoder afterwards.

    python train_autoencoder.py WORK --minutes 20
    python train_autoencoder.py WORK --minutes 10 --sharpen     # encoder frozen: latents stay valid

The loss looks where eyes look: errors near edges count up to six times, and the features of a small
attribute classifier must agree. A penalty keeps each latent channel near mean 0 and deviation 1, and noise
on the latents keeps the decoder tolerant of what the UNet will hand it. Sharpening adds a patch
discriminator, and takes half of its latents from the UNet itself (WORK/unet.pt, if it is there): noised by
up to 250 timesteps of 1000 and denoised in one step, they are as smooth as those of samples, and still of a
known picture. Resumes from WORK/autoencoder.pt; `--from` starts from committed weights. Without
WORK/classifier-features.pt it begins without features and takes them up when it is started again.

One width of 64 at all levels, as AutoencoderTiny has it, but no block at full resolution and most blocks at 16
and 32: on a CPU that trains as fast per picture as width 32 with blocks everywhere.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from classifier import load_classifier
from common import Average, Budget, Data, bf16, join_group, load, lr_at, save, share, to_float, to_uint8
from muon import muon

CONFIG = dict(
    latent_channels=12,
    encoder_block_out_channels=(64, 64, 64, 64),
    decoder_block_out_channels=(64, 64, 64, 64),
    num_encoder_blocks=(0, 1, 3, 3),
    num_decoder_blocks=(6, 4, 1, 0),
)


def edges(x):
    """Edge magnitude of [B, 3, H, W], dilated by two pixels, in [0, 1]: [B, 1, H, W]."""
    g = F.pad((x[..., 1:] - x[..., :-1]).abs().amax(1, True), (0, 1)) + F.pad((x[..., 1:, :] - x[..., :-1, :]).abs().amax(1, True), (0, 0, 0, 1))
    return F.max_pool2d(g.clamp(0, 1), 5, 1, 2)


def pixel_loss(y, x, weight):
    """Edge-weighted L1 + L2, and the difference of gradients."""
    d = y - x
    grad = sum(((d.diff(dim=k)).abs()).mean() for k in (2, 3))
    return (weight * (d.abs() + 2 * d * d)).mean() + grad


class Patches(nn.Module):
    """Patch discriminator: [B, 3, 128, 128] -> a logit for each of 16 x 16 overlapping patches."""

    def __init__(self):
        super().__init__()
        layers, last = [], 3
        for w, stride in ((32, 2), (64, 2), (96, 2), (96, 1)):
            layers += [nn.Conv2d(last, w, 4 if stride == 2 else 3, stride, 1), nn.GroupNorm(8, w), nn.LeakyReLU(0.2)]
            last = w
        self.net = nn.Sequential(*layers, nn.Conv2d(last, 1, 3, 1, 1))

    def forward(self, x):
        return self.net(x)


class Smoothed:
    """Latents as the UNet hands them over: those of renders, noised a little and denoised in one step."""

    def __init__(self, work):
        from diffusers import DDPMScheduler, UNet2DConditionModel

        from train_unet import CONFIG as UNET, NOISE  # which reads CONFIG from here

        self.unet = UNet2DConditionModel(**UNET)
        self.unet.load_state_dict(load(work / "unet.pt")["ema"])
        self.unet.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.schedule = DDPMScheduler(**NOISE)
        self.states, self.scale = load(work / "cache/text.pt")["states"], load(work / "cache/latents.pt")["scale"]

    @torch.no_grad()
    def __call__(self, z, index):
        """z [B, 12, 16, 16] of the pictures `index` [B] -> the same shape."""
        t = torch.randint(20, 250, (len(z),))
        noisy, a = self.schedule.add_noise(z * self.scale, torch.randn_like(z), t), self.schedule.alphas_cumprod[t].view(-1, 1, 1, 1)
        v = self.unet(noisy, t, self.states[index, 0].float()).sample.float()
        return (a.sqrt() * noisy - (1 - a).sqrt() * v) / self.scale


@torch.no_grad()
def report(vae, data, index, sheet):
    """PSNR over all pixels and over edge pixels; writes originals above reconstructions."""
    x = to_float(torch.from_numpy(data.images[index]))
    with bf16():
        y = torch.cat([vae.decode(vae.encode(b).latents).sample.float() for b in x.split(25)]).clamp(-1, 1)
    error = ((y - x) / 2).square().mean(1, True)
    near = edges(x) > 0.25
    psnr = lambda e: -10 * torch.log10(e.mean()).item()
    rows = [np.concatenate(list(to_uint8(t[k : k + 10])), 1) for k in (0, 10) for t in (x, y)]
    Image.fromarray(np.concatenate(rows, 0)).save(sheet)
    return psnr(error), psnr(error[near])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--from", dest="start", type=Path, help="safetensors of an autoencoder to start from")
    parser.add_argument("--sharpen", action="store_true")
    parser.add_argument("--critic", type=float, default=0.02, help="weight of the patch discriminator")
    args = parser.parse_args()
    out = args.work / ("autoencoder-sharp.pt" if args.sharpen else "autoencoder.pt")
    torch.set_flush_denormal(True)  # dead units send denormal gradients, which are very slow on a CPU
    rank = join_group(3)
    data = Data(args.work)
    test = np.arange(len(data.attributes) - 100, len(data.attributes))
    vae = AutoencoderTiny(**CONFIG).to(memory_format=torch.channels_last)
    if args.start:
        vae.load_state_dict({k: v.float() for k, v in load_file(args.start).items()})
    features = args.work / "classifier-features.pt"
    critic = load_classifier(features, 0) if features.exists() else None
    patches = Patches().to(memory_format=torch.channels_last)
    if args.sharpen:
        vae.load_state_dict(load(args.work / "autoencoder.pt")["ema"])
        vae.encoder.requires_grad_(False)
    smoothed = Smoothed(args.work) if args.sharpen and (args.work / "unet.pt").exists() else None
    peak = args.lr * (0.2 if args.sharpen else 1)
    opt = muon(vae, peak)
    opt_d = torch.optim.AdamW(patches.parameters(), 4e-4, betas=(0.5, 0.9))
    average, budget, step = Average(vae, 0.998), Budget(args.minutes), 0
    if state := load(out):
        vae.load_state_dict(state["net"])
        patches.load_state_dict(state["patches"])
        opt.load_state_dict(state["opt"])
        average.shadow, average.steps, step = state["ema"], state["step"], state["step"]
        budget.spent = state["spent"]
    ema = AutoencoderTiny(**CONFIG)

    def checkpoint():
        save(out, net=vae.state_dict(), patches=patches.state_dict(), opt=opt.state_dict(), ema=average.shadow, step=step, spent=budget.spent)
        ema.load_state_dict(average.shadow)
        begin = time.thread_time()
        psnr, edge = report(ema, data, test, args.work / f"{out.stem}.png")
        print(f"autoencoder: step {step} {budget.spent / 60:.1f} min, PSNR {psnr:.2f} dB, on edges {edge:.2f} dB", flush=True)
        budget.last += time.thread_time() - begin

    torch.manual_seed(1000 * rank + step)
    p, saved = budget.tick(), budget.spent
    while p < 1:
        index, half = torch.randint(len(data.attributes) - 1000, (args.batch,)), args.batch // 2
        x = data.batch(index)
        x[: args.batch // 8] = x[: args.batch // 8, torch.randperm(3)]  # colours the world has not, for foreign pictures
        if not smoothed and torch.rand(()) < 0.5:  # a caption says what is left and right
            x = x.flip(3)
        weight = 1 + 5 * edges(x)
        with bf16():
            z = vae.encode(x).latents
            if smoothed:
                z = torch.cat([z[:half], smoothed(z[half:].float(), index[half:])])
            noisy = z + torch.randn_like(z) * torch.rand(len(z), 1, 1, 1) * 0.08
            y = vae.decode(noisy).sample.float()
            pairs = zip(critic.features(x)[:3], critic.features(y)[:3]) if critic else ()
        z = z.float()
        loss = pixel_loss(y, x, weight) + 0.5 * sum((a.float() - b.float()).abs().mean() for a, b in pairs)
        if not args.sharpen:
            loss = loss + 0.02 * (z.mean((0, 2, 3)).square() + (z.std((0, 2, 3)) - 1).square()).mean()
        elif step > 200:
            with bf16():
                loss = loss - args.critic * patches(y).float().mean()
        for group in opt.param_groups:
            group["lr"] = lr_at(p, peak, 0.5) * min(1, (step + 1) / 60)
        opt.zero_grad()
        loss.backward()
        p = share(vae.parameters(), budget.tick())
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        opt.step()
        if args.sharpen:
            with bf16():
                real, fake = patches(x).float(), patches(y.detach()).float()
            opt_d.zero_grad()
            (F.relu(1 - real).mean() + F.relu(1 + fake).mean()).backward()
            share(patches.parameters(), p)
            opt_d.step()
        average.update(vae)
        step += 1
        if step % 20 == 0 and rank == 0:
            print(f"autoencoder: step {step} loss {loss.item():.4f}", flush=True)
        if rank == 0 and (step % 200 == 0 or budget.spent - saved > 300):
            checkpoint()
            saved = budget.spent
    if rank == 0:
        checkpoint()


if __name__ == "__main__":
    main()
