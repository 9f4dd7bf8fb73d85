"""What do few labels do? LoRA-DPO as the studio's presets run it, over settings, labels and seeds.

    python taste_search.py public/models/postcard --labels 12 24 --set lr=5e-4,1e-3 --set beta=1000 --seeds 0 1 2

Labels: pairs of two random seeds of a training prompt (--of 4: best and worst of four), the better one by scorer A.
--pairs public/pairs: those of the first visit, the first of them first; a seed then decides order, noise and LoRA alone.
Judged by scorer B on test prompts, the same seed before and after. Gain: mean rise of B's appeal in deviations of the
base within a prompt (over seeds). Every combination of the settings is run for every number of labels and every
seed; a seed decides pairs, order, noise and LoRA. One JSON line a run, appended to --out; lines there are not run again.

Settings, with the preset "quick": lr 5e-4, beta 1000, steps 40, batch 4 pairs, rank 8, draws 1 (timesteps and noises a
pair and step, whose errors are averaged before the sigmoid), low 0 and high 1000 (timesteps), warmup 5, cosine 1
(else flat), balanced 0 (1: every pair equally often), flip 0 (share of labels turned around), dropout 0.1; and the
numbers of the losses (docs/losses.md).
"""

import argparse
import itertools
import json
import math
import sys
import time
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from safetensors.torch import load_file
from torch.nn import functional as F

from classifier import correct, load_classifier
from common import NAMES, bf16, to_uint8
from dpo_check import add_lora
from evaluate import write_sheet
from make_prompts import prompts
from model import Model
from sampling import seeded_noise
from scorer import read_scorer
from train_unet import NOISE

sys.path.append(str(Path(__file__).parents[1] / "hand-off"))
from losses import logit_scale, pair_losses, safeguard  # noqa: E402

QUICK = dict(
    lr=5e-4, beta=1000, steps=40, batch=4, rank=8, draws=1, low=0, high=1000, warmup=5, cosine=1, balanced=0, flip=0, dropout=0.1
)
LOSS = dict(
    loss="sigmoid", labelSmoothing=0, mapoBeta=0.1, mapoT=1000, mapoK=0.5, dmpoAlpha=0.01, linearEta=1e-3, minSnrGamma=None, sdpoMu=None
)
SAMPLER = dict(steps=12, guidance=2.0)


@torch.no_grad()
def label(model, scorer, count, of, seed):
    """`count` pairs as a person would label them: winner and loser latents [P, C, h, w], hidden [P, L, D]."""
    texts = [t for t, _, _ in prompts(400, False, 101)]
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(seed))
    texts = [texts[order[i % len(texts)]] for i in range(count)]
    hidden, pooled = model.read(texts)
    seeds = range(10_000 + 100_000 * seed, 10_000 + 100_000 * seed + of * count)
    z = model.sample(hidden.repeat_interleave(of, 0), seeded_noise(seeds, shape(model)), **SAMPLER)
    s = scorer(model.decode(z), pooled.repeat_interleave(of, 0))[0].view(count, of)
    z = z.view(count, of, *z.shape[1:])
    rows = torch.arange(count)
    return z[rows, s.argmax(1)], z[rows, s.argmin(1)], hidden


@torch.no_grad()
def bundled(model, scorer, count, folder):
    """The same of the first `count` pairs of a folder with pairs.json."""
    pairs = json.loads((folder / "pairs.json").read_text())[:count]
    if len(pairs) < count:
        raise SystemExit(f"{folder} holds {len(pairs)} pairs.")
    hidden, pooled = model.read([p["prompt"] for p in pairs])
    z = torch.stack([load_file(folder.parent / i["latentsFile"])["latents"].float() for p in pairs for i in p["images"]])
    z = z.view(count, 2, *z.shape[-3:])
    s = scorer(model.decode(z.flatten(0, 1)), pooled.repeat_interleave(2, 0))[0].view(count, 2)
    rows = torch.arange(count)
    return z[rows, s.argmax(1)], z[rows, s.argmin(1)], hidden


