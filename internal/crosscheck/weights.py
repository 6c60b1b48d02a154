"""Measures of weights, outputs, training history and spectra, from their formulas, in float64."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy, log_softmax

import graph

FLOAT32 = "relative; float32 logits"
MARGIN = "relative; a float32 margin"
FFT = ("prod-of-spec", "prod-of-spec-over-margin", "sum-of-spec", "sum-of-spec-over-margin", "fro-over-spec", "spec-init-main", "spec-orig-main", "dist-spec-init")
REASONS = {m: (1e-5, FLOAT32) for m in ("cross-entropy", "neg-entropy")}
REASONS.update({m: (2e-5, MARGIN) for m in ("inverse-margin", "prod-of-fro-over-margin", "sum-of-fro-over-margin", "prod-of-spec-over-margin", "sum-of-spec-over-margin", "spec-init-main", "spec-orig-main", "path-norm-over-margin")})
REASONS.update({m: (1e-9, "relative; float64, singular values by another program") for m in ("prod-of-spec", "sum-of-spec", "fro-over-spec", "dist-spec-init", "log-spectral-norm", "stable-rank", "alpha", "alpha-hat", "log-alpha-norm")})
REASONS.update({m + "-fft": REASONS[m] for m in FFT})
LEAST, THRESHOLD = 10, 1e-5


def products(out, name, squares, gamma):
    """ln of the product and of the depth times the geometric mean, with and without the margin"""
    d, log = len(squares), np.log(squares).sum()
    out["prod-of-" + name], out["sum-of-" + name] = log, np.log(d) + log / d
    if gamma > 0:
        over = log - 2 * np.log(gamma)
        out["prod-of-%s-over-margin" % name], out["sum-of-%s-over-margin" % name] = over, np.log(d) + over / d


def norms(net, gamma, out):
    w, w0 = net.weights(), net.weights(net.init)
    fro, moved = (np.array([(v**2).sum() for v in vs]) for vs in (w, [a - b for a, b in zip(w, w0)]))
    spec, spec_moved = (np.array([np.linalg.svd(v, compute_uv=False)[0] ** 2 for v in vs]) for vs in (w, [a - b for a, b in zip(w, w0)]))
    out["param-norm"], out["l2"] = fro.sum(), np.sqrt(fro.sum())
    out["frob-distance"], out["l2-dist"] = moved.sum(), np.sqrt(moved.sum())
    out["dist-spec-init"], out["fro-over-spec"] = spec_moved.sum(), (fro / spec).sum()
    products(out, "fro", fro, gamma)
    products(out, "spec", spec, gamma)
    if gamma > 0:
        over = np.log(spec).sum() - 2 * np.log(gamma)
        out["spec-init-main"], out["spec-orig-main"] = over + np.log((moved / spec).sum()), over + np.log((fro / spec).sum())
    if graph.is_graph(net):
        out["path-norm"] = graph.Graph(net, net.final).path_norm()
    else:
        x = np.ones(w[0].shape[1])  # a dense network of squared tensors has nothing below 0: its ReLUs do nothing
        for name in net.dense:
            x = net.final[name + ".weight"].astype(np.float64) ** 2 @ x + net.final[name + ".bias"].astype(np.float64) ** 2
        out["path-norm"] = np.log(x.sum())
    if gamma > 0:
        out["path-norm-over-margin"] = out["path-norm"] - 2 * np.log(gamma)
        out["inverse-margin"] = 1 / gamma**2
    circular(net, fro, moved, spec, spec_moved, gamma, out)


def circular(net, fro, moved, spec, spec_moved, gamma, out):
    """The rows with circular convolutions; a dense layer's is the matrix"""
    if graph.is_graph(net):
        now, before = (graph.Graph(net, t).fused().kernels().values() for t in (net.final, net.init))
        side = net.record["architecture"]["input"]["h"]
        spec = np.array([graph.circular(k, side) ** 2 for k in now])
        spec_moved = np.array([graph.circular(a - b, side) ** 2 for a, b in zip(now, before)])
    own = {"dist-spec-init": spec_moved.sum(), "fro-over-spec": (fro / spec).sum()}
    products(own, "spec", spec, gamma)
    if gamma > 0:
        over = np.log(spec).sum() - 2 * np.log(gamma)
        own["spec-init-main"], own["spec-orig-main"] = over + np.log((moved / spec).sum()), over + np.log((fro / spec).sum())
    out.update({m + "-fft": v for m, v in own.items()})


def exponent(values):
    """alpha of the candidate x_min with the smallest Kolmogorov-Smirnov distance (Clauset et al. 2009)"""
    values = np.sort(values[values > THRESHOLD])
    best = (np.inf, np.nan)
    for i in range(len(values) - 1):
        tail = values[i:]
        a = 1 + len(tail) / np.log(tail / tail[0]).sum()
        law, seen = 1 - (tail / tail[0]) ** (1 - a), np.arange(len(tail)) / len(tail)
        best = min(best, (np.abs(law - seen).max(), a), key=lambda p: p[0])
    return best[1]


def spectra(net, out):
    layers = [graph.slices(net.final[n + ".weight"].astype(np.float64)) for n in net.weighted]
    layers = [v for v in layers if len(v) >= LEAST]
    alphas = np.array([exponent(v) for v in layers])
    top = np.array([v.max() for v in layers])
    out["log-norm"] = np.mean([np.log10(v.sum()) for v in layers])
    out["log-spectral-norm"] = np.log10(top).mean()
    out["stable-rank"] = np.mean([v.sum() / v.max() for v in layers])
    out["alpha"], out["alpha-hat"] = alphas.mean(), (alphas * np.log10(top)).mean()
    out["log-alpha-norm"] = np.mean([np.log10((v**a).sum()) for v, a in zip(layers, alphas)])


def history(net, out):
    t = net.record
    first, second = t["steps_to_0.1"], t["steps_to_0.01"]
    if first >= 0:
        out["steps-0.1"] = first
        if second >= 0:
            out["steps-0.1-0.01"] = second - first
    out["grad-noise-1"], out["grad-noise-final"] = t["gradient_noise_1"], t["gradient_noise_final"]
    losses = [h["mean_loss"] for h in net.history]
    out["sotl"], out["sotl-e"] = sum(losses), sum(losses[-10:])


def values(net, e, o):
    """name: value of every measure of this file that is defined"""
    out = {}
    norms(net, np.percentile(o.margins, 10), out)
    spectra(net, out)
    history(net, out)
    log_p = log_softmax(o.logits, 1)
    out["cross-entropy"] = cross_entropy(o.logits, torch.tensor(e.y, dtype=torch.int64)).item()
    out["neg-entropy"] = (log_p.exp() * log_p).sum(1).mean().item()
    return out
