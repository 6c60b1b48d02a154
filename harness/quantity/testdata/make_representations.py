#!/usr/bin/env python3
"""Makes representations.json, the expected values of representations_test.go.

Run with PyTorch 1.13, NumPy 1.24.2 and SciPy 1.10.1, Python 3.11, as: python3 make_representations.py > representations.json
It reads draws.json beside it: which examples are looked at, and how they are changed. Networks run in float64 on float32
weights and inputs; derivatives are autograd's. Images are changed by colorsys and scipy.ndimage, from the
definitions in the comments of images.go and transformed.go.
"""
import colorsys
import itertools
import json
import os
import numpy as np
import scipy
import scipy.ndimage as ndi
import torch

torch.set_default_dtype(torch.float64)
here = os.path.dirname(os.path.abspath(__file__))
draws = json.load(open(os.path.join(here, "draws.json")))
C, H, W = draws["Shape"]["c"], draws["Shape"]["h"], draws["Shape"]["w"]
y = np.array(draws["Labels"])
K, N, D = draws["Classes"], len(y), C * H * W
rng = np.random.default_rng(1810)
x = np.float32(rng.random((N, D)))
test_x = np.float32(rng.random((40, D)))


def hsv(img, f):
    """Applies f to (h, s, v) of every pixel of an image, [3, H, W]."""
    out = np.empty_like(img)
    for i, j in np.ndindex(H, W):
        out[:, i, j] = colorsys.hsv_to_rgb(*f(*colorsys.rgb_to_hsv(*img[:, i, j])))
    return out


def at(img, ys, xs):
    grid = np.meshgrid(ys, xs, indexing="ij")
    return np.stack([ndi.map_coordinates(c, grid, order=1, mode="nearest") for c in img])


def saturate(img, f):
    return hsv(img, lambda h, s, v: (h, min(1, s * f), v))


def sobel(img):
    k = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    return np.stack([ndi.correlate(c, k, mode="mirror") for c in img]) / 4 + 0.5


def erased(img, g):
    out = img.copy()
    out[:, g["Y"]:g["Y"] + g["H"], g["X"]:g["X"] + g["W"]] = 0
    return out


def augmented(img, g):
    if g["Flip"]:
        img = img[:, :, ::-1]
    # A colour in [0, 1] may leave it by its brightness, which comes after hue and saturation.
    img = hsv(img, lambda h, s, v: ((h + g["Hue"]) % 1, s, v))
    img = saturate(img, g["Saturation"])
    img = img + g["Brightness"]
    m = img.mean(axis=(1, 2), keepdims=True)
    img = (img - m) * g["Contrast"] + m
    if g["Zoom"]:
        z = g["Zoom"]
        img = at(img, *[(0.5 - z / 2) * (n - 1) + z * np.arange(n) for n in (H, W)])
    return img


def image(e):
    return x[e].astype(np.float64).reshape(C, H, W)


def disturbed(e, g):
    i = image(e)
    # The central 0.9 of 5 x 4 pixels is all of them.
    return [i, i[:, :, ::-1], saturate(i, g["Saturation"][0]), i, sobel(i), i + 0.5, saturate(i[:, :, ::-1], g["Saturation"][1]), erased(i, g)]


