"""Writes ops.json: outputs and gradients of single ops by PyTorch in float64, for src/oracle/torch.test.ts.

Only where a convention can be misread: padding order, eps inside the square root, gelu by erf, causal masks, nearest resize to odd
sizes, broadcast sums, AdamW with clipping, loss formulas. Run: python tools/reference-ops/ops.py (torch only).
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)
entries = []


def numbers(t):
    return {"shape": list(t.shape), "data": [float(f"{x:.12g}") for x in t.detach().double().flatten().tolist()]}


def leaf(*shape, scale=1.0):
    # float32 values, as the engine reads its inputs.
    return (torch.randn(*shape) * scale).float().double().requires_grad_()


def record(op, name, params, inputs, outputs):
    """outputs: the op's first output, then any others worth comparing. Gradients are those of sum(dy * outputs[0])."""
    dy = torch.randn_like(outputs[0]).float().double()
    wanted = [x for x in inputs if x.requires_grad]
    grads = torch.autograd.grad(outputs[0], wanted, dy) if wanted else []
    found = dict(zip(map(id, wanted), grads))
    entries.append({
        "op": op, "name": name, "params": params,
        "inputs": [numbers(x) for x in inputs], "i32": [i for i, x in enumerate(inputs) if not x.is_floating_point()],
        "outputs": [numbers(y) for y in outputs], "dy": numbers(dy),
        "grads": [numbers(found[id(x)]) if id(x) in found else None for x in inputs],
    })


x, w, b, r = leaf(2, 3, 5), leaf(4, 5), leaf(4), leaf(2, 3, 4)
record("linear", "scale and residual", {"bias": True, "residual": True, "scale": 0.5}, [x, w, b, r], [0.5 * F.linear(x, w, b) + r])

x, w, b = leaf(2, 3, 5, 6), leaf(4, 3, 3, 3), leaf(4)
record("conv2d", "stride 2, padded below and right", {"stride": 2, "padding": [0, 0, 1, 1], "bias": True, "residual": False, "scale": 1}, [x, w, b],
       [F.conv2d(F.pad(x, (0, 1, 0, 1)), w, b, stride=2)])
x, w = leaf(1, 2, 4, 5), leaf(3, 2, 3, 3)
record("conv2d", "paddings top 0, left 1, bottom 2, right 3", {"stride": 1, "padding": [0, 1, 2, 3], "bias": False, "residual": False, "scale": 1}, [x, w],
       [F.conv2d(F.pad(x, (1, 3, 0, 2)), w)])
x, w, b = leaf(2, 3, 5, 4), leaf(2, 3, 3, 3), leaf(2)
record("conv2d", "padding 1, stride 2", {"stride": 2, "padding": [1, 1, 1, 1], "bias": True, "residual": False, "scale": 1}, [x, w, b],
       [F.conv2d(x, w, b, stride=2, padding=1)])

x, w, b = leaf(2, 4, 3, 2, scale=1e-2), leaf(4), leaf(4)
record("groupNorm", "eps matters", {"groups": 2, "eps": 1e-3, "silu": False}, [x, w, b], [F.group_norm(x, 2, w, b, 1e-3)])
x, w, b = leaf(2, 4, 3), leaf(4), leaf(4)
record("groupNorm", "silu", {"groups": 2, "eps": 1e-5, "silu": True}, [x, w, b], [F.silu(F.group_norm(x, 2, w, b, 1e-5))])
x, w, b = leaf(2, 3, 5, scale=1e-2), leaf(5), leaf(5)
record("layerNorm", "eps matters", {"eps": 1e-3}, [x, w, b], [F.layer_norm(x, (5,), w, b, 1e-3)])


def split(t, heads):
    return t.unflatten(-1, (heads, -1)).transpose(1, 2)


