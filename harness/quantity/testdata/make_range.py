#!/usr/bin/env python3
"""Makes range.json with NumPy 1.24.2 (Python 3.11): python3 make_range.py > range.json

Entropies of numpy.histogram over other ranges than [0, 1], of 8-bit pixels as k/255 and of inputs as a network may see
them; "published" is the formula of the authors' code, -sum d log2 d over the densities d of the bins that are not empty.
"""
import json
import numpy as np

rng = np.random.default_rng(19)
native = rng.integers(0, 256, size=(3, 48))
native[2, :40] = 7  # nearly constant
inputs = np.float32(rng.normal(size=(3, 48)) * 1.5)
inputs[0, :5] = [-2, 2, 0.5, -1, 1]  # on edges


def entropy(x, bins, lo, hi):
    h = np.histogram(x, bins=bins, range=(lo, hi))[0]
    p = h[h > 0] / h.sum()
    return float(-(p * np.log2(p)).sum())


def published(x, bins, lo, hi):
    d = np.histogram(x, bins=bins, range=(lo, hi), density=True)[0]
    d = d[d > 0]
    return float(-(d * np.log2(d)).sum())


cases = []
for lo, hi, bins in ((-2, 2, 256), (-2, 2, 10), (-0.3, 1.7, 37), (0.2, 0.8, 256), (0, 0.5, 1000)):
    for noised in (False, True):
        for images, x in enumerate(inputs.astype(np.float64) if noised else native / 255):
            cases.append({
                "range": f"{lo}:{hi}", "bins": bins, "noised": noised, "image": images,
                "drop": entropy(x, bins, lo, hi), "clip": entropy(np.clip(x, lo, hi), bins, lo, hi), "published": published(np.clip(x, lo, hi), bins, lo, hi),
            })
print(json.dumps({"numpy": np.__version__, "native": native.tolist(), "inputs": inputs.tolist(), "cases": cases}))
