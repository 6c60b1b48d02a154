"""The statistics by brute force, from their definitions: every pair is looked at.

Networks lie on a grid: levels [N, A] (integers), x the measure (larger should mean a larger
gap), y the gap. None stands for undefined.
"""

import itertools
from fractions import Fraction

import numpy as np

LEAST_ESS = 12  # Dziugaite et al. 2020, arXiv:2010.11924


class Points:
    """What is ranked: means over the networks of one configuration, or networks."""

    def __init__(self, levels, x, y, seed=None, repeats="mean"):
        levels = np.asarray(levels, dtype=np.int64)
        seed = np.zeros(len(x), dtype=np.int64) if seed is None else np.asarray(seed)
        if repeats == "mean":
            # Exact means of the decimals as written: what ties on paper ties.
            members = {}
            for i, u in enumerate(levels):
                members.setdefault(tuple(u), []).append(i)
            self.levels = np.array(list(members), dtype=np.int64).reshape(len(members), levels.shape[1])
            self.x, self.y = (np.array([float(mean(v, m)) for m in members.values()]) for v in (x, y))
            seed = np.zeros(len(members), dtype=np.int64)
        else:
            self.levels, self.x, self.y = levels, np.asarray(x, float), np.asarray(y, float)
        self.stratum = seed if repeats == "per-seed" else np.zeros(len(self.x), dtype=np.int64)


def mean(v, members):
    return sum(Fraction(repr(float(v[i]))) for i in members) / len(members)


def signs(v):
    return (v[:, None] > v).astype(np.int8) - (v[:, None] < v)


def tau_a(x, y):
    """1 / (n (n-1)) sum over ordered pairs of sign(dx) sign(dy)"""
    n = len(x)
    if n < 2:
        return None
    total = 0
    for at in range(0, n, 500):  # rows at a time: memory
        sx = (x[at : at + 500, None] > x).astype(np.int8) - (x[at : at + 500, None] < x)
        sy = (y[at : at + 500, None] > y).astype(np.int8) - (y[at : at + 500, None] < y)
        total += int((sx * sy).sum(dtype=np.int64))
    return total / (n * (n - 1))


def tau_b(x, y):
    """sum sx sy / sqrt(sum sx^2 sum sy^2)"""
    if len(x) < 2:
        return None
    sx, sy = signs(x), signs(y)
    below = float((sx != 0).sum()) * float((sy != 0).sum())
    return float((sx * sy).sum(dtype=np.int64)) / np.sqrt(below) if below > 0 else None


def granulated(p, tau):
    """(Psi, [psi of each axis]), Jiang et al. 2019, arXiv:1912.02178, section 3"""
    by_axis = []
    for a in range(p.levels.shape[1]):
        rest = np.column_stack([np.delete(p.levels, a, axis=1), p.stratum])
        cells = {}
        for i, u in enumerate(rest):
            cells.setdefault(tuple(u), []).append(i)
        taus = [tau(p.x[c], p.y[c]) for c in cells.values()]
        by_axis.append(mean_defined(taus))
    return mean_defined(by_axis), by_axis


def mean_defined(v):
    v = [t for t in v if t is not None]
    return sum(v) / len(v) if v else None


def correlation(p, f):
    """The mean of f over seeds where it is defined; over all points where there is one stratum"""
    of = [p.stratum == s for s in np.unique(p.stratum)]
    return mean_defined([f(p.x[m], p.y[m]) for m in of])


def information(p):
    """{S: (I / H or None, ordered pairs of the smallest cell)} for |S| <= 2, Jiang et al. 2019"""
    n, axes = p.levels.shape
    a, b = np.nonzero((p.stratum[:, None] == p.stratum) & ~np.eye(n, dtype=bool))
    outcome = 2 * (p.y[a] > p.y[b]) + (p.x[a] > p.x[b])
    out = {}
    for size in range(3):
        for s in itertools.combinations(range(axes), size):
            u = np.column_stack([p.levels[a][:, list(s)], p.levels[b][:, list(s)], np.zeros(len(a), dtype=np.int64)])
            _, cell = np.unique(u, axis=0, return_inverse=True)
            counts = np.zeros((cell.max() + 1 if len(cell) else 0, 4))
            np.add.at(counts, (cell, outcome), 1)
            h = mutual = 0.0
            for c in counts.reshape(-1, 2, 2):
                q = c / c.sum()
                h -= c.sum() * plogp(q.sum(1))
                mutual += c.sum() * (plogp(q) - plogp(q.sum(0)) - plogp(q.sum(1)))
            smallest = int(counts.sum(1).min()) if len(counts) else 0
            out[s] = (mutual / h if h > 1e-9 else None, smallest)
    return out


