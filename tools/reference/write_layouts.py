#!/usr/bin/env python3
"""Writes layouts/: what transformers and diffusers make of folders that say a thing twice, or in a file of their own.

    python write_layouts.py layouts

`tokenizers.json`: small files beside one vocabulary (cases/tokenizer-pad-zero), and what CLIPTokenizer takes from them: roles,
length, ids of some prompts. `sizes.json`: the size that each pipeline draws by itself, from its UNet's `sample_size` and version
and its autoencoder's levels. Both are read by tests beside src/models/clip/tokenizer.ts and src/service/model."""

import argparse
import json
import random
import tempfile
import warnings
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, AutoencoderTiny, DDIMScheduler, LCMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from common import save_json
from kinds.tokenizer import END, START

HERE = Path(__file__).parent
VOCABULARY = HERE / "cases" / "tokenizer-pad-zero" / "tokenizer"
# Where the files set no limit, the reader's own.
UNLIMITED = 77
PROMPTS = ["", "a photo of a cat", f"half {END}  way <foo> !bar <Foo>x {START}", "snow " * 20]


def described(content, **flags) -> dict:
    return {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False} | flags


def typed(content, **flags) -> dict:
    return {"__type": "AddedToken"} | described(content, **flags)


# Stable Diffusion 2 as it was published: two files that disagree about the padding.
SD2_CONFIG = {
    "add_prefix_space": False, "bos_token": typed(START), "do_lower_case": True, "eos_token": typed(END), "errors": "replace",
    "model_max_length": 77, "name_or_path": "hf-models/stable-diffusion-v2-768x768/tokenizer", "pad_token": END,
    "special_tokens_map_file": "./special_tokens_map.json", "tokenizer_class": "CLIPTokenizer", "unk_token": typed(END)}
SD2_MAP = {"bos_token": described(START), "eos_token": described(END), "pad_token": "!", "unk_token": described(END)}
DECODER = {"602": described(START, special=True), "603": described(END, normalized=False, special=True)}
SHORT = {"model_max_length": 12}
PLAIN = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END} | SHORT

