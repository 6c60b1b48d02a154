#!/usr/bin/env python3
"""Writes board.json: a small corpus with its measures, and the statistics of every measure.

    /usr/bin/python3 board.py > board.json

The statistics come from SciPy and numpy, by the definitions of Jiang et al. 2019 (granulated
Kendall, conditional mutual information) and Dziugaite et al. 2020 (sign error); nothing is
taken from genbench. Intervals, p-values and ranks are not here: they depend on genbench's
random streams.
"""
import itertools, json, math, sys, warnings
from collections import Counter, defaultdict
import numpy as np, scipy
from scipy import stats

warnings.simplefilter("ignore")
rng = np.random.default_rng(7)
AXES = {"label_shuffle": ["0", "0.25", "0.5"], "width": ["64", "128"], "norm": ["off", "on"]}
TEST = 2000

networks = []
for c in itertools.product(*AXES.values()):
    for seed in (1, 2):
        shuffle, width, norm = float(c[0]), int(c[1]), c[2] == "on"
        acc = 0.85 - 0.6 * shuffle + 0.01 * (width == 128) - 0.04 * norm + 0.01 * rng.normal()
        wrong = rng.permutation(TEST)[: round((1 - acc) * TEST)]
        networks.append(dict(id=f"net{len(networks):02d}", config=dict(zip(AXES, c)), seed=seed, wrong=sorted(map(int, wrong)),
                             gap=round(1 - (TEST - len(wrong)) / TEST, 6), train_loss=round(0.009 + 0.001 * rng.random(), 6),
                             parameters=100 * width + 7))
gap = np.array([n["gap"] for n in networks])
N = len(gap)


def measure(name, values, klass="train", direction="larger", missing=(), reason=""):
    return dict(name=name, klass=klass, direction=direction, missing=list(missing), reason=reason, values=[float(v) for v in values])


measures = [
    measure("good", np.round(10 * gap + 0.4 * rng.normal(size=N), 6)),
    measure("inverse|margin", np.round(-gap + 0.05 * rng.normal(size=N), 6), direction="smaller", missing=(3, 8, 9), reason="the margin is not positive"),
    measure("coarse", np.round(4 * gap + 0.5 * rng.normal(size=N)), direction="unknown"),
    measure("peeks", np.round(gap + 0.02 * rng.normal(size=N), 6), klass="transductive"),
    measure("flat", np.full(N, 3.0)),
    measure("by-width", [float(n["config"]["width"]) for n in networks]),
]


def tau_b(x, y):
    return stats.kendalltau(x, y)[0]


def number(v):
    return None if v is None or (isinstance(v, float) and math.isnan(v)) else float(v)


def weight(d):
    return max(0, max(0, 1 - 2 * math.exp(-2 * TEST * (abs(d) / 2) ** 2)) ** 2 - 0.5)


def statistics(m):
    x = np.array(m["values"]) * (-1 if m["direction"] == "smaller" else 1)
    keep = [i for i in range(N) if i not in m["missing"]]
    level = [tuple(AXES[a].index(networks[i]["config"][a]) for a in AXES) for i in range(N)]
    groups = defaultdict(list)
    for i in keep:
        groups[level[i]].append(i)
    points = [(k, float(np.mean(x[v])), round(float(np.mean(gap[v])), 9)) for k, v in groups.items()]
    X, Y = [p[1] for p in points], [p[2] for p in points]
    out = dict(n=len(keep), coverage=len(keep) / N, tau=number(tau_b(X, Y)), spearman=number(stats.spearmanr(X, Y)[0]), pearson=number(stats.pearsonr(X, Y)[0]))
    psi = {}
    for k, a in enumerate(AXES):
        cells = defaultdict(list)
        for p in points:
            cells[p[0][:k] + p[0][k + 1:]].append(p)
        t = [tau_b([p[1] for p in c], [p[2] for p in c]) for c in cells.values() if len(c) > 1]
        t = [v for v in t if not math.isnan(v)]
        psi[a] = float(np.mean(t)) if t else None
    defined = [v for v in psi.values() if v is not None]
    out["psi_by_axis"], out["psi"] = psi, (float(np.mean(defined)) if defined else None)

    best = None
    for size in range(3):
        for S in itertools.combinations(range(len(AXES)), size):
            cells = defaultdict(Counter)
            for a, b in itertools.permutations(points, 2):
                cells[tuple((a[0][k], b[0][k]) for k in S)][a[1] > b[1], a[2] > b[2]] += 1
            mutual = left = 0.0
            for c in cells.values():
                n = sum(c.values())
                vx, vy = Counter(), Counter()
                for (v, w), q in c.items():
                    vx[v] += q
                    vy[w] += q
                h = [stats.entropy(list(q.values())) for q in (vx, vy, c)]
                left += n * h[1]
                mutual += n * (h[0] + h[1] - h[2])
            if left > 0 and (best is None or mutual / left < best[0] - 1e-12):
                best = (mutual / left, [list(AXES)[k] for k in S], min(sum(c.values()) for c in cells.values()))
    out["cmi"], out["cmi_set"], out["cmi_min_cell"] = best

    environments = defaultdict(list)  # pooled: two seeds give no pair of configurations the effective size 12
    for i, j in itertools.combinations(keep, 2):
        differ = [k for k in range(len(AXES)) if level[i][k] != level[j][k]]
        if len(differ) == 1:
            k = differ[0]
            e = (1 - np.sign(x[i] - x[j]) * np.sign(gap[i] - gap[j])) / 2
            environments[k, tuple(sorted((level[i][k], level[j][k])))].append((weight(gap[i] - gap[j]), e))
    errors = []
    for pairs in environments.values():
        w = np.array([p[0] for p in pairs])
        if w.sum() > 0 and w.sum() ** 2 / (w**2).sum() >= 12:
            errors.append(float((w * np.array([p[1] for p in pairs])).sum() / w.sum()))
    out["sign_error"] = dict(mean=float(np.mean(errors)), p90=float(np.percentile(errors, 90)), max=max(errors)) if errors else None
    out["compat"] = compat(x, keep, points)
    return out


