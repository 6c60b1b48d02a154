"""Every built-in measure's value of every network, from its formula."""

import numpy as np
from scipy import stats

import derivatives
import graph
import representations
import weights
from data import entropy
from mlp import PCG
from table import relative

WINDOW, GRID = 25, 100
PAPER = "cna[layers=paper,reduce=mean_channel_sum_space]"
EPSILON, DELTA = 1e-3, 0.05
TEST_EXAMPLES = 2  # the random stream that picks test examples
SEARCHED = ("pac-bayes", "sharpness")


def slopes(sums):
    """Least-squares slope over depth 1..L of each row"""
    return np.polyfit(np.arange(1, sums.shape[1] + 1), sums.T, 1)[0]


def smoothed(alpha, beta):
    order = np.argsort(alpha, kind="stable")
    kernel = np.ones(WINDOW) / WINDOW
    return tuple(np.convolve(v[order], kernel, "valid") for v in (alpha, beta))


def scaling(a, b):
    """The map that takes the two curves together to [0, 1] on both axes"""
    low = [min(a[i].min(), b[i].min()) for i in (0, 1)]
    high = [max(a[i].max(), b[i].max()) for i in (0, 1)]
    return lambda c: tuple((c[i] - low[i]) / (high[i] - low[i]) for i in (0, 1))


def merged(x, y):
    """Points of equal x as one, at their mean y. x ascends; a convolution's rounding is not a difference."""
    x, back, count = np.unique(np.round(x, 10), return_inverse=True, return_counts=True)
    return x, np.bincount(back, weights=y) / count


def area_between(a, b):
    a, b = merged(*a), merged(*b)
    x = np.linspace(max(a[0][0], b[0][0]), min(a[0][-1], b[0][-1]), GRID)
    return np.trapz(np.abs(np.interp(x, *a) - np.interp(x, *b)), x)


