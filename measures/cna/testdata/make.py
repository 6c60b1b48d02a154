#!/usr/bin/env python3
"""Makes cna.json with NumPy 1.24.2 and SciPy 1.10.1 (Python 3.11): python3 make.py > cna.json"""
import json
import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(1905)
z = rng.normal(size=(40, 5)) * 10 + 1000  # sums far from 0
alpha = np.round(rng.normal(size=40), 1)  # with ties
beta = np.array([np.polyfit(np.arange(1, 6), row, 1)[0] for row in z])
ties = np.round(beta)
print(json.dumps({
    "numpy": np.__version__, "scipy": scipy.__version__,
    "sums": z.ravel().tolist(), "alpha": alpha.tolist(), "beta": beta.tolist(), "ties": ties.tolist(),
    "pearson": stats.pearsonr(alpha, beta)[0], "spearman": stats.spearmanr(alpha, ties)[0], "kendall": stats.kendalltau(alpha, ties)[0],
    "cna": {"pearson": stats.pearsonr(alpha, beta)[0], "spearman": stats.spearmanr(alpha, beta)[0], "kendall": stats.kendalltau(alpha, beta)[0]},
}))
