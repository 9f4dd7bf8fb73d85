"""Kinds `unet` and `unet_lora`: one forward and one backward of a UNet2DConditionModel, in float64."""

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from common import float32_runs, floors, randn, save_case, save_model_config, save_tensors, seed_weights, weights_of
from kinds import lora

DOWN, CROSS_DOWN, UP, CROSS_UP = "DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"
SMALL = dict(cross_attention_dim=12, norm_num_groups=4, in_channels=4, out_channels=4)
# What every child of SDXL has; three levels, text and time embedding.
XL = SMALL | dict(
    sample_size=8, block_out_channels=(4, 4, 6), norm_num_groups=2, layers_per_block=2, attention_head_dim=(1, 2, 3),
    use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=58,
    down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP, UP))

CONFIGS: dict[str, dict] = {
    # Stable Diffusion 1: convolutional projections, one number of heads, mid block.
    "sd": SMALL | dict(
        sample_size=8, block_out_channels=(8, 12), layers_per_block=2, attention_head_dim=2,
        down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP)),
    # BK-SDM-Tiny and Stable Diffusion 2: no mid block, linear projections, heads by level.
    "no-mid": SMALL | dict(
        sample_size=8, block_out_channels=(8, 12), layers_per_block=1, attention_head_dim=(2, 3), mid_block_type=None,
        use_linear_projection=True, upcast_attention=True,
        down_block_types=(CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP)),
    # 11x13 goes to 6x7 and 3x4 and must come back: the upsamplers need the skip's size.
    "odd-size": SMALL | dict(
        sample_size=(11, 13), block_out_channels=(4, 8, 8), norm_num_groups=2, layers_per_block=1, attention_head_dim=(2, 1, 4),
        down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP, UP)),
    # Stable Diffusion XL: text and time embedding, transformers of several blocks, heads by level.
    "sdxl": SMALL | dict(
        sample_size=8, block_out_channels=(4, 8), norm_num_groups=2, layers_per_block=1, attention_head_dim=(2, 4),
        transformer_layers_per_block=(1, 2), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=58,
        down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP)),
    # SSD-1B: transformer depths by layer, of their own on the way up, and a mid block of one resnet.
    "ssd": SMALL | dict(
        sample_size=8, block_out_channels=(4, 8), norm_num_groups=2, layers_per_block=2, attention_head_dim=(1, 2),
        transformer_layers_per_block=((1, 2), (2, 1)), reverse_transformer_layers_per_block=((1, 2, 1), (2, 1, 1)),
        mid_block_type="UNetMidBlock2D", use_linear_projection=True,
        down_block_types=(CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP)),
    # Stable Diffusion 1, its LCM and all of its fine-tunings: four levels, the last without attention.
    "sd1": SMALL | dict(
        sample_size=8, block_out_channels=(4, 4, 8, 8), norm_num_groups=2, layers_per_block=2, attention_head_dim=2,
        down_block_types=(CROSS_DOWN,) * 3 + (DOWN,), up_block_types=(UP,) + (CROSS_UP,) * 3),
    # Stable Diffusion 2 (a UNet does not know whether it predicts epsilon or v) and SD-Turbo: linear projections, heads by level.
    "sd2": SMALL | dict(
        sample_size=8, block_out_channels=(4, 4, 8, 8), norm_num_groups=2, layers_per_block=2, attention_head_dim=(1, 2, 4, 4),
        use_linear_projection=True, upcast_attention=True, dual_cross_attention=False,
        down_block_types=(CROSS_DOWN,) * 3 + (DOWN,), up_block_types=(UP,) + (CROSS_UP,) * 3),
    # BK-SDM-Base, segmind's small-sd and OFA's small-stable-diffusion: one layer a block.
    "bk-sdm-base": SMALL | dict(
        sample_size=8, block_out_channels=(4, 8, 8, 8), norm_num_groups=2, layers_per_block=1, attention_head_dim=2,
        down_block_types=(CROSS_DOWN,) * 3 + (DOWN,), up_block_types=(UP,) + (CROSS_UP,) * 3),
    # BK-SDM-Small: the same without a middle.
    "bk-sdm-small": SMALL | dict(
        sample_size=8, block_out_channels=(4, 8, 8, 8), norm_num_groups=2, layers_per_block=1, attention_head_dim=2,
        mid_block_type=None, down_block_types=(CROSS_DOWN,) * 3 + (DOWN,), up_block_types=(UP,) + (CROSS_UP,) * 3),
    # BK-SDM-Tiny and segmind's tiny-sd: three levels, all with attention.
    "bk-sdm-tiny": SMALL | dict(
        sample_size=8, block_out_channels=(4, 8, 8), norm_num_groups=2, layers_per_block=1, attention_head_dim=2,
        mid_block_type=None, down_block_types=(CROSS_DOWN,) * 3, up_block_types=(CROSS_UP,) * 3),
    # BK-SDM-v2-Tiny: the same distilled from Stable Diffusion 2.
    "bk-sdm-v2-tiny": SMALL | dict(
        sample_size=8, block_out_channels=(4, 4, 8), norm_num_groups=2, layers_per_block=1, attention_head_dim=(1, 2, 4),
        mid_block_type=None, use_linear_projection=True, upcast_attention=True,
        down_block_types=(CROSS_DOWN,) * 3, up_block_types=(CROSS_UP,) * 3),
    # SDXL base and SDXL-Turbo with their three levels: no, two and ten transformer blocks, here no, two and three.
    "sdxl-base": XL | dict(transformer_layers_per_block=(1, 2, 3), upcast_attention=None),
    # SSD-1B: numbers and lists side by side, lists of their own on the way up, one resnet in the middle. Here four of the last ten.
    "ssd-1b": XL | dict(
        transformer_layers_per_block=[1, [2, 2], [4, 4]], reverse_transformer_layers_per_block=[[4, 4, 4], [2, 1, 1], 1],
        mid_block_type="UNetMidBlock2D"),
    # Segmind-Vega: the same, shallower.
    "vega": XL | dict(
        transformer_layers_per_block=[1, [1, 1], [2, 2]], reverse_transformer_layers_per_block=[[2, 2, 2], [1, 1, 1], 1],
        mid_block_type="UNetMidBlock2D"),
    # SDXL and SSD-1B as deep as they are.
    "sdxl-deep": XL | dict(
        block_out_channels=(8, 16, 32), attention_head_dim=(1, 2, 4), transformer_layers_per_block=(1, 2, 10)),
    "ssd-1b-deep": XL | dict(
        block_out_channels=(8, 16, 32), attention_head_dim=(1, 2, 4), transformer_layers_per_block=[1, [2, 2], [4, 4]],
        reverse_transformer_layers_per_block=[[4, 4, 10], [2, 1, 1], 1], mid_block_type="UNetMidBlock2D"),
    # Latent consistency: the guidance scale's embedding beside the timestep.
    "lcm": SMALL | dict(
        sample_size=8, block_out_channels=(4, 8), norm_num_groups=2, layers_per_block=1, attention_head_dim=2,
        time_cond_proj_dim=10, down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP)),
    # Layers by block, a width of the context by block (one does not attend), a middle that is scaled, other kernels, a centred sample.
    "lists": SMALL | dict(
        sample_size=8, block_out_channels=(6, 12, 6), norm_num_groups=3, norm_eps=1e-6, layers_per_block=(2, 1, 1), attention_head_dim=(1, 2, 3),
        cross_attention_dim=(10, 99, 10), only_cross_attention=(True, False, False), mid_block_scale_factor=1.5, center_input_sample=True,
        conv_in_kernel=5, conv_out_kernel=1, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, act_fn="gelu", time_embedding_dim=20,
        down_block_types=(CROSS_DOWN, DOWN, DOWN), up_block_types=(UP, UP, CROSS_UP)),
    # hf-internal-testing's tiny pipelines, as they are.
    "hf-tiny-sd": dict(
        sample_size=32, in_channels=4, out_channels=4, block_out_channels=(32, 64), layers_per_block=2, cross_attention_dim=32,
        down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP)),
    "hf-tiny-sdxl": dict(
        sample_size=32, in_channels=4, out_channels=4, block_out_channels=(32, 64), layers_per_block=2, attention_head_dim=(2, 4),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2), projection_class_embeddings_input_dim=80, cross_attention_dim=64,
        down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP)),
    # diffusers' own tests since: one group, four heads of one channel.
    "hf-tiny-sdxl-2": dict(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(2, 4), layers_per_block=2, attention_head_dim=(2, 4),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8, norm_num_groups=1,
        transformer_layers_per_block=(1, 2), projection_class_embeddings_input_dim=80, cross_attention_dim=64,
        down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP)),
    # Class labels. No pipeline of Stable Diffusion passes any.
    **{f"class-{name}": SMALL | dict(
        sample_size=6, block_out_channels=(4,), norm_num_groups=2, layers_per_block=1, attention_head_dim=2, mid_block_type=None,
        cross_attention_dim=6, down_block_types=(CROSS_DOWN,), up_block_types=(CROSS_UP,)) | extra
       for name, extra in dict(
           embedding=dict(num_class_embeds=5), timestep=dict(class_embed_type="timestep", act_fn="relu"),
           identity=dict(class_embed_type="identity"),
           projection=dict(class_embed_type="projection", projection_class_embeddings_input_dim=7, act_fn="gelu"),
           simple=dict(class_embed_type="simple_projection", projection_class_embeddings_input_dim=7)).items()},
    # The embedded model's layout, thinner: eight latent channels, one layer a block.
    "embedded": SMALL | dict(
        sample_size=8, in_channels=8, out_channels=8, block_out_channels=(4, 8, 12), norm_num_groups=2, layers_per_block=1,
        attention_head_dim=4, down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP, UP)),
    # The same as wide as it is worth: too large to commit, `--large` writes it.
    "embedded-wide": SMALL | dict(
        sample_size=16, in_channels=8, out_channels=8, block_out_channels=(16, 32, 48), layers_per_block=1,
        cross_attention_dim=24, norm_num_groups=8, attention_head_dim=4,
        down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, CROSS_UP, UP)),
    # Few parameters, for the training cases. `ssd-nano` is SSD-1B's layout; `pico` has one level and no resampling at all.
    "nano": SMALL | dict(
        sample_size=6, block_out_channels=(4, 8), layers_per_block=1, attention_head_dim=2, mid_block_type=None,
        cross_attention_dim=6, norm_num_groups=2, use_linear_projection=True,
        down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP)),
    "ssd-nano": SMALL | dict(
        sample_size=6, block_out_channels=(4, 8), layers_per_block=1, attention_head_dim=(1, 2), mid_block_type="UNetMidBlock2D",
        cross_attention_dim=6, norm_num_groups=2, use_linear_projection=True, transformer_layers_per_block=[1, [2]],
        reverse_transformer_layers_per_block=[[2, 1], 1], addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=30, down_block_types=(DOWN, CROSS_DOWN), up_block_types=(CROSS_UP, UP)),
    "pico": SMALL | dict(
        sample_size=6, block_out_channels=(4,), layers_per_block=1, attention_head_dim=2, mid_block_type=None,
        cross_attention_dim=6, norm_num_groups=2, down_block_types=(CROSS_DOWN,), up_block_types=(CROSS_UP,)),
}

