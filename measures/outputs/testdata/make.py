#!/usr/bin/env python3
"""Makes outputs.json with SciPy: python3 make.py > outputs.json"""
import json
import sys

import numpy as np
import scipy
from scipy.special import entr, softmax

rng = np.random.default_rng(23)
cases = []
for n, k, size in ((12, 10, 1), (15, 3, 5), (10, 4, 200), (11, 2, 0)):
    f = np.float32(rng.normal(size=(n, k)) * size)
    p = softmax(f.astype(np.float64), axis=1)
    cases.append({"shape": [n, k], "logits": [float(str(v)) for v in f.ravel()], "neg_entropy": float(-entr(p).sum(axis=1).mean())})
print(json.dumps({"python": sys.version.split()[0], "scipy": scipy.__version__, "cases": cases}))