def plogp(p):
    p = p[p > 0]
    return (p * np.log(p)).sum()


def sign_errors(levels, x, y, n, pooled=False, filtered=True, rgm=False):
    """{environment: (error, effective size)} of those kept, and the number of all environments

    Dziugaite et al. 2020, section 4: single networks; an environment is a pair of configurations
    that differ in one axis, (axis, configuration, configuration), or, pooled, all of those that
    differ in it by the same two levels, (axis, level, level). rgm: as in the authors' code an
    effective size within numpy's isclose of the least suffices.
    """
    levels = np.asarray(levels, dtype=np.int64)
    sums = {}
    i, j = np.nonzero(np.triu((levels[:, None] != levels).sum(-1) == 1))
    axis = (levels[i] != levels[j]).argmax(1)
    delta = np.abs(y[i] - y[j])
    w = np.ones(len(i))
    if filtered:
        w = np.maximum(0, 1 - 2 * np.exp(-2 * n * (delta / 2) ** 2)) ** 2
        w = np.maximum(0, w - 0.5)
    e = (1 - np.sign(x[i] - x[j]) * np.sign(y[i] - y[j])) / 2
    for k in range(len(i)):
        c, d = tuple(levels[i[k]]), tuple(levels[j[k]])
        key = (int(axis[k]), *sorted([c[axis[k]], d[axis[k]]] if pooled else [c, d]))
        s = sums.setdefault(key, [0.0, 0.0, 0.0])
        s[0] += w[k]
        s[1] += w[k] ** 2
        s[2] += w[k] * e[k]
    kept = {}
    for key, (s, s2, loss) in sums.items():
        ess = s * s / s2 if s2 > 0 else 0.0
        if ess >= LEAST_ESS or rgm and np.isclose(ess, LEAST_ESS):
            kept[key] = loss / s, ess
    return kept, len(sums)


def summary(errors, doubled=False):
    """{mean, p90, max, environments} of errors; doubled: each counts twice, which moves p90 only"""
    out = dict.fromkeys(("mean", "p90", "max"))
    if errors:
        p90 = np.percentile(np.repeat(errors, 1 + doubled), 90)
        out = {"mean": np.mean(errors), "p90": p90, "max": np.max(errors)}
    return out | {"environments": len(errors)}


def pgdl(levels, names, x, y):
    """The PGDL competition's score of one task as its scoring program computes it, or None

    100 min over ordered pairs of hyperparameters of mean I / mean H over the places of two models
    on them, self pairs included, base 2, H from log2(p + 1e-12). Places are told apart by the
    concatenation of four names alone; a place that so stays empty gives 0/0, and min() forgets a
    NaN as soon as a number follows.
    """
    n, axes = levels.shape
    best = np.inf
    outcome = 2 * (y[:, None] <= y) + (x[:, None] <= x)
    for h in itertools.permutations(range(axes), 2):
        one = [[u + v for u in names[k] for v in names[k]] for k in h]
        places = [u + v for u in one[0] for v in one[1]]
        at = {place: i for i, place in enumerate(places)}
        table = np.zeros((len(places), 4))
        for a in range(n):
            for b in range(n):
                key = "".join(names[k][levels[a, k]] + names[k][levels[b, k]] for k in h)
                table[at[key], outcome[a, b]] += 1
        value = float("nan")
        if (table.sum(1) > 0).all():
            q = table / table.sum(1, keepdims=True)
            gap, measure = q.reshape(-1, 2, 2).sum(2), q.reshape(-1, 2, 2).sum(1)
            mutual = sum(np.log2(q[i, k] / (gap[i, k // 2] * measure[i, k % 2])) * q[i, k] for i, k in zip(*np.nonzero(q)))
            value = mutual / -(gap * np.log2(gap + 1e-12)).sum()
        best = min(value, best)
    return None if np.isnan(best) or np.isinf(best) else 100 * best
