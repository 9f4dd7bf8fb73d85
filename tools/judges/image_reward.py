"""Kind `judge`, recipe `image-reward`: an ImageReward with random weights, cut in width, in the layout of ImageReward.pt and its safetensors copies.

The reference is transformers' BLIP, which was converted from the code that ImageReward uses (transformers
convert_blip_original_pytorch_to_hf.py renames keys and changes no number):

- `BlipVisionModel` is models/vit.py: one `qkv` (rows q, k, v), pre-norm blocks, the last norm on every token. timm's norms have eps 1e-6, so the
  config says so. Its `pooler_output` (the norm once more) is not used.
- `BlipTextModel` is models/med.py's BertModel: no token types, post-norm, cross-attention in every layer between self-attention and MLP, keys and
  values from the vision tower's width. Called with `is_decoder=False`, as med.py's forward has it by default: no causal mask; `is_decoder` of
  the config is what gives a layer its cross-attention. What is padding is hidden by a mask that is added to scores: -10000 in med.py, the
  least number of the dtype in transformers, and either makes a share of exactly 0 in float32. Every image token is seen.
- ImageReward takes the first token's state; its id stays [CLS], [ENC] is BLIP's matter.

Everything is computed in float64 on the weights as stored; pixel_values in float32 by Pillow, cropped as torchvision does (half to even)."""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import BertTokenizer, BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

from common import SCHEMA, TOLERANCE, randn, save_json, seed_weights
from judge import MEAN as PIXEL_MEAN
from judge import PICTURES
from judge import STD as PIXEL_STD
from pictures import picture

MEAN, STD = 0.16717362830052426, 1.0333394966054072
LENGTH = 35
PROMPTS = [
    "A painting of an ocean with clouds and birds, day time, low depth field effect",
    "Café by the séa: 2 houses, it's (very) unaffable!!",
    "snow by the sea at night " * 15,
]
PIECES = ("a an the of with and by at in on to is it s t painting ocean sea cloud ##s bird day time low depth field effect cafe 2 house ##house very "
          "una ##ff ##able snow night 日 本 ##n ##o ##i ##e # ##a").split()
BERT = Path(__file__).resolve().parent.parent.parent / "src/models/bert/vocabulary/vocab.txt"
CASES = {
    # All of it in f16, 0.9 GB, as its published copies come: no vocabulary, no config. In float32, which takes 2 GB of memory.
    "image-reward-full": dict(
        seed=712, half=True, large=True, bare=True, dtype=torch.float32, pictures=[(333, 500)],
        vision=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=224, patch_size=16),
        text=dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, max_position_embeddings=512),
        head=(1024, 128, 64, 16)),
    "image-reward": dict(
        seed=711, half=True,
        vision=dict(hidden_size=128, intermediate_size=72, num_hidden_layers=2, num_attention_heads=2, image_size=24, patch_size=8),
        text=dict(hidden_size=64, intermediate_size=80, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=40),
        head=(24, 16, 12, 8)),
}


def vocabulary() -> list[str]:
    """BERT's order: padding, words that are not used, special tokens, marks and letters, words and their ends."""
    letters = "!\"#$%&'()*+,-./0123456789:;<=>?@[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
    return ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys([*letters, *PIECES, *(f"##{c}" for c in "abcdefghijklmnopqrst")])]


def tokenizer(folder: Path, words: list[str]) -> BertTokenizer:
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    tok = BertTokenizer.from_pretrained(str(folder))
    tok.add_special_tokens({"bos_token": "[DEC]"})
    tok.add_special_tokens({"additional_special_tokens": ["[ENC]"]})
    return tok


