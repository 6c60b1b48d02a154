#!/usr/bin/env python3
"""Makes representation.json with scikit-learn 1.2.1, SciPy 1.10.1 and NumPy 1.24.2 (Python 3.11): python3 make.py > representation.json"""
import json
import numpy as np
import scipy
import sklearn
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.metrics import davies_bouldin_score

rng = np.random.default_rng(1979)


def flat(v):
    return [float(f"{q:.9g}") for q in np.asarray(v).ravel()]  # what is compared is computed of these digits


dbi = []
for n, units, k, spread in [(40, 3, 2, 1.0), (120, 17, 10, 0.3), (120, 64, 10, 3.0), (30, 5, 7, 1.0), (200, 9, 4, 0.01)]:
    y = np.r_[np.arange(k), rng.integers(0, k, n - k)]
    x = np.float32(1000 * (units == 64) + rng.standard_normal((k, units))[y] + spread * rng.standard_normal((n, units)))
    dbi.append({"units": units, "x": flat(x), "y": y.tolist(), "index": davies_bouldin_score(x.astype(np.float64), y)})
assign = []
for n, kind in [(1, "real"), (2, "real"), (7, "real"), (40, "real"), (80, "real"), (25, "whole"), (60, "whole"), (30, "metric"), (12, "negative")]:
    c = {
        "real": lambda: rng.random((n, n)), "whole": lambda: rng.integers(0, 5, (n, n)).astype(float), "negative": lambda: rng.standard_normal((n, n)),
        "metric": lambda: cdist(rng.standard_normal((n, 6)), rng.standard_normal((n, 6))),
    }[kind]()
    c = np.array(flat(c)).reshape(n, n)
    r, col = linear_sum_assignment(c)
    assign.append({"n": n, "kind": kind, "cost": flat(c), "total": float(c[r, col].sum()), "columns": col.tolist()})
kv = []
for n, units, k in [(41, 6, 3), (90, 12, 4)]:
    y = rng.integers(0, k, n)
    x = np.float32(np.maximum(rng.standard_normal((n, units)) + 0.5 * y[:, None], 0))
    d, g = np.array(flat(rng.standard_normal(n) + 1)), np.array(flat(rng.random(n) + 0.5))
    w = np.array(flat(rng.dirichlet(np.ones(k))))
    gamma = gamma_gn = 0
    for c in range(k):
        members = np.where(y == c)[0]
        h = len(members) // 2
        m = cdist(x[members[:h]].astype(np.float64), x[members[h:2 * h]].astype(np.float64))
        v = m[linear_sum_assignment(m)].mean()
        gamma, gamma_gn = gamma + w[c] * v * g[members].max(), gamma_gn + w[c] * v
    kv.append({
        "units": units, "x": flat(x), "y": y.tolist(), "difference": flat(d), "norms": flat(g), "weights": flat(w),
        "kv": -np.median(d) / gamma, "kvgn": -np.median(d / (g + 1e-6)) / gamma_gn,
    })
print(json.dumps({"versions": {"numpy": np.__version__, "scipy": scipy.__version__, "sklearn": sklearn.__version__}, "dbi": dbi, "assign": assign, "kv": kv}))