TOKENIZERS: dict[str, dict] = {
    "sd2-published": {"tokenizer_config.json": SD2_CONFIG, "special_tokens_map.json": SD2_MAP},
    "sd2-saved-again": {"tokenizer_config.json": SD2_CONFIG | {"added_tokens_decoder": {"0": described("!", normalized=False, special=True)} | DECODER, "pad_token": "!"}, "special_tokens_map.json": SD2_MAP},
    "decoder-beside-a-map": {"tokenizer_config.json": PLAIN | {"added_tokens_decoder": DECODER}, "special_tokens_map.json": SD2_MAP},
    "decoder-empty-beside-a-map": {"tokenizer_config.json": PLAIN | {"added_tokens_decoder": {}}, "special_tokens_map.json": SD2_MAP},
    "decoder-and-no-roles": {"tokenizer_config.json": SHORT | {"added_tokens_decoder": DECODER}, "special_tokens_map.json": SD2_MAP},
    "sd1-published": {"tokenizer_config.json": SD2_CONFIG, "special_tokens_map.json": SD2_MAP | {"pad_token": END}},
    "map-alone": {"special_tokens_map.json": SD2_MAP},
    "config-alone": {"tokenizer_config.json": PLAIN | {"pad_token": "!"}},
    "neither": {},
    "config-pads-with-zero": {"tokenizer_config.json": PLAIN | {"pad_token": "!"}, "special_tokens_map.json": SD2_MAP | {"pad_token": END}},
    "map-describes-the-padding": {"tokenizer_config.json": PLAIN, "special_tokens_map.json": SD2_MAP | {"pad_token": described("!", normalized=False)}},
    "config-describes-the-padding": {"tokenizer_config.json": PLAIN | {"pad_token": typed("!")}},
    "padding-of-its-own": {"tokenizer_config.json": PLAIN, "special_tokens_map.json": {"pad_token": "<pad>"}},
    "ends-swapped": {"tokenizer_config.json": PLAIN | {"bos_token": END, "eos_token": START}, "special_tokens_map.json": SD2_MAP},
    "unknown-in-the-map": {"tokenizer_config.json": PLAIN, "special_tokens_map.json": {"unk_token": "!"}},
    "no-length": {"tokenizer_config.json": {k: v for k, v in PLAIN.items() if k != "model_max_length"}},
    "no-end-of-length": {"tokenizer_config.json": PLAIN | {"model_max_length": 1000000000000000019884624838656}},
    "length-under-its-old-name": {"tokenizer_config.json": {"pad_token": "!", "max_len": 9}},
    "length-in-the-map": {"tokenizer_config.json": PLAIN, "special_tokens_map.json": {"model_max_length": 7}},
    "added-tokens": {"tokenizer_config.json": PLAIN, "added_tokens.json": {"<foo>": 604, "<Foo>": 605}},
    "added-tokens-that-have-roles": {"tokenizer_config.json": PLAIN | {"pad_token": "<foo>"}, "added_tokens.json": {"<foo>": 604, "!bar": 605}},
    "added-tokens-beside-a-decoder": {"tokenizer_config.json": PLAIN | {"added_tokens_decoder": DECODER}, "added_tokens.json": {"<foo>": 604}},
    "decoder-adds": {"tokenizer_config.json": PLAIN | {"added_tokens_decoder": DECODER | {"604": described("<foo>", special=True, lstrip=True, normalized=False)}}},
    "decoder-leaves-flags-out": {"tokenizer_config.json": PLAIN | {"added_tokens_decoder": DECODER | {"604": {"content": "<Foo>"}, "605": {"content": "<foo>", "special": True}}}},
    "whole-words": {"tokenizer_config.json": PLAIN, "tokenizer.json": {"added_tokens": [described("bar", id=604, special=False, single_word=True)]}},
    "additional-in-config": {"tokenizer_config.json": PLAIN | {"additional_special_tokens": ["<foo>", "!bar"]}},
    "additional-in-both": {"tokenizer_config.json": PLAIN | {"additional_special_tokens": ["<foo>"]}, "special_tokens_map.json": {"additional_special_tokens": ["!bar"]}},
    "additional-in-the-map": {"tokenizer_config.json": PLAIN, "special_tokens_map.json": {"additional_special_tokens": ["<foo>"]}},
    "additional-in-the-map-and-added": {"tokenizer_config.json": PLAIN, "special_tokens_map.json": {"additional_special_tokens": ["<foo>"]}, "added_tokens.json": {"<foo>": 604}},
    "extra-as-an-empty-table": {"tokenizer_config.json": PLAIN | {"added_tokens_decoder": DECODER, "extra_special_tokens": {}}, "special_tokens_map.json": SD2_MAP},
    "extra-as-an-empty-table-beside-additional": {"tokenizer_config.json": PLAIN | {"additional_special_tokens": ["<foo>"], "extra_special_tokens": {}}},
    "extra-as-an-empty-list-beside-additional": {"tokenizer_config.json": PLAIN | {"additional_special_tokens": ["<foo>"], "extra_special_tokens": []}},
    "extra-as-a-table": {"tokenizer_config.json": PLAIN | {"additional_special_tokens": ["!bar"], "extra_special_tokens": {"image_token": "<foo>"}}},
    "other-roles": {"tokenizer_config.json": PLAIN | {"cls_token": "<foo>", "mask_token": typed("!bar", lstrip=True, normalized=False), "image_token": "<Foo>"}},
    "pads-on-the-left": {"tokenizer_config.json": PLAIN | {"padding_side": "left"}},
    "cuts-on-the-left": {"tokenizer_config.json": PLAIN | {"truncation_side": "left"}},
    "json-alone": {"tokenizer.json": {"added_tokens": [described(START, id=602, special=True, normalized=False), described(END, id=603, special=True, normalized=False)]}},
    "json-with-a-published-pair": {"tokenizer.json": {"added_tokens": [described(START, id=602, special=True), described(END, id=603, special=True, normalized=False)]}, "tokenizer_config.json": SD2_CONFIG, "special_tokens_map.json": SD2_MAP},
    "json-with-a-decoder": {"tokenizer.json": {"added_tokens": [described("<foo>", id=604, special=False)]}, "tokenizer_config.json": PLAIN | {"added_tokens_decoder": DECODER}},
    "json-that-pads-and-cuts": {"tokenizer.json": {"added_tokens": [], "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}, "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 5, "pad_type_id": 0, "pad_token": "&"}}, "tokenizer_config.json": PLAIN},
    "json-and-added-tokens": {"tokenizer.json": {"added_tokens": [described("<foo>", id=604, special=False)]}, "tokenizer_config.json": PLAIN, "added_tokens.json": {"!bar": 605}},
}


