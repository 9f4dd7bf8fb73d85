"""Kind `judge`: a CLIPModel with random weights, cut in width, as Hugging Face and open_clip write it, and what each judge makes of it.

Embeddings and scores are computed in float64 on the weights as stored; pixel_values in float32, by transformers' processor on Pillow
(clip, pickscore, aesthetic) or as HPSv2's own transform has it (hps)."""

import copy
import json
import math
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from common import TOLERANCE, SCHEMA, generator, randn, save_json, seed_weights
from kinds import tokenizer as tokenizers
from pictures import picture

MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
PROMPTS = [
    "a painting of an ocean with clouds and birds, day time, low depth field effect",
    "A photo of the small red house",
    "snow by the sea at night " * 15,
]
# Landscape, portrait, and smaller than the tower sees; the second's crop lies where floor and round half to even differ.
PICTURES = [(45, 62), (45, 40), (13, 19)]


def towers(*, vision: dict, text: dict, projection: int, act: str | None = None, side: int = 24, patch: int = 8) -> dict:
    acts = {} if act is None else {"hidden_act": act}
    return {
        "projection_dim": projection,
        "vision_config": dict(image_size=side, patch_size=patch) | acts | vision,
        "text_config": acts | text,
    }


def width(heads: int, head: int, mlp: int, layers: int = 2) -> dict:
    return dict(hidden_size=heads * head, num_attention_heads=heads, intermediate_size=mlp, num_hidden_layers=layers)


B_TEXT = width(1, 64, 64)
H_VISION, H_TEXT = width(2, 80, 64), width(1, 64, 80, 1)
FULL = dict(
    vision=width(16, 80, 5120, 32), text=width(16, 64, 4096, 24) | dict(eos_token_id=2), projection=1024, act="gelu", side=224, patch=14)
CASES = {
    # All of ViT-H/14 in f16, as PickScore and HPS are: 2 GB. In float32: in float64 it takes 8 GB of memory.
    "pickscore-full": dict(seed=709, recipe="pickscore", layout="hf", half=True, ids=True, vocab=49408, large=True, dtype=torch.float32,
                           pictures=[(333, 500)], config=towers(**FULL)),
    # OpenAI's B/32 as its config is: whatever equals B/32 is left out, and so is the activation (quick_gelu); a nested projection_dim that
    # is stale; the processor's file.
    "clip": dict(seed=701, recipe="clip", layout="hf", processor=True, drop=("hidden_act",), stale_projection=True,
                 half=True,
                 config=towers(vision=width(2, 64, 80), text=B_TEXT, projection=24, act="quick_gelu")),
    # Of 2022: text_config_dict and vision_config_dict go before text_config and vision_config; end token 2; sizes as bare integers;
    # position_ids among the weights; ids instead of prompts.
    "clip-of-2022": dict(seed=702, recipe="clip", layout="hf", processor="bare", dicts=True, ids=True, position_ids=True,
                         config=towers(vision=width(1, 64, 72), text=B_TEXT | dict(eos_token_id=2), projection=16, act="quick_gelu")),
    # LAION's bigG: heads of 104, open_clip's keys.
    "clip-big-g": dict(seed=703, recipe="clip", layout="open_clip", half=True,
                       config=towers(vision=width(2, 104, 80, 1), text=width(1, 64, 64, 1), projection=40, act="gelu")),
    # H/14: heads of 80, gelu by erf; in f16.
    "pickscore": dict(seed=704, recipe="pickscore", layout="hf", half=True, processor=True,
                      config=towers(vision=H_VISION, text=H_TEXT, projection=32, act="gelu")),
    "hps": dict(seed=705, recipe="hps", layout="open_clip", half=True, prefix="model.",
                config=towers(vision=H_VISION, text=H_TEXT, projection=32, act="gelu")),
    "aesthetic-v1": dict(seed=706, recipe="aesthetic", layout="hf", half=True, head=[("weight", "bias", 1)],
                         config=towers(vision=width(1, 64, 72), text=B_TEXT, projection=24, act="quick_gelu")),
    "aesthetic-v2": dict(seed=707, recipe="aesthetic", layout="hf", half=True, processor=True,
                         head=[(f"layers.{i}.weight", f"layers.{i}.bias", n) for i, n in ((0, 20), (2, 12), (4, 8), (6, 4), (7, 1))],
                         config=towers(vision=width(1, 64, 72), text=B_TEXT, projection=24, act="quick_gelu")),
    "aesthetic-v2-relu": dict(seed=708, recipe="aesthetic", layout="open_clip", half=True, prefix="clip.", relu=True,
                              head=[(f"mlp.layers.{i}.weight", f"mlp.layers.{i}.bias", n)
                                    for i, n in ((0, 20), (3, 12), (6, 8), (9, 4), (11, 1))],
                              config=towers(vision=width(1, 64, 72), text=B_TEXT, projection=24, act="quick_gelu")),
}


