"""Measures of representations, changed inputs, margins at hidden layers, derivatives and agreement, from their
formulas, with the sampled examples drawn again from the description in harness/quantity (rounds.go, transformed.go)."""

import itertools

import numpy as np
import scipy.ndimage as ndi
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import trim_mean
from sklearn.metrics import davies_bouldin_score

import graph
from mlp import MASK, PCG, as64, forward, tensors

GOLDEN = 0x9E3779B97F4A7C15
ROUNDS, PARTNER, AUGMENT, DISTURB = 100, 101, 102, 103  # streams of the run's seed
PENALTIES = [6, 1, 2, 3, 1, 12, 2]
FLOAT32 = "relative; a float32 network"
REASONS = {
    "davies-bouldin": (1e-5, FLOAT32), "mixup-accuracy": (2e-3, "relative; float32 may turn a few near ties of some hundred pairs"),
    "dbi-mixup": (2e-2, "relative; as mixup-accuracy, whose distance from 1 it holds"), "kv-margin": (1e-5, FLOAT32), "kv-gn-margin": (1e-5, FLOAT32),
    "mixup-margin": (1e-5, FLOAT32), "augment-margin": (1e-5, FLOAT32), "always-generalize": (2e-3, "relative; float32 may turn a near tie"),
    "demogen-lower-fence": (1e-3, "relative; a small difference of float32 logits"), "jacobian-norm": (1e-5, FLOAT32), "disagreement": (1e-12, "relative; counts"),
}
REASONS.update({"demogen-" + k: (1e-5, FLOAT32) for k in ("q1", "median", "q3", "upper-fence")})


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Chance:
    def __init__(self, seed, stream):
        self.key = mix((mix(seed ^ (GOLDEN * stream & MASK)) + GOLDEN) & MASK)

    def bits(self, i):
        return mix((self.key + i * GOLDEN) & MASK)

    def between(self, i, low, high):
        return low + (high - low) * (self.bits(i) >> 11) * 2.0**-53

    def below(self, i, n):
        return self.bits(i) * n >> 64


def rounds(seed, n, count, size):
    if size == 0 or size >= n:
        count, size = 1, n
    out, left, turn = [], [], 0
    for _ in range(count):
        if len(left) < size:
            left = PCG(seed, ROUNDS + (turn << 32)).permutation(n, True)
            turn += 1
        out.append(left[:size])
        left = left[size:]
    return out


def run(layers, x):
    """What each layer reads, and the logits; for derivatives with respect to all of them"""
    if callable(layers):
        return layers.views(as64(x).requires_grad_())
    read, a = [], as64(x).requires_grad_()
    for i, (w, b) in enumerate(layers):
        read.append(a)
        z = a @ w.T + b
        a = z.relu() if i < len(layers) - 1 else z
    return read, a


def margins(layers, x, y):
    """f_y - f_j, the norms of its gradients [N, L], and what each layer reads"""
    read, f = run(layers, x)
    own = torch.nn.functional.one_hot(torch.tensor(y), f.shape[1]).bool()
    d = f[own] - f.masked_fill(own, -np.inf).max(1).values
    g = torch.autograd.grad(d.sum(), read)
    return d.detach().numpy(), np.stack([v.norm(dim=1).numpy() for v in g], 1), [a.detach().numpy() for a in read]


def predict(layers, x):
    return forward(layers, as64(x))[-1].argmax(1).numpy()


def mixup_accuracy(layers, x, y, seed, classes):
    shares = {c: [] for c in range(classes)}
    for r in rounds(seed, len(y), 10, 10 * classes):
        for c in range(classes):
            pairs = list(itertools.combinations([i for i in r if y[i] == c], 2))
            if pairs:
                a, b = np.array(pairs).T
                shares[c].append((predict(layers, (x[a].astype(float) + x[b]) / 2) == c).mean())
    return np.mean([np.mean(s) for s in shares.values() if s])


def kv(d, g, read, y, sample, gradient):
    score = d[sample] / (g[sample] + 1e-6) if gradient else d[sample]
    gamma = 0
    for c in np.unique(y):
        members = [i for i in sample if y[i] == c]
        k = len(members) // 2
        cost = cdist(read[members[:k]], read[members[k : 2 * k]])
        gamma += (y == c).mean() * cost[linear_sum_assignment(cost)].mean() * (1 if gradient else g[members].max())
    return -np.median(score) / gamma


def changed_margin(layers, x, y):
    d, g, read = margins(layers, x, y)
    return -np.mean(d / (g[:, 1] + 1e-7)) / (np.sqrt(trim_mean(read[1].var(0), 0.05)) + 1e-7)


def mixed(x, y, seed, classes):
    """Means of examples with their partners, and labels"""
    one, other = [], []
    for r, drawn in enumerate(rounds(seed, len(y), 10, 50)):
        for c in range(classes):
            members = [i for i in drawn if y[i] == c]
            one += members
            other += [members[k] for k in PCG(seed, PARTNER + (r << 32) + (c << 8)).permutation(len(members), True)]
    return (x[one].astype(float) + x[other]) / 2, y[one]


