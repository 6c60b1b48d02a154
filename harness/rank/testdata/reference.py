#!/usr/bin/env python3
"""Writes reference.json: values that harness/rank must reproduce, from SciPy and numpy.

    /usr/bin/python3 reference.py > reference.json

Correlations are scipy.stats.kendalltau (tau-b), spearmanr and pearsonr. The granulated
coefficient is scipy's kendalltau in every cell. The mutual information is scipy.stats.entropy
over counts that itertools.product makes pair by pair. Nothing is taken from genbench.
"""
import itertools, json, sys, warnings
from collections import Counter, defaultdict
import numpy as np, scipy
from scipy import stats

warnings.simplefilter("ignore")
rng = np.random.default_rng(20261123)


def number(v):
    return None if v is None or np.isnan(v) else float(v)


def tau_a(x, y):
    n = len(x)
    s = sum(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i in range(n) for j in range(i))
    return s / (n * (n - 1) / 2)


def correlations():
    out = []
    for n in (2, 3, 4, 5, 8, 13, 40, 130, 400):
        for kinds in ((2, 2), (3, 50), (50, 3), (10**9, 10**9)):
            x = rng.integers(0, kinds[0], n).astype(float)
            y = rng.integers(0, kinds[1], n).astype(float) + (x if n % 2 else 0)
            if kinds[0] > 100:
                x, y = rng.normal(size=n) * 1e3 + 1e6, rng.lognormal(size=n, sigma=4)
            out.append(dict(x=x.tolist(), y=y.tolist(), tau_a=number(tau_a(x, y)),
                            tau_b=number(stats.kendalltau(x, y)[0]),
                            spearman=number(stats.spearmanr(x, y)[0]),
                            pearson=number(stats.pearsonr(x, y)[0])))
    return out


def entropy(counts):
    return stats.entropy(np.array(list(counts), float)) if counts else 0.0


def normalised(points, axes):
    """I(Vx;Vy|U)/H(Vy|U) over ordered pairs of different points; also the least cell count."""
    cells = defaultdict(Counter)
    for a, b in itertools.product(points, points):
        if a is b or a["stratum"] != b["stratum"]:
            continue
        u = tuple((a["level"][k], b["level"][k]) for k in axes)
        cells[u][a["x"] > b["x"], a["y"] > b["y"]] += 1
    total = sum(sum(c.values()) for c in cells.values())
    mutual = left = 0.0
    for c in cells.values():
        n = sum(c.values())
        vx, vy = Counter(), Counter()
        for (v, w), k in c.items():
            vx[v] += k
            vy[w] += k
        hy = entropy(vy.values())
        left += n / total * hy
        mutual += n / total * (entropy(vx.values()) + hy - entropy(c.values()))
    return (mutual / left if left > 0 else None), min(sum(c.values()) for c in cells.values())


def points_of(levels, x, y, seeds, repeats):
    n = len(x)
    if repeats == "mean":
        groups = defaultdict(list)
        for i in range(n):
            groups[tuple(l[i] for l in levels)].append(i)
        return [dict(level=k, x=float(np.mean(x[v])), y=float(np.mean(y[v])), stratum=0) for k, v in groups.items()]
    return [dict(level=tuple(l[i] for l in levels), x=x[i], y=y[i], stratum=int(seeds[i]) if repeats == "per-seed" else 0) for i in range(n)]


def granulated(points, axes, tau):
    psi = []
    for k in range(axes):
        cells = defaultdict(list)
        for p in points:
            cells[p["level"][:k] + p["level"][k + 1:], p["stratum"]].append(p)
        values = [tau([p["x"] for p in c], [p["y"] for p in c]) for c in cells.values() if len(c) > 1]
        values = [v for v in values if not np.isnan(v)]
        psi.append(float(np.mean(values)) if values else None)
    kept = [v for v in psi if v is not None]
    return psi, (float(np.mean(kept)) if kept else None)


def overall(points, f):
    strata = defaultdict(list)
    for p in points:
        strata[p["stratum"]].append(p)
    values = [f([p["x"] for p in s], [p["y"] for p in s])[0] for s in strata.values()]
    values = [v for v in values if not np.isnan(v)]
    return float(np.mean(values)) if values else None


def grids():
    out = []
    for sizes, seeds, ties, missing in (((2, 3), 1, 0, 0), ((2, 2, 2), 1, 4, 0), ((4, 2, 2, 2), 2, 0, 0),
                                        ((3, 3), 3, 5, 4), ((5,), 2, 0, 0), ((2, 70), 1, 30, 3), ((2, 2, 3), 2, 3, 7)):
        rows = [(c, s) for c in itertools.product(*map(range, sizes)) for s in range(seeds)]
        for _ in range(missing):
            rows.pop(rng.integers(len(rows)))
        rows = [rows[i] for i in rng.permutation(len(rows))]
        levels = [[r[0][k] for r in rows] for k in range(len(sizes))]
        effect = np.array([sum(r[0]) for r in rows], float)
        x = np.round(effect + rng.normal(size=len(rows)), 6)
        y = np.round(effect + rng.normal(size=len(rows)), 6)
        if ties:
            x, y = np.round(x) % ties, np.round(y) % ties
        s = [r[1] for r in rows]
        for repeats in ("mean", "pooled", "per-seed"):
            p = points_of(levels, x, y, s, repeats)
            psi_b, Psi_b = granulated(p, len(sizes), lambda a, b: stats.kendalltau(a, b)[0])
            psi_a, Psi_a = granulated(p, len(sizes), lambda a, b: tau_a(np.array(a), np.array(b)))
            sets = []
            for k in range(3):
                for axes in itertools.combinations(range(len(sizes)), k):
                    v, least = normalised(p, axes)
                    sets.append(dict(axes=list(axes), value=v, min_cell=least))
            out.append(dict(levels=levels, seed=s, x=x.tolist(), y=y.tolist(), repeats=repeats,
                            psi_b=psi_b, mean_b=Psi_b, psi_a=psi_a, mean_a=Psi_a, sets=sets,
                            tau_b=overall(p, stats.kendalltau), spearman=overall(p, stats.spearmanr),
                            pearson=overall(p, stats.pearsonr)))
    return out


json.dump(dict(versions=dict(python=sys.version.split()[0], numpy=np.__version__, scipy=scipy.__version__),
               correlations=correlations(), grids=grids()), sys.stdout)