def open_clip_keys(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Hugging Face's keys as open_clip (and OpenAI's original) has them."""
    outside = {
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.final_layer_norm": "ln_final",
        "vision_model.embeddings.class_embedding": "visual.class_embedding",
        "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
        "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
        "vision_model.pre_layrnorm": "visual.ln_pre",
        "vision_model.post_layernorm": "visual.ln_post",
    }
    inside = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc",
              "mlp.fc2": "mlp.c_proj"}
    out = {"logit_scale": weights["logit_scale"],
           "text_projection": weights["text_projection.weight"].T, "visual.proj": weights["visual_projection.weight"].T}
    for name, value in weights.items():
        for ours, theirs in outside.items():
            if name == ours or name.startswith(ours + "."):
                out[theirs + name[len(ours):]] = value
        if ".encoder.layers." not in name or "_proj" in name and "out_proj" not in name:
            continue
        tower, rest = name.split("_model.encoder.layers.")
        number, rest = rest.split(".", 1)
        path, kind = rest.rsplit(".", 1)
        out[f"{'visual.' if tower == 'vision' else ''}transformer.resblocks.{number}.{inside[path]}.{kind}"] = value
    for name in weights:
        if not name.endswith("self_attn.q_proj.weight"):
            continue
        tower, rest = name.split("_model.encoder.layers.")
        number = rest.split(".")[0]
        at = f"{'visual.' if tower == 'vision' else ''}transformer.resblocks.{number}.attn.in_proj_"
        for kind in ("weight", "bias"):
            parts = [weights[name.replace("q_proj.weight", f"{x}_proj.{kind}")] for x in "qkv"]
            out[at + kind] = torch.cat(parts)
    return out


def hps_pixels(image: np.ndarray, side: int) -> torch.Tensor:
    """HPSv2's transform: ToTensor, the long side resized as a tensor, zeros around it, then mean and deviation."""
    x = torch.from_numpy(image).permute(2, 0, 1).float().div(255)
    height, width = x.shape[1:]
    scale = side / float(max(height, width))
    size = tuple(round(dim * scale) for dim in (height, width))
    x = torch.nn.functional.interpolate(x[None], size, mode="bicubic", antialias=True)[0]
    down, across = side - size[0], side - size[1]
    x = torch.nn.functional.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
    return (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def head_of(spec: dict, width: int) -> dict[str, torch.Tensor]:
    tensors, inputs = {}, width
    for i, (weight, bias, outputs) in enumerate(spec["head"]):
        tensors[weight] = randn((outputs, inputs), spec["seed"] * 31 + i) / math.sqrt(inputs)
        tensors[bias] = 0.1 * randn((outputs,), spec["seed"] * 37 + i)
        inputs = outputs
    return tensors


def head_score(spec: dict, head: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    for i, (weight, bias, _) in enumerate(spec["head"]):
        x = torch.nn.functional.linear(x, head[weight].double(), head[bias].double())
        if spec.get("relu") and i < len(spec["head"]) - 1:
            x = torch.relu(x)
    return x[:, 0]


def config_file(spec: dict, config: dict) -> dict:
    out = {"architectures": ["CLIPModel"], "model_type": "clip"} | copy.deepcopy(config)
    for part in ("text_config", "vision_config"):
        for name in spec.get("drop", ()):
            out[part].pop(name, None)
        if spec.get("stale_projection"):
            out[part]["projection_dim"] = 512
    if spec.get("dicts"):
        # What counts under the older name; the newer one of another model.
        out["text_config_dict"], out["vision_config_dict"] = out["text_config"], out["vision_config"]
        out["text_config"] = out["text_config_dict"] | {"hidden_act": "gelu", "num_hidden_layers": 1}
        out["vision_config"] = out["vision_config_dict"] | {"hidden_act": "gelu", "intermediate_size": 99}
    return out


def write_processor(folder: Path, spec: dict, side: int) -> CLIPImageProcessorPil:
    bare = spec.get("processor") == "bare"
    processor = dict(crop_size=side if bare else dict(height=side, width=side), do_center_crop=True, do_normalize=True, do_resize=True,
                     image_mean=MEAN, image_std=STD, resample=3, size=side if bare else dict(shortest_edge=side))
    if spec.get("processor"):
        save_json(folder / "preprocessor_config.json", processor | {"feature_extractor_type": "CLIPFeatureExtractor"})
    return CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})