def areas(train, test, halves=100):
    """The area, and the areas between random halves of the training examples"""
    a, b = smoothed(*train), smoothed(*test)
    scale, rng, split = scaling(a, b), np.random.default_rng(0), []
    for _ in range(halves):
        p = rng.permutation(len(train[0]))
        one, other = p[: len(p) // 2], p[len(p) // 2 :]
        split.append(area_between(*(scale(smoothed(train[0][i], train[1][i])) for i in (one, other))))
    return area_between(scale(a), scale(b)), np.array(split)


def norms(net, gamma):
    """name: value; gamma is a function of the percentile"""
    w = net.weights()
    spectral, fro = [np.linalg.norm(v, 2) for v in w], [np.linalg.norm(v) for v in w]
    out = {}
    if gamma(10) > 0:
        out["l2norm"], out["l2norm-fro"] = sum(spectral) / gamma(10) ** 2, sum(fro) / gamma(10) ** 2
    if gamma(5) > 0:
        out["l2norm-product"] = np.log(fro).sum() - np.log(gamma(5))
    return out


def bounds(w, w0, m, s):
    """FGM's bounds. s: sigma, sigma', alpha, alpha' by name; w without biases."""
    omega, moved, ln = len(w), w - w0, np.log
    out = {}
    mag = lambda scale, extra, v: ln((EPSILON**2 + (scale**2 + extra) * (v @ v) / omega) / (EPSILON**2 + scale**2 * moved**2)).sum() / 4
    for suffix, v in (("init", moved), ("orig", w)):
        if "pac-bayes" in s:
            sigma = s["pac-bayes"]
            out["pac-bayes-" + suffix] = v @ v / (4 * sigma**2) + ln(m / sigma) + 10
        if "pac-bayes" in s and "sharpness" in s:
            out["sharpness-" + suffix] = v @ v * ln(2 * omega) / (4 * s["sharpness"] ** 2) + ln(m / s["pac-bayes"]) + 10
        if "pac-bayes-mag" in s:
            scale = s["pac-bayes-mag"]
            out["pac-bayes-mag-" + suffix] = mag(scale, 1, v) + ln(m / scale) + 10
        if "sharpness-mag" in s:
            out["sharpness-mag-" + suffix] = mag(s["sharpness-mag"], 4 * ln(2 * omega / DELTA), v) + ln(m / DELTA) + 10
    for name, scale in s.items():
        out[name + "-flatness"] = 1 / scale**2
    return out


def scales(store, network):
    """{search: (scale, drop)} of a network, from the flatness rows' diagnostics"""
    out = {}
    for search in ("pac-bayes", "pac-bayes-mag", "sharpness", "sharpness-mag"):
        v = store.values[search + "-flatness"].get(network)
        if v and v["status"] == "ok":
            name = "sigma" if search.startswith("pac") else "alpha"
            out[search] = (v["diagnostics"][name], v["diagnostics"][name + "_drop"])
    return out


def scale_of_others(store, network, found):
    """How far the other rows' diagnostics are from the flatness rows'"""
    worst = 0.0
    for measure, row in store.values.items():
        v = row.get(network)
        if not measure.startswith(SEARCHED) or not v or v["status"] != "ok":
            continue
        own = measure.rsplit("-", 1)[0]
        worst = max(worst, abs(v["diagnostics"]["sigma" if own.startswith("pac") else "alpha"] - found[own][0]))
        if measure in ("sharpness-init", "sharpness-orig"):
            worst = max(worst, abs(v["diagnostics"]["sigma"] - found["pac-bayes"][0]))
    return worst


def curves(store, net, e, o, wanted, halves):
    """cna, cna-area, cna-margin; fills wanted and halves"""
    alpha, beta = entropy(e.native), slopes(o.sums)
    wanted["cna"] = np.corrcoef(alpha, beta)[0, 1]
    if PAPER in store.values:
        wanted[PAPER] = np.corrcoef(alpha, slopes(o.paper))[0, 1]
    run_seed = next(iter(store.values["cna-area"].values()))["seed"]
    n = min(len(e.y), len(e.test_y))
    if n < len(e.y):
        raise ValueError("this check expects no more training than test examples")
    rows = np.arange(n) if n == len(e.test_y) else PCG(run_seed, TEST_EXAMPLES).permutation(len(e.test_y), True)[:n]
    area, split = areas((alpha, beta), (entropy(e.test_native)[rows], slopes(o.test_sums)[rows]))
    wanted["cna-area"] = wanted["area"] = area
    wanted["gamma"] = np.percentile(o.margins, 5)
    wanted["cna-margin"] = wanted["gamma"] * area
    for m in ("cna-area", "cna-margin"):
        got = store.values[m][net.id]["diagnostics"]["split-half-area"]
        halves.append(abs(got - split.mean()) / split.std())


REASONS = {
    "cna": (1e-6, "absolute; float32 layer sums"),
    PAPER: (1e-6, "absolute; float32 layer sums"),
    "cna-area": (1e-6, "absolute; float32 layer sums, scaled to [0, 1]"),
    "cna-margin": (2e-5, "relative; as cna-area, times a float32 margin"),
    "l2norm": (2e-5, "relative; float32 margin, squared"),
    "l2norm-fro": (2e-5, "relative; float32 margin, squared"),
    "l2norm-product": (2e-5, "relative; float32 margin"),
}
REASONS.update(derivatives.REASONS)
REASONS.update(representations.REASONS)
REASONS.update(weights.REASONS)
# Of networks with max-pooling: in flat parts of an image values of a window are equal but for rounding, and another takes the gradient. PyTorch in
# float32 is as far from itself in float64, 9.2e-5 on the network where genbench is.
POOLED = {"augment-margin": (1e-3, "relative; float32 breaks ties of max-pooled windows"), "mixup-margin": (1e-3, "relative; float32 breaks ties of max-pooled windows")}


def check(store, examples, outputs, table):
    got = {m: ([], []) for m in store.values}
    diagnostics, halves, apart, undefined = [], [], [], []
    for net in store.networks:
        e, o, wanted = examples[net.id], outputs[net.id], {}
        curves(store, net, e, o, wanted, halves)
        wanted.update(norms(net, lambda q: np.percentile(o.margins, q)))
        found = scales(store, net.id)
        flat = lambda t: np.concatenate([v.ravel() for v in net.weights(t)])
        wanted.update(bounds(flat(net.final), flat(net.init), len(e.y), {k: v[0] for k, v in found.items()}))
        wanted.update(derivatives.expected(net, e, store))
        apart.append(scale_of_others(store, net.id, found))
        wanted.update(representations.values(store, net, e))
        wanted.update(weights.values(net, e, o))
        d = store.values["cna-margin"][net.id]["diagnostics"]
        diagnostics += [relative(d["gamma"], wanted["gamma"]), relative(d["area"], wanted["area"])]
        diagnostics.append(relative(store.values["l2norm"][net.id]["diagnostics"]["gamma"], np.percentile(o.margins, 10)))
        for m, row in store.values.items():
            v = row.get(net.id)
            undefined.append(v is None or (v["status"] == "ok") != (m in wanted))
            if v is None or v["status"] != "ok" or m in derivatives.ESTIMATES:
                continue
            absolute = m in ("cna", PAPER, "cna-area")
            error = abs(v["value"] - wanted[m]) if absolute else relative(v["value"], wanted[m])
            got[m][0].append(error)
            got[m][1].append(net)
    for m, (errors, nets) in sorted(got.items()):
        if m in derivatives.ESTIMATES:
            continue
        pooled = any("maxpool" in graph.kinds(n) for n in nets)
        tolerance, reason = (POOLED.get(m) if pooled else None) or REASONS.get(m, (1e-12, "relative; float64 formula of the reported scales"))
        table.add("value of " + m, errors, tolerance, reason, nets)
    derivatives.check_estimates(store, examples, table)
    table.add("values defined where they should be", undefined, 0, "as this check's definedness")
    table.add("gamma and area in diagnostics, relative", diagnostics, 2e-5, "as the values")
    table.add("split-half area among own halves, in SD", halves, 5.5, "100 own random halves; skewed")
    table.add("one scale for all bounds of a search", apart, 0, "the same number", store.networks)
