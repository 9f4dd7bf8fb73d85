#!/usr/bin/env python3
"""Writes lora-files/: LoRA files as the field writes them, one folder a layout, with the weights that diffusers (or PEFT,
for files that PEFT alone reads) merges from them into a committed pipeline. Needs `peft` as well.

    python write_lora_files.py lora-files

`base.json` names the pipeline, `<name>.safetensors` is the LoRA, `adapter_config.json` what PEFT puts beside it, and
`merged.safetensors` has every tensor that changed, as `<component>/<name>`; `prompt.safetensors`, of some, what the
pipeline makes of PROMPT while the adapter is loaded."""

import json
import shutil
import sys
import warnings
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.utils.state_dict_utils import convert_state_dict_to_kohya
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from common import save_json

HERE = Path(__file__).parent
PIPELINES = {"pipeline-text-to-image": StableDiffusionPipeline, "pipeline-sd2-v-rescale": StableDiffusionPipeline, "pipeline-xl": StableDiffusionXLPipeline}
COMPONENTS = ("unet", "text_encoder", "text_encoder_2")
PROMPT = "a Photo of a small red house"
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
# Where sd-scripts' own SDXL UNet has what diffusers' has; worked out by hand for one layer a block and two levels.
ORIGINAL = [
    ("time_embedding.linear_1", "time_embed.0"), ("time_embedding.linear_2", "time_embed.2"),
    ("add_embedding.linear_1", "label_emb.0.0"), ("add_embedding.linear_2", "label_emb.0.2"),
    ("conv_in", "input_blocks.0.0"), ("conv_out", "out.2"),
    ("down_blocks.0.resnets.0", "input_blocks.1.0"), ("down_blocks.0.downsamplers.0.conv", "input_blocks.2.0.op"),
    ("down_blocks.1.resnets.0", "input_blocks.3.0"), ("down_blocks.1.attentions.0", "input_blocks.3.1"),
    ("mid_block.resnets.0", "middle_block.0"), ("mid_block.attentions.0", "middle_block.1"), ("mid_block.resnets.1", "middle_block.2"),
    ("up_blocks.0.resnets.0", "output_blocks.0.0"), ("up_blocks.0.attentions.0", "output_blocks.0.1"),
    ("up_blocks.0.resnets.1", "output_blocks.1.0"), ("up_blocks.0.attentions.1", "output_blocks.1.1"),
    ("up_blocks.0.upsamplers.0", "output_blocks.1.2"),
    ("up_blocks.1.resnets.0", "output_blocks.2.0"), ("up_blocks.1.resnets.1", "output_blocks.3.0")]
RESNET = {"conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}


def original(path: str) -> str:
    for name, place in ORIGINAL:
        if path == name or path.startswith(name + "."):
            rest = path[len(name) + 1:]
            return ".".join(filter(None, [place, RESNET.get(rest, rest)]))
    raise KeyError(path)


def layers(model, which) -> dict[str, torch.Size]:
    """Weights that an adapter may sit on, by the path of the module."""
    return {p: m.weight.shape for p, m in model.named_modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d)) and which(p)}


def halves(model, which, rank, generator) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    made = {}
    for n, (path, (out, *rest)) in enumerate(layers(model, which).items()):
        r = rank[n % len(rank)]
        made[path] = (torch.randn(r, *rest, generator=generator) * 0.3, torch.randn(out, r, *[1] * (len(rest) - 1), generator=generator) * 0.3)
    return made


def attention(path: str) -> bool:
    return path.endswith(ATTENTION)


def text_path(path: str) -> str:
    """With the prefix that files have and transformers 5 has dropped."""
    return path if path.startswith(("text_model.", "text_projection")) else f"text_model.{path}"


def kohya(parts: dict, alpha=None, dtype=torch.float16, name=lambda path: path, te1="lora_te_") -> dict:
    prefix = {"unet": "lora_unet_", "text_encoder": te1, "text_encoder_2": "lora_te2_"}
    tensors = {}
    for component, modules in parts.items():
        for path, (down, up) in modules.items():
            key = prefix[component] + (name(path) if component == "unet" else text_path(path)).replace(".", "_")
            tensors |= {f"{key}.lora_down.weight": down.to(dtype), f"{key}.lora_up.weight": up.to(dtype)}
            if alpha is not None:
                tensors[f"{key}.alpha"] = torch.tensor(float(alpha), dtype=dtype)
    return tensors


