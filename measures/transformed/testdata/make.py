#!/usr/bin/env python3
"""Makes transformed.json with SciPy 1.10.1 and NumPy 1.24.2 (Python 3.11): python3 make.py > transformed.json"""
import json
import numpy as np
import scipy
from scipy.stats import trim_mean

rng = np.random.default_rng(2012)
cases = []
for n, units in [(1, 1), (7, 19), (50, 20), (500, 243)]:
    f, g, v = rng.standard_normal(n) + 0.5, rng.random(n) + 0.1, rng.random(units) ** 4
    f[0] = abs(f[0])
    spread = np.sqrt(trim_mean(v, 0.05)) + 1e-7
    d = f / (g + 1e-7)
    cases.append({
        "difference": f.tolist(), "norms": g.tolist(), "variances": v.tolist(),
        "keep": -np.mean(d / spread), "drop": -np.mean(d[f > 0] / spread),
    })
print(json.dumps({"versions": {"numpy": np.__version__, "scipy": scipy.__version__}, "cases": cases}))
