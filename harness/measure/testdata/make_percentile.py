#!/usr/bin/env python3
"""Makes percentile.json: python3 make_percentile.py > percentile.json"""
import json
import sys

import numpy as np

rng = np.random.default_rng(10)
cases = []
for n in (1, 2, 3, 9, 10, 11, 20, 99, 100, 101, 1000):
    v = rng.normal(size=n) * 10 ** rng.uniform(-3, 3)
    qs = [0, 1, 5, 10, 12.5, 25, 33.3, 50, 62.7, 75, 90, 95, 99, 100]
    cases.append({"values": v.tolist(), "q": qs, "want": np.percentile(v, qs).tolist()})
print(json.dumps({"python": sys.version.split()[0], "numpy": np.__version__, "cases": cases}))