def write_folder(folder: Path, files: dict) -> None:
    """The vocabulary as tokenizer.json where a case has fields for it, else as vocab.json and merges.txt; and the case's files."""
    vocab = json.loads((VOCABULARY / "vocab.json").read_text())
    merges = (VOCABULARY / "merges.txt").read_text()
    for name, value in files.items():
        if name == "tokenizer.json":
            pairs = [tuple(line.split(" ")) for line in merges.split("\n")[1:-1]]
            whole = json.loads(CLIPTokenizer(vocab=vocab, merges=pairs).backend_tokenizer.to_str())
            value = whole | value
        (folder / name).write_text(json.dumps(value))
    if "tokenizer.json" not in files:
        (folder / "vocab.json").write_text(json.dumps(vocab))
        (folder / "merges.txt").write_text(merges)


def tokenizer(files: dict) -> dict:
    with tempfile.TemporaryDirectory() as scratch:
        write_folder(Path(scratch), files)
        tok = CLIPTokenizer.from_pretrained(scratch)
    limited = tok.model_max_length < 1e6
    length = tok.model_max_length if limited else UNLIMITED
    ids = tok(PROMPTS, padding="max_length", max_length=length, truncation=True).input_ids
    roles = {role: getattr(tok, f"{role}_token_id") for role in ("bos", "eos", "unk", "pad")}
    return {"files": files, "roles": roles, "length": tok.model_max_length if limited else None, "ids": ids}


def random_layout(rng: random.Random) -> dict:
    """A folder that nobody wrote: any of the small files, each saying anything of a role."""
    contents = [START, END, "!", "<foo>", "<Foo>", "bar", "cat", "<pad>"]
    flags = lambda: {k: rng.random() < 0.3 for k in ("lstrip", "rstrip", "single_word", "normalized") if rng.random() < 0.7}
    token = lambda make: rng.choice([lambda: rng.choice(contents), lambda: make(rng.choice(contents), **flags())])()
    roles = lambda make: {f"{r}_token": token(make) for r in ("bos", "eos", "unk", "pad", "cls", "sep") if rng.random() < 0.5}
    files: dict = {}
    if rng.random() < 0.8:
        files["tokenizer_config.json"] = roles(typed) | ({"model_max_length": rng.choice([6, 12, 77])} if rng.random() < 0.8 else {})
        if rng.random() < 0.4:
            ids = rng.sample(range(600, 612), rng.randint(0, 4))
            files["tokenizer_config.json"]["added_tokens_decoder"] = {str(i): {"content": rng.choice(contents), "special": rng.random() < 0.5} | flags() for i in ids}
        for side in ("padding_side", "truncation_side"):
            if rng.random() < 0.15:
                files["tokenizer_config.json"][side] = rng.choice(["left", "right"])
        if rng.random() < 0.2:
            files["tokenizer_config.json"]["additional_special_tokens"] = rng.sample(contents, 2)
    if rng.random() < 0.6:
        files["special_tokens_map.json"] = roles(described)
    if rng.random() < 0.3:
        files["added_tokens.json"] = {c: 604 + i for i, c in enumerate(rng.sample(contents, 2))}
    if rng.random() < 0.4:
        files["tokenizer.json"] = {"added_tokens": [{"id": 602 + i, "special": rng.random() < 0.5} | described(c, **flags()) for i, c in enumerate(rng.sample(contents, 3))]}
    return files


UNET = dict(
    block_out_channels=(8, 8), norm_num_groups=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    layers_per_block=1, attention_head_dim=2)
