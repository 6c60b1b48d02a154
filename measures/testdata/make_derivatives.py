#!/usr/bin/env python3
"""Makes derivatives.json, the expected values of the measures of gradients, curvature and sharpness in loss.

Written against PyTorch 1.13.0 and NumPy 1.24.2, Python 3.11, all in float64; run as: python3 make_derivatives.py > derivatives.json
It shares no code with genbench: gradients are autograd's, one example at a time; the Hessian is the full matrix by
double backward; noise follows the formula in harness/quantity/noise.go's comment.
"""
import json
import sys

import numpy as np
import torch
from torch.nn.functional import batch_norm, cross_entropy, linear, log_softmax

M = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
NORMAL, UNIFORM, RADEMACHER, LABELS = 1, 2, 3, 4
RUN_SEED = 7
BATCHES = 5  # the random stream that orders examples into batches
SIZES = (6, 9, 8, 4)
EPS = 1e-5  # of batch norm
torch.set_default_dtype(torch.float64)


# --- noise

def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M
    return z ^ (z >> 31)


def words(law, draw, tensor, n):
    key = mix((mix(RUN_SEED ^ (GOLDEN * law & M)) + mix(draw + 1) * 0xBF58476D1CE4E5B9 + tensor * 0x94D049BB133111EB) & M)
    return [mix((key + i * GOLDEN) & M) for i in range(n)]


def units(law, draw, tensor, n):
    return [((w >> 11) + 0.5) * 2.0**-53 for w in words(law, draw, tensor, n)]


def direction(law, draw, tensor, n):
    if law == RADEMACHER:
        return [1.0 if w >> 63 == 0 else -1.0 for w in words(law, draw, tensor, n)]
    if law == UNIFORM:
        return [float(np.float32(2 * u - 1)) for u in units(law, draw, tensor, n)]
    u, out = units(law, draw, tensor, n + 1), []
    for i in range(0, n, 2):
        r = np.sqrt(-2 * np.log(u[i]))
        out += [r * np.cos(2 * np.pi * u[i + 1]), r * np.sin(2 * np.pi * u[i + 1])]
    return [float(np.float32(v)) for v in out[:n]]


class PCG:
    """PCG-DXSM with 128-bit multiplier (O'Neill); Go's math/rand/v2 documents it as its PCG"""

    MUL, INC = (2549297995355413924 << 64) + 4865540595714422341, (6364136223846793005 << 64) + 1442695040888963407

    def __init__(self, seed, stream):
        self.state = (seed << 64) + stream

    def next(self):
        self.state = (self.state * self.MUL + self.INC) & ((1 << 128) - 1)
        hi, lo = self.state >> 64, self.state & M
        hi ^= hi >> 32
        hi = hi * 0xDA942042E4DD58B5 & M
        hi ^= hi >> 48
        return hi * (lo | 1) & M

    def below(self, n):
        """Uniform on 0..n-1 (Lemire 2019); of powers of two the low bits, as math/rand/v2 takes them"""
        if n & (n - 1) == 0:
            return self.next() & (n - 1)
        while True:
            product = self.next() * n
            if product & M >= (1 << 64) % n:
                return product >> 64

    def permutation(self, n):
        """Fisher-Yates from the end"""
        p = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            p[i], p[j] = p[j], p[i]
        return torch.tensor(p)


# --- networks: a list of (name, tensor, trainable) in genbench's order

def make_network(rng, normed, biased=True):
    out = []
    for l, (i, o) in enumerate(zip(SIZES, SIZES[1:]), 1):
        out.append(["fc%d.weight" % l, rng.normal(size=(o, i)) * 1.3 / np.sqrt(i), True])
        out.append(["fc%d.bias" % l, rng.normal(size=o) * 0.3 * biased, True])
        if normed and l < len(SIZES) - 1:
            out.append(["bn%d.weight" % l, rng.uniform(0.5, 1.5, o), True])
            out.append(["bn%d.bias" % l, rng.normal(size=o) * 0.3, True])
            out.append(["bn%d.running_mean" % l, rng.normal(size=o) * 0.3, False])
            out.append(["bn%d.running_var" % l, rng.uniform(0.3, 2, o), False])
    return [(n, torch.tensor(np.float32(v).astype(np.float64)), t) for n, v, t in out]


