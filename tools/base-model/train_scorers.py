"""Train the three scorers on a hidden taste: different architectures, data, label noise and seeds.

    python train_scorers.py WORK --minutes 3          # minutes each

A labels and selects, B judges, and C is for the last word: no search and no preset may look at it.

Each sees a third of the renders, VAE reconstructions of some of them, and samples of the model itself: renders
noised to a random depth and denoised by the UNet with their caption, which keeps their look and so their
label. Appeal learns from preferences between images whose worth is the hidden taste plus that rater's own
noise. Alignment learns to tell an image's caption from captions with one attribute changed. Writes
WORK/scorers/{a,b,c} and a report of accuracy and agreement.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from captions import caption
from common import NAMES, SIZES, Budget, Data, bf16, load, lr_at, round_fp16, save, to_float, to_uint8
from sampling import decode, read, sample
from scorer import Scorer, read_scorer, stack, write_scorer
from train_unet import CONFIG, cache_latents, load_vae
from world import NOTHING, meant, quality

SHAPES = {
    "a": (3, (32, 64, 96, 128, 160), (2,) * 5, "silu"),
    "b": (5, (24, 40, 64, 80, 104), (2,) * 5, "relu"),
    "c": (7, (24, 48, 72, 96), (4, 2, 2, 2), "silu"),
}
KEYS = "".join(SHAPES)
HELD = 1000  # the last renders are for testing
NOISE = 0.08  # deviation of a rater's noise; the taste itself has deviation 0.21 or so


def made_by_model(work, data, index, seed, name):
    """Reconstructions and samples that keep the look of renders `index`: uint8 [len, 128, 128, 3] each."""
    path = work / "cache" / f"scorer-images-{seed}.pt"
    if state := load(path):
        return state["rec"], state["own"]
    latents, scale = cache_latents(work, data)
    vae = load_vae(work)
    unet = UNet2DConditionModel(**CONFIG)
    unet.load_state_dict(load(work / f"{name}.pt")["ema"])
    unet = round_fp16(unet.eval())
    tokenizer, text = CLIPTokenizer.from_pretrained(work / "tokenizer"), CLIPTextModel.from_pretrained(work / "text_encoder").eval()
    empty = read(tokenizer, text, [""])[0][0]
    z = latents[index]
    hidden, _ = read(tokenizer, text, [data.captions["texts"][i][0] for i in index])
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(z.shape, generator=generator)
    rec = to_uint8(decode(vae, z, scale))
    own = []
    for k, strength in enumerate((0.34, 0.5, 0.67, 0.84)):  # a quarter of the images each
        part = slice(k, None, 4)
        own.append(sample(unet, hidden[part], empty, noise[part], start=z[part], strength=strength))
    out = torch.empty_like(z)
    for k in range(4):
        out[k::4] = own[k]
    own = to_uint8(decode(vae, out, scale))
    save(path, rec=rec, own=own)
    return rec, own


def changed(attributes, rng):
    """The attributes with one of them changed, among those that the picture shows."""
    a = dict(attributes)
    pair = a["beside"] != NOTHING
    fixed = {"position"} if pair or a["count"] > 0 else set()
    fixed |= {"count"} if pair else {"beside", "beside colour"}
    names = [n for n in NAMES if n not in fixed]
    name = names[int(rng.integers(len(names)))]
    size = SIZES[NAMES.index(name)]
    if name == "beside":  # another thing, not none
        a[name] = int((a[name] - 1 + rng.integers(1, size - 1)) % (size - 1)) + 1
    else:
        a[name] = int((a[name] + rng.integers(1, size)) % size)
    if name == "count" and a["count"] > 0:
        a["position"] = 1
    return a, name


def true_and_false(attributes, rng):
    """One caption that is true and one of the same form that names one attribute wrongly, and which."""
    wrong, name = changed(attributes, rng)
    seed = int(rng.integers(2**31))
    must = (name,)
    keep = float(rng.choice([0.5, 0.9]))
    right = caption(attributes, np.random.default_rng(seed), keep, must)[0]
    return right, caption(wrong, np.random.default_rng(seed), keep, must)[0], name


def sets(work, data, part, seed, per, name):
    """Training images of one scorer: list of (uint8 images, index into data)."""
    index = np.arange(part, len(data.attributes) - HELD, len(SHAPES))
    made = np.random.default_rng(seed).choice(index, min(per, len(index)), replace=False)
    rec, own = made_by_model(work, data, made, seed, name)
    return [(None, index), (rec, made), (own, made)]


def train(work, data, key, minutes, bank, made, name):
    part = KEYS.index(key)
    seed = 71 + part
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    groups = sets(work, data, part, seed, made, name)
    scorer = Scorer(stack(*SHAPES[key])).to(memory_format=torch.channels_last)
    scorer.scale = nn.Parameter(torch.tensor(10.0))
    scorer.bias = nn.Parameter(torch.tensor(-2.0))
    width = scorer.config["appeal"]["in_features"]
    heads = nn.ModuleList(nn.Linear(width, n) for n in SIZES)  # a help in training, not stored
    taste = quality(data.looks.numpy(), data.styles.numpy()) + NOISE * rng.standard_normal(len(data.looks)).astype(np.float32)
    params = [*scorer.parameters(), *heads.parameters()]
    opt = torch.optim.AdamW(params, 2e-3, weight_decay=2e-2)
    budget, step = Budget(minutes), 0
    while (p := budget.tick()) < 1:
        images, rows = [], []
        for (stored, index), n in zip(groups, (64, 32, 32)):
            pick = rng.integers(0, len(index), n)
            rows.append(index[pick])
            images.append(data.images[index[pick]] if stored is None else stored[pick])
        rows = np.concatenate(rows)
        x = to_float(torch.from_numpy(np.concatenate(images)))
        form = int(rng.integers(bank["true"].shape[1]))
        pos, neg = bank["true"][rows, form], bank["false"][rows, form]
        a = data.attributes[rows]
        with bf16():
            f = scorer.features(x)
        f = f.float()
        s = scorer.appeal(f)[:, 0]
        other = torch.randperm(len(s))
        t = torch.from_numpy(taste[rows])
        prefer = (t > t[other]).float()
        loss = F.binary_cross_entropy_with_logits(s - s[other], prefer)
        logits = scorer.match(f, torch.cat([pos, neg]))
        n = len(s)
        right, wrong = logits[:, :n].diagonal(), logits[:, n:].diagonal()
        loss = loss + F.cross_entropy(logits, torch.arange(n)) * 0.3 + 2 * F.softplus(wrong - right).mean()
        loss = loss + 0.5 * (F.softplus(-right) + F.softplus(wrong)).mean()
        shown = meant(a)
        for k in range(len(NAMES)):
            loss = loss + 0.3 * F.cross_entropy(heads[k](f)[shown[:, k]], a[shown[:, k], k])
        opt.param_groups[0]["lr"] = lr_at(p, 2e-3) * min(1, (step + 1) / 50)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        step += 1
        if step % 200 == 0:
            print(f"scorer {key}: step {step} {p:.0%} loss {loss.item():.3f}, right over wrong caption {(right > wrong).float().mean():.2f}, taste r {np.corrcoef(s.detach(), quality(data.looks[rows].numpy(), data.styles[rows].numpy()))[0, 1]:.3f}", flush=True)
    write_scorer(scorer.eval(), work / "scorers" / key)


@torch.no_grad()
def caption_bank(work, data, per=1):
    """Pooled text of true and false captions of every render: {"true", "false"}: [N, per, 96]; names of the change."""
    path = work / "cache" / "caption-bank.pt"
    if state := load(path):
        return state
    tokenizer, text = CLIPTokenizer.from_pretrained(work / "tokenizer"), CLIPTextModel.from_pretrained(work / "text_encoder").eval()
    rng, texts, names = np.random.default_rng(9), ([], []), []
    for row in data.attributes.tolist():
        for _ in range(per):
            right, wrong, name = true_and_false(dict(zip(NAMES, row)), rng)
            texts[0].append(right)
            texts[1].append(wrong)
            names.append(name)
    true, false = (read(tokenizer, text, t)[1].view(-1, per, 96) for t in texts)
    save(path, true=true, false=false, names=np.array(names).reshape(-1, per))
    return load(path)


@torch.no_grad()
def report(work, data, bank, made, name):
    """Accuracy and agreement on images neither scorer trained on: renders, reconstructions, own samples."""
    index = np.arange(len(data.attributes) - HELD, len(data.attributes))
    rec, own = made_by_model(work, data, index[: min(400, made)], 99, name)
    out, every = {}, index
    for kind, images in (("renders", data.images[index]), ("reconstructions", rec), ("own samples", own)):
        x = to_float(torch.from_numpy(np.ascontiguousarray(images)))
        index = every[: len(x)]
        looks, order = quality(data.looks[index].numpy(), data.styles[index].numpy()), np.random.default_rng(4).permutation(len(x))
        s, row = {}, {}
        for key in KEYS:
            net = read_scorer(work / "scorers" / key)
            f = torch.cat([net.features(b) for b in x.split(100)])
            s[key] = net.appeal(f)[:, 0].numpy()
            ok = torch.stack([net.match(f, bank["true"][index, c]).diagonal() > net.match(f, bank["false"][index, c]).diagonal() for c in range(bank["true"].shape[1])], 1)
            row[f"appeal r {key}"] = float(np.corrcoef(s[key], looks)[0, 1])
            row[f"appeal pairs {key}"] = float(((s[key] > s[key][order]) == (looks > looks[order])).mean())
            row[f"alignment {key}"] = ok.float().mean().item()
            row[f"alignment {key} by attribute"] = {n: round(ok.numpy()[bank["names"][index] == n].mean().item(), 3) for n in NAMES}
        for first, second in ("ab", "ac", "bc"):
            agree = (s[first] > s[first][order]) == (s[second] > s[second][order])
            row[f"{first} and {second} agree on random pairs"] = float(agree.mean())
        four = s["a"][order][: len(x) // 4 * 4].reshape(-1, 4)
        best, worst = four.argmax(1), four.argmin(1)
        for key in KEYS[1:]:
            other = s[key][order][: len(x) // 4 * 4].reshape(-1, 4)
            rows = np.arange(len(other))
            row[f"a and {key} agree on best and worst of 4"] = float((other[rows, best] > other[rows, worst]).mean())
        out[kind] = {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}
    (work / "scorers.json").write_text(json.dumps(out, indent=1))
    print(json.dumps(out, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--made", type=int, default=3000, help="reconstructions, and own samples, a scorer")
    parser.add_argument("--unet", default="unet", help="name of the UNet checkpoint in WORK")
    parser.add_argument("--only", choices=KEYS, help="train one and stop, so that two processes can share the work")
    args = parser.parse_args()
    data = Data(args.work)
    bank = caption_bank(args.work, data)
    for key in args.only or KEYS:
        if not (args.work / "scorers" / key / "config.json").exists():
            train(args.work, data, key, args.minutes, bank, args.made, args.unet)
    if not args.only:
        report(args.work, data, bank, args.made, args.unet)


if __name__ == "__main__":
    main()
