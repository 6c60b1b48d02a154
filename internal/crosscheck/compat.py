"""The leaderboard's published scores, and where its extremes are said to be."""

import os
import sys
import types

import numpy as np
from scipy import stats

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "statcheck"))
import brute  # noqa: E402


class Grid:
    """The axes' levels in the spec's order, those alone that occur"""

    def __init__(self, store, axes, nets):
        occur = [{n.config[a] for n in nets} for a in axes]
        written = {a["axis"]: [str(v) for v in a["values"]] for a in store.corpus["spec"]["axes"]}
        self.axes = axes
        self.names = [sorted(o, key=lambda v: written[a].index(str(v))) for a, o in zip(axes, occur)]
        self.possible = int(np.prod([len(n) for n in self.names]))

    def places(self, configs):
        return np.array([[names.index(v) for names, v in zip(self.names, c)] for c in configs], dtype=np.int64)

    def printed(self):
        """[A][level]: the levels as text"""
        return [[str(v) for v in names] for names in self.names]

    def text(self, axis, a, b):
        return "%s %s|%s" % (self.axes[axis], a, b)


def scores(s, grid, n):
    """{field: value} of the row's compat; s is a board.Sample"""
    out = dict.fromkeys(("fgm_psi", "fgm_tau", "pgdl", "rgm_mean", "rgm_p90", "rgm_max", "rgm_environments", "cna"))
    levels = grid.places(s.configs)
    if len(s.nets) == 0:
        return out, dict.fromkeys(s.axes)
    means = types.SimpleNamespace(levels=levels, x=s.mean_x, y=s.rank_gap, stratum=np.zeros(len(levels)))
    out["fgm_psi"], by_axis = brute.granulated(means, brute.tau_a)
    out["fgm_tau"] = brute.correlation(means, brute.tau_a)
    if len(s.axes) > 1 and len(levels) == grid.possible:
        out["pgdl"] = brute.pgdl(levels, grid.printed(), s.mean_x, s.rank_gap)
    x, gap = np.array([s.x[m.id] for m in s.nets]), np.array([float(s.gap[m.id]) for m in s.nets])
    each = grid.places([tuple(m.config[a] for a in s.axes) for m in s.nets])
    kept, _ = brute.sign_errors(each, x, gap, n, rgm=True)
    if kept:
        summary = brute.summary([e for e, _ in kept.values()], doubled=True)
        out.update({"rgm_" + k: v for k, v in summary.items()})
    loss = np.array([m.record["test"]["loss"] - m.record["train"]["loss"] for m in s.nets])
    if len(x) > 1 and len(set(x)) > 1:
        out["cna"] = abs(stats.pearsonr(x, loss)[0])
    return out, dict(zip(s.axes, by_axis))


# What larger levels are held to do to the gap: Jiang et al. 2019, arXiv:1912.02178, for depth and width.
BELIEFS = {"label_shuffle": 1, "input_noise": 1, "width": -1, "depth": -1}


def canonical(nets, grid):
    """The control "canonical-ordering": levels' places in [0, 1], by what is believed of their axes"""
    levels = grid.places([tuple(n.config[a] for a in grid.axes) for n in nets])
    of = [BELIEFS[a] / (len(names) - 1) for a, names in zip(grid.axes, grid.names)]
    return {n.id: round(float(v), 10) for n, v in zip(nets, levels @ of)}


def floor(s, grid, draws, rng):
    """{cmi, pgdl: values of random orders of the configurations}; s: of a measure defined everywhere"""
    p = types.SimpleNamespace(levels=grid.places(s.configs), x=None, y=s.rank_gap, stratum=np.zeros(len(s.configs)))
    out = {"cmi": [], "pgdl": []}
    for _ in range(draws):
        p.x = rng.permutation(len(s.configs))
        of = [v for v, _ in brute.information(p).values() if v is not None]
        out["cmi"] += [min(of)] if of else []
        if len(s.axes) > 1 and len(s.configs) == grid.possible:
            out["pgdl"].append(brute.pgdl(p.levels, grid.printed(), p.x, p.y))
    return out


def holm(p):
    """Holm 1979: the k-th smallest of m times m - k + 1, never below a smaller one's, at most 1"""
    out = np.empty(len(p))
    order = np.argsort(p, kind="stable")
    out[order] = np.minimum(1, np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)))
    return out


def pairs_at(s, text):
    """Ordered pairs of configurations in a cell: "depth 2|3, width 16|64" """
    a, b = {}, {}
    for part in text.split(", "):
        axis, _, two = part.rpartition(" ")
        a[axis], _, b[axis] = two.partition("|")
    on = lambda c, u: all(str(c[s.axes.index(k)]) == v for k, v in u.items())
    return sum(on(c, a) and on(d, b) for c in s.configs for d in s.configs if c != d)


def environments(errors, s, grid):
    """{text of the environment: error}; errors by the keys of Sample.sign_errors"""
    out = {}
    for (axis, c, d), e in errors.items():
        pooled = not isinstance(c, tuple)
        a, b = sorted([c, d] if pooled else [c[axis], d[axis]], key=grid.names[axis].index)
        rest = [] if pooled else ["%s %s" % (s.axes[k], v) for k, v in enumerate(c) if k != axis]
        out[grid.text(axis, a, b) + (" at " + ", ".join(rest) if rest else "")] = e
    return out