class Net:
    def __init__(self, tensors):
        self.names = [n for n, _, _ in tensors]
        self.values = [v for _, v, _ in tensors]
        self.at = [i for i, (_, _, t) in enumerate(tensors) if t]  # the trainable ones
        self.w = [self.values[i].clone().requires_grad_() for i in self.at]
        self.layers = len(SIZES) - 1

    def logits(self, w, x):
        p = dict(zip(self.names, self.values))
        p.update((self.names[i], v) for i, v in zip(self.at, w))
        for l in range(1, self.layers + 1):
            x = linear(x, p["fc%d.weight" % l], p["fc%d.bias" % l])
            if l == self.layers:
                return x
            if "bn%d.weight" % l in p:
                b = "bn%d." % l
                x = batch_norm(x, p[b + "running_mean"], p[b + "running_var"], p[b + "weight"], p[b + "bias"], False, 0.1, EPS)
            x = x.relu()

    def loss(self, w, x, y, normalize=False):
        z = self.logits(w, x)
        if normalize:
            z = z - z.mean(1, keepdim=True)
            z = z / z.norm(dim=1, keepdim=True).clamp_min(1e-10)
        return cross_entropy(z, y)

    def gradient(self, w, x, y, normalize=False):
        w = [v.detach().requires_grad_() for v in w]
        loss = self.loss(w, x, y, normalize)
        return loss.item(), torch.autograd.grad(loss, w)

    def fused(self):
        out, p = [], dict(zip(self.names, self.values))
        for l in range(1, self.layers + 1):
            w, b = p["fc%d.weight" % l], p["fc%d.bias" % l]
            if "bn%d.weight" % l in p:
                s = p["bn%d.weight" % l] / (p["bn%d.running_var" % l] + EPS).sqrt()
                w, b = s[:, None] * w, p["bn%d.bias" % l] + s * (b - p["bn%d.running_mean" % l])
            out += [("fc%d.weight" % l, w, True), ("fc%d.bias" % l, b, True)]
        return Net(out)

    def like(self, law, draw):
        return [torch.tensor(direction(law, draw, i, v.numel())).reshape(v.shape) for i, v in zip(self.at, self.w)]


def flat(ts):
    return torch.cat([t.reshape(-1) for t in ts])


def per_example(net, x, y):
    return torch.stack([flat(net.gradient(net.w, x[i : i + 1], y[i : i + 1])[1]) for i in range(len(x))])


# --- gradients

def gradients(net, x, y):
    fused, n, k, layers = net.fused(), len(x), SIZES[-1], net.layers
    with torch.no_grad():
        z = net.logits(net.w, x)
        p = z.softmax(1)
    g = per_example(net, x, y)
    dots = per_example(fused, x, y) @ flat(fused.w).detach()
    chain = ((p - torch.eye(k)[y]) * z).sum(1)
    u = units(LABELS, 0, 0, n)
    drawn = [int((np.cumsum(row) < v).sum()) for row, v in zip(p.numpy(), u)]
    drawn = torch.tensor([min(v, k - 1) for v in drawn])
    sampled = per_example(net, x, drawn).pow(2).sum(1)
    each = torch.stack([per_example(net, x, torch.full((n,), c)).pow(2).sum(1) for c in range(k)], 1)
    expected = (p * each).sum(1)
    mean, variance, second = g.mean(0), g.var(0, unbiased=False), g.pow(2).mean(0)
    seen = variance > 1e-5 * second
    norms = g.pow(2).sum(1)
    return {
        "norms": norms.tolist(), "dots": dots.tolist(), "drawn": drawn.tolist(), "norms-sampled": sampled.tolist(), "norms-expected": expected.tolist(),
        "mean": mean.tolist(), "variance": variance.tolist(),
        "fisher-rao": dots.pow(2).mean().item(), "fisher-rao[form=b]": layers**2 * chain.pow(2).mean().item(),
        "fisher-rao[form=fgm]": (layers + 1) ** 2 * dots.pow(2).mean().item(),
        "fisher-trace": norms.mean().item(), "fisher-trace[labels=sampled]": sampled.mean().item(), "fisher-trace[labels=expected]": expected.mean().item(),
        "gradient-variance": variance.mean().item(), "gsnr": (mean[seen] ** 2 / variance[seen]).mean().item(), "gsnr-left-out": int((~seen).sum()),
    }


