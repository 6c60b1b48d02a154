"""The leaderboard's statistics, from values and records."""

import collections
import itertools
from fractions import Fraction

import numpy as np
from scipy import stats

import compat

LEAST_ESS = 12
LEAST_CONFIGURATIONS = 8  # of an interval about other configurations
LEAST_DEGREES = 8  # networks less configurations, of an interval about this grid


def exact_gap(record):
    """Train accuracy on the labels trained on - test accuracy, as a fraction: equal gaps tie"""
    train, test = (Fraction(round(r["accuracy"] * r["n"]), r["n"]) for r in (record["train"], record["test"]))
    return train - test


class Sample:
    """One measure, oriented, over the networks where it is defined, and its means over seeds."""

    def __init__(self, axes, nets, values, direction):
        sign = -1 if direction == "smaller" else 1
        self.axes = axes
        self.nets = [n for n in nets if n.id in values]
        self.x = {n.id: sign * values[n.id] for n in self.nets}
        self.gap = {n.id: exact_gap(n.record) for n in self.nets}
        self.members = collections.defaultdict(list)
        for n in self.nets:
            self.members[tuple(n.config[a] for a in axes)].append(n.id)
        self.configs = list(self.members)
        self.mean_x = np.array([np.mean([self.x[i] for i in self.members[c]]) for c in self.configs])
        gaps = [sum(self.gap[i] for i in self.members[c]) / len(self.members[c]) for c in self.configs]
        order = sorted(set(gaps))
        self.rank_gap = np.array([order.index(g) for g in gaps])  # exact ties, for what uses order alone
        self.mean_gap = np.array([float(g) for g in gaps])

    def psi(self):
        by_axis = {}
        for k, axis in enumerate(self.axes):
            cells = collections.defaultdict(list)
            for i, c in enumerate(self.configs):
                cells[c[:k] + c[k + 1 :]].append(i)
            taus = [tau(self.mean_x[c], self.rank_gap[c]) for c in cells.values() if len(c) > 1]
            taus = [t for t in taus if t is not None]
            by_axis[axis] = np.mean(taus) if taus else None
        defined = [v for v in by_axis.values() if v is not None]
        return (np.mean(defined) if defined else None), by_axis

    def information(self):
        """(K, {S: (I/H, smallest cell)}) over ordered pairs, natural logarithms"""
        x, g = self.mean_x, self.rank_gap
        pairs = [(a, b, int(x[a] > x[b]), int(g[a] > g[b])) for a in range(len(x)) for b in range(len(x)) if a != b]
        sets = {}
        for size in range(3):
            for s in itertools.combinations(range(len(self.axes)), size):
                cells = collections.defaultdict(lambda: np.zeros((2, 2)))
                for a, b, v, w in pairs:
                    u = tuple((self.configs[a][k], self.configs[b][k]) for k in s)
                    cells[u][v, w] += 1
                mutual = entropy = 0.0
                for c in cells.values():
                    p = c / c.sum()
                    weight = c.sum() / len(pairs)
                    v, w = p.sum(1), p.sum(0)
                    mutual += weight * (plogp(p) - plogp(v) - plogp(w))
                    entropy -= weight * plogp(w)
                if entropy > 1e-12:
                    sets[tuple(self.axes[k] for k in s)] = (mutual / entropy, int(min(c.sum() for c in cells.values())))
        return (min(v for v, _ in sets.values()) if sets else None), sets

    def sign_errors(self, n, pooled):
        """{(axis, one end, other end): weighted sign error} of sufficient effective size, and the number of all"""
        sums = collections.defaultdict(lambda: np.zeros(3))
        for c, d in itertools.combinations(self.configs, 2):
            differ = [k for k in range(len(self.axes)) if c[k] != d[k]]
            if len(differ) != 1:
                continue
            k = differ[0]
            environment = (k, *sorted([c[k], d[k]])) if pooled else (k, c, d)
            for i, j in itertools.product(self.members[c], self.members[d]):
                gap = self.gap[i] - self.gap[j]
                w = max(0.0, 1 - 2 * np.exp(-2 * n * (abs(float(gap)) / 2) ** 2)) ** 2
                w = max(0.0, w - 0.5)
                e = (1 - np.sign(self.x[i] - self.x[j]) * np.sign(float(gap))) / 2
                sums[environment] += (w, w * w, w * e)
        return {k: e / w for k, (w, w2, e) in sums.items() if w2 > 0 and w * w / w2 >= LEAST_ESS}, len(sums)


def plogp(p):
    p = p[p > 0]
    return (p * np.log(p)).sum()


def tau(x, y):
    if len(set(x)) < 2 or len(set(y)) < 2:
        return None
    return stats.kendalltau(x, y).statistic