class Net:
    def __init__(self, sizes, norm):
        self.sizes, self.norm, self.tensors = sizes, norm, {}
        for i, (d, o) in enumerate(zip(sizes, sizes[1:]), 1):
            self.put(f"fc{i}.weight", rng.standard_normal((o, d)) * np.sqrt(3 / d))
            self.put(f"fc{i}.bias", rng.standard_normal(o) * 0.3)
            if norm and i < len(sizes) - 1:
                self.put(f"bn{i}.weight", 0.5 + rng.random(o))
                self.put(f"bn{i}.bias", 0.3 * rng.standard_normal(o))
                self.put(f"bn{i}.running_mean", rng.standard_normal(o))
                self.put(f"bn{i}.running_var", 0.5 + rng.random(o))

    def put(self, name, v):
        self.tensors[name] = np.float32(v)

    def t(self, name):
        return torch.tensor(self.tensors[name].astype(np.float64))

    def run(self, x):
        """What each dense layer reads, and the logits; derivatives can be taken of all."""
        a = torch.tensor(np.asarray(x, np.float64).reshape(-1, D)).requires_grad_(True)
        read = []
        for i in range(1, len(self.sizes)):
            read.append(a)
            z = torch.nn.functional.linear(a, self.t(f"fc{i}.weight"), self.t(f"fc{i}.bias"))
            if i == len(self.sizes) - 1:
                return read, z
            if self.norm:
                z = torch.nn.functional.batch_norm(z, self.t(f"bn{i}.running_mean"), self.t(f"bn{i}.running_var"), self.t(f"bn{i}.weight"), self.t(f"bn{i}.bias"), False, 0.1, 1e-5)
            a = torch.relu(z)

    def predict(self, x):
        f = self.run(x)[1].detach().numpy()
        two = np.sort(f, axis=1)[:, -2:]
        assert (two[:, 1] - two[:, 0]).min() > 1e-5, "a prediction is decided by rounding: take another seed"
        return f.argmax(1)

    def margins(self, x, labels):
        read, f = self.run(x)
        own = torch.nn.functional.one_hot(torch.tensor(labels), K).bool()
        d = f[own] - f.masked_fill(own, -np.inf).max(1).values
        grads = torch.autograd.grad(d.sum(), read)
        return d.detach().numpy(), np.stack([g.norm(dim=1).numpy() for g in grads], 1), [a.detach().numpy().var(0) for a in read]

    def squares(self, of):
        read, f = self.run(x)
        o = f if of == "logits" else torch.softmax(f, 1)
        return sum(np.stack([(g ** 2).sum(1).numpy() for g in torch.autograd.grad(o[:, k].sum(), read, retain_graph=True)], 1) for k in range(K))


def flat(v):
    return [float(f"{q:.10g}") for q in np.asarray(v).ravel()]  # float32 needs 9 digits


def changed(net, images, labels):
    d, g, v = net.margins(images, labels)
    return {"Difference": flat(d), "Norms": flat(g[:, 1]), "Variances": flat(v[1])}


def pairs(net):
    out = []
    for r, round in [*enumerate(draws["Rounds"]), (-1, range(N))]:
        found = [(a, b) for a, b in itertools.combinations(sorted(round), 2) if y[a] == y[b]]
        answers = net.predict([(x[a].astype(np.float64) + x[b]) / 2 for a, b in found])
        out += [{"A": int(a), "B": int(b), "Round": r, "Predicted": int(p)} for (a, b), p in zip(found, answers)]
    return out


def expected(net):
    read, _ = net.run(x)
    d, g, v = net.margins(x, y)
    index, partner = np.array(draws["Index"]), np.array(draws["Partners"])
    rounds = np.array(draws["Rounds"]).ravel()
    views = np.array([disturbed(e, q) for e, q in enumerate(draws["Disturbances"])]).transpose(1, 0, 2, 3, 4)  # [8, N, C, H, W]
    probabilities = [torch.softmax(net.run(q)[1], 1).detach().numpy().max(1) for q in views]
    return {
        "BatchNorm": net.norm, "Sizes": net.sizes, "Tensors": {k: flat(t) for k, t in net.tensors.items()},
        "Features": [flat(a.detach().numpy()[rounds]) for a in read], "Difference": flat(d), "Norms": flat(g), "Variances": [float(q.sum()) for q in v],
        "Pairs": pairs(net), "Mixup": changed(net, (x[index].astype(np.float64) + x[partner]) / 2, y[index]),
        "Augment": changed(net, [augmented(image(e), q) for e, q in zip(rounds, draws["Augmentations"])], y[rounds]),
        "Predicted": flat([net.predict(q) for q in views]), "Confidence": flat(probabilities),
        "Squares": {of: flat(net.squares(of)) for of in ("logits", "probabilities")}, "TestAnswers": flat(net.predict(test_x)),
    }


nets = {"plain": Net([D, 9, 7, K], False), "normed": Net([D, 8, 6, K], True)}
print(json.dumps({
    "Versions": {"torch": torch.__version__, "numpy": np.__version__, "scipy": scipy.__version__},
    "X": flat(x), "TestX": flat(test_x), "Nets": {k: expected(n) for k, n in nets.items()},
}))