def vision_keys(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    outside = {"embeddings.class_embedding": "cls_token", "embeddings.position_embedding": "pos_embed",
               "embeddings.patch_embedding.": "patch_embed.proj.", "post_layernorm.": "norm."}
    inside = {"layer_norm1": "norm1", "layer_norm2": "norm2", "self_attn.qkv": "attn.qkv", "self_attn.projection": "attn.proj",
              "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    out = {}
    for name, value in weights.items():
        if name.startswith("encoder.layers."):
            number, rest = name.removeprefix("encoder.layers.").split(".", 1)
            path, kind = rest.rsplit(".", 1)
            out[f"blip.visual_encoder.blocks.{number}.{inside[path]}.{kind}"] = value
        else:
            ours = next(x for x in outside if name.startswith(x))
            out[f"blip.visual_encoder.{outside[ours]}{name.removeprefix(ours)}"] = value
    return out


def pixels(image: np.ndarray, side: int) -> torch.Tensor:
    """torchvision's Resize (short side, bicubic, by Pillow), CenterCrop, ToTensor, Normalize."""
    height, width = image.shape[:2]
    short, long = min(height, width), max(height, width)
    other = int(side * long / short)
    resized = Image.fromarray(image).resize((side, other) if width <= height else (other, side), Image.Resampling.BICUBIC)
    top, left = round((resized.height - side) / 2), round((resized.width - side) / 2)
    x = torch.from_numpy(np.asarray(resized.crop((left, top, left + side, top + side))).copy()).permute(2, 0, 1).float().div(255)
    return (x - torch.tensor(PIXEL_MEAN)[:, None, None]) / torch.tensor(PIXEL_STD)[:, None, None]


@torch.no_grad()
def write(name: str, folder: Path, spec: dict) -> None:
    seed = spec["seed"]
    words = BERT.read_text(encoding="utf-8").splitlines() if spec.get("bare") else vocabulary()
    tok = tokenizer(folder, words)
    rows = len(words) + 2
    sizes = spec.get("pictures", PICTURES)
    prompts = PROMPTS[:len(sizes)]
    ids = tok(prompts, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt")
    assert ids.input_ids.max() < rows and tok.convert_tokens_to_ids("[ENC]") == rows - 1
    vision = seed_weights(BlipVisionModel(BlipVisionConfig(**spec["vision"], hidden_act="gelu", layer_norm_eps=1e-6, attention_dropout=0.0)), seed)
    text = seed_weights(
        BlipTextModel(BlipTextConfig(**spec["text"], vocab_size=rows, encoder_hidden_size=spec["vision"]["hidden_size"], hidden_act="gelu",
                                     layer_norm_eps=1e-12, is_decoder=True), add_pooling_layer=False), seed + 1)
    # Random attention hardly looks at anything in particular, and a word that is read wrongly would move a score by a millionth.
    for k, value in text.named_parameters():
        value.mul_(3.0 if k.endswith("self.value.weight") else 2.5 if k.endswith(("self.query.weight", "self.key.weight")) else 1.0)
    widths = [spec["text"]["hidden_size"], *spec["head"], 1]
    head = {}
    for index, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        at = (0, 2, 4, 6, 7)[index]
        head[f"mlp.layers.{at}.weight"] = randn((outputs, inputs), seed * 31 + at) / math.sqrt(inputs)
        head[f"mlp.layers.{at}.bias"] = 0.1 * randn((outputs,), seed * 37 + at)
    stored = vision_keys(dict(vision.named_parameters())) | {f"blip.text_encoder.{k}": v for k, v in text.named_parameters()} | head
    stored |= {f"blip.{x}_proj.{k}": randn(s, seed * 41) for x, w in (("vision", spec["vision"]["hidden_size"]), ("text", widths[0])) for k, s in (("weight", (4, w)), ("bias", (4,)))}
    stored["blip.text_encoder.embeddings.position_ids"] = torch.arange(spec["text"]["max_position_embeddings"])[None]
    if spec.get("half"):
        for value in [*vision.parameters(), *text.parameters()]:
            value.copy_(value.half().float())
        stored = {k: v if v.dtype == torch.int64 else v.detach().half() for k, v in stored.items()}
        head = {k: stored[k].float() for k in head}
    save_file({k: v.detach().contiguous().clone() for k, v in stored.items()}, str(folder / "weights.safetensors"))
    # What ImageReward has beside its weights: encoder_width is that of another tower, and is not read.
    save_json(folder / "med_config.json", {"architectures": ["BertModel"], "hidden_act": "gelu", "layer_norm_eps": 1e-12, "model_type": "bert",
                                           "pad_token_id": 0, "type_vocab_size": 2, "vocab_size": rows, "encoder_width": 768,
                                           "add_cross_attention": True} | spec["text"])

    images = [picture(*size, seed * 11 + i) for i, size in enumerate(sizes)]
    inputs = {f"image.{i}": torch.from_numpy(image) for i, image in enumerate(images)}
    seen = [pixels(image, spec["vision"]["image_size"]) for image in images]
    dtype = spec.get("dtype", torch.float64)
    vision, text = vision.to(dtype).eval(), text.to(dtype).eval()
    tokens = vision(pixel_values=torch.stack(seen).to(dtype)).last_hidden_state
    features = text(input_ids=ids.input_ids, attention_mask=ids.attention_mask, encoder_hidden_states=tokens,
                    encoder_attention_mask=torch.ones(tokens.shape[:2], dtype=torch.long), is_decoder=False).last_hidden_state[:, 0]
    x = features.double()
    for at in (0, 2, 4, 6, 7):
        x = torch.nn.functional.linear(x, head[f"mlp.layers.{at}.weight"].double(), head[f"mlp.layers.{at}.bias"].double())
    expected = {f"pixel_values.{i}": p for i, p in enumerate(seen)} | {"image_embeds": tokens, "features": features, "score": (x[:, 0] - MEAN) / STD}
    save_file(inputs, str(folder / "inputs.safetensors"))
    save_file({k: v.float().contiguous() for k, v in expected.items()}, str(folder / "expected.safetensors"))
    save_json(folder / "case.json",
              {"schema": SCHEMA, "kind": "judge", "name": name, "tolerance": TOLERANCE, "recipe": "image-reward", "prompts": prompts})
    if spec.get("bare"):
        for file in ("vocab.txt", "med_config.json"):
            (folder / file).unlink()
