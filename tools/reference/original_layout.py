"""Stable Diffusion's original layout from diffusers' names: one dict of tensors as CompVis and Stability AI published
theirs. The inverse of diffusers' own conversion, which `check` runs over the result."""

import torch
from diffusers.loaders import single_file_utils as diffusers_single_file

UNET, VAE = "model.diffusion_model.", "first_stage_model."
CLIP = {"sd": "cond_stage_model.transformer.", "xl": "conditioner.embedders.0.transformer."}
OPEN_CLIP = {"sd": "cond_stage_model.model.", "xl": "conditioner.embedders.1.model."}

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
TOP = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2"}
TEXT = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj"}


def unet_modules(config: dict) -> list[tuple[str, str]]:
    """Pairs of prefixes, diffusers' and the original's."""
    pairs = [(f"{a}.", f"{b}.") for a, b in TOP.items()]
    down, up = config["down_block_types"], config["up_block_types"]
    layers = config["layers_per_block"]
    layers = [layers] * len(down) if isinstance(layers, int) else layers
    n = 1
    for i, count in enumerate(layers):
        for j in range(count):
            pairs += [(f"down_blocks.{i}.resnets.{j}.{a}.", f"input_blocks.{n}.0.{b}.") for a, b in RESNET.items()]
            pairs += [(f"down_blocks.{i}.attentions.{j}.", f"input_blocks.{n}.1.")]
            n += 1
        if i + 1 < len(down):
            pairs += [(f"down_blocks.{i}.downsamplers.0.conv.", f"input_blocks.{n}.0.op.")]
            n += 1
    for j, to in ((0, 0), (1, 2)):
        pairs += [(f"mid_block.resnets.{j}.{a}.", f"middle_block.{to}.{b}.") for a, b in RESNET.items()]
    pairs += [("mid_block.attentions.0.", "middle_block.1.")]
    n = 0
    for i, count in enumerate(reversed(layers)):
        for j in range(count + 1):
            pairs += [(f"up_blocks.{i}.resnets.{j}.{a}.", f"output_blocks.{n}.0.{b}.") for a, b in RESNET.items()]
            pairs += [(f"up_blocks.{i}.attentions.{j}.", f"output_blocks.{n}.1.")]
            if j == count and i + 1 < len(up):
                at = 2 if "CrossAttn" in up[i] else 1
                pairs += [(f"up_blocks.{i}.upsamplers.0.conv.", f"output_blocks.{n}.{at}.conv.")]
            n += 1
    return pairs


def renamed(name: str, pairs: list[tuple[str, str]]) -> str:
    (old, new), = [pair for pair in pairs if name.startswith(pair[0])]
    return new + name[len(old):]


def unet(config: dict, tensors: dict) -> dict:
    pairs = unet_modules(config)
    return {UNET + renamed(name, pairs): t for name, t in tensors.items()}


def vae(config: dict, tensors: dict) -> dict:
    levels = len(config["block_out_channels"])
    out = {}
    for name, t in tensors.items():
        key = name.replace("conv_norm_out", "norm_out").replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
        for i in range(levels):
            key = key.replace(f"down_blocks.{i}.resnets", f"down.{i}.block").replace(f"down_blocks.{i}.downsamplers.0", f"down.{i}.downsample")
            key = key.replace(f"up_blocks.{i}.resnets", f"up.{levels - 1 - i}.block").replace(f"up_blocks.{i}.upsamplers.0", f"up.{levels - 1 - i}.upsample")
        key = key.replace("conv_shortcut", "nin_shortcut")
        if "mid_block.attentions.0" in key:
            key = key.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm").replace("to_out.0", "proj_out")
            for letter in "qkv":
                key = key.replace(f"to_{letter}", letter)
            if t.ndim == 2:
                t = t[:, :, None, None]
        out[VAE + key] = t
    return out


def clip(tensors: dict, prefix: str) -> dict:
    return {prefix + name: t for name, t in tensors.items()}


def open_clip(tensors: dict, prefix: str) -> dict:
    top = {
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.final_layer_norm.weight": "ln_final.weight", "text_model.final_layer_norm.bias": "ln_final.bias"}
    out, joined = {}, {}
    for name, t in tensors.items():
        if name == "text_projection.weight":
            out[prefix + "text_projection"] = t.T.contiguous()
        elif name in top:
            out[prefix + top[name]] = t
        else:
            layer, rest = name.removeprefix("text_model.encoder.layers.").split(".", 1)
            at = f"{prefix}transformer.resblocks.{layer}."
            if rest.startswith("self_attn.") and "out_proj" not in rest:
                letter, kind = rest.split(".")[1][0], rest.split(".")[2]
                joined.setdefault(f"{at}attn.in_proj_{kind}", {})[letter] = t
            else:
                out[at + renamed(rest, [(f"{a}.", f"{b}.") for a, b in TEXT.items()])] = t
    return out | {key: torch.cat([parts[letter] for letter in "qkv"]) for key, parts in joined.items()}


def same(converted: dict, expected: dict, what: str) -> None:
    assert converted.keys() == expected.keys(), f"{what}: {sorted(converted.keys() ^ expected.keys())[:6]}"
    for name, t in expected.items():
        assert converted[name].shape == t.shape, f"{what}: {name} {tuple(converted[name].shape)}"
        assert t.device.type == "meta" or torch.equal(converted[name], t), f"{what}: {name}"


def check(checkpoint: dict, family: str, parts: dict[str, tuple[dict, dict]]) -> None:
    """diffusers reads the checkpoint back as the tensors it was made from. `parts`: config and tensors by folder."""
    config, tensors = parts["unet"]
    same(diffusers_single_file.convert_ldm_unet_checkpoint(checkpoint, config), tensors, "unet")
    config, tensors = parts["vae"]
    only = {name: t for name, t in checkpoint.items() if name.startswith(VAE)}
    same(diffusers_single_file.convert_ldm_vae_checkpoint(only, config), tensors, "vae")
    for folder in ("text_encoder", "text_encoder_2"):
        if folder not in parts:
            continue
        config, tensors = parts[folder]
        if is_open_clip(config):
            model = type("Model", (), {"config": type("Config", (), {"hidden_size": config["hidden_size"]})})
            converted = diffusers_single_file.convert_open_clip_checkpoint(model, checkpoint, prefix=OPEN_CLIP[family])
        else:
            converted = diffusers_single_file.convert_ldm_clip_checkpoint(checkpoint)
            converted = {n: t for n, t in converted.items() if n.startswith("text_model.") and not n.endswith("position_ids")}
        same(converted, tensors, folder)


def is_open_clip(config: dict) -> bool:
    return config["hidden_act"] == "gelu"


def checkpoint(parts: dict[str, tuple[dict, dict]]) -> dict:
    family = "xl" if "text_encoder_2" in parts else "sd"
    out = unet(*parts["unet"]) | vae(*parts["vae"])
    for folder in ("text_encoder", "text_encoder_2"):
        if folder in parts:
            config, tensors = parts[folder]
            out |= open_clip(tensors, OPEN_CLIP[family]) if is_open_clip(config) else clip(tensors, CLIP[family])
    check(out, family, parts)
    return out