SIZES = [(8, "0.6.0"), (32, "0.6.0.dev0"), (32, "0.8.1"), (32, "0.9.0.dev0"), (32, "0.9.0"), (32, "0.10.2"), (32, None), (64, "0.6.0"), (96, "0.8.0"), ([24, 40], "0.6.0"), ([40, 24], "0.30.0")]
PIPELINES = ["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "LatentConsistencyModelPipeline", "LatentConsistencyModelImg2ImgPipeline", "StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"]
# The text-to-image class that a folder's image-to-image class becomes (diffusers' AutoPipelineForText2Image).
DRAWS = {"StableDiffusionImg2ImgPipeline": "StableDiffusionPipeline", "LatentConsistencyModelImg2ImgPipeline": "LatentConsistencyModelPipeline", "StableDiffusionXLImg2ImgPipeline": "StableDiffusionXLPipeline"}


class Stop(Exception):
    pass


def drawn(pipeline: str, sample_size, version: str | None, levels: int, tiny: bool) -> list[int] | None:
    """[height, width] in pixels that the pipeline draws where it is told none; None where it fails."""
    xl = "XL" in pipeline
    with tempfile.TemporaryDirectory() as scratch:
        config = UNET | dict(sample_size=sample_size, cross_attention_dim=16 if xl else 8)
        if xl:
            config |= dict(addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=32)
        UNet2DConditionModel(**config).save_pretrained(scratch)
        path = Path(scratch) / "config.json"
        written = json.loads(path.read_text())
        written.pop("_diffusers_version")
        path.write_text(json.dumps(written | ({"_diffusers_version": version} if version else {})))
        unet = UNet2DConditionModel.from_pretrained(scratch)
    if tiny:
        vae = AutoencoderTiny(encoder_block_out_channels=(8,) * levels, decoder_block_out_channels=(8,) * levels, num_encoder_blocks=(1,) * levels, num_decoder_blocks=(1,) * levels)
    else:
        vae = AutoencoderKL(block_out_channels=(4,) * levels, norm_num_groups=2, down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels)
    text = CLIPTextConfig(hidden_size=8, intermediate_size=8, projection_dim=8, num_attention_heads=2, num_hidden_layers=2, vocab_size=604, max_position_embeddings=77)
    with tempfile.TemporaryDirectory() as scratch:
        write_folder(Path(scratch), {"tokenizer_config.json": PLAIN | {"model_max_length": 77}})
        tok = CLIPTokenizer.from_pretrained(scratch)
    parts = dict(unet=unet, vae=vae, scheduler=(LCMScheduler if "Latent" in pipeline else DDIMScheduler)(), text_encoder=CLIPTextModel(text), tokenizer=tok)
    if xl:
        parts |= dict(text_encoder_2=CLIPTextModelWithProjection(text), tokenizer_2=tok)
    else:
        parts |= dict(safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    found: list[int] = []
    try:
        pipe = getattr(diffusers, pipeline)(**parts)
        pipe.set_progress_bar_config(disable=True)
        if pipeline in DRAWS:
            pipe = getattr(diffusers, DRAWS[pipeline])(**{k: v for k, v in pipe.components.items() if k != "image_encoder"}, **({} if xl else {"requires_safety_checker": False}))

        def seen(batch, channels, height, width, *rest):
            found.extend([height, width])
            raise Stop

        pipe.prepare_latents = seen
        pipe("a cat", num_inference_steps=1)
    except Stop:
        return found
    except Exception as error:
        print(f"  {pipeline}, sample_size {sample_size}: {type(error).__name__}: {str(error)[:80]}")
        return None
    raise AssertionError("it drew")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--random", type=int, default=0, help="write tokenizers.json of so many random layouts instead")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    diffusers.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    args.folder.mkdir(exist_ok=True, parents=True)
    layouts = TOKENIZERS
    if args.random:
        rng = random.Random(args.seed)
        layouts = {f"random-{i}": random_layout(rng) for i in range(args.random)}
    tokenizers = {}
    for name, files in layouts.items():
        try:
            tokenizers[name] = tokenizer(files)
        except Exception as error:
            print(f"  {name}: {type(error).__name__}: {str(error)[:120]}")
    (args.folder / "tokenizers.json").write_text(
        '{"prompts": ' + json.dumps(PROMPTS) + ', "layouts": {\n' + ",\n".join(f"{json.dumps(n)}: {json.dumps(v)}" for n, v in tokenizers.items()) + "\n}}\n")
    if args.random:
        return
    rows = []
    for pipeline in PIPELINES:
        for sample_size, version in [*SIZES, (None, "0.6.0")]:
            for levels, tiny in [(4, False), (3, False), (4, True)] if sample_size == 32 and version == "0.6.0.dev0" else [(4, False)]:
                size = drawn(pipeline, sample_size, version, levels, tiny)
                rows.append({"pipeline": pipeline, "unet": {"sample_size": sample_size} | ({"_diffusers_version": version} if version else {}), "factor": 2 ** (levels - 1), "size": size})
    (args.folder / "sizes.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
