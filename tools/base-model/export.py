"""Write the diffusers folder: fp16 weights, configs, tokenizer, scheduler; scorers if they are trained.

    python export.py WORK public/models/postcard [--unet unet]
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

from common import load
from sampling import SCHEDULER
from taste_search import SAMPLER
from train_unet import CONFIG, load_vae


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--unet", default="unet")
    args = parser.parse_args()
    unet = UNet2DConditionModel(**CONFIG)
    unet.load_state_dict(load(args.work / f"{args.unet}.pt")["ema"])
    vae = load_vae(args.work)
    vae.register_to_config(scaling_factor=load(args.work / "cache" / "latents.pt")["scale"])
    pipe = StableDiffusionPipeline(
        vae=vae.half(), unet=unet.half(), text_encoder=CLIPTextModel.from_pretrained(args.work / "text_encoder").half(),
        tokenizer=CLIPTokenizer.from_pretrained(args.work / "tokenizer"), scheduler=DPMSolverMultistepScheduler(**SCHEDULER),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )
    pipe.save_pretrained(args.out, safe_serialization=True)
    # The DPM-Solver++ config has no clip_sample; DDIM reads its own from here when a person switches to it.
    # lambda_min_clipped is -inf by default, which diffusers writes as -Infinity: no JSON parser but Python's reads it.
    path = args.out / "scheduler" / "scheduler_config.json"
    config = {k: v for k, v in json.loads(path.read_text()).items() if k != "lambda_min_clipped"}
    config.update(clip_sample=False, set_alpha_to_one=False)
    path.write_text(json.dumps(config, indent=2) + "\n")
    # transformers 5 drops the prefix that transformers 4 and every published model have; it reads both.
    path = args.out / "text_encoder" / "model.safetensors"
    tensors = {k if k.startswith("text_model.") else f"text_model.{k}": v for k, v in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(args.work / "tokenizer" / name, args.out / "tokenizer" / name)
    for folder in ("unet", "vae", "text_encoder"):  # no machine's path in a committed file
        path = args.out / folder / "config.json"
        config = {k: v for k, v in json.loads(path.read_text()).items() if k != "_name_or_path"}
        if folder == "text_encoder":
            config["dtype"] = "float32"  # else transformers computes it in fp16 beside a float32 UNet
        path.write_text(json.dumps(config, indent=2) + "\n")
    path = args.out / "model_index.json"
    config = {k: v for k, v in json.loads(path.read_text()).items() if k != "_name_or_path"}
    # How Winnow draws with it, wherever the folder lies; diffusers leaves it out.
    config["_winnow"] = {"num_inference_steps": SAMPLER["steps"], "guidance_scale": SAMPLER["guidance"]}
    path.write_text(json.dumps(config, indent=2) + "\n")
    if (args.work / "scorers").exists():
        shutil.copytree(args.work / "scorers", args.out / "scorers", dirs_exist_ok=True)
        names = sorted(path.parent.name for path in (args.out / "scorers").glob("*/config.json"))
        (args.out / "scorers" / "index.json").write_text(json.dumps({"judges": names}) + "\n")  # sites list no folders
    print("export:", round(sum(f.stat().st_size for f in args.out.rglob("*") if f.is_file()) / 1e6, 2), "MB")


if __name__ == "__main__":
    main()
