"""The searches: accuracy lost at the reported scales, under this check's own noise and attacks."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from measures import EPSILON, scales
from mlp import forward, tensors

TARGET = 0.1
RESTARTS, STEPS, BATCH = 3, 20, 64


def accuracy(layers, x, y):
    with torch.no_grad():
        return (forward(layers, x)[-1].argmax(1) == y).double().mean().item()


def of(net):
    """What is moved, in float32: the network with its batch norms folded in"""
    layers = tensors(net, net.final, torch.float32)
    if callable(layers):
        layers = tensors(net, net.final).fused()
        layers.p = {k: v.float() for k, v in layers.p.items()}
    return layers


def listed(layers):
    """Its tensors, layer by layer; a graph.Graph's as if of one layer"""
    return [layers.trained()] if callable(layers) else layers


def moved(layers, u):
    if callable(layers):
        return layers.with_trained([p + a for p, a in zip(layers.trained(), u[0])])
    return [(w + a, b + c) for (w, b), (a, c) in zip(layers, u)]


def noise_drops(layers, x, y, scale, magnitude, draws, rng):
    """[draws] accuracy lost under u_i ~ N(0, scale^2), or N(0, scale^2 w_i^2 + eps^2)"""
    base, out = accuracy(layers, x, y), []
    spread = [[(scale**2 * p**2 + EPSILON**2).sqrt() if magnitude else scale for p in layer] for layer in listed(layers)]
    for _ in range(draws):
        u = [[s * torch.randn(p.shape, generator=rng) for s, p in zip(ss, layer)] for ss, layer in zip(spread, listed(layers))]
        out.append(base - accuracy(moved(layers, u), x, y))
    return np.array(out)


def box(layers, scale, magnitude):
    return [[scale * p.abs() + EPSILON if magnitude else torch.full_like(p, scale) for p in layer] for layer in listed(layers)]


def margin_loss(z, y):
    true = z.gather(1, y[:, None])[:, 0]
    other = z.scatter(1, y[:, None], -torch.inf).max(1).values
    return torch.clamp(other - true, min=-5.0).mean()


def ascend(layers, x, y, r, steps, batch, size, start, objective, rng):
    """u after signed ascent within the box r; batch 0 is the whole set; size(i) is the step in half widths"""
    u = [[torch.zeros_like(s) if start == 0 else s * (2 * torch.rand(s.shape, generator=rng) - 1) for s in ss] for ss in r]
    order = torch.randperm(len(x), generator=rng)
    at = 0
    for i in range(steps):
        rows = slice(None)
        if batch:
            if at + batch > len(x):
                at, order = 0, torch.randperm(len(x), generator=rng)
            rows, at = order[at : at + batch], at + batch
        for layer in u:
            for p in layer:
                p.requires_grad_()
        loss = objective(forward(moved(layers, u), x[rows])[-1], y[rows])
        grads = torch.autograd.grad(loss, [p for layer in u for p in layer])
        grads = iter(grads)
        grads = [[next(grads) for _ in layer] for layer in u]
        u = [[torch.minimum(torch.maximum(p.detach() + size(i) * s * g.sign(), -s), s) for p, s, g in zip(*t)] for t in zip(u, r, grads)]
    return u


def attack(layers, x, y, scale, magnitude, rng):
    """Accuracy lost to an attack of the stated budget: 3 starts of 20 steps of 2r/20 on batches of 64"""
    r, base, worst = box(layers, scale, magnitude), accuracy(layers, x, y), -1.0
    for start in range(RESTARTS):
        u = ascend(layers, x, y, r, STEPS, BATCH, lambda i: 2 / STEPS, start, cross_entropy, rng)
        worst = max(worst, base - accuracy(moved(layers, u), x, y))
    return worst


def strong_attack(layers, x, y, scale, magnitude, rng, steps=60):
    """Accuracy lost to full-batch ascent with shrinking steps, of the cross-entropy and of the clipped margin"""
    r, base, worst = box(layers, scale, magnitude), accuracy(layers, x, y), -1.0
    for objective in (cross_entropy, margin_loss):
        u = ascend(layers, x, y, r, steps, 0, lambda i: 0.5 * (1 - i / steps), 0, objective, rng)
        worst = max(worst, base - accuracy(moved(layers, u), x, y))
    return worst


def check(store, examples, table, draws, attacks, strong):
    rng = torch.Generator().manual_seed(1)
    nets = store.networks
    some = {n.id for n in nets[:: max(1, len(nets) // strong)][:strong]}
    noise, ascent = {}, {}
    reported, named, stronger, floor = [], [], {}, []
    for n in nets:
        e = examples[n.id]
        layers = of(n)
        x, y = torch.tensor(e.x), torch.tensor(e.y)
        found = scales(store, n.id)
        for search, (scale, drop) in found.items():
            magnitude = search.endswith("mag")
            reported.append(abs(drop - TARGET))
            named.append("%s of %s" % (search, n))
            if search.startswith("pac"):
                d = noise_drops(layers, x, y, scale, magnitude, draws, rng)
                noise.setdefault(search, []).append((n, d.mean(), d.std(ddof=1) * np.sqrt(1 / 10 + 1 / draws)))
                continue
            d = np.array([attack(layers, x, y, scale, magnitude, rng) for _ in range(attacks)])
            ascent.setdefault(search, []).append((n, d.mean(), d.std(ddof=1)))
            if n.id in some:
                stronger.setdefault(search, []).append(strong_attack(layers, x, y, scale, magnitude, rng))
        if "sharpness-mag" not in found:
            floor.append(TARGET - np.mean([attack(layers, x, y, 0, True, rng) for _ in range(attacks)]))
    table.add("reported drop against 0.1", reported, 0.01 + 1e-9, "the searches' tolerance", named)
    summarise(table, noise, ascent, stronger)
    if floor:
        table.add("undefined alpha': 0.1 - drop in the eps box", floor, 0.02, "the box of eps alone must cost 0.1; an attack is random")


def summarise(table, noise, ascent, stronger):
    for search, rows in noise.items():
        z = [abs(mean - TARGET) / np.hypot(error, 0.003) for _, mean, error in rows]
        table.add(search + ": drop at sigma, in SE", z, 5, "10 draws there and own draws here; .003 of interpolation", [r[0] for r in rows])
        mean = np.mean([r[1] for r in rows])
        table.add(search + ": mean drop over networks - 0.1", [abs(mean - TARGET)], 0.015, "networks of one shape share 10 draws")
    for search, rows in ascent.items():
        spread = np.sqrt(np.mean([r[2] ** 2 for r in rows]))
        z = [abs(mean - TARGET) for _, mean, _ in rows]
        table.add(search + ": drop at alpha of own attack - 0.1", z, 6 * spread + 0.01, "6 SD of one attack, %.3f, and the searches' 0.01" % spread, [r[0] for r in rows])
        mean = np.mean([r[1] for r in rows])
        table.add(search + ": mean over networks - 0.1", [abs(mean - TARGET)], 0.03, "networks share batches and starts")
        s = stronger.get(search, [])
        if s:
            table.remark("%s: a stronger attack (full batch, 60 shrinking steps, two objectives) at alpha costs %.3f in the mean (%.3f to %.3f) of %d networks" % (search, np.mean(s), min(s), max(s), len(s)))
