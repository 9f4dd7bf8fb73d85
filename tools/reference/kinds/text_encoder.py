"""Kind `text_encoder`: CLIPTextModel and CLIPTextModelWithProjection in float32.

The keys of `weights.safetensors` come in both spellings that exist: published models prefix them with `text_model.`,
a CLIPTextModel saved by transformers 5 does not."""

import json
from pathlib import Path

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from common import (clean_config, float32_runs, floors, generator, save_case, save_json, save_tensors, seed_weights,
                    set_weights, weights_of)

VOCAB = 60
BASE = dict(vocab_size=VOCAB, hidden_size=12, intermediate_size=20, num_hidden_layers=3, num_attention_heads=3,
            max_position_embeddings=16, bos_token_id=VOCAB - 2, eos_token_id=VOCAB - 1, pad_token_id=VOCAB - 1)
OLD_IDS = dict(bos_token_id=0, eos_token_id=2, pad_token_id=1)

CASES = {"text_encoder": {
    # CLIP-L, as Stable Diffusion 1 has it: quick GELU, padded with the end token, pooled at the first of them.
    "quick-gelu": dict(seed=51, cls=CLIPTextModel, prefix=True, config=BASE | dict(hidden_act="quick_gelu")),
    # OpenCLIP-H, as Stable Diffusion 2 has it: erf GELU, padded with token 0; keys as transformers 5 writes them.
    "gelu": dict(seed=52, cls=CLIPTextModel, prefix=False, pad=0, config=BASE | dict(hidden_act="gelu", pad_token_id=0)),
    # OpenCLIP-bigG, Stable Diffusion XL's second encoder: projection without a bias.
    "projection": dict(seed=53, cls=CLIPTextModelWithProjection, prefix=True, pad=0,
                       config=BASE | dict(hidden_act="gelu", projection_dim=8, pad_token_id=0)),
    # Old configs say eos_token_id 2 whatever the vocabulary: pooled at the largest id.
    "eos-2": dict(seed=54, cls=CLIPTextModelWithProjection, prefix=True,
                  config=BASE | dict(hidden_act="quick_gelu", projection_dim=12, eos_token_id=2)),
    # The three encoders under their published configs' ids (0, 2, 1): CLIP-L, OpenCLIP-H one layer deeper and twice as wide inside, whose
    # projection_dim means nothing, and OpenCLIP-bigG, padded with "!".
    "clip-l": dict(seed=55, cls=CLIPTextModel, prefix=True, config=BASE | OLD_IDS | dict(hidden_act="quick_gelu", projection_dim=12)),
    "open-clip-h": dict(seed=56, cls=CLIPTextModel, prefix=True, pad=0, config=BASE | OLD_IDS | dict(
        hidden_act="gelu", num_hidden_layers=4, intermediate_size=48, projection_dim=5)),
    "open-clip-big-g": dict(seed=57, cls=CLIPTextModelWithProjection, prefix=True, pad=0, config=BASE | OLD_IDS | dict(
        hidden_act="gelu", num_hidden_layers=4, num_attention_heads=2, intermediate_size=48, projection_dim=12)),
    # All 77 tokens, and either way to pad: with the end token as CLIP-L's tokenizer does, with "!" as OpenCLIP's.
    "paddings": dict(seed=60, cls=CLIPTextModelWithProjection, prefix=True, pads=(VOCAB - 1, 0), config=BASE | dict(
        max_position_embeddings=77, hidden_act="gelu", num_hidden_layers=2, projection_dim=12)),
    "paddings-old-ids": dict(seed=61, cls=CLIPTextModel, prefix=True, pads=(VOCAB - 1, 0), config=BASE | OLD_IDS | dict(
        max_position_embeddings=77, hidden_act="quick_gelu", num_hidden_layers=2)),
    # hf-internal-testing's tiny pipelines, as they are.
    "hf-tiny": dict(seed=58, cls=CLIPTextModel, prefix=True, large=True, config=OLD_IDS | dict(
        vocab_size=1000, hidden_size=32, intermediate_size=37, num_attention_heads=4, num_hidden_layers=5, projection_dim=512)),
    "hf-tiny-2": dict(seed=59, cls=CLIPTextModelWithProjection, prefix=True, large=True, config=OLD_IDS | dict(
        vocab_size=1000, hidden_size=32, intermediate_size=37, num_attention_heads=4, num_hidden_layers=5, projection_dim=32,
        hidden_act="gelu")),
}}


def build(spec: dict):
    return seed_weights(spec["cls"](CLIPTextConfig(**spec["config"])), spec["seed"])


def stored_weights(model, prefix: bool) -> dict[str, torch.Tensor]:
    return {
        n if n.startswith(("text_model.", "text_projection.")) or not prefix else f"text_model.{n}": p
        for n, p in weights_of(model).items()
    }


def prompt_ids(config: CLIPTextConfig, pad: int | None, seed: int) -> torch.Tensor:
    """Start token, a few words, end token, padding (with the end token where there is no other), as a CLIP tokenizer lays
    them out; one row is full."""
    length, end = config.max_position_embeddings, config.vocab_size - 1
    words = torch.randint(1, end - 1, (3, length), generator=generator(seed))
    words[:, 0] = end - 1
    for row, at in enumerate((4, length - 1, 1)):
        words[row, at] = end
        words[row, at + 1:] = end if pad is None else pad
    return words


def padded_ids(config: CLIPTextConfig, pads: tuple[int, ...], seed: int) -> torch.Tensor:
    """For each token that pads: a short prompt, one that fills every place, the empty prompt, and nothing but padding; where
    that is no end token, the last row has none, and is pooled at 0."""
    length, end = config.max_position_embeddings, config.vocab_size - 1
    words = torch.randint(1, end - 1, (len(pads), 4, length), generator=generator(seed))
    words[:, :, 0] = end - 1
    for pad, rows in zip(pads, words):
        for row, at in enumerate((9, length - 1, 1)):
            rows[row, at] = end
            rows[row, at + 1:] = pad
        rows[3] = pad
    return words.flatten(0, 1)


@torch.no_grad()
def evaluate(model, input_ids: torch.Tensor, weights: dict, dtype) -> dict[str, torch.Tensor]:
    out = set_weights(model, weights, dtype)(input_ids, output_hidden_states=True)
    pooled = out.text_embeds if isinstance(model, CLIPTextModelWithProjection) else out.pooler_output
    return {"last_hidden_state": out.last_hidden_state, "penultimate": out.hidden_states[-2], "pooled": pooled}


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    model = build(spec)
    model.config.architectures = [spec["cls"].__name__]
    model.config.to_json_file(str(folder / "config.json"))
    save_json(folder / "config.json", clean_config(json.loads((folder / "config.json").read_text())))
    save_tensors(folder / "weights.safetensors", stored_weights(model, spec["prefix"]))
    seed = spec["seed"] + 20
    ids = padded_ids(model.config, spec["pads"], seed) if "pads" in spec else prompt_ids(model.config, spec.get("pad"), seed)
    weights = {n: p.clone() for n, p in weights_of(model).items()}
    run = lambda *tensors: evaluate(model, ids, *tensors)
    floor = floors(run(weights, torch.float64), float32_runs(run, (weights,), spec["seed"]))
    return save_case(folder, kind, name, {"input_ids": ids}, run(weights, torch.float32), floor)