# --- curvature

def hessian(net, x, y):
    w = [v.detach().requires_grad_() for v in net.w]
    g = flat(torch.autograd.grad(net.loss(w, x, y), w, create_graph=True))
    rows = [flat(torch.autograd.grad(g[i], w, retain_graph=True, allow_unused=False)) for i in range(len(g))]
    return torch.stack(rows)


def curvature(net, x, y):
    h = hessian(net, x, y)
    asymmetry = ((h - h.T).norm() / h.norm()).item()
    if asymmetry > 1e-12:
        sys.exit("the Hessian is not symmetric: %g" % asymmetry)
    values = torch.linalg.eigvalsh(h)
    vs = [flat(net.like(RADEMACHER, i)) for i in range(30)]
    samples = torch.stack([v @ h @ v for v in vs])
    off = h - torch.diag(h.diag())
    p = net.logits(net.w, x).softmax(1).detach()
    each = torch.stack([per_example(net, x, torch.full((len(x),), c)).pow(2).sum(1) for c in range(SIZES[-1])], 1)
    c = per_example(net, x, y).pow(2).sum(1).mean()
    f = (p * each).sum(1).mean()
    return {
        "hessian-top": values[-1].item(), "hessian-bottom": values[0].item(), "trace": h.trace().item(),
        "samples": samples.tolist(), "hessian-trace": samples.mean().item(), "error": (samples.std() / 30**0.5).item(),
        "deviation": (2 * off.pow(2).sum()).sqrt().item(),  # of one vector's v'Hv: sqrt(2) times the norm off the diagonal
        "tic": (c / samples.mean()).item(), "tic[over=fisher]": (c / f).item(), "tic-exact": (c / h.trace()).item(),
    }


# --- sharpness in loss

def batches(x, y, m):
    if m == 0:
        return [(x, y)]
    order = PCG(RUN_SEED, BATCHES).permutation(len(x))
    x, y = x[order], y[order]
    return [(x[i : i + m], y[i : i + m]) for i in range(0, len(x), m)]


def over_batches(f, x, y, m):
    """Mean over examples of what f says of each batch"""
    parts = [(len(b), f(a, b)) for a, b in batches(x, y, m)]
    return sum(n * v for n, v in parts) / len(x)


def one_step(net, x, y, m, rho, eta=None):
    def of(x, y):
        base, g = net.gradient(net.w, x, y)
        t = [torch.ones_like(v) if eta is None or not net.names[i].endswith("weight") else v.detach().abs() + eta for i, v in zip(net.at, net.w)]
        norm = flat([a * b for a, b in zip(t, g)]).norm() + 1e-16
        moved = [v.detach() + rho * a * a * b / norm for v, a, b in zip(net.w, t, g)]
        return net.loss(moved, x, y).item() - base

    return over_batches(of, x, y, m)


def scale(net, adaptive):
    return [v.detach().abs() if adaptive else torch.ones_like(v) for v in net.w]


def average(net, x, y, norm, adaptive, normalize, rho, draws=20):
    base, c = net.loss(net.w, x, y, normalize).item(), scale(net, adaptive)
    losses = []
    for i in range(draws):
        z = net.like(NORMAL if norm == "l2" else UNIFORM, i)
        losses.append(net.loss([v.detach() + rho * a * b for v, a, b in zip(net.w, c, z)], x, y, normalize).item())
    return np.mean(losses) - base


def project(d, c, rho, norm):
    """Euclidean projection of d onto the ball of |d / c| <= rho; where c is 0 so is d"""
    if norm == "linf":
        return [torch.maximum(torch.minimum(a, rho * b), -rho * b) for a, b in zip(d, c)]
    c = [torch.where(b == 0, torch.ones_like(b), b) for b in c]
    length = lambda t: sum(((a / b) ** 2 / (1 + t / b**2) ** 2).sum() for a, b in zip(d, c)).sqrt().item()
    if length(0) <= rho:
        return d
    low, high = 0.0, 1e-6
    while length(high) > rho:
        high *= 2
    for _ in range(200):
        mid = (low + high) / 2
        low, high = (mid, high) if length(mid) > rho else (low, mid)
    return [a / (1 + high / b**2) for a, b in zip(d, c)]