@torch.no_grad()
def write(name: str, folder: Path, spec: dict) -> None:
    seed, recipe = spec["seed"], spec["recipe"]
    config = copy.deepcopy(spec["config"])
    side = config["vision_config"]["image_size"]
    fields: dict = {"recipe": recipe}
    inputs: dict[str, torch.Tensor] = {}
    if spec.get("ids"):
        vocab, count = spec.get("vocab", 60), len(spec.get("pictures", PICTURES))
        ids = torch.randint(1, vocab - 2, (count, 12), generator=generator(seed))
        ids[:, 0] = vocab - 2
        for row, at in enumerate((5, 11, 1)[:count]):
            ids[row, at:] = vocab - 1
        inputs["input_ids"] = ids
    else:
        tok = tokenizers.save(folder / "tokenizer", 120, ("vocab.json", "merges.txt") if seed % 2 else ("tokenizer.json",))
        vocab = len(tok)
        fields["prompts"] = PROMPTS
        ids = torch.tensor(tok(PROMPTS, padding="max_length", max_length=77, truncation=True).input_ids)
    text = config["text_config"]
    text["vocab_size"] = vocab
    if text.get("eos_token_id") != 2:
        text |= dict(bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=vocab - 1)
    model = seed_weights(CLIPModel(CLIPConfig(**config)), seed)
    with torch.no_grad():
        model.logit_scale.fill_(4.6 + 0.01 * (seed % 7))
    weights = {k: v.detach().clone() for k, v in model.named_parameters()}
    if spec.get("half"):
        weights = {k: v.half() for k, v in weights.items()}
        for k, p in model.named_parameters():
            p.copy_(weights[k].float())
    save_json(folder / "config.json", config_file(spec, config))
    if recipe == "aesthetic" and spec["layout"] == "hf":
        # As the published predictors are: the vision tower alone.
        weights = {k: v for k, v in weights.items() if k.startswith(("vision_model.", "visual_projection."))}
    stored = open_clip_keys(weights) if spec["layout"] == "open_clip" else weights
    stored = {spec.get("prefix", "") + k: v for k, v in stored.items()}
    if spec.get("position_ids"):
        for tower, count in (("text", 77), ("vision", (side // config["vision_config"]["patch_size"]) ** 2 + 1)):
            stored[f"{tower}_model.embeddings.position_ids"] = torch.arange(count)[None]
    save_file({k: v.contiguous().clone() for k, v in stored.items()}, str(folder / "weights.safetensors"))

    images = [picture(*size, seed * 11 + i) for i, size in enumerate(spec.get("pictures", PICTURES))]
    processor = write_processor(folder, spec, side)
    pixels = []
    for i, image in enumerate(images):
        inputs[f"image.{i}"] = torch.from_numpy(image)
        own = hps_pixels(image, side) if recipe == "hps" else torch.from_numpy(
            np.asarray(processor(Image.fromarray(image), return_tensors="np")["pixel_values"][0]))
        pixels.append(own)
    expected = {f"pixel_values.{i}": p for i, p in enumerate(pixels)}
    model = model.to(spec.get("dtype", torch.float64)).eval()
    dtype = model.dtype
    vision = model.vision_model(pixel_values=torch.stack(pixels).to(dtype)).pooler_output
    image_embeds = model.visual_projection(vision)
    text_embeds = model.text_projection(model.text_model(input_ids=ids).pooler_output)
    cos = torch.nn.functional.cosine_similarity(image_embeds, text_embeds)
    expected["image_embeds"] = image_embeds
    if recipe == "aesthetic":
        head = head_of(spec, image_embeds.shape[1])
        save_file(head, str(folder / "head.safetensors"))
        expected["score"] = head_score(spec, head, torch.nn.functional.normalize(image_embeds))
        inputs.pop("input_ids", None)
        fields.pop("prompts", None)
    else:
        expected["text_embeds"] = text_embeds
        scale = {"clip": 100.0, "pickscore": float(model.logit_scale.exp()), "hps": 1.0}[recipe]
        expected["score"] = scale * cos
    save_file({k: v.contiguous() for k, v in inputs.items()}, str(folder / "inputs.safetensors"))
    save_file({k: v.float().contiguous() for k, v in expected.items()}, str(folder / "expected.safetensors"))
    save_json(folder / "case.json", {"schema": SCHEMA, "kind": "judge", "name": name, "tolerance": TOLERANCE} | fields)
    if recipe == "aesthetic":
        shutil.rmtree(folder / "tokenizer", ignore_errors=True)
