"""Winnow's losses (docs/losses.md), pair by pair, in f64. Errors are means over C, H, W; s = u_w - u_l, u = -(beta / 2) (m - r) scale."""

import torch
from torch.nn.functional import logsigmoid, relu

Tensor = torch.Tensor
# These see a micro-batch as a whole: it must not be cut.
WHOLE = ("kto",)


def utilities(config: dict, m: Tensor, r: Tensor, scale: Tensor) -> Tensor:
    return -(config["beta"] / 2) * scale * (m - r)


def pair_losses(config: dict, mw: Tensor, ml: Tensor, rw: Tensor, rl: Tensor, scale: Tensor, preference: Tensor) -> tuple[Tensor, Tensor]:
    """Of one micro-batch, or a part of it, f64 [B] each -> loss of each pair [B], logit [B]."""
    uw, ul = utilities(config, mw, rw, scale), utilities(config, ml, rl, scale)
    s = uw - ul
    e, name = config["labelSmoothing"], config["loss"]
    match name:
        case "sigmoid":
            loss = -(1 - e) * logsigmoid(s) - (e * logsigmoid(-s) if e else 0)
        case "robust":
            loss = (-(1 - e) * logsigmoid(s) + e * logsigmoid(-s)) / (1 - 2 * e)
        case "soft":
            loss = -preference * logsigmoid(s) - (1 - preference) * logsigmoid(-s)
        case "ipo":
            loss = (s - 0.5) ** 2
        case "hinge":
            loss = relu(1 - s)
        case "kto":
            z = relu(torch.cat([uw, ul]).mean()).detach()
            loss = (torch.sigmoid(z - uw) + torch.sigmoid(ul - z)) / 2
        case "mapo":
            margin = config["mapoT"] * (phi(mw, config["mapoK"]) - phi(ml, config["mapoK"]))
            loss = mw - config["mapoBeta"] * logsigmoid(margin)
        case "dmpo":
            a, p, q = config["dmpoAlpha"], torch.sigmoid(s), torch.sigmoid(-s)
            loss = p * (logsigmoid(s) - torch.log1p(torch.tensor(-a, dtype=s.dtype))) + q * (logsigmoid(-s) - torch.log(torch.tensor(a, dtype=s.dtype)))
        case "linear":
            weight = (0.5 - 0.4 * s).clamp(config["linearEta"], 1 - config["linearEta"]).detach()
            loss = weight * (mw - ml)
        case "sft":
            loss = mw
        case _:
            raise SystemExit(f"continue.py does not know the loss {name}: take the one that came with this Winnow.")
    return loss, s


def phi(m: Tensor, k: float) -> Tensor:
    x = k * m
    series = 1 - x / 2 + x**2 / 12 - x**4 / 720
    # Where the series is taken the other branch must be finite, too.
    safe = torch.where(x.abs() < 1e-2, torch.ones_like(x), x)
    return torch.where(x.abs() < 1e-2, series, safe / torch.expm1(safe))


def logit_scale(config: dict, snr: Tensor) -> Tensor:
    """Min-SNR on the logit; sft and mapo have none."""
    gamma = config["minSnrGamma"]
    if gamma is None or config["loss"] in ("sft", "mapo"):
        return torch.ones_like(snr)
    # Winnow feeds it in f32.
    return torch.where(snr <= gamma, torch.ones_like(snr), gamma / snr).float().double()


def safeguard(config: dict, error_w: Tensor, error_l: Tensor) -> float:
    """Diffusion-SDPO: the factor on what the losers' errors send back. error: pred - target of the micro-batch."""
    mu = config["sdpoMu"]
    product = (error_w * error_l).sum()
    if mu is None or product <= 0:
        return 1.0
    return float(((1 - mu) * (error_w**2).sum() / product).clamp(0, 1))


def implicit_accuracy(rows: list[dict]) -> float:
    decided = [row["logit"] for row in rows if row.get("preference", 1) > 0.5]
    return sum(1 if s > 0 else 0.5 if s == 0 else 0 for s in decided) / len(decided) if decided else 0.5