def difference(got, want):
    if got is None or want is None:
        return 0.0 if got is None and want is None else float("inf")
    return abs(got - want)


def permutation_p(sample, count, rng):
    """Two-sided p-value of psi when whole configurations' values are permuted

    The statistic is the mean over the axes that are defined in the sample itself. A
    permutation that has none of them says nothing, and counts on neither side.
    """
    psi, by_axis = sample.psi()
    x = np.stack([rng.permutation(sample.mean_x) for _ in range(count)])
    axes = []
    for k, axis in enumerate(sample.axes):
        if by_axis[axis] is None:
            continue
        cells = collections.defaultdict(list)
        for i, c in enumerate(sample.configs):
            cells[c[:k] + c[k + 1 :]].append(i)
        taus = [taus_of_pairs(x, sample.rank_gap, c) for c in cells.values() if len(c) > 1]
        axes.append(mean_of_defined(taus))
    v = mean_of_defined(axes)
    extreme = np.abs(v[~np.isnan(v)]) >= abs(psi) - 1e-12
    return (extreme.sum() + 1) / (len(extreme) + 1)


def taus_of_pairs(x, y, cell):
    """tau-b of each row of x with y over a cell: sum sx sy / sqrt(sum sx^2 sum sy^2); NaN where undefined"""
    a, b = np.array(list(itertools.combinations(cell, 2))).T
    sx, sy = np.sign(x[:, a] - x[:, b]), np.sign(y[a] - y[b])
    below = np.sqrt((sx**2).sum(1) * (sy**2).sum())
    return np.divide(sx @ sy, below, out=np.full(len(x), np.nan), where=below > 0)


def mean_of_defined(rows):
    rows = np.array(rows)
    n = (~np.isnan(rows)).sum(0)
    return np.divide(np.nansum(rows, 0), n, out=np.full(rows.shape[1], np.nan), where=n > 0)


def from_settings(axes, nets):
    """The control "hyperparameters": ridge regression (penalty 1, free intercept) of the configurations'
    gaps on one-hot levels, without the predicted one and those that differ from it in one axis;
    undefined where no more configurations than coefficients are left, or none with one of its levels"""
    s = Sample(axes, nets, {n.id: 0.0 for n in nets}, "larger")
    levels = sorted({(k, c[k]) for c in s.configs for k in range(len(axes))})
    x = np.array([[1.0] + [float(c[k] == v) for k, v in levels] for c in s.configs])
    penalty = np.diag([0.0] + [1.0] * len(levels))
    out = {}
    for i, c in enumerate(s.configs):
        far = [j for j, d in enumerate(s.configs) if sum(a != b for a, b in zip(c, d)) >= 2]
        coefficients = 1 + len(levels) - len(axes)
        if len(far) <= coefficients or any(c[k] not in {s.configs[j][k] for j in far} for k in range(len(axes))):
            continue
        w = np.linalg.solve(x[far].T @ x[far] + penalty, x[far].T @ s.mean_gap[far])
        out.update({n: round(x[i] @ w, 10) for n in s.members[c]})
    return out


def columns(store, nets, axes, grid):
    """{row: (values by network, expected class)} of measures and of the controls that can be recomputed"""
    out = {}
    for m, row in store.values.items():
        kind = "transductive" if m in ("cna-area", "cna-margin", "disagreement") else "train"
        out[m] = ({i: v["value"] for i, v in row.items() if v["status"] == "ok"}, kind)
    out["train-loss"] = ({n.id: n.record["train"]["loss"] for n in nets}, "control")
    out["num-params"] = ({n.id: float(sum(v.size for v in n.final.values())) for n in nets}, "control")
    out["hyperparameters"] = (from_settings(axes, nets), "control")
    out["canonical-ordering"] = (compat.canonical(nets, grid), "control")
    return out


DIRECTIONS = {"cna": "smaller", "gsnr": "smaller", "train-loss": None, "num-params": "larger"}  # as published; None: not said
DIRECTIONS.update({m: "smaller" for m in ("mixup-accuracy", "always-generalize", "demogen-q1", "demogen-median", "demogen-q3", "demogen-lower-fence", "demogen-upper-fence")})


