#!/usr/bin/env python3
"""Writes testdata/convolutions.json: small networks with convolutions, pooling, batch norm and residual sums, and what the host is to serve of
them, by PyTorch in float64 (internal/crosscheck/graph.py, written for checks and not by translating Go).

    python3 harness/quantity/testdata/make_convolutions.py

Layers are those of models.Build, which fills in the rest. Values of tensors are multiples of 1/64, so that float32 and JSON hold them exactly.
"""

import json
import os
import sys
import types

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "..", "internal", "crosscheck"))

import graph  # noqa: E402

CLASSES, N = 3, 5


def conv(name, channels, kernel=3, stride=1, padding=1, **more):
    return {"name": name, "kind": "conv2d", "channels": channels, "kernel": kernel, "stride": stride, "padding": padding, **more}


def layer(kind, name, **more):
    return {"name": name, "kind": kind, **more}


def bn(name):
    return layer("batchnorm", name, epsilon=1e-5, momentum=0.1)


NETWORKS = {
    # convolutions with a bias, overlapping and padded pooling, a dense layer that reads a map, a flatten
    "pools": ((3, 9, 9), [conv("c1", 4), layer("relu", "r1"), layer("maxpool", "p1", kernel=3, stride=2, padding=1), conv("c2", 5, 3, 1, 0), bn("n2"), layer("relu", "r2"),
                          layer("avgpool", "p2", kernel=2, stride=1), layer("flatten", "f"), layer("dense", "d1", out=6), layer("relu", "r3"), layer("dense", "d2", out=CLASSES)]),
    # a block with and one without a convolution in its shortcut, batch norm everywhere, no biases
    "residual": ((1, 8, 8), [conv("c", 3, no_bias=True), bn("n"), layer("relu", "r"),
                             conv("a.c1", 3, no_bias=True), bn("a.n1"), layer("relu", "a.r1"), conv("a.c2", 3, no_bias=True), bn("a.n2"), layer("add", "a.add", **{"with": "r"}), layer("relu", "a.r"),
                             conv("b.c1", 4, stride=2, no_bias=True), bn("b.n1"), layer("relu", "b.r1"), conv("b.c2", 4, no_bias=True), bn("b.n2"),
                             conv("b.shortcut.0", 4, 1, 2, 0, no_bias=True, **{"from": "a.r"}), bn("b.shortcut.1"), layer("add", "b.add", **{"with": "b.n2"}), layer("relu", "b.r"),
                             layer("globalavgpool", "pool"), layer("dense", "d", out=CLASSES)]),
    # the classifier is a convolution, and a ReLU and a mean stand behind it
    "nin": ((2, 7, 6), [conv("c1", 4, 3, 2, 1), bn("n1"), layer("relu", "r1"), conv("c2", 4, 1, 1, 0), bn("n2"), layer("relu", "r2"), conv("c3", CLASSES, 1, 1, 0), bn("n3"), layer("relu", "r3"), layer("globalavgpool", "pool")]),
}


def tensors(layers, shape, rng):
    """In the order of the layers, by running shapes through them"""
    out, shapes, before = {}, {}, shape
    draw = lambda s, low, high: (rng.integers(low, high, s) / 64).astype(np.float32)
    for l in layers:
        read = shapes[l["from"]] if "from" in l else before
        if l["kind"] == "conv2d":
            side = lambda n: (n + 2 * l["padding"] - l["kernel"]) // l["stride"] + 1
            out[l["name"] + ".weight"] = draw((l["channels"], read[0], l["kernel"], l["kernel"]), -32, 40)
            if "no_bias" not in l:
                out[l["name"] + ".bias"] = draw(l["channels"], -16, 16)
            before = (l["channels"], side(read[1]), side(read[2]))
        elif l["kind"] == "dense":
            out[l["name"] + ".weight"], out[l["name"] + ".bias"] = draw((l["out"], int(np.prod(read))), -32, 32), draw(l["out"], -16, 16)
            before = (l["out"], 1, 1)
        elif l["kind"] == "batchnorm":
            c = read[0]
            for k, low, high in (("weight", 32, 90), ("bias", -32, 32), ("running_mean", -32, 32), ("running_var", 16, 128)):
                out[l["name"] + "." + k] = draw(c, low, high)
            before = read
        elif l["kind"] in ("maxpool", "avgpool"):
            side = lambda n: (n + 2 * l.get("padding", 0) - l["kernel"]) // l["stride"] + 1
            before = (read[0], side(read[1]), side(read[2]))
        elif l["kind"] == "globalavgpool":
            before = (read[0], 1, 1)
        elif l["kind"] == "flatten":
            before = (int(np.prod(read)), 1, 1)
        else:
            before = read
        shapes[l["name"]] = before
    return out