# Random weights of unit gain turn one rounding at the input of a deep UNet into a thousand at its output, and gradients are lost in torch's
# own float32. Where every branch beside a skip adds a quarter, as in a trained network, the class tolerances hold.
CALM = dict(branch=0.25)
BRANCH_ENDS = ("conv2.weight", "to_out.0.weight", "ff.net.2.weight", "proj_out.weight")

CASES = {
    "unet": {
        "sd": dict(config="sd", batch=2, tokens=7, seed=1),
        "no-mid": dict(config="no-mid", batch=1, tokens=5, seed=2),
        "odd-size": dict(config="odd-size", batch=3, tokens=6, seed=3),
        "sdxl": dict(config="sdxl", batch=2, tokens=4, seed=4),
        "ssd": dict(config="ssd", batch=2, tokens=9, seed=5),
        "embedded": dict(config="embedded", batch=2, tokens=8, seed=6),
        "embedded-wide": dict(config="embedded-wide", batch=2, tokens=32, seed=7, large=True),
        "sd1": CALM | dict(config="sd1", batch=2, tokens=6, seed=20),
        "sd2": CALM | dict(config="sd2", batch=2, tokens=7, seed=21),
        "bk-sdm-base": CALM | dict(config="bk-sdm-base", batch=2, tokens=7, seed=22),
        "bk-sdm-small": CALM | dict(config="bk-sdm-small", batch=2, tokens=6, seed=23),
        "bk-sdm-tiny": CALM | dict(config="bk-sdm-tiny", batch=2, tokens=5, seed=24),
        "bk-sdm-v2-tiny": CALM | dict(config="bk-sdm-v2-tiny", batch=2, tokens=5, seed=30),
        "sdxl-base": CALM | dict(config="sdxl-base", batch=2, tokens=6, seed=25),
        "ssd-1b": CALM | dict(config="ssd-1b", batch=2, tokens=7, seed=26),
        "vega": CALM | dict(config="vega", batch=2, tokens=5, seed=27),
        "lcm": CALM | dict(config="lcm", batch=2, tokens=5, seed=28),
        "lists": CALM | dict(config="lists", batch=2, tokens=4, seed=29),
        "sdxl-deep": CALM | dict(config="sdxl-deep", batch=1, tokens=9, seed=38, large=True),
        "ssd-1b-deep": CALM | dict(config="ssd-1b-deep", batch=1, tokens=9, seed=39, large=True),
        "hf-tiny-sd": CALM | dict(config="hf-tiny-sd", batch=1, tokens=7, seed=31, large=True),
        "hf-tiny-sdxl": CALM | dict(config="hf-tiny-sdxl", batch=1, tokens=7, seed=32, large=True),
        "hf-tiny-sdxl-2": CALM | dict(config="hf-tiny-sdxl-2", batch=2, tokens=7, seed=40, large=True),
        "class-embedding": CALM | dict(config="class-embedding", batch=3, tokens=4, seed=33),
        "class-timestep": CALM | dict(config="class-timestep", batch=2, tokens=4, seed=34),
        "class-identity": CALM | dict(config="class-identity", batch=2, tokens=4, seed=35),
        "class-projection": CALM | dict(config="class-projection", batch=2, tokens=4, seed=36),
        "class-simple": CALM | dict(config="class-simple", batch=2, tokens=4, seed=37),
    },
    "unet_lora": {
        "attention": dict(config="nano", batch=2, tokens=5, seed=11, targets="attention", rank=3, alpha=1.5),
        "every-layer": dict(config="nano", batch=3, tokens=6, seed=12, targets="all", rank=2, alpha=4.0),
        "sd1-every-layer": CALM | dict(config="bk-sdm-tiny", batch=2, tokens=4, seed=14, targets="all", rank=2, alpha=1.0),
        "sd2-attention": CALM | dict(config="bk-sdm-v2-tiny", batch=2, tokens=5, seed=13, targets="attention", rank=2, alpha=2.0),
        "sd2-every-layer": CALM | dict(config="bk-sdm-v2-tiny", batch=2, tokens=6, seed=18, targets="all", rank=2, alpha=3.0),
        "sdxl-attention": CALM | dict(config="sdxl", batch=2, tokens=4, seed=15, targets="attention", rank=3, alpha=3.0),
        "sdxl-every-layer": CALM | dict(config="sdxl", batch=2, tokens=5, seed=16, targets="all", rank=2, alpha=4.0),
        "lcm-every-layer": CALM | dict(config="lcm", batch=2, tokens=5, seed=17, targets="all", rank=2, alpha=2.0),
    },
}


