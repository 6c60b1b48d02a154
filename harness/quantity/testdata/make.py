#!/usr/bin/env python3
"""Makes quantity.json, the expected values of this package's tests.

Written against NumPy 1.24.2 and SciPy 1.10.1, Python 3.11; run as: python3 make.py > quantity.json
It shares no code with the package: noise follows the formula in noise.go's comment, histograms are numpy.histogram's.
"""
import json
import numpy as np
from scipy.special import logsumexp

M = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M
    return z ^ (z >> 31)


def noise(law, seed, draw, tensor, n):
    key = mix((mix(seed ^ (GOLDEN * law & M)) + mix(draw + 1) * 0xBF58476D1CE4E5B9 + tensor * 0x94D049BB133111EB) & M)
    if law == 3:
        return [1.0 if mix((key + i * GOLDEN) & M) >> 63 == 0 else -1.0 for i in range(n)]
    u = [((mix((key + i * GOLDEN) & M) >> 11) + 0.5) * 2.0**-53 for i in range(n + 1)]
    if law == 2:
        return [float(np.float32(2 * v - 1)) for v in u[:n]]
    out = []
    for i in range(0, n, 2):
        r = np.sqrt(-2 * np.log(u[i]))
        out += [r * np.cos(2 * np.pi * u[i + 1]), r * np.sin(2 * np.pi * u[i + 1])]
    return [float(np.float32(v)) for v in out[:n]]


def entropy(x, bins):
    h = np.histogram(x, bins=bins, range=(0, 1))[0]
    p = h[h > 0] / h.sum()
    return float(-(p * np.log2(p)).sum())


def published(x, bins):
    h = np.histogram(x, bins=bins, range=(0, 1), density=True)[0]
    h = h[h > 0]
    return float(-(h * np.log2(h)).sum())


rng = np.random.default_rng(20261123)
out = {"versions": {"numpy": np.__version__}}
out["noise"] = [
    {"law": law, "seed": str(seed), "draw": draw, "tensor": tensor, "values": noise(law, seed, draw, tensor, 7)}
    for law, seed, draw, tensor in [(1, 0, 0, 0), (1, 7, 3, 2), (2, 1 << 63, 1, 5), (3, 7, 2, 1)]
]

images = [rng.integers(0, 256, 48), np.repeat([0, 64, 128, 255], 12), np.full(48, 17), np.concatenate([np.arange(24), np.zeros(24, int)])]
# an input as a network sees it: noisy, so partly outside [0, 1]; 0.5/255-like values sit near the edges of bins
inputs = [np.float32(im / 255 + 0.3 * rng.standard_normal(48)) for im in images]
inputs[2] = np.float32(np.arange(48) / 47)
rows = []
for im, x in zip(images, inputs):
    x = x.astype(np.float64)
    rows.append({
        "native": [int(v) for v in im], "input": [float(v) for v in x],
        "bits256": entropy(im / 255, 256), "bits1000": entropy(im / 255, 1000), "bits10": entropy(im / 255, 10),
        "published1000": published(im / 255, 1000),
        "clip256": entropy(np.clip(x, 0, 1), 256), "drop256": entropy(x, 256), "drop1000": entropy(x, 1000), "drop37": entropy(x, 37),
    })
out["complexity"] = rows

# V10's logits
f = np.array([[3, 1, 0], [0, 2, 1], [1, 1.5, 4], [2, 0, 1]])
y = np.array([0, 1, 2, 1])
out["loss"] = float(np.mean(logsumexp(f, axis=1) - f[np.arange(4), y]))

# Three layers, batch norm after the first two, evaluation mode, float64.
arch = [(5, 4), (4, 3), (3, 2)]
net, x = {}, np.float32(rng.standard_normal((6, 5)))
a = x.astype(np.float64)
sums = {"released": [], "paper": [], "post_relu": [], "logits": None}
for i, (d, o) in enumerate(arch, 1):
    w, b = np.float32(rng.standard_normal((o, d))), np.float32(rng.standard_normal(o))
    net[f"fc{i}.weight"], net[f"fc{i}.bias"] = w, b
    a = a @ w.T.astype(np.float64) + b
    if i == 3:
        sums["logits"] = a
        break
    sums["released"].append(a)
    g, c, m, v = np.float32(rng.standard_normal(o)), np.float32(rng.standard_normal(o)), np.float32(rng.standard_normal(o)), np.float32(rng.random(o) + 0.5)
    net[f"bn{i}.weight"], net[f"bn{i}.bias"], net[f"bn{i}.running_mean"], net[f"bn{i}.running_var"] = g, c, m, v
    a = (a - m.astype(np.float64)) / np.sqrt(v.astype(np.float64) + 1e-5) * g + c
    sums["paper"].append(a)
    a = np.maximum(a, 0)
    sums["post_relu"].append(a)
lay = {
    "released/sum/false": sums["released"], "released/sum/true": sums["released"] + [sums["logits"]],
    "released/abs_sum/false": sums["released"], "released/mean/false": sums["released"],
    "released/mean_channel_sum_space/false": sums["released"],
    "paper/sum/false": sums["paper"] + [sums["logits"]], "post_relu/sum/false": sums["post_relu"],
}
red = {"sum": lambda z: z.sum(1), "mean_channel_sum_space": lambda z: z.sum(1), "abs_sum": lambda z: np.abs(z).sum(1), "mean": lambda z: z.mean(1)}
out["network"] = {k: [float(q) for q in v.ravel()] for k, v in net.items()}
out["x"] = [float(v) for v in x.ravel()]
out["sums"] = {k: np.stack([red[k.split("/")[1]](z) for z in v], 1).ravel().tolist() for k, v in lay.items()}
out["logits"] = sums["logits"].ravel().tolist()
print(json.dumps(out, indent=1))