def margins(g, x, y):
    views, f = g.views(x.clone().requires_grad_())
    other = f.clone()
    other[torch.arange(N), y] = -np.inf
    d = f[torch.arange(N), y] - other.max(1).values
    grads = torch.autograd.grad(d.sum(), views, retain_graph=True)
    squares = sum(torch.stack([v.pow(2).sum(1) for v in torch.autograd.grad(f[:, k].sum(), views, retain_graph=True)], 1) for k in range(CLASSES))
    return {
        "difference": d.tolist(), "norms": torch.stack([v.norm(dim=1) for v in grads], 1).flatten().tolist(), "squares": squares.flatten().tolist(),
        "variances": [v.detach().var(0, unbiased=False).sum().item() for v in views], "units": [v.shape[1] for v in views],
    }


def reduced(g, x, names, reduce):
    """The layers named, each to a number an example; a * marks a map"""
    wrote, out = g.all(x), []
    for name in names:
        v = wrote[name.rstrip("*")]
        if reduce == "mean_channel_sum_space" and name.endswith("*"):
            v = v.mean(1)
        v = v.flatten(1)
        out.append({"mean": v.mean(1), "abs_sum": v.abs().sum(1)}.get(reduce, v.sum(1)))
    return torch.stack(out, 1).flatten().tolist()


# Which layers each choice of them takes, in order, by hand.
LAYERS = {
    "pools": {"released": ["c1*", "c2*", "d1"], "paper": ["c1*", "n2*", "d1", "d2"], "post_relu": ["r1*", "r2*", "r3"]},
    "residual": {"released": ["c*", "a.c1*", "a.c2*", "b.c1*", "b.c2*", "b.shortcut.0*"], "paper": ["n*", "a.n1*", "a.n2*", "b.n1*", "b.n2*", "d"], "post_relu": ["r*", "a.r1*", "a.r*", "b.r1*", "b.r*"]},
    "nin": {"released": ["c1*", "c2*"], "paper": ["n1*", "n2*", "pool"], "post_relu": ["r1*", "r2*"]},
}


def main():
    rng, out = np.random.default_rng(1), {}
    for name, (shape, layers) in NETWORKS.items():
        t = tensors(layers, shape, rng)
        net = types.SimpleNamespace(record={"architecture": {"layers": layers, "input": dict(zip("chw", shape))}})
        g = graph.Graph(net, t)
        x = torch.tensor(rng.integers(0, 65, (N, int(np.prod(shape)))) / 64, dtype=torch.float64)
        y = torch.arange(N) % CLASSES
        read = g.views(x)[0]
        sums = {"%s %s" % (kind, r): reduced(g, x, names, r) for kind, names in LAYERS[name].items() for r in ("sum", "mean", "abs_sum", "mean_channel_sum_space")}
        out[name] = {
            "shape": shape, "layers": layers, "tensors": [{"name": k, "shape": v.shape, "data": v.ravel().tolist()} for k, v in t.items()],
            "x": x.flatten().tolist(), "y": y.tolist(), "logits": g(x)[-1].flatten().tolist(), "sums": sums, "path_norm": g.path_norm(),
            "features": [v.flatten().tolist() for v in read[1:3]], "pooled": [graph.pooled(v.numpy(), g.view_shape(i + 1), 2).ravel().tolist() for i, v in enumerate(read[1:3])],
            "fft": [np.linalg.svd(np.fft.fft2(k, shape[1:], axes=(2, 3)).transpose(2, 3, 0, 1), compute_uv=False).max() if k.ndim == 4 else graph.spectral(k) for k in g.fused().kernels().values()],
            "matrix": [graph.spectral(k) for k in g.fused().kernels().values()], **margins(g, x, y),
        }
    versions = {"numpy": np.__version__, "torch": torch.__version__}
    with open(os.path.join(HERE, "convolutions.json"), "w") as f:
        json.dump({"versions": versions, "networks": out}, f, default=int)
        f.write("\n")


if __name__ == "__main__":
    main()