def check(store, table):
    b = store.board
    nets = [n for n in store.networks if n.record["converged"]]
    axes = [a["axis"] for a in store.corpus["spec"]["axes"] if len(a["values"]) > 1]
    table.add("networks scored", [abs(b["models"] - len(nets))], 0, "integers")
    table.add("axes of the board", [b["axes"] != axes], 0, "names in order")
    sizes = collections.Counter(tuple(n.config[a] for a in axes) for n in nets)
    seeds = [min(sizes.values()), max(sizes.values())]
    grid = compat.Grid(store, axes, nets)
    counts = [abs(b["configurations"] - len(sizes)), b["seeds"] != seeds, abs(b["possible"] - grid.possible)]
    table.add("configurations, of the full grid, and seeds", counts, 0, "integers")
    n_test = nets[0].record["test"]["n"]
    cols, errors = columns(store, nets, axes, grid), collections.defaultdict(list)
    pooled = any("pair of levels" in note for note in b["notes"])
    rows = {r["measure"]: r for r in b["rows"]}
    table.add("rows of the board", [len(set(cols) - set(rows))], 0, "all measures and controls are there")
    for name, (values, kind) in cols.items():
        r = rows[name]
        s = Sample(axes, nets, values, r["direction"])
        row_errors(s, r, n_test, pooled, errors, len(nets), name)
        intervals(s, r, len(nets) - len(sizes) >= LEAST_DEGREES, errors, name)
        places(s, r, grid, n_test, pooled, errors, name)
        published(s, r, grid, n_test, errors, name)
        want = DIRECTIONS.get(name, "larger")
        errors["class and direction"].append(((r["class"] != kind) + (want is not None and r["direction"] != want), name))
    if not pooled:
        table.remark("sign errors: pairs of configurations are the environments")
    tolerances = {"pearson": (1e-8, "float64 sums; predictions rounded to 1e-10"), "compat cna": (1e-8, "as pearson"), "compat pgdl": (1e-10, "out of 100"), "p-value against 4000 own permutations, in SE": (5, "binomial: 1000 permutations there, 4000 here")}
    for what, e in errors.items():
        tolerance, reason = tolerances.get(what, (1e-12, "float64; a tie or pair more or less shows at once"))
        table.add("board: " + what, [v for v, _ in e], tolerance, reason, [w for _, w in e])
    adjusted(b["rows"], table)
    noise_floor(Sample(axes, nets, {n.id: 0.0 for n in nets}, "larger"), b["noise_floor"], grid, table)
    order(b["rows"], table)
    oracles(store, rows, axes, nets, table)


def row_errors(s, r, n_test, pooled, errors, total, name):
    add = lambda what, got, want: errors[what].append((difference(got, want), name))
    add("n and coverage", r["n"], len(s.nets))
    add("n and coverage", r["coverage"], len(s.nets) / total)
    psi, by_axis = s.psi()
    add("psi", r["psi"], psi)
    for a, v in by_axis.items():
        add("psi by axis", r["psi_by_axis"].get(a), v)
    add("tau-b", r["tau"], tau(s.mean_x, s.rank_gap))
    constant = len(set(s.mean_x)) < 2 or len(set(s.rank_gap)) < 2
    add("spearman", r["spearman"], None if constant else stats.spearmanr(s.mean_x, s.rank_gap).statistic)
    add("pearson", r["pearson"], None if constant else stats.pearsonr(s.mean_x, s.mean_gap).statistic)
    k, sets = s.information()
    add("K", r["cmi"], k)
    if k is not None:
        value, cell = sets.get(tuple(r["cmi_set"]), (float("nan"), -1))
        add("K of the named set", value, k)
        add("K's smallest cell", r["cmi_min_cell"], cell)
    e, count = s.sign_errors(n_test, pooled)
    v = list(e.values())
    for key, want in zip(("mean", "p90", "max"), (np.mean(v), np.percentile(v, 90), np.max(v)) if v else (None,) * 3):
        add("sign error (Hoeffding)", (r["sign_error"] or {}).get(key), want)
    if v:
        add("environments kept and rejected", r["sign_error"]["environments"], len(v))
        add("environments kept and rejected", r["sign_error"]["rejected"], count - len(v))
    if pooled:
        kept, count = s.sign_errors(n_test, False)
        add("no environment of two configurations suffices", len(kept), 0)
    if psi is not None and r["p_value"] is not None:
        p = permutation_p(s, 4000, np.random.default_rng(1))
        se = np.sqrt(max(p * (1 - p), 1 / 1000) * (1 / 4000 + 1 / 1000))
        errors["p-value against 4000 own permutations, in SE"].append((abs(p - r["p_value"]) / se, name))


def intervals(s, r, fixed, errors, name):
    """Each statistic has an interval that holds it, or a reason; fixed: they are about this very grid"""
    enough = len(s.nets) - len(s.configs) >= LEAST_DEGREES if fixed else len(s.configs) >= LEAST_CONFIGURATIONS
    of = {k: (r[k], r[k + "_ci"], r["notes"].get(k + "_ci")) for k in ("psi", "tau", "spearman", "pearson", "cmi")}
    for a in r["psi_by_axis_ci"]:
        of[a] = r["psi_by_axis"][a], r["psi_by_axis_ci"][a], r["notes"].get("psi_by_axis_ci." + a)
    for k, (v, ci, note) in of.items():
        wrong = not note if ci is None else v is None or not enough or not ci[0] <= v <= ci[1] or ci[0] == ci[1]
        errors["intervals, or a reason"].append((int(wrong), name + " " + k))


