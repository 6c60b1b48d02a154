#!/usr/bin/env python3
"""Makes l2norm.json with NumPy 1.24.2 (Python 3.11): python3 make.py > l2norm.json"""
import json
import numpy as np

rng = np.random.default_rng(1805)
ws = [np.float32(rng.normal(size=s)) for s in ((7, 5), (4, 7), (3, 4))]
bs = [np.float32(rng.normal(size=w.shape[0])) for w in ws]
margins = rng.normal(size=50) + 2.5
p5, p10 = np.percentile(margins, 5), np.percentile(margins, 10)
spec = [float(np.linalg.norm(w.astype(np.float64), 2)) for w in ws]
fro = [float(np.linalg.norm(w.astype(np.float64))) for w in ws]
print(json.dumps({
    "numpy": np.__version__,
    "shapes": [w.shape for w in ws], "weights": [w.ravel().tolist() for w in ws], "biases": [b.tolist() for b in bs], "margins": margins.tolist(),
    "l2norm": sum(spec) / p10**2, "l2norm-fro": sum(fro) / p10**2, "l2norm-product": float(np.log(fro).sum() - np.log(p5)),
    "product-spectral": float(np.log(spec).sum() - np.log(p5)), "l2norm-5": sum(spec) / p5**2, "p5": float(p5), "p10": float(p10),
}))
