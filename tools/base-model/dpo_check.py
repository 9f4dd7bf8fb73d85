"""Can this model be tuned by preferences? LoRA-DPO in PyTorch: scorer A labels, scorer B judges.

    python dpo_check.py public/models/postcard --pairs 100 --pair-steps 800 --lr 5e-4 --beta 1000 2500

Pairs: of four samples of a training prompt, the best and the worst by scorer A. Judged: test prompts, other
seeds, the same seed before and after. Prints one JSON line per run. beta is on the scale where
logit = -(beta/2) * ((m_w - r_w) - (m_l - r_l)), errors being means over C,H,W of the v-target.
"""

import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from peft import LoraConfig
from torch.nn import functional as F

from classifier import correct, load_classifier
from common import NAMES, bf16, to_uint8
from evaluate import write_sheet
from make_prompts import prompts
from model import Model
from sampling import seeded_noise
from scorer import read_scorer
from train_unet import NOISE


def wilson(wins, n, z=1.96):
    p, d = wins / n, 1 + z * z / n
    mid, half = (p + z * z / (2 * n)) / d, z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / d
    return [round(mid - half, 3), round(mid + half, 3)]


@torch.no_grad()
def make_pairs(model, scorer, count, sampler, of=4):
    """Best and worst of `of` samples of each training prompt: latents_w, latents_l [P, 12, 16, 16], hidden [P, 40, 96]."""
    texts = [t for t, _, _ in prompts(400, False, 101)]
    texts = [texts[i % len(texts)] for i in range(count)]
    hidden, pooled = model.read(texts)
    z = model.sample(hidden.repeat_interleave(of, 0), seeded_noise(range(10_000, 10_000 + of * count)), **sampler)
    s = scorer(model.decode(z), pooled.repeat_interleave(of, 0))[0].view(count, of)
    z = z.view(count, of, *z.shape[1:])
    rows = torch.arange(count)
    return z[rows, s.argmax(1)], z[rows, s.argmin(1)], hidden


def add_lora(unet, rank):
    """A copy of the UNet with LoRA on every linear and convolution; up matrices start at zero."""
    names = [n for n, m in unet.named_modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d))]
    unet = copy.deepcopy(unet)
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=names, init_lora_weights=True))
    return unet


def train(model, pairs, lr, beta, pair_steps, rank, seed, batch=8):
    """-> tuned UNet and the mean of the last steps' figures."""
    torch.manual_seed(seed)
    w, l, hidden = pairs
    unet = add_lora(model.unet, rank)
    params = [p for p in unet.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr, betas=(0.9, 0.99), weight_decay=1e-2)
    schedule, empty = DDPMScheduler(**NOISE), model.read([""])[0][0]
    steps, tail = pair_steps // batch, []
    for step in range(steps):
        rows = torch.randint(len(w), (batch,))
        t = torch.randint(1000, (batch,)).repeat(2)
        noise = torch.randn_like(w[rows]).repeat(2, 1, 1, 1)
        x = torch.cat([w[rows], l[rows]])
        h = hidden[rows].clone()
        h[torch.rand(batch) < 0.1] = empty
        h = h.repeat(2, 1, 1)
        noisy, target = schedule.add_noise(x, noise, t), schedule.get_velocity(x, noise, t)

        def errors():
            with bf16():
                v = unet(noisy, t, h).sample
            return (v.float() - target).square().mean((1, 2, 3)).chunk(2)

        with torch.no_grad():
            unet.disable_adapters()
            r_w, r_l = errors()
            unet.enable_adapters()
        m_w, m_l = errors()
        logit = -(beta / 2) * ((m_w - r_w) - (m_l - r_l))
        loss = -F.logsigmoid(logit).mean()
        decay = 1 if step < 0.6 * steps else 1 - (step - 0.6 * steps) / (0.4 * steps) * 0.95
        opt.param_groups[0]["lr"] = lr * min(1, (step + 1) / 20) * decay
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        tail.append([loss.item(), (logit > 0).float().mean().item(), (m_w / r_w).mean().item(), (m_l / r_l).mean().item()])
    tail = torch.tensor(tail[-steps // 3 :]).mean(0)
    return unet.eval(), dict(zip(["loss", "implicit accuracy", "winner / reference", "loser / reference"], [round(v, 3) for v in tail.tolist()]))


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--pair-steps", type=int, default=800)
    parser.add_argument("--lr", type=float, nargs="+", default=[5e-4])
    parser.add_argument("--beta", type=float, nargs="+", default=[1000])
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--judge", type=Path, help="attribute classifier, to report prompt following")
    parser.add_argument("--sheet", type=Path, help="picture: a row before, then a row after each run")
    args = parser.parse_args()
    model = Model.load(args.model)
    a, b = (read_scorer(args.model / "scorers" / k) for k in "ab")
    sampler = dict(steps=args.steps, guidance=args.guidance)
    pairs = make_pairs(model, a, args.pairs, sampler)
    rows = prompts(400, True, 202)[: args.test]
    hidden, pooled = model.read([t for t, _, _ in rows])
    noise = seeded_noise(range(50_000, 50_000 + len(rows)))
    attributes = torch.tensor([[r[k] for k in NAMES] for _, r, _ in rows])
    said = torch.tensor([sum(1 << NAMES.index(k) for k in s) for _, _, s in rows])
    judge = load_classifier(args.judge, 1) if args.judge else None

    def look(unet):
        images = model.decode(model.sample(hidden, noise, unet, **sampler))
        s, align = b(images, pooled)
        accuracy = sum(correct(judge, images, attributes, said).values()) / len(NAMES) if judge else float("nan")
        return s, align, accuracy, images.flatten(1).var(0).mean().item(), images[:10]

    base = look(model.unet)
    print(json.dumps({"base": {"attributes": round(base[2], 3), "appeal deviation": round(base[0].std().item(), 3)}}), flush=True)
    shown = [base[4]]
    for lr in args.lr:
        for beta in args.beta:
            for seed in args.seeds:
                start = time.time()
                with torch.enable_grad():
                    tuned, tail = train(model, pairs, lr, beta, args.pair_steps, args.rank, seed)
                after = look(tuned)
                shown.append(after[4])
                wins = int((after[0] > base[0]).sum())
                print(json.dumps({
                    "pairs": args.pairs, "pair_steps": args.pair_steps, "lr": lr, "beta": beta, "rank": args.rank, "seed": seed,
                    "win rate": round(wins / len(rows), 3), "interval": wilson(wins, len(rows)),
                    "gain / deviation": round(((after[0] - base[0]).mean() / base[0].std()).item(), 3),
                    "alignment wins": round((after[1] > base[1]).float().mean().item(), 3),
                    "attributes": round(after[2], 3), "diversity": round(after[3] / base[3], 3), **tail, "seconds": round(time.time() - start),
                }), flush=True)
    if args.sheet:
        write_sheet(args.sheet, to_uint8(torch.cat(shown)), 10)


if __name__ == "__main__":
    main()
