"""Train the UNet on cached latents and frozen text states: v-prediction.

    python train_unet.py WORK --minutes 60 [--from FOLDER]

Latents and text states are computed once (WORK/cache). `--from` starts from a committed model folder's
UNet. Resumes from WORK/unet.pt; writes averaged weights there as `ema`.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from common import Average, Budget, Data, bf16, join_group, load, lr_at, round_fp16, save, share
from train_autoencoder import AutoencoderTiny, CONFIG as VAE_CONFIG
from make_tokenizer import LENGTH
from train_text import encode

CONFIG = dict(
    sample_size=16, in_channels=12, out_channels=12, block_out_channels=(64, 96, 128), layers_per_block=1,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    cross_attention_dim=96, attention_head_dim=4, norm_num_groups=16,
)
# To its end no signal at all: else the mean colour shows through the last step's noise (alphas_cumprod 0.0047, times 256 places), the UNet
# learns to read it there, and what begins from noise alone is grey (Lin et al. 2024, arXiv 2305.08891).
NOISE = dict(
    num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
    rescale_betas_zero_snr=True,
)


def load_vae(work):
    """The averaged autoencoder, rounded as stored; the sharpened decoder if there is one."""
    vae = AutoencoderTiny(**VAE_CONFIG)
    state = load(work / "autoencoder-sharp.pt") or load(work / "autoencoder.pt")
    vae.load_state_dict(state["ema"])
    return round_fp16(vae.eval()).requires_grad_(False)


@torch.no_grad()
def cache_latents(work, data):
    """Latents of all renders, divided by their deviation: [N, 12, 16, 16] float32, and scaling_factor."""
    path = work / "cache" / "latents.pt"
    if state := load(path):
        return state["latents"], state["scale"]
    vae = load_vae(work)
    out = []
    for i in range(0, len(data.attributes), 100):
        with bf16():
            out.append(vae.encode(data.batch(np.arange(i, i + 100))).latents.float().contiguous())
    latents = torch.cat(out)
    scale = round(1 / latents.std().item(), 4)
    print("latents: mean", latents.mean((0, 2, 3)), "deviation", latents.std((0, 2, 3)), "scale", scale, flush=True)
    save(path, latents=latents * scale, scale=scale)
    return latents * scale, scale


@torch.no_grad()
def cache_text(work, data):
    """Text states of all captions: float16 [N, 5, 40, 96], and of the empty prompt [40, 96]."""
    path = work / "cache" / "text.pt"
    if state := load(path):
        return state["states"], state["empty"]
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    net = CLIPTextModel.from_pretrained(work / "text_encoder").eval()
    texts = [t for group in data.captions["texts"] for t in group]
    out = torch.empty(len(texts), LENGTH, 96, dtype=torch.float16)
    for i in range(0, len(texts), 500):
        out[i : i + 500] = net(encode(tokenizer, texts[i : i + 500])).last_hidden_state
    empty = net(encode(tokenizer, [""])).last_hidden_state[0]
    states = out.view(len(data.attributes), -1, LENGTH, 96)
    save(path, states=states, empty=empty)
    return states, empty


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--lr", type=float, default=1.2e-3)
    parser.add_argument("--flat", type=float, default=0.3)
    parser.add_argument("--name", default="unet")
    parser.add_argument("--from", dest="start", type=Path, help="model folder, safetensors, or an earlier checkpoint, to start from")
    args = parser.parse_args()
    rank = join_group(11)
    data = Data(args.work)
    states, empty = cache_text(args.work, data)
    latents, _ = cache_latents(args.work, data)
    unet = UNet2DConditionModel(**CONFIG)
    if args.start and args.start.is_dir():
        unet = UNet2DConditionModel.from_pretrained(args.start, subfolder="unet", torch_dtype=torch.float32)
    elif args.start and args.start.suffix == ".safetensors":
        unet.load_state_dict({k: v.float() for k, v in load_file(args.start).items()})
    elif args.start:
        unet.load_state_dict(load(args.start)["ema"])
    noise_schedule = DDPMScheduler(**NOISE)
    opt = torch.optim.AdamW(unet.parameters(), args.lr, betas=(0.9, 0.99), weight_decay=1e-3, fused=True)
    average, budget, step = Average(unet, 0.997), Budget(args.minutes), 0
    out = args.work / f"{args.name}.pt"
    if state := load(out):
        unet.load_state_dict(state["net"])
        opt.load_state_dict(state["opt"])
        average.shadow, average.steps, step = state["ema"], state["step"], state["step"]
        budget.spent = state["spent"]
    unet.to(memory_format=torch.channels_last)  # a sixth faster in bf16 on a CPU
    count = len(latents) - 1000

    def checkpoint():
        save(out, net=unet.state_dict(), opt=opt.state_dict(), ema=average.shadow, step=step, spent=budget.spent)

    torch.manual_seed(1000 * rank + step)
    running, p, saved = [], budget.tick(), budget.spent
    while p < 1:
        index = torch.randint(count, (args.batch,))
        x = latents[index].contiguous(memory_format=torch.channels_last)
        h = states[index, torch.randint(states.shape[1], (args.batch,))].float()
        h[torch.rand(args.batch) < 0.10] = empty
        # Half uniform, half around the middle, where shapes are decided.
        t = torch.where(torch.rand(args.batch) < 0.5, torch.rand(args.batch), torch.sigmoid(torch.randn(args.batch) + 0.2))
        noise, t = torch.randn_like(x), (t * 1000).long().clamp(0, 999)
        noisy = noise_schedule.add_noise(x, noise, t)
        with bf16():
            v = unet(noisy, t, h).sample.float()
        loss = F.mse_loss(v, noise_schedule.get_velocity(x, noise, t))
        opt.param_groups[0]["lr"] = lr_at(p, args.lr, args.flat) * min(1, (step + 1) / 60)
        opt.zero_grad()
        loss.backward()
        p = share(unet.parameters(), budget.tick())
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        opt.step()
        average.update(unet)
        step += 1
        running.append(loss.item())
        if step % 100 == 0 and rank == 0:
            print(f"unet: step {step} {budget.spent / 60:.1f} min, loss {np.mean(running):.4f}", flush=True)
            running = []
        if rank == 0 and (step % 500 == 0 or budget.spent - saved > 300):
            checkpoint()
            saved = budget.spent
    if rank == 0:
        checkpoint()


if __name__ == "__main__":
    main()