def augmented(images, seed):
    """Grey images [N, H, W], each changed in its own way"""
    c, out = Chance(seed, AUGMENT), []
    for i, im in enumerate(images):
        im = im[:, ::-1] if c.between(7 * i, 0, 1) < 0.5 else im
        im = im + c.between(7 * i + 3, -0.05, 0.05)
        im = (im - im.mean()) * c.between(7 * i + 4, 0.7, 1) + im.mean()
        if c.between(7 * i + 5, 0, 1) >= 0.5:
            z = (85 + c.below(7 * i + 6, 16)) / 100
            at = np.meshgrid(*[(0.5 - z / 2) * (n - 1) + z * np.arange(n) for n in im.shape], indexing="ij")
            im = ndi.map_coordinates(im, at, order=1, mode="nearest")
        out.append(im)
    return np.array(out)


def disturbed(images, seed):
    """The seven disturbances of grey images below 20 pixels: saturation and the crop do nothing"""
    n, h, w = images.shape
    flipped = images[:, :, ::-1]
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    edges = np.stack([ndi.correlate(im, kernel, mode="mirror") for im in images]) / 4 + 0.5
    c, erased = Chance(seed, DISTURB), images.copy()
    low, high = round(np.sqrt(0.02 * h * w * 0.3)), round(np.sqrt(0.4 * h * w / 0.3))
    for i in range(n):
        a, b = (low + c.below(6 * i + 2 + k, min(high, side) - low) for k, side in enumerate((h, w)))
        top, left = c.below(6 * i + 4, h - a), c.below(6 * i + 5, w - b)
        erased[i, top : top + a, left : left + b] = 0
    return [flipped, images, images, edges, images + 0.5, flipped, erased]


def always_generalize(layers, images, seed):
    def answer(v):
        p = torch.softmax(forward(layers, as64(v.reshape(len(v), -1).copy()))[-1], 1).max(1)
        return p.values.numpy(), p.indices.numpy()

    sure, label = answer(images)
    total = 0
    for v, penalty in zip(disturbed(images, seed), PENALTIES):
        p, k = answer(v)
        total += np.where(k == label, np.abs(p - sure), penalty).sum()
    return -total / len(images)


def demogen(d, g, read):
    m = (d / np.sqrt(1e-6 + g[:, 1] ** 2) / np.sqrt(read[1].var(0).sum()))[d > 0]
    q1, q2, q3 = np.percentile(m, [25, 50, 75])
    return {
        "demogen-q1": q1, "demogen-median": q2, "demogen-q3": q3,
        "demogen-lower-fence": m[m >= q1 - 1.5 * (q3 - q1)].min(), "demogen-upper-fence": m[m <= q3 + 1.5 * (q3 - q1)].max(),
    }


def jacobian_norm(layers, x):
    read, f = run(layers, x)
    grads = [torch.autograd.grad(f[:, k].sum(), read, retain_graph=True) for k in range(f.shape[1])]
    return np.mean([np.mean([g[l].pow(2).mean().item() for g in grads]) for l in range(len(read))])


def sibling(store, net):
    """The next seed of the configuration, the first after the last"""
    group = sorted((n for n in store.networks if n.config == net.config), key=lambda n: n.seed)
    return group[(group.index(net) + 1) % len(group)]


def values(store, net, e):
    """name: value, of a network whose training set is no larger than any sample but those of rounds"""
    layers, x, y = tensors(net, net.final), e.x, np.array(e.y)
    classes = net.record["architecture"]["classes"]
    seed = next(iter(store.values["davies-bouldin"].values()))["seed"]
    if len(y) > 528:
        raise ValueError("this check expects no more training examples than a sample has")
    shape = [net.record["architecture"]["input"][k] for k in "chw"]
    if shape[0] != 1 or max(shape) >= 20:
        raise ValueError("this check knows grey images below 20 pixels, not %s" % shape)
    images = np.asarray(x, float).reshape(-1, *shape[1:])
    d, g, read = margins(layers, x, y)
    out = demogen(d, g, read)
    hidden = graph.pooled(read[1], layers.view_shape(1)) if callable(layers) else read[1]
    out["davies-bouldin"] = np.mean([davies_bouldin_score(hidden[r], y[r]) for r in rounds(seed, len(y), 10, 120)])
    out["mixup-accuracy"] = mixup_accuracy(layers, x, y, seed, classes)
    out["dbi-mixup"] = out["davies-bouldin"] * (1 - out["mixup-accuracy"])
    (sample,) = rounds(seed, len(y), 1, 0)
    out["kv-margin"] = kv(d, g[:, 1], read[1], y, sample, False)
    out["kv-gn-margin"] = kv(d, g[:, -1], read[-1], y, sample, True)
    out["mixup-margin"] = changed_margin(layers, *mixed(x, y, seed, classes))
    drawn = np.concatenate(rounds(seed, len(y), 10, 50))
    out["augment-margin"] = changed_margin(layers, augmented(images[drawn], seed).reshape(len(drawn), -1), y[drawn])
    out["always-generalize"] = always_generalize(layers, images, seed)
    out["jacobian-norm"] = jacobian_norm(layers, x)
    other = sibling(store, net)
    out["disagreement"] = (predict(layers, e.test_x) != predict(tensors(other, other.final), e.test_x)).mean()
    return out