def noise_floor(s, got, grid, table):
    """What chance scores, against 200 random orders of our own"""
    if got is None:
        table.remark("there is no noise floor")
        return
    mean, tail = [], []
    for key, own in compat.floor(s, grid, 200, np.random.default_rng(2)).items():
        if got[key] is None or not own:
            mean.append(np.inf if own or got[key] is not None else 0.0)
            continue
        own, f = np.array(own), got[key]
        share = 1 / len(own) + 1 / f["draws"]
        # A skew sample of a low mean has a low variance too; (q95 - mean) / 2 is the exponential's.
        sd = max(own.std(), (f["p95"] - f["mean"]) / 2, 1e-12)
        mean.append(difference(own.mean(), f["mean"]) / (sd * np.sqrt(share)))
        # The 95 % quantile of few values: those below are at most so many, those not above at least.
        outside = max(0, (own < f["p95"] - 1e-9).mean() - 0.95, 0.95 - (own <= f["p95"] + 1e-9).mean())
        tail.append(outside / np.sqrt(0.95 * 0.05 * share))
    table.add("board: noise floor's mean, in SE", mean, 4.5, "200 own orders")
    table.add("board: noise floor's 95th percentile, in SE", tail, 4.5, "200 own orders")


def places(s, r, grid, n_test, pooled, errors, name):
    """Where the board says that its extremes are, they are"""
    if r["cmi_min_at"] is not None:
        errors["K's smallest cell is where it says"].append((abs(compat.pairs_at(s, r["cmi_min_at"]) - r["cmi_min_cell"]), name))
    elif r["cmi"] is not None:
        errors["K's smallest cell is where it says"].append((len(r["cmi_set"]), name))
    if r["sign_error"] is not None:
        e, _ = s.sign_errors(n_test, pooled)
        there = compat.environments(e, s, grid).get(r["sign_error"]["max_at"])
        errors["the largest sign error is where it says"].append((difference(there, r["sign_error"]["max"]), name))


def published(s, r, grid, n_test, errors, name):
    want, by_axis = compat.scores(s, grid, n_test)
    for key, v in want.items():
        errors["compat " + key].append((difference(r["compat"][key], v), name))
    for axis, v in by_axis.items():
        errors["compat fgm_psi_by_axis"].append((difference(r["compat"]["fgm_psi_by_axis"][axis], v), name))


def adjusted(rows, table):
    """Holm's p-values of each class from the board's own p-values; controls have none"""
    wrong = [r["p_value_holm"] is not None for r in rows if r["class"] == "control"]
    for kind in ("train", "transductive"):
        of = [r for r in rows if r["class"] == kind and r["p_value"] is not None]
        wrong += [abs(r["p_value_holm"] - p) for r, p in zip(of, compat.holm([r["p_value"] for r in of]))]
    table.add("board: p-value after Holm", wrong, 1e-12, "float64")


def order(rows, table):
    wrong = []
    psi = [r["psi"] for r in rows if r["psi"] is not None]
    wrong.append(sum(a < b for a, b in zip(psi, psi[1:])))
    for kind in ("train", "transductive"):
        ranked = [r for r in rows if r["class"] == kind and r["rank"] is not None]
        for i, r in enumerate(ranked):
            group = [j + 1 for j, q in enumerate(ranked) if q["tie_group"] == r["tie_group"]]
            low, high = r["rank_ci"]
            # All of the groups above are resolved as better, all of those below as worse.
            wrong.append((r["rank"] != group[0]) + (not group[0] <= low <= high <= group[-1]) + (i > 0 and r["rank"] < ranked[i - 1]["rank"]))
    wrong += [r["rank"] is not None for r in rows if r["class"] == "control"]
    table.add("board: order by psi, ranks by class and tie group", wrong, 0, "integers")


def oracles(store, rows, axes, nets, table):
    """An oracle is the gap plus N(0, sd^2): its Pearson has a known mean and standard error"""
    z = []
    for sd in (0.02, 0.05):
        s = Sample(axes, nets, {n.id: 0.0 for n in nets}, "larger")
        seeds = np.mean([len(m) for m in s.members.values()])
        rho = 1 / np.sqrt(1 + sd**2 / seeds / s.mean_gap.var())
        z.append(abs(np.arctanh(rows["oracle-%.2f" % sd]["pearson"]) - np.arctanh(rho)) * np.sqrt(max(len(s.configs) - 3, 1)))
    z.append(abs(np.arctanh(rows["random"]["pearson"])) * np.sqrt(max(len(s.configs) - 3, 1)))
    table.add("board: Pearson of oracles and random, in SE", z, 4.5, "Fisher's transform")
