"""Pretrain the text encoder to read the attributes off a caption; it is frozen from then on.

    python train_text.py WORK --steps 1200

Trained together with the UNet it collapses on attributes that change few pixels (position, side of the
sun). Each attribute has one class more, "not mentioned". A third of the captions carry words that mean
nothing in this world, so that a stray adjective does no harm. Writes WORK/text_encoder/.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from common import NAMES, SIZES, Data, round_fp16

FILLERS = """beautiful cozy bright lovely quiet tiny big old small cute happy calm warm cold soft painting photo of very
nice cartoon illustration pretty sweet magical dreamy with and tall storybook drawing detailed best quality""".split()


def with_fillers(text, rng):
    """Insert one to three words that mean nothing."""
    words = text.split()
    for _ in range(int(rng.integers(1, 4))):
        word = FILLERS[int(rng.integers(len(FILLERS)))] if rng.random() < 0.7 else "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), int(rng.integers(3, 8))))
        words.insert(int(rng.integers(len(words) + 1)), word)
    return " ".join(words)


def encode(tokenizer, texts):
    """Texts -> input_ids [B, 40]."""
    return tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=1200)
    args = parser.parse_args()
    out = args.work / "text_encoder"
    if out.exists():
        return
    torch.manual_seed(5)
    rng = np.random.default_rng(5)
    data = Data(args.work)
    tokenizer = CLIPTokenizer.from_pretrained(args.work / "tokenizer")
    size = len(tokenizer)
    config = CLIPTextConfig(
        vocab_size=size, hidden_size=96, intermediate_size=384, num_hidden_layers=3, num_attention_heads=4, projection_dim=96,
        max_position_embeddings=tokenizer.model_max_length, hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )
    net = CLIPTextModel(config)
    heads = nn.ModuleList(nn.ModuleList(nn.Linear(96, n + 1) for n in SIZES) for _ in range(2))
    params = [*net.parameters(), *heads.parameters()]
    opt = torch.optim.AdamW(params, 1e-3, weight_decay=1e-2)
    texts, said = data.captions["texts"], torch.tensor(data.captions["said"])
    train = len(texts) - 1000

    def batch(index, fill):
        pick = torch.from_numpy(rng.integers(0, said.shape[1], len(index)))
        chosen = [texts[i][j] for i, j in zip(index.tolist(), pick.tolist())]
        if fill:
            chosen = [with_fillers(t, rng) if rng.random() < 0.33 else t for t in chosen]
        mask = torch.stack([(said[index, pick] >> k) & 1 for k in range(len(NAMES))], 1).bool()
        return encode(tokenizer, chosen), torch.where(mask, data.attributes[index], torch.tensor(SIZES))

    for step in range(args.steps):
        ids, target = batch(torch.randint(train, (128,)), True)
        h = net(ids)
        pooled = [h.pooler_output, h.last_hidden_state.mean(1)]
        loss = sum(F.cross_entropy(head(p), target[:, k]) for group, p in zip(heads, pooled) for k, head in enumerate(group))
        warm = min(1, (step + 1) / 50) * (1 - 0.95 * max(0, step / args.steps - 0.5) * 2)
        opt.param_groups[0]["lr"] = 1e-3 * warm
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        if step % 100 == 0:
            print(f"text: step {step} loss {loss.item():.3f}", flush=True)
    net = round_fp16(net.eval())
    with torch.no_grad():
        ids, target = batch(torch.arange(train, train + 1000), False)
        p = net(ids).pooler_output
        print("text: accuracy", {n: round((heads[0][k](p).argmax(1) == target[:, k]).float().mean().item(), 3) for k, n in enumerate(NAMES)})
    net.save_pretrained(out)


if __name__ == "__main__":
    main()
