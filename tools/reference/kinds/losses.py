"""The preference losses of docs/golden-cases.md, for the writer of `dpo` cases.

B pairs; m_w, m_l, r_w, r_l: [B], squared errors averaged over C,H,W of policy (m) and reference (r) on winner (w) and
loser (l). u = -(beta/2) (m - r), s = u_w - u_l. Each function returns the loss of the batch."""

import torch
from torch.nn.functional import logsigmoid


def sigmoid(s, e=0.0):
    return (-(1 - e) * logsigmoid(s) - e * logsigmoid(-s)).mean()


def robust(s, e):
    return ((-(1 - e) * logsigmoid(s) + e * logsigmoid(-s)) / (1 - 2 * e)).mean()


def soft(s, p):
    return (-p * logsigmoid(s) - (1 - p) * logsigmoid(-s)).mean()


def ipo(s):
    return (s - 0.5).square().mean()


def hinge(s):
    return (1 - s).clamp_min(0).mean()


def kto(u_w, u_l):
    """Diffusion-KTO (arXiv 2404.04465): the mean over the 2B images; the baseline z carries no gradient."""
    z = torch.cat([u_w, u_l]).mean().clamp_min(0).detach()
    return torch.cat([1 - torch.sigmoid(u_w - z), 1 - torch.sigmoid(-(u_l - z))]).mean()


def mapo(m_w, m_l, b, T, k):
    """MaPO (arXiv 2406.06424): no reference."""
    phi = lambda m: k * m / torch.expm1(k * m)
    return (m_w - b * logsigmoid(T * (phi(m_w) - phi(m_l)))).mean()


def dmpo(s, a):
    """Reverse KL divergence of two Bernoulli distributions, p = sigmoid(s) against 1 - a (arXiv 2507.07510)."""
    p = torch.sigmoid(s)
    log_p, log_q = logsigmoid(s), logsigmoid(-s)
    a = torch.as_tensor(a, dtype=s.dtype)
    return (p * (log_p - torch.log1p(-a)) + (1 - p) * (log_q - a.log())).mean()


def sft(m_w):
    """Salesforce's --sft: the winners alone."""
    return m_w.mean()


def linear(m_w, m_l, s, eta):
    """Linear-DPO: the weight carries no gradient."""
    return ((0.5 - 0.4 * s).clamp(eta, 1 - eta).detach() * (m_w - m_l)).mean()


def safeguard(m_w, m_l, pred_w, pred_l, mu):
    """Diffusion-SDPO (arXiv 2511.03317): m_l unchanged, its gradient times
    lambda = clip((1 - mu) |g_w|^2 / <g_w, g_l>, 0, 1) where <g_w, g_l> > 0, else 1.
    g_w, g_l: the gradients of m_w, m_l at the UNet's output, over all pairs together."""
    (g_w,) = torch.autograd.grad(m_w.sum(), pred_w, retain_graph=True)
    (g_l,) = torch.autograd.grad(m_l.sum(), pred_l, retain_graph=True)
    inner = (g_w * g_l).sum()
    factor = ((1 - mu) * g_w.square().sum() / inner).clamp(0, 1) if inner > 0 else torch.ones_like(inner)
    return m_l.detach() + factor * (m_l - m_l.detach())


def batch_loss(spec: dict, m_w, m_l, r_w, r_l, weight, preference=None):
    """Returns (loss, logit). `weight` [B] multiplies u_w and u_l, and so s (min-SNR); 1 without it."""
    half = spec["beta"] / 2
    u_w, u_l = -half * weight * (m_w - r_w), -half * weight * (m_l - r_l)
    s = u_w - u_l
    match spec["loss"]:
        case "sigmoid":
            loss = sigmoid(s, spec.get("label_smoothing", 0.0))
        case "robust":
            loss = robust(s, spec["label_smoothing"])
        case "soft":
            loss = soft(s, preference)
        case "ipo":
            loss = ipo(s)
        case "hinge":
            loss = hinge(s)
        case "kto":
            loss = kto(u_w, u_l)
        case "mapo":
            loss = mapo(m_w, m_l, spec.get("b", 0.1), spec.get("T", 1000), spec.get("k", 0.5))
        case "dmpo":
            loss = dmpo(s, spec.get("alpha", 0.01))
        case "sft":
            loss = sft(m_w)
        case "linear":
            loss = linear(m_w, m_l, s, spec.get("eta", 1e-3))
        case other:
            raise ValueError(f"no loss named {other}")
    return loss, s
