"""Muon: momentum whose update of every weight matrix is made orthogonal (Jordan et al. 2024), AdamW for the rest.

Convolutions count as matrices [O, I*K*K]; the scale 0.2 * sqrt(max(rows, columns)) lets AdamW's rates serve
(Liu et al. 2025, "Muon is scalable for LLM training").
"""

import torch


def orthogonal(g, steps=5):
    """Newton-Schulz iteration towards the nearest semi-orthogonal matrices of g [N, R, C], in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(steps):
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """matrices: weights of two or more axes; others: everything else (AdamW, betas 0.9 and 0.99)."""

    def __init__(self, matrices, others, lr, momentum=0.95, weight_decay=1e-2):
        groups = [{"params": list(matrices), "matrix": True}, {"params": list(others), "matrix": False}]
        super().__init__(groups, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr = group["lr"]
            alike = {}  # matrices of one shape go through the iteration together
            for p in (p for p in group["params"] if p.grad is not None):
                state = self.state[p]
                if not state:
                    state.update(step=0, m=torch.zeros_like(p), **({} if group["matrix"] else {"v": torch.zeros_like(p)}))
                state["step"] += 1
                if group["matrix"]:
                    state["m"].lerp_(p.grad, 1 - group["momentum"])
                    alike.setdefault((len(p), p[0].numel()), []).append((p, p.grad.lerp(state["m"], group["momentum"])))
                else:
                    n = state["step"]
                    state["m"].lerp_(p.grad, 0.1)
                    state["v"].lerp_(p.grad.square(), 0.01)
                    p.sub_(lr * state["m"] / (1 - 0.9**n) / ((state["v"] / (1 - 0.99**n)).sqrt() + 1e-8))
            for size, rows in alike.items():
                updates = orthogonal(torch.stack([g.reshape(size) for _, g in rows])) * 0.2 * max(size) ** 0.5
                for (p, _), u in zip(rows, updates):
                    p.mul_(1 - lr * group["weight_decay"]).sub_(lr * u.view_as(p))


def muon(module, lr, **options):
    """For a module of convolutions: hidden weights by Muon, first and last layers and biases by AdamW."""
    weights = [p for p in module.parameters() if p.requires_grad]
    ends = {id(p) for p in weights if p.ndim > 1 and min(len(p), p[0].numel() // 9 if p.ndim == 4 else p[0].numel()) < 16}
    hidden = [p for p in weights if p.ndim > 1 and id(p) not in ends]
    return Muon(hidden, [p for p in weights if p.ndim <= 1 or id(p) in ends], lr, **options)