@torch.no_grad()
def build(config: str, seed: int, branch: float = 1.0) -> UNet2DConditionModel:
    """Seeded weights; what a branch adds to its skip is scaled by `branch`."""
    model = seed_weights(UNet2DConditionModel(**CONFIGS[config]), seed)
    if branch != 1.0:
        for name, p in model.named_parameters():
            if name.endswith(BRANCH_ENDS):
                p.mul_(branch)
    return model


def latent_shape(model, batch: int) -> tuple[int, int, int, int]:
    size = model.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    return batch, model.config.in_channels, height, width


def conditions(model, batch: int, tokens: int, seed: int) -> dict[str, torch.Tensor]:
    """`encoder_hidden_states`, and what SDXL adds to it."""
    config = model.config
    width = config.cross_attention_dim
    out = {"encoder_hidden_states": randn((batch, tokens, width if isinstance(width, int) else width[0]), seed)}
    if config.time_cond_proj_dim is not None:
        out["timestep_cond"] = randn((batch, config.time_cond_proj_dim), seed + 2)
    if config.num_class_embeds is not None:
        out["class_labels"] = torch.randint(0, config.num_class_embeds, (batch,), generator=torch.Generator().manual_seed(seed + 3))
    elif config.class_embed_type == "timestep":
        out["class_labels"] = torch.rand(batch, generator=torch.Generator().manual_seed(seed + 3)) * 100
    elif config.class_embed_type is not None:
        channels = config.projection_class_embeddings_input_dim or 4 * config.block_out_channels[0]
        out["class_labels"] = randn((batch, channels), seed + 3)
    if model.config.addition_embed_type == "text_time":
        pooled = model.config.projection_class_embeddings_input_dim - 6 * model.config.addition_time_embed_dim
        out["text_embeds"] = randn((batch, pooled), seed + 1)
        out["time_ids"] = torch.tensor([[64.0, 64.0, 0.0, 8.0, 64.0, 48.0]]).repeat(batch, 1)
    return out


