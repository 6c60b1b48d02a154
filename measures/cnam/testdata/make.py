#!/usr/bin/env python3
"""Makes cnam.json with NumPy 1.24.2 and SciPy 1.10.1 (Python 3.11): python3 make.py > cnam.json

The steps of CNA-Area written with library calls: numpy.convolve, numpy.interp, scipy.interpolate.interp1d.
"""
import json
import numpy as np
import scipy
from scipy.interpolate import interp1d

rng = np.random.default_rng(1906)
K, GRID = 25, 100


def sample(n, shift):
    a = rng.normal(size=n) + 5
    return a, 3 * a + shift * a**2 + rng.normal(size=n)


def curve(a, b):
    o = np.argsort(a, kind="stable")
    k = np.ones(K) / K
    return np.convolve(a[o], k, "valid"), np.convolve(b[o], k, "valid")


def scaled(one, other):
    out = [[], []]
    for axis in (0, 1):
        both = np.concatenate([one[axis], other[axis]])
        lo, hi = both.min(), both.max()
        out[0].append((one[axis] - lo) / (hi - lo))
        out[1].append((other[axis] - lo) / (hi - lo))
    return out


def overlap(one, other):
    lo, hi = max(one[0].min(), other[0].min()), min(one[0].max(), other[0].max())
    g = np.linspace(lo, hi, GRID)
    return np.trapz(np.abs(np.interp(g, *one) - np.interp(g, *other)), g)


def published(one, other):
    points = []
    for alpha, beta in (one, other):
        f = interp1d(beta, alpha)
        g = np.linspace(beta.min(), beta.max(), GRID)
        points.append(np.stack([g, f(g)], 1))
    p = np.concatenate([points[0], points[1][::-1]])
    x, y = p[:, 0], p[:, 1]
    return abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


cases = []
for n, m, shift in ((200, 200, 0.2), (60, 90, -0.5), (25, 40, 0.0)):
    tr, te = sample(n, 0.0), sample(m, shift)
    one, other = scaled(curve(*tr), curve(*te))
    cases.append({
        "train": [tr[0].tolist(), tr[1].tolist()], "test": [te[0].tolist(), te[1].tolist()],
        "alpha": overlap(one, other) if n > 25 else None, "published": published(one, other) if n > 25 else None,
    })
v = rng.normal(size=37)
print(json.dumps({"numpy": np.__version__, "scipy": scipy.__version__, "cases": cases, "values": v.tolist(), "percentiles": {str(q): float(np.percentile(v, q)) for q in (0, 5, 10, 50, 95, 100)}}))
