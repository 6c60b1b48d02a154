#!/usr/bin/env python3
"""Makes spectra.json: python3 make_spectra.py > spectra.json

Singular values by numpy.linalg.svd and numpy.fft.fft2, path norms by numpy in float64 and, where they
overflow, in Python's fractions; all of float32 tensors.
"""
import json
import math
import sys
from fractions import Fraction

import numpy as np

rng = np.random.default_rng(1805)


def short(w):
    """The shortest decimals that are these float32"""
    return [float(str(v)) for v in w.ravel()]


def svd(w):
    return np.linalg.svd(w.astype(np.float64), compute_uv=False)


def matrices():
    out = []
    for rows, cols in ((1, 1), (5, 7), (7, 5), (10, 40), (33, 33), (64, 49), (40, 200)):
        w = rng.normal(size=(rows, cols)).astype(np.float32)
        out.append({"shape": [rows, cols], "data": short(w), "values": svd(w).tolist()})
    # A spectrum over 12 decades, equal largest values, rank 1, zeros: what iterations find hard.
    q = [np.linalg.qr(rng.normal(size=(48, 48)))[0] for _ in range(2)]
    for values in (10.0 ** -np.linspace(0, 12, 48), np.r_[np.full(8, 3.0), np.linspace(2.999, 0, 40)], np.r_[5.0, np.zeros(47)], np.zeros(48)):
        w = (q[0] * values @ q[1]).astype(np.float32)
        out.append({"shape": [48, 48], "data": short(w), "values": svd(w).tolist()})
    return out


def kernels():
    out = []
    for shape, image in (((4, 3, 3, 3), (7, 7)), ((3, 5, 1, 1), (6, 4)), ((2, 6, 5, 3), (8, 6)), ((5, 2, 2, 4), (5, 9)), ((3, 3, 5, 5), (4, 3)), ((1, 1, 3, 3), (1, 1)), ((20, 18, 3, 3), (6, 6))):
        w = rng.normal(size=shape).astype(np.float32)
        k = w.astype(np.float64)
        transform = np.fft.fft2(k, image, axes=(2, 3))  # [out, in, h, w]
        norm = np.linalg.svd(transform.transpose(2, 3, 0, 1), compute_uv=False).max()
        slices = [svd(k[:, :, i, j]) for i in range(shape[2]) for j in range(shape[3])]
        out.append({"shape": shape, "image": image, "data": short(w), "matrix": svd(k.reshape(shape[0], -1)).tolist(),
                    "slices": np.concatenate(slices).tolist(), "fft": float(norm)})
    return out


def folded(net):
    """[(weight, bias)] in float64, batch norm folded in"""
    out = []
    for layer in net:
        w, b = layer["weight"].astype(np.float64), layer["bias"].astype(np.float64)
        if "bn" in layer:
            gamma, beta, mean, var = (layer["bn"][k].astype(np.float64) for k in ("weight", "bias", "running_mean", "running_var"))
            s = gamma / np.sqrt(var + 1e-5)
            w, b = s[:, None] * w, beta + s * (b - mean)
        out.append((w, b))
    return out


def paths(net):
    """The sum of the squared network's logits at an input of ones, exactly"""
    x = [Fraction(1)] * net[0][0].shape[1]
    for w, b in net:
        x = [sum((Fraction(float(v)) ** 2 * a for v, a in zip(row, x)), Fraction(float(c)) ** 2) for row, c in zip(w, b)]
    return sum(x)


def log_of(f):
    """ln of a fraction of any size"""
    shift = f.numerator.bit_length() - f.denominator.bit_length()
    return math.log(f / Fraction(2) ** shift) + shift * math.log(2)


def network(sizes, norm, scale):
    net = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layer = {"weight": (scale * rng.normal(size=(b, a))).astype(np.float32), "bias": rng.normal(size=b).astype(np.float32)}
        if norm and i < len(sizes) - 2:
            layer["bn"] = {"weight": rng.uniform(0.5, 2, b).astype(np.float32), "bias": rng.normal(size=b).astype(np.float32),
                           "running_mean": rng.normal(size=b).astype(np.float32), "running_var": rng.uniform(0.1, 3, b).astype(np.float32)}
        net.append(layer)
    return net


def path_norms():
    out = []
    for sizes, norm, scale in (([4, 5, 3], False, 1), ([6, 8, 7, 3], True, 1), ([3] + [4] * 40 + [2], False, 1e19), ([3] + [4] * 40 + [2], False, 1e-19), ([5, 6, 2], False, 1e-30)):
        net = network(sizes, norm, scale)
        tensors = {}
        for i, layer in enumerate(net):
            for k in ("weight", "bias"):
                tensors["fc%d.%s" % (i + 1, k)] = short(layer[k])
            for k, v in layer.get("bn", {}).items():
                tensors["bn%d.%s" % (i + 1, k)] = short(v)
        out.append({"sizes": sizes, "batch_norm": norm, "tensors": tensors, "log": log_of(paths(folded(net)))})
    return out


print(json.dumps({"python": sys.version.split()[0], "numpy": np.__version__, "matrices": matrices(), "kernels": kernels(), "path_norms": path_norms()}))
