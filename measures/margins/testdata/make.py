#!/usr/bin/env python3
"""Makes margins.json with NumPy 1.24.2 (Python 3.11): python3 make.py > margins.json"""
import json
import numpy as np

rng = np.random.default_rng(1810)
cases = []
for n in (1, 2, 5, 101):
    d, g, v = rng.standard_normal(n) * 3 + 2, rng.random((n, 3)) + 0.2, rng.random(3) * 9 + 0.1
    if n > 100:
        d[:4] = [40, 55, 60, -30]  # beyond the fences
    d[0] = abs(d[0])
    want = {}
    for kept in ("drop", "keep"):
        rows = d > 0 if kept == "drop" else d > -np.inf
        for layer in (0, 1, 2):
            m = d[rows] / np.sqrt(1e-6 + g[rows, layer] ** 2) / np.sqrt(v[layer])
            q1, q2, q3 = np.percentile(m, [25, 50, 75])
            low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
            want[f"{kept}/{layer}"] = {
                "demogen-q1": q1, "demogen-median": q2, "demogen-q3": q3,
                "demogen-lower-fence": m[m >= low].min(), "demogen-upper-fence": m[m <= high].max(),
                "lower-computed": low, "upper-computed": high,
            }
    cases.append({"difference": d.tolist(), "norms": g.ravel().tolist(), "variances": v.tolist(), "want": want})
print(json.dumps({"versions": {"numpy": np.__version__}, "cases": cases}))
