"""Computes the series of the figures a second time, from the store and the data set, and compares.

    python3 internal/crosscheck/figures.py STORE FIGURES PUBLISHED [--data corpora/dataset/fmnist-mini]

FIGURES and PUBLISHED are what `genbench figures` and `genbench figures --published` wrote. Reads only documented
files and computes with NumPy and PyTorch in float64 from the definitions. Exit status 1 when anything disagrees.
"""

import argparse
import glob
import os
import sys

import numpy as np
import torch

import data
import mlp
from measures import area_between, scaling, slopes, smoothed
from store import Store, load_json, load_safetensors
from table import Table

FRACTIONS = [0.2, 0.4, 0.6, 0.8, 1.0]
ROUNDING = 2e-6  # of float32 networks, on losses and correlations
CURVES = 1e-5  # on curves scaled to [0, 1], whose range is a few of their rounding


class Moment:
    """A network with the tensors of some time, and its examples"""

    def __init__(self, net, examples, tensors, epoch):
        self.net, self.e, self.epoch, self.tensors = net, examples, epoch, tensors
        self.layers = mlp.tensors(net, tensors)
        self.alpha, self.test_alpha = examples.alpha, examples.test_alpha

    def sums(self, x, logits=False):
        z = mlp.forward(self.layers, mlp.as64(x))
        return np.stack([v.sum(1).numpy() for v in (z if logits else z[:-1])], 1)

    def losses(self, x, y):
        z = mlp.forward(self.layers, mlp.as64(x))[-1]
        return torch.nn.functional.cross_entropy(z, torch.tensor(y), reduction="none").numpy()

    def logits(self):
        return mlp.forward(self.layers, mlp.as64(self.e.x))[-1].numpy()

    def accuracy(self):
        return (mlp.forward(self.layers, mlp.as64(self.e.test_x))[-1].argmax(1).numpy() == self.e.test_y).mean()

    def cna(self, rows=slice(None)):
        return pearson(self.alpha[rows], slopes(self.sums(self.e.x[rows])))

    def curves(self, logits=False):
        a = smoothed(self.alpha, slopes(self.sums(self.e.x, logits)))
        b = smoothed(self.test_alpha, slopes(self.sums(self.e.test_x, logits)))
        scale = scaling(a, b)
        return scale(a), scale(b)

    def gap(self):
        return self.losses(self.e.test_x, self.e.test_y).mean() - self.losses(self.e.x, self.e.y).mean()


def pearson(x, y):
    return np.corrcoef(x, y)[0, 1]


def moments(net, examples):
    """Snapshots of epochs before the last, and the end"""
    out = []
    for p in glob.glob(os.path.join(net.folder, "snapshots", "[0-9]*.safetensors")):
        epoch = int(os.path.basename(p).split(".")[0])
        if epoch < net.record["epochs"]:
            out.append(Moment(net, examples, load_safetensors(p), epoch))
    return sorted(out, key=lambda m: m.epoch) + [Moment(net, examples, net.final, net.record["epochs"])]


def off(got, want):
    return np.abs(np.array(got, float) - np.array(want, float)).ravel()


def complexity(panels, ms, published, table, name):
    ms = [m for m in ms if m.epoch <= 10]
    order = np.argsort(-ms[0].test_alpha, kind="stable")
    loss, error = [], []
    for k, f in enumerate(FRACTIONS):
        cut = round(f * len(order))
        if cut < len(order) and ms[0].test_alpha[order[cut - 1]] == ms[0].test_alpha[order[cut]]:
            table.remark("%s: the most complex %g are not told from the next" % (name, f))
            continue
        rows = order[:cut]
        for i, m in enumerate(ms):
            want = m.losses(m.e.test_x, m.e.test_y)[rows].mean() / (f * 128 if published else 1)
            loss += list(off(panels[0]["lines"][k]["y"][i], want))
            z = mlp.forward(m.layers, mlp.as64(m.e.test_x))[-1].argmax(1).numpy()
            error += list(off(panels[1]["lines"][k]["y"][i], 100 * (z != m.e.test_y)[rows].mean()))
            loss += list(off(panels[0]["lines"][k]["x"][i], m.epoch))
    table.add(name + ": loss", loss, ROUNDING, "float32 networks")
    table.add(name + ": error", error, 1e-9, "percent of images")