def call(model, params: dict, sample, timestep, cond: dict, dtype) -> torch.Tensor:
    """`model` with `params` in place of its own, in `dtype`."""
    added = {k: cond[k].to(dtype) for k in ("text_embeds", "time_ids") if k in cond} or None
    more = {k: cond[k].to(dtype) if cond[k].is_floating_point() else cond[k] for k in ("timestep_cond", "class_labels") if k in cond}
    return torch.func.functional_call(
        model, params, (sample, timestep, cond["encoder_hidden_states"]), {"added_cond_kwargs": added} | more).sample


def timesteps(batch: int, seed: int) -> torch.Tensor:
    return torch.randint(0, 1000, (batch,), generator=torch.Generator().manual_seed(seed))


def evaluate(model, scales: dict | None, weights: dict, inputs: dict, adapter: dict | None, dtype) -> dict[str, torch.Tensor]:
    model = model.to(dtype)
    base = {n: p.to(dtype).clone() for n, p in weights.items()}
    x = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
    sample, cond = x["sample"], {k: v for k, v in x.items() if k not in ("sample", "timestep", "target")}
    out: dict[str, torch.Tensor] = {}
    if adapter is None:
        trained = {n: p.requires_grad_() for n, p in base.items()}
        params = trained
        sample.requires_grad_()
        cond["encoder_hidden_states"].requires_grad_()
    else:
        with torch.no_grad():
            out["noise_pred_base"] = call(model, base, sample, x["timestep"], cond, dtype)
        trained = {n: p.to(dtype).clone().requires_grad_() for n, p in adapter.items()}
        params = lora.merge(base, trained, scales)
    noise_pred = call(model, params, sample, x["timestep"], cond, dtype)
    loss = (noise_pred - x["target"]).square().mean()
    loss.backward()
    out |= {"noise_pred": noise_pred.detach(), "loss": loss.detach()}
    out |= {f"grad.{n}": p.grad for n, p in trained.items()}
    if adapter is None:
        out["grad_in.sample"] = sample.grad
        out["grad_in.encoder_hidden_states"] = cond["encoder_hidden_states"].grad
    return out


def write(kind: str, name: str, folder: Path, spec: dict) -> dict[str, float]:
    seed, batch = spec["seed"], spec["batch"]
    model = build(spec["config"], seed, spec.get("branch", 1.0))
    shape = latent_shape(model, batch)
    inputs = {
        "sample": randn(shape, seed + 20), "timestep": timesteps(batch, seed + 21), "target": randn(shape, seed + 22),
    } | conditions(model, batch, spec["tokens"], seed + 23)

    weights = {n: p.clone() for n, p in weights_of(model).items()}
    save_model_config(folder, model)
    save_tensors(folder / "weights.safetensors", weights)
    adapter = scales = None
    if kind == "unet_lora":
        adapter, scales = lora.make(model, spec["targets"], spec["rank"], spec["alpha"], seed + 30)
        lora.save(folder / "lora.safetensors", adapter, scales, spec["rank"])
    run = lambda *tensors: evaluate(model, scales, *tensors)
    sets = (weights, inputs, adapter)
    expected = run(*sets, torch.float64)
    return save_case(folder, kind, name, inputs, expected, floors(expected, float32_runs(run, sets, seed)))