def dotted(parts: dict, down: str, up: str, prefix="{component}.") -> dict:
    return {
        prefix.format(component=component) + (path if component == "unet" else text_path(path)) + suffix: half
        for component, modules in parts.items() for path, both in modules.items() for suffix, half in zip((down, up), both)}


def processors(parts: dict, prefix="{component}.") -> dict:
    tensors = {}
    for component, modules in parts.items():
        for path, (down, up) in modules.items():
            head, last = path.rsplit(".to_" if component == "unet" else ".", 1)
            name = last.split(".")[0] if component == "unet" else last.split("_")[0]
            at = f"{prefix.format(component=component)}{head if component == 'unet' else text_path(head)}{'.processor' if component == 'unet' else ''}.to_{name}_lora"
            tensors |= {f"{at}.down.weight": down, f"{at}.up.weight": up}
    return tensors


def open_pipeline(base: str):
    return PIPELINES[base].from_pretrained(HERE / "cases" / base / "pipeline", torch_dtype=torch.float32)


def weights(pipe) -> dict[str, torch.Tensor]:
    found = {}
    for component in COMPONENTS:
        model = getattr(pipe, component, None)
        for name, tensor in (model.state_dict().items() if model is not None else ()):
            found[f"{component}/{name if component == 'unet' else text_path(name)}"] = tensor.detach().clone()
    return found


def fused(base: str, load) -> dict[str, torch.Tensor]:
    pipe = open_pipeline(base)
    load(pipe)
    pipe.fuse_lora(components=[c for c in COMPONENTS if getattr(pipe, c, None) is not None])
    pipe.unload_lora_weights()
    return weights(pipe)


def write(out: Path, case: str, base: str, tensors: dict, merge, metadata=None, config=None, file="pytorch_lora_weights") -> None:
    folder = out / case
    folder.mkdir(parents=True)
    save_file({n: t.contiguous().clone() for n, t in tensors.items()}, folder / f"{file}.safetensors", {"format": "pt"} | (metadata or {}))
    if config:
        if base_path := config.get("base_model_name_or_path"):
            # Where this machine keeps the base is nobody's business.
            config = config | {"base_model_name_or_path": base_path[max(0, base_path.find("tools/reference")):]}
        save_json(folder / "adapter_config.json", config)
    save_json(folder / "base.json", base)
    before, after = weights(open_pipeline(base)), merge(folder / f"{file}.safetensors")
    assert before.keys() == after.keys()
    changed = {n: t for n, t in after.items() if not torch.equal(t, before[n])}
    stored = {key.split("/")[0] for key in changed}
    print(f"{case}: {len(tensors)} tensors change {len(changed)} of {', '.join(sorted(stored))}")
    save_file(changed, folder / "merged.safetensors")


def load(base: str, **options):
    return lambda file: fused(base, lambda pipe: pipe.load_lora_weights(str(file.parent), weight_name=file.name, **options))


def encode(base: str, file: Path) -> None:
    pipe = open_pipeline(base)
    pipe.load_lora_weights(str(file.parent), weight_name=file.name)
    with torch.no_grad():
        made = pipe.encode_prompt(PROMPT, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False)
    kept = {"prompt_embeds": made[0]} | ({"pooled_prompt_embeds": made[2]} if len(made) > 2 else {})
    save_file({n: t.contiguous().clone() for n, t in kept.items()}, file.parent / "prompt.safetensors")


def with_peft(base: str, component: str):
    def merge(file: Path):
        pipe = open_pipeline(base)
        model = PeftModel.from_pretrained(getattr(pipe, component), file.parent)
        setattr(pipe, component, model.merge_and_unload())
        return weights(pipe)
    return merge


def plain(config: LoraConfig) -> dict:
    return json.loads(json.dumps(config.to_dict(), default=lambda value: sorted(value) if isinstance(value, set) else str(getattr(value, "value", value))))