def shape(model):
    c = model.unet.config
    return c.in_channels, c.sample_size, c.sample_size


def tune(
    model, pairs, seed, lr, beta, steps, batch, rank, draws, low, high, warmup, cosine, balanced, flip, dropout,
    start=None, anchor=None, preference=None, **loss,
):
    """-> the tuned UNet, and means of the last third: winner and loser errors over the reference's, implicit accuracy.

    start: the UNet that is tuned, if not the model's own. anchor: the reference, if not that. preference [P]: what `soft` reads.
    """
    torch.manual_seed(seed)
    config = {**LOSS, "beta": beta, **loss}
    w, l, hidden = pairs
    turned = torch.rand(len(w)) < flip
    m = turned[:, None, None, None]
    w, l = torch.where(m, l, w), torch.where(m, w, l)
    preference = torch.ones(len(w)) if preference is None else preference
    steps, batch, rank, draws = int(steps), int(batch), int(rank), int(draws)
    unet = add_lora(start or model.unet, rank)
    params = [p for p in unet.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr, betas=(0.9, 0.99), weight_decay=1e-2)
    schedule, empty = DDPMScheduler(**NOISE), model.read([""])[0][0]
    order = torch.cat([torch.randperm(len(w)) for _ in range(steps * batch // len(w) + 1)])
    tail = []
    for step in range(steps):
        pick = order[step * batch : (step + 1) * batch] if balanced else torch.randint(len(w), (batch,))
        rows = pick.repeat(draws)
        t = torch.randint(int(low), int(high), (len(rows),)).repeat(2)
        noise = torch.randn_like(w[rows]).repeat(2, 1, 1, 1)
        x = torch.cat([w[rows], l[rows]])
        h = hidden[rows].clone()
        h[torch.rand(len(rows)) < dropout] = empty
        h = h.repeat(2, 1, 1)
        noisy, target = schedule.add_noise(x, noise, t), schedule.get_velocity(x, noise, t)

        def errors(net):
            with bf16():
                v = net(noisy, t, h).sample
            e = v.float() - target
            return e, e.square().mean((1, 2, 3)).double().view(2, draws, batch).mean(1)

        with torch.no_grad():
            unet.disable_adapters()
            r_w, r_l = errors(anchor or unet)[1]
            unet.enable_adapters()
        e, (m_w, m_l) = errors(unet)
        held = safeguard(config, *e.detach().chunk(2))
        bar = schedule.alphas_cumprod[t[: len(rows)]].double().view(draws, batch)
        scale = logit_scale(config, bar / (1 - bar)).mean(0)
        values, logit = pair_losses(config, m_w, held * m_l + (1 - held) * m_l.detach(), r_w, r_l, scale, preference[pick].double())
        loss = values.mean()
        after = max(0, step - warmup) / max(1, steps - warmup)
        opt.param_groups[0]["lr"] = lr * min(1, (step + 1) / max(1, warmup)) * (0.5 * (1 + math.cos(math.pi * after)) if cosine else 1)
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        tail.append([(m_w / r_w).mean().item(), (m_l / r_l).mean().item(), (logit > 0).double().mean().item()])
    names = ["winner / reference", "loser / reference", "implicit accuracy"]
    return unet.eval(), dict(zip(names, [round(v, 3) for v in torch.tensor(tail[-max(1, steps // 3) :]).mean(0).tolist()]))


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--labels", type=int, nargs="+", default=[12])
    parser.add_argument("--of", type=int, default=2)
    parser.add_argument("--pairs", type=Path, help="folder with pairs.json")
    parser.add_argument("--set", action="append", default=[], help="name=value,value...")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path("taste.jsonl"))
    parser.add_argument("--judge", type=Path, help="WORK/classifier-judge.pt: attributes right, beside the base's")
    parser.add_argument("--word", choices=["c"], help="the gain by scorer C beside B's: of settings that are chosen, never to choose by")
    parser.add_argument("--sheet", type=Path, help="picture: a row before, then a row after each run")
    args = parser.parse_args()
    model = Model.load(args.model)
    a, b = (read_scorer(args.model / "scorers" / k) for k in "ab")
    rows = prompts(400, True, 202)[: args.test]
    hidden, pooled = model.read([t for t, _, _ in rows])
    noise = seeded_noise(range(50_000, 50_000 + len(rows)), shape(model))

    judge = load_classifier(args.judge, 1) if args.judge else None
    c = read_scorer(args.model / "scorers" / args.word) if args.word else None
    attributes = torch.tensor([[a[k] for k in NAMES] for _, a, _ in rows])
    said = torch.tensor([sum(1 << NAMES.index(k) for k in names) for _, _, names in rows])
    right = lambda images: sum(correct(judge, images, attributes, said).values()) / len(NAMES)

    def look(unet=None):
        images = model.decode(model.sample(hidden, noise, unet, **SAMPLER))
        return (*b(images, pooled), images)

    def several():
        """Four pictures of each of forty prompts: what a deviation within a prompt is."""
        few = hidden[:40].repeat_interleave(4, 0)
        return model.decode(model.sample(few, seeded_noise(range(90_000, 90_160), shape(model)), **SAMPLER))

    within = lambda scorer, images: scorer(images, pooled[:40].repeat_interleave(4, 0))[0].view(40, 4).var(1).mean().sqrt().item()
    cache = args.out.with_suffix(f".base{args.test}.pt")
    if cache.exists():
        base, deviation = torch.load(cache)
    else:
        base = look()
        deviation = within(b, several())
        torch.save((base, deviation), cache)
        print(f"base: deviation within a prompt {deviation:.3f}, over the test set {base[0].std().item():.3f}", flush=True)
    if c:
        by_c, deviation_c = c(base[2], pooled)[0], within(c, several())
    done = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    choices = {k: [x if k == "loss" else float(x) for x in v.split(",")] for k, v in (s.split("=") for s in args.set)}
    shown, made = [base[2][:10]], {}
    for values in itertools.product(*choices.values()):
        changed = dict(zip(choices, values))
        for count, seed in itertools.product(args.labels, args.seeds):
            source = {"pairs": str(args.pairs)} if args.pairs else {"of": args.of}
            key = {"labels": count, **({"word": args.word} if args.word else {}), **source, "seed": seed, "test": args.test, **changed}
            if any(all(d.get(k) == v for k, v in key.items()) and d["changed"] == len(changed) for d in done):
                continue
            if (count, seed) not in made:
                made[count, seed] = bundled(model, a, count, args.pairs) if args.pairs else label(model, a, count, args.of, seed)
            start = time.process_time()
            with torch.enable_grad():
                unet, tail = tune(model, made[count, seed], seed, **{**QUICK, **changed})
            spent = time.process_time() - start
            after = look(unet)
            shown.append(after[2][:10])
            rise = (after[0] - base[0]) / deviation
            line = {
                **key, "changed": len(changed), "gain": round(rise.mean().item(), 3), "error": round(rise.std().item() / len(rise) ** 0.5, 3),
                **({"gain by c": round(((c(after[2], pooled)[0] - by_c) / deviation_c).mean().item(), 3)} if c else {}),
                "wins": round((rise > 0).float().mean().item(), 3), "alignment wins": round((after[1] > base[1]).float().mean().item(), 3),
                "diversity": round((after[2].flatten(1).var(0).mean() / base[2].flatten(1).var(0).mean()).item(), 3), **({"attributes / base": round(right(after[2]) / right(base[2]), 3)} if judge else {}),
                **tail, "cpu seconds": round(spent, 1),
            }
            print(json.dumps(line), flush=True)
            with args.out.open("a") as f:
                f.write(json.dumps(line) + "\n")
    if args.sheet:
        write_sheet(args.sheet, to_uint8(torch.cat(shown)), 10)


if __name__ == "__main__":
    main()