def tau_a(points):
    return float(np.mean([np.sign(a[1] - b[1]) * np.sign(a[2] - b[2]) for a, b in itertools.combinations(points, 2)]))


def compat(x, keep, points):
    """The papers' scores: FGM's and PGDL's over configurations, CNA's over networks; RGM's needs more seeds than two."""
    psi = {}
    for k, a in enumerate(AXES):
        cells = defaultdict(list)
        for p in points:
            cells[p[0][:k] + p[0][k + 1:]].append(p)
        psi[a] = float(np.mean([tau_a(c) for c in cells.values() if len(c) > 1]))
    loss_gap = 2 * gap[keep]  # the board's test gives the networks this loss gap
    cna = number(abs(stats.pearsonr(x[keep], loss_gap)[0]))
    out = dict(fgm_psi=float(np.mean(list(psi.values()))), fgm_tau=tau_a(points), fgm_psi_by_axis=psi, pgdl=None, cna=cna)
    if len(points) < math.prod(len(v) for v in AXES.values()):
        return out  # the scoring program refuses a grid with holes
    values = []
    for S in itertools.combinations(range(len(AXES)), 2):
        cells = defaultdict(lambda: np.zeros((2, 2)))
        for a, b in itertools.product(points, repeat=2):  # with itself too
            cells[tuple((a[0][k], b[0][k]) for k in S)][int(a[1] > b[1]), int(a[2] > b[2])] += 1
        information = entropy = 0.0
        for c in cells.values():
            c = c / c.sum()
            px, py = c.sum(axis=1), c.sum(axis=0)
            information += sum(c[i, j] * math.log2(c[i, j] / (px[i] * py[j])) for i in (0, 1) for j in (0, 1) if c[i, j] > 0)
            entropy -= sum(p * math.log2(p + 1e-12) for p in py)
        values.append(information / entropy)
    out["pgdl"] = 100 * min(values)
    return out


for m in measures:
    m["expected"] = statistics(m)
controls = {
    "num-params": statistics(measure("", [n["parameters"] for n in networks])),
    "train-loss": statistics(measure("", [n["train_loss"] for n in networks])),
}

# The control "hyperparameters": ridge regression on one-hot main effects with a free intercept, solved
# by numpy for each configuration without it and those that differ from it in one axis.
configs = list(itertools.product(*(range(len(v)) for v in AXES.values())))
mean_gap = {c: float(np.mean([n["gap"] for n in networks if tuple(AXES[a].index(n["config"][a]) for a in AXES) == c])) for c in configs}


def row(c):
    return np.concatenate([np.eye(len(v))[k] for k, v in zip(c, AXES.values())] + [[1.0]])


predicted = {}
for c in configs:
    far = [d for d in configs if sum(p != q for p, q in zip(c, d)) >= 2]
    A = np.array([row(d) for d in far])
    penalty = np.diag([1.0] * (A.shape[1] - 1) + [0.0])
    predicted[c] = float(row(c) @ np.linalg.solve(A.T @ A + penalty, A.T @ np.array([mean_gap[d] for d in far])))
values = [round(predicted[tuple(AXES[a].index(n["config"][a]) for a in AXES)], 10) for n in networks]
controls["hyperparameters"] = statistics(measure("", values))

# The control "canonical-ordering": shuffled labels are held to widen the gap, width to narrow it; of norm nothing is held.
controls["canonical-ordering"] = statistics(measure("", [AXES["label_shuffle"].index(n["config"]["label_shuffle"]) / 2 - AXES["width"].index(n["config"]["width"]) for n in networks]))

json.dump(dict(versions=dict(python=sys.version.split()[0], numpy=np.__version__, scipy=scipy.__version__),
               test_size=TEST, axes=list(AXES), levels=AXES, networks=networks, measures=measures, controls=controls), sys.stdout)