def peft_folder(out: Path, case: str, base: str, component: str, config: LoraConfig, generator) -> None:
    """As PeftModel.save_pretrained writes it."""
    model = get_peft_model(getattr(open_pipeline(base), component), config)
    tensors = {n: torch.randn(t.shape, generator=generator) * 0.3 for n, t in get_peft_model_state_dict(model).items()}
    write(out, case, base, tensors, with_peft(base, component), config=plain(model.peft_config["default"]), file="adapter_model")


def main() -> None:
    warnings.filterwarnings("ignore")
    diffusers.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    out = Path(sys.argv[1])
    shutil.rmtree(out, ignore_errors=True)
    g = torch.Generator().manual_seed(0)
    sd1, sd2, xl = PIPELINES
    one = open_pipeline(sd1)
    every = lambda path: True
    some = lambda path: attention(path) or path.endswith(("ff.net.0.proj", "ff.net.2", "proj_in"))
    heads = lambda path: path.endswith(("q_proj", "k_proj", "v_proj", "out_proj"))
    unet = lambda which=some, rank=(2,): {"unet": halves(one.unet, which, rank, g)}
    both = lambda which=some, text=every, rank=(2,): unet(which, rank) | {"text_encoder": halves(one.text_encoder, text, rank, g)}

    write(out, "kohya-sd1", sd1, kohya(both(), alpha=3), load(sd1))
    encode(sd1, out / "kohya-sd1" / "pytorch_lora_weights.safetensors")
    write(out, "kohya-sd1-without-alpha-mixed-ranks", sd1, kohya(both(rank=(2, 1, 3)), dtype=torch.float32), load(sd1))
    write(out, "kohya-locon", sd1, kohya(unet(lambda p: not p.startswith("time_embedding")), alpha=1), load(sd1))
    write(out, "kohya-sd1-original-blocks", sd1, kohya(unet(), alpha=1, name=original), load(sd1, unet_config=one.unet.config))
    # Integers for alpha, and te1 for the one text encoder.
    write(out, "kohya-by-diffusers", sd1, convert_state_dict_to_kohya(dotted(both(), ".lora_A.weight", ".lora_B.weight")), load(sd1))
    two = open_pipeline(sd2)
    write(out, "kohya-sd2", sd2, kohya({"unet": halves(two.unet, some, (2,), g), "text_encoder": halves(two.text_encoder, every, (2,), g)}, alpha=1, dtype=torch.bfloat16), load(sd2))
    large = open_pipeline(xl)
    in_xl = {"unet": halves(large.unet, lambda p: not p.endswith("upsamplers.0.conv"), (2,), g)} | {c: halves(getattr(large, c), every, (2,), g) for c in COMPONENTS[1:]}
    write(out, "kohya-xl", xl, kohya(in_xl, alpha=1, name=original, te1="lora_te1_"), load(xl))
    encode(xl, out / "kohya-xl" / "pytorch_lora_weights.safetensors")
    write(out, "kohya-xl-diffusers-blocks", xl, kohya({"unet": halves(large.unet, some, (2,), g)}, alpha=4), load(xl))
    # ComfyUI's names; diffusers reads the same tensors under kohya's.
    native = {"unet": halves(large.unet, lambda p: "attentions" in p, (2,), g)}
    in_kohya = kohya(native, name=original)
    write(out, "diffusion-model-xl", xl, {f"diffusion_model.{original(p)}.{s}.weight": h.half() for p, b in native["unet"].items() for s, h in zip(("lora_A", "lora_B"), b)},
          lambda file: fused(xl, lambda pipe: pipe.load_lora_weights(dict(in_kohya))))
    down_up = unet()
    write(out, "diffusion-model-diffusers-blocks", sd1, {f"diffusion_model.{p}.{s}.weight": h for p, b in down_up["unet"].items() for s, h in zip(("lora_down", "lora_up"), b)},
          lambda file: fused(sd1, lambda pipe: pipe.load_lora_weights(kohya(down_up, dtype=torch.float32))))

    write(out, "peft", sd1, dotted(both(every), ".lora_A.weight", ".lora_B.weight"), load(sd1))
    write(out, "peft-xl", xl, dotted({"unet": halves(large.unet, attention, (2,), g)} | {c: halves(getattr(large, c), heads, (2,), g) for c in COMPONENTS[1:]}, ".lora_A.weight", ".lora_B.weight"), load(xl))
    write(out, "diffusers", sd1, dotted(unet(), ".lora.down.weight", ".lora.up.weight") | dotted({"text_encoder": halves(one.text_encoder, every, (2,), g)}, ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"), load(sd1))
    write(out, "processors", sd1, processors(both(attention, heads)), load(sd1))
    write(out, "processors-without-unet", sd1, processors(unet(attention), ""),
          lambda file: fused(sd1, lambda pipe: pipe.unet.load_lora_adapter(str(file.parent), weight_name=file.name, prefix=None)))

    # As save_lora_weights writes it: PEFT's configs, one for each component, in the header.
    patterns = {"r": 2, "lora_alpha": 5, "rank_pattern": {r"down_blocks.*attn1\.to_[qk]": 3}, "alpha_pattern": {".*attn2.*": 7, "to_v": 1, r"^up_blocks\.\d\..*to_q": 9}}
    for case, extra in {"peft-metadata": {}, "peft-metadata-rslora": {"use_rslora": True}}.items():
        config = plain(LoraConfig(**patterns, **extra, target_modules=list(ATTENTION)))
        text = plain(LoraConfig(r=2, lora_alpha=1, target_modules=["q_proj", "fc1"], **extra))
        model = get_peft_model(open_pipeline(sd1).unet, LoraConfig(**patterns, target_modules=list(ATTENTION)))
        tensors = {f"unet.{n.removeprefix('base_model.model.')}": torch.randn(t.shape, generator=g) * 0.3 for n, t in get_peft_model_state_dict(model).items()}
        tensors |= dotted({"text_encoder": halves(one.text_encoder, lambda p: p.endswith(("q_proj", "fc1")), (2,), g)}, ".lora_A.weight", ".lora_B.weight")
        header = {f"{c}.{k}": v for c, own in (("unet", config), ("text_encoder", text)) for k, v in own.items()}
        write(out, case, sd1, tensors, load(sd1), {"lora_adapter_metadata": json.dumps(header, indent=2, sort_keys=True)})
    # As unet.save_lora_adapter writes it: no prefix.
    bare = halves(one.unet, attention, (2,), g)
    config = plain(LoraConfig(r=2, lora_alpha=6, target_modules=list(ATTENTION)))
    write(out, "peft-of-one-model", sd1, dotted({"unet": bare}, ".lora_A.weight", ".lora_B.weight", ""),
          lambda file: fused(sd1, lambda pipe: pipe.unet.load_lora_adapter(str(file.parent), weight_name=file.name, prefix=None)), {"lora_adapter_metadata": json.dumps(config)})

    targets = list(ATTENTION)
    peft_folder(out, "peft-folder", sd1, "unet", LoraConfig(r=2, lora_alpha=5, target_modules=[*targets, "conv1"]), g)
    peft_folder(out, "peft-folder-patterns", sd1, "unet", LoraConfig(**patterns, target_modules=targets), g)
    peft_folder(out, "peft-folder-rslora", sd1, "unet", LoraConfig(**patterns, target_modules=targets, use_rslora=True), g)
    peft_folder(out, "peft-folder-text-encoder", sd1, "text_encoder", LoraConfig(r=2, lora_alpha=5, target_modules=["q_proj", "v_proj", "fc2"], alpha_pattern={"layers.1.*": 2}), g)
    # Patterns that are easily taken for others: an index before its name, `_` for `.`, Python's own ways of writing.
    names = {"to_out.0": 7, "0": 3, ".*attn2_to_k": 9, r"down_blocks\.\d{,1}\..*to_q": 4, r"(?P<block>up_blocks).*(?<!attn1\.)to_v": 8}
    peft_folder(out, "peft-folder-pattern-names", sd1, "unet", LoraConfig(r=2, lora_alpha=5, alpha_pattern=names, target_modules=targets), g)
    prefixed = {r"text_model\..*q_proj": 2, r"encoder\.layers\.[01]\.self_attn\.k_proj": 3, "^encoder.*fc1": 7}
    peft_folder(out, "peft-folder-text-encoder-patterns", sd1, "text_encoder", LoraConfig(r=2, lora_alpha=5, target_modules=["q_proj", "k_proj", "fc1"], alpha_pattern=prefixed), g)


if __name__ == "__main__":
    main()