for name, T, S, heads, causal in [("cross", 3, 5, 2, False), ("causal", 4, 4, 2, True), ("one key", 3, 1, 2, False)]:
    q, k, v = leaf(2, T, 6), leaf(2, S, 6), leaf(2, S, 6)
    o = F.scaled_dot_product_attention(split(q, heads), split(k, heads), split(v, heads), is_causal=causal)
    scores = split(q, heads) @ split(k, heads).mT * (6 // heads) ** -0.5
    if causal:
        scores = scores.masked_fill(torch.ones(T, S).tril() == 0, -torch.inf)
    record("attention", name, {"heads": heads, "causal": causal}, [q, k, v], [o.transpose(1, 2).flatten(-2), scores.logsumexp(-1)])

x = leaf(2, 3, 8, scale=2)
record("geglu", "halves", {}, [x], [x.chunk(2, -1)[0] * F.gelu(x.chunk(2, -1)[1])])
points = torch.tensor([-12.0, -6, -3, -1, -0.5, 0, 0.5, 1, 2.4, 2.6, 4, 9, 12])
for fn, f in [("silu", F.silu), ("gelu", F.gelu), ("quickGelu", lambda t: t * torch.sigmoid(1.702 * t)), ("relu", F.relu), ("tanh", torch.tanh), ("sigmoid", torch.sigmoid)]:
    x = points.clone().requires_grad_()
    record("unary", fn, {"fn": fn}, [x], [f(x)])
# Not on the edges: torch 2.15 gives them no gradient, earlier versions the full one; the engine follows the earlier.
x = torch.tensor([-0.6, -0.49, 0.0, 0.24, 0.3]).requires_grad_()
record("clamp", "two sides", {"min": -0.5, "max": 0.25}, [x], [torch.clamp(x, -0.5, 0.25)])

a, b = leaf(2, 3, 2, 2), leaf(2, 3, 1, 1)
record("add", "broadcast", {}, [a, b], [a + b])
a, b = leaf(2, 3, 4), leaf(1, 3, 1)
record("mul", "broadcast", {}, [a, b], [a * b])
x = leaf(1, 2, 3, 4)
record("upsampleNearest", "3x4 to 5x7", {"height": 5, "width": 7}, [x], [F.interpolate(x, size=(5, 7), mode="nearest")])
x = leaf(1, 1, 5, 3)
record("upsampleNearest", "5x3 to 13x11", {"height": 13, "width": 11}, [x], [F.interpolate(x, size=(13, 11), mode="nearest")])
x = leaf(2, 3, 4)
record("transpose", "cycle", {"perm": [2, 0, 1]}, [x], [x.permute(2, 0, 1)])
x = leaf(2, 3, 4, 5)
record("mean", "image", {"axes": [2, 3]}, [x], [x.mean((2, 3), keepdim=True)])
table, ids = leaf(5, 3), torch.tensor([[0, 4, 4], [2, 0, 1]], dtype=torch.int32)
record("embedding", "repeated ids", {}, [table, ids], [F.embedding(ids.long(), table)])
pred, target = leaf(3, 2, 4), leaf(3, 2, 4)
record("meanSquaredError", "by sample", {}, [pred, target], [((pred - target) ** 2).mean((1, 2))])

# Preference losses as written in their papers; dm is torch's derivative by m.
B, beta = 3, 40.0
scale, preference = torch.tensor([1.0, 0.5, 0.25]), torch.tensor([1.0, 0.25, 0.5])
numbers_of = {"sigmoid": {"labelSmoothing": 0.0}, "robust": {"labelSmoothing": 0.0}, "mapo": {"mapoBeta": 0.1, "mapoT": 1000.0, "mapoK": 0.5}, "dmpo": {"dmpoAlpha": 0.01}}
losses = []
for loss, extra in [("sigmoid", {}), ("sigmoid", {"labelSmoothing": 0.1}), ("robust", {"labelSmoothing": 0.1}), ("soft", {}), ("ipo", {}), ("hinge", {}), ("kto", {}), ("mapo", {"mapoT": 20.0}), ("dmpo", {})]:
    p = {**numbers_of.get(loss, {}), **extra}
    m, r = torch.rand(2 * B).float().double().requires_grad_(), torch.rand(2 * B).float().double()
    u = -(beta / 2) * (m - r) * scale.repeat(2)
    s = u[:B] - u[B:]
    e, ls = p.get("labelSmoothing", 0.0), F.logsigmoid
    if loss == "sigmoid":
        value = (-(1 - e) * ls(s) - e * ls(-s)).mean()
    elif loss == "robust":
        value = ((-(1 - e) * ls(s) + e * ls(-s)) / (1 - 2 * e)).mean()
    elif loss == "soft":
        value = (-preference * ls(s) - (1 - preference) * ls(-s)).mean()
    elif loss == "ipo":
        value = ((s - 0.5) ** 2).mean()
    elif loss == "hinge":
        value = F.relu(1 - s).mean()
    elif loss == "kto":
        y = torch.cat([torch.ones(B), -torch.ones(B)])
        value = (1 - torch.sigmoid(y * (u - u.mean().clamp(min=0).detach()))).mean()
    elif loss == "mapo":
        phi = lambda t: p["mapoK"] * t / (torch.exp(p["mapoK"] * t) - 1)
        value = (m[:B] - p["mapoBeta"] * ls(p["mapoT"] * (phi(m[:B]) - phi(m[B:])))).mean()
    else:
        prob, a = torch.sigmoid(s), p["dmpoAlpha"]
        value = (prob * torch.log(prob / (1 - a)) + (1 - prob) * torch.log((1 - prob) / a)).mean()
    value.backward()
    losses.append({"params": {"loss": loss, "params": p}, "inputs": [numbers(t) for t in (m, r, torch.tensor([beta]), scale, preference)], "outputs": [numbers(value.reshape(1)), numbers(s), numbers(m.grad)]})

# Three AdamW steps; the gradient norm is above the limit, then below it.
param = torch.nn.Parameter(torch.randn(5).float().double())
start = numbers(param)
optimiser = torch.optim.AdamW([param], lr=0.05, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.1)
steps = []
for k in range(3):
    grad = (torch.randn(5) * [3, 0.1, 1][k]).float().double()
    param.grad = grad.clone()
    norm = torch.nn.utils.clip_grad_norm_([param], 1.5)
    optimiser.step()
    steps.append({"grad": numbers(grad), "norm": float(norm), "param": numbers(param)})
adamw = {"lr": 0.05, "betas": [0.9, 0.99], "eps": 1e-6, "weight_decay": 0.1, "max_grad_norm": 1.5, "param": start, "steps": steps}

path = pathlib.Path(__file__).with_name("ops.json")
path.write_text(json.dumps({"torch": torch.__version__.split("+")[0], "ops": entries, "losses": losses, "adamw": adamw}) + "\n")
print(path, path.stat().st_size, "bytes")