def checkpoints(n):
    p, at = [0.0, 0.22], [0, int(np.ceil(0.22 * n))]
    while at[-1] < n and at[-1] != at[-2]:
        p.append(p[-1] + max(p[-1] - p[-2] - 0.03, 0.06))
        at.append(int(np.ceil(p[-1] * n)))
    return set(at[1:])


def apgd(net, x, y, norm, adaptive, normalize, rho, n):
    c, start = scale(net, adaptive), [v.detach() for v in net.w]
    base = net.loss(start, x, y, normalize).item()
    d = [torch.zeros_like(v) for v in start]
    before, point = d, start
    best, best_point, best_at_check = base, start, base
    step, step_at_check, last, gains = 2 * rho, 2 * rho, 0, 0
    for i in range(n):
        _, g = net.gradient(point, x, y, normalize)
        if norm == "l2":
            length = flat(g).norm() + 1e-12
            z = [a + step * b * s / length for a, b, s in zip(d, g, c)]
        else:
            z = [a + step * b.sign() * s for a, b, s in zip(d, g, c)]
        z = project(z, c, rho, norm)
        d, before = [0.75 * a + 0.25 * b for a, b in zip(z, before)], d
        point = [a + b for a, b in zip(start, d)]
        loss = net.loss(point, x, y, normalize).item()
        if loss > best:
            best, best_point, gains = loss, point, gains + 1
        if i in checkpoints(n):
            slow = gains < 0.75 * (i - last)
            stuck = step == step_at_check and best == best_at_check
            step_at_check, best_at_check, last, gains = step, best, i, 0
            if slow or stuck:
                step, point = step / 2, best_point
    return best - base


def sharpness(net, x, y):
    out = {
        "sam-sharpness": one_step(net, x, y, 0, 0.05), "sam-sharpness[m=16]": one_step(net, x, y, 16, 0.05),
        "sam-sharpness[rho=0.2]": one_step(net, x, y, 0, 0.2),
        "asam-sharpness": one_step(net, x, y, 0, 0.5, 0.01), "asam-sharpness[m=16]": one_step(net, x, y, 16, 0.5, 0.01),
        "asam-sharpness[eta=0.1,rho=0.2]": one_step(net, x, y, 0, 0.2, 0.1),
    }
    for norm in ("l2", "linf"):
        for adaptive in (True, False):
            for normalize in (False, True):
                option = "adaptive=%s,norm=%s,normalize_logits=%s" % (str(adaptive).lower(), norm, str(normalize).lower())
                out["average-sharpness[%s]" % option] = average(net, x, y, norm, adaptive, normalize, 0.1)
                rho = 0.2 if norm == "l2" else 0.01
                value = over_batches(lambda a, b: apgd(net, a, b, norm, adaptive, normalize, rho, 20), x, y, 16)
                out["worst-sharpness[%s,m=16,rho=%g]" % (option, rho)] = value
    return out


def describe(tensors):
    return [{"name": n, "shape": list(v.shape), "values": v.reshape(-1).tolist()} for n, v, _ in tensors]


rng = np.random.default_rng(20010738)
x = torch.tensor(np.float32(rng.normal(size=(40, SIZES[0]))).astype(np.float64))
y = torch.tensor(rng.integers(0, SIZES[-1], 40))
out = {"versions": {"torch": torch.__version__, "numpy": np.__version__}, "seed": RUN_SEED, "sizes": SIZES, "x": x.reshape(-1).tolist(), "y": y.tolist(), "networks": {}}
for name, tensors in (("plain", make_network(rng, False)), ("batch-norm", make_network(rng, True)), ("no-biases", make_network(rng, False, False))):
    net = Net(tensors)
    out["networks"][name] = {"tensors": describe(tensors), "gradients": gradients(net, x, y), "curvature": curvature(net, x, y), "sharpness": sharpness(net, x, y)}
print(json.dumps(out))