def loss_and_cna(panels, net, e, table):
    order = lambda epoch: mlp.PCG(net.record["seeds"]["order"], epoch).permutation(len(e.x), False)
    size, per = net.record["training"]["batch_size"], -(-len(e.x) // net.record["training"]["batch_size"])
    loss, batch, whole = panels[0]["lines"][0], panels[1]["lines"][0], panels[1]["lines"][1]
    errors = [[], [], []]
    for i, done in enumerate(loss["x"]):
        done = int(done)
        t = net.init if done == 0 else load_safetensors(os.path.join(net.folder, "snapshots", "step-%d.safetensors" % done))
        m = Moment(net, e, t, 0)
        rows = order(done // per + 1)[done % per * size :][:size]
        errors[0] += list(off(loss["y"][i], m.losses(e.x[rows], e.y[rows]).mean()))
        errors[1] += list(off(batch["y"][i], m.cna(rows)))
        errors[2] += list(off(whole["y"][i], m.cna()))
    table.add("loss-cna: mini-batches", [abs(len(loss["x"]) - 23)], 0, "steps 0, 9 .. 198")
    for what, e in zip(["loss of the mini-batch", "CNA of the mini-batch", "CNA of the training set"], errors):
        table.add("loss-cna: " + what, e, ROUNDING, "float32 networks")


def trajectory(panel, ms, table):
    flat = lambda t: np.concatenate([t[n + s].astype(np.float64).ravel() for n in ms[0].net.dense for s in (".weight", ".bias")])
    w = np.stack([flat(m.tensors) for m in ms])
    mean = w.mean(0)
    u, s, v = np.linalg.svd(w - mean, full_matrices=False)
    sign = np.sign((u * s)[-1, :2])
    scores, axes = (u * s)[:, :2] * sign, v[:2] * sign[:, None]
    path = panel["lines"][0]
    table.add("trajectory: path", np.concatenate([off(path["x"], scores[:, 0]), off(path["y"], scores[:, 1])]), 1e-9, "eigenvectors")
    f, errors = panel["field"], []
    low, high = scores.min(0), scores.max(0)
    for k, axis in enumerate((f["x"], f["y"])):
        want = np.linspace(low[k] - (high - low)[k] / 6, high[k] + (high - low)[k] / 6, 21)
        table.add("trajectory: grid %d" % k, off(axis, want), 1e-9, "eigenvectors")
    for j in range(0, 21, 4):
        for i in range(0, 21, 4):
            at, t, k = (mean + f["x"][i] * axes[0] + f["y"][j] * axes[1]).astype(np.float32), {}, 0
            for name in (n + s for n in ms[0].net.dense for s in (".weight", ".bias")):
                shape = ms[0].tensors[name].shape
                size = int(np.prod(shape))
                t[name], k = at[k : k + size].reshape(shape), k + size
            errors += list(off(f["z"][j][i], Moment(ms[0].net, ms[0].e, t, 0).cna()))
    table.add("trajectory: CNA of the plane", errors, ROUNDING, "float32 networks")


def accuracy(panel, all_moments, published, table, name):
    value = lambda m: pearson(*smoothed(m.test_alpha, slopes(m.sums(m.e.test_x, True)))) if published else m.cna()
    rows = [(100 * m.accuracy(), value(m), m.epoch == m.net.record["epochs"]) for ms in all_moments for m in ms]
    got = {p["name"]: p for p in panel["points"]}
    for part, final in (("MLP, snapshots", False), ("MLP, trained", True)):
        want = sorted((x, y) for x, y, end in rows if end == final)
        found = sorted(zip(got[part]["x"], got[part]["y"]))
        table.add(name + ": " + part, off(found, want) if len(found) == len(want) else [float("nan")], CURVES if published else ROUNDING, "float32 networks")
    x, y = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    window = max(5, len(x) // 10)
    order = np.argsort(x, kind="stable")
    mx = np.convolve(x[order], np.ones(window) / window, "valid")
    line, band = panel["lines"][0], panel["bands"][0]
    table.add(name + ": x of the average", off(line["x"], mx), 1e-9, "percent")
    # Networks of one accuracy come in the order of the grid, which this program does not know: the ends of windows may differ.
    distinct = [i for i in range(len(mx)) if (i == 0 or x[order[i - 1]] < x[order[i]]) and (i + window == len(x) or x[order[i + window - 1]] < x[order[i + window]])]
    my = np.array([y[order[i : i + window]].mean() for i in distinct])
    sd = np.array([y[order[i : i + window]].std() for i in distinct])
    at = lambda v: np.array(v)[distinct]
    table.add(name + ": average and band", np.concatenate([off(at(line["y"]), my), off(at(band["low"]), my - sd), off(at(band["high"]), my + sd)]), CURVES if published else ROUNDING, "float32 networks")


def curves(panel, m, published, table, name):
    for line, want in zip(panel["lines"], m.curves(published)):
        errors = np.concatenate([off(line["x"], want[0]), off(line["y"], want[1])])
        table.add("%s: %s" % (name, line["name"]), errors, CURVES, "float32 networks over the curve's range")


def true_values(m):
    """The five measures as they should be"""
    f, y = m.logits(), m.e.y
    true, other = f[np.arange(len(f)), y], f.copy()
    other[np.arange(len(f)), y] = -np.inf
    margins = true - other.max(1)
    g5, g10 = np.percentile(margins, 5), np.percentile(margins, 10)
    w, w0 = m.net.weights(m.tensors), m.net.weights(m.net.init)
    fro, spec = [np.linalg.norm(v) for v in w], [np.linalg.norm(v, 2) for v in w]
    log = lambda v: np.log(v) if v > 0 else np.nan
    bound = 2 * np.log(spec).sum() + np.log(sum(np.linalg.norm(a - b) ** 2 / s**2 for a, b, s in zip(w, w0, spec)))
    return [g5 * area_between(*m.curves()), np.log(fro).sum() - log(g5), path(m) - 2 * log(g10), np.log(spec).sum() - log(g5), bound - 2 * log(g10)]


def path(m):
    """ln of the sum of the outputs of the network with squared tensors on an input of ones"""
    squared = [(w**2, b**2) for w, b in m.layers]
    return np.log(mlp.forward(squared, mlp.as64(np.ones((1, m.e.x.shape[1]))))[-1].sum().item())


def released_margin(m):
    """The 5th percentile that the released code takes: usage/cna_utils.py, batches of 128"""
    out = []
    f = m.logits()
    for lo in range(0, len(f), 128):
        rows, y = f[lo : lo + 128].copy(), m.e.y[lo : lo + 128]
        for i in range(len(rows)):
            rows[i, y[i]] = rows[i].min()
            out.append(rows[np.arange(len(rows)), y] - rows.max(1))
    return np.percentile(np.concatenate(out), 5)


def polygon(a, b):
    """The released code's area: entropy over slope at 100 points of each curve's range, train forward, test backward"""
    side = []
    for alpha, beta in (a, b):
        order = np.argsort(beta, kind="stable")
        at = np.linspace(beta.min(), beta.max(), 100)
        side.append(np.stack([at, np.interp(at, beta[order], alpha[order])], 1))
    ring = np.concatenate([side[0], side[1][::-1]])
    x, y = ring.T
    return abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def published_values(m):
    g, w, w0 = released_margin(m), m.net.weights(m.tensors), m.net.weights(m.net.init)
    fro, spec = [np.linalg.norm(v) for v in w], [np.linalg.norm(v, 2) for v in w]
    bound = np.prod(spec) ** 2 * sum(np.linalg.norm(a - b) ** 2 / s**2 for a, b, s in zip(w, w0, spec))
    if bound == 0:  # before training; genbench answers logarithms
        bound = np.nan
    return [g * polygon(*m.curves(True)), np.prod(fro) / g, np.exp(path(m) / 2) / g, np.prod(spec) / g, bound / g]


def published_gap(m, summed):
    b, n, k = m.net.record["training"]["batch_size"], len(m.e.x), len(m.e.test_x)
    train, test = m.losses(m.e.x, m.e.y).mean(), m.losses(m.e.test_x, m.e.test_y).mean()
    a, z = -(-n // b) * train, -(-k // b) * test
    return abs(a - z) if summed else abs(a / n - z / k)


def bars(fig, ms, target, values, absolute, table, name, panel=0):
    rows = np.array([values(m) + [target(m)] for m in ms])
    row = fig["panels"][panel]["bars"]["bar"][0]
    errors, counts = [], []
    for k, bar in enumerate(row):
        ok = np.isfinite(rows[:, k]) & np.isfinite(rows[:, -1])
        r = pearson(rows[ok, k], rows[ok, -1])
        errors += list(off(bar["value"], abs(r) if absolute else r))
        counts.append(abs(bar["n"] - ok.sum()))
    table.add(name + ": r", errors, CURVES, "correlations of float32 networks")
    table.add(name + ": n", counts, 0, "networks")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser()
    p.add_argument("store")
    p.add_argument("figures")
    p.add_argument("published")
    p.add_argument("--data", default=os.path.join(here, "..", "..", "corpora", "dataset", "fmnist-mini"))
    a = p.parse_args()
    torch.set_num_threads(1)
    store, files, table = Store(a.store), data.Files(a.data), Table()
    everything = []
    for n in store.networks:
        e = data.Examples(files, n.record["transform"])
        e.alpha, e.test_alpha = data.entropy(e.native), data.entropy(e.test_native)
        everything.append(moments(n, e))
    first = next(ms for ms in everything if list(ms[0].net.config.values()) == [0, 0, 16] and ms[0].net.seed == 1)
    read = lambda folder, name: load_json(os.path.join(folder, name + ".json"))
    for folder, published in ((a.figures, False), (a.published, True)):
        tag = " (published)" if published else ""
        complexity(read(folder, "complexity")["panels"], first, published, table, "complexity" + tag)
        accuracy(read(folder, "cna-accuracy")["panels"][0], everything, published, table, "cna-accuracy" + tag)
        curves(read(folder, "curves")["panels"][0], first[-1], published, table, "curves" + tag)
        shuffled = lambda m: m.net.config["label_shuffle"] > 0
        noisy = lambda m: m.net.config["input_noise"] > 0
        for name, which in (("gap-shuffled", shuffled), ("gap-noise", lambda m: not shuffled(m)), ("gap-standard", lambda m: not shuffled(m) and not noisy(m))):
            chosen = [m for ms in everything if which(ms[0]) for m in (ms if published else ms[-1:])]
            if published:
                bars(read(folder, name), chosen, lambda m: published_gap(m, name != "gap-standard"), published_values, True, table, name + tag)
                continue
            bars(read(folder, name), chosen, lambda m: m.gap(), true_values, False, table, name)
            gap = lambda m: (m.logits().argmax(1) == m.e.y).mean() - m.accuracy()
            bars(read(folder, name), chosen, gap, true_values, False, table, name + ", accuracy gap", 1)
    loss_and_cna(read(a.figures, "loss-cna")["panels"], first[0].net, first[0].e, table)
    trajectory(read(a.figures, "trajectory")["panels"][0], first, table)
    time = read(a.figures, "cna-time")["panels"]
    want = [[m.losses(m.e.x, m.e.y).mean() for m in first], [100 * m.accuracy() for m in first], [m.cna() for m in first]]
    table.add("cna-time", np.concatenate([off(p["lines"][0]["y"], w) for p, w in zip(time, want)]), ROUNDING, "float32 networks")
    print(table)
    return 1 if table.disagreements() or len(table.rows) < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
