"""Networks with convolutions, pooling, batch norm and residual sums in float64, by torch.nn.functional, from a record's list of layers."""

import numpy as np
import torch
import torch.nn.functional as F

WEIGHS = ("conv2d", "dense")


def kinds(net):
    return [layer["kind"] for layer in net.record["architecture"]["layers"]]


def is_graph(net):
    return any(k not in ("dense", "relu") for k in kinds(net))


class Graph:
    """A network as a function of its tensors, in evaluation mode"""

    def __init__(self, net, source, dtype=torch.float64):
        a = net.record["architecture"]
        self.layers, self.shape = a["layers"], [a["input"][k] for k in "chw"]
        self.p = {k: torch.tensor(np.array(v), dtype=dtype) for k, v in source.items()}
        names = [layer["name"] for layer in self.layers]
        self.source = [layer.get("from") or (names[i - 1] if i else None) for i, layer in enumerate(self.layers)]
        self.of = {layer["name"]: layer for layer in self.layers}
        self.weighted = [layer["name"] for layer in self.layers if layer["kind"] in WEIGHS]

    def names(self):
        """The trainable tensors, in the order of the layers"""
        out = []
        for layer in self.layers:
            out += [n for n in (layer["name"] + ".weight", layer["name"] + ".bias") if n in self.p]
        return out

    def trained(self):
        return [self.p[n] for n in self.names()]

    def with_trained(self, values):
        """The same network with other trainable tensors"""
        g = object.__new__(Graph)
        g.__dict__.update(self.__dict__)
        g.p = {**self.p, **dict(zip(self.names(), values))}
        return g

    def fused(self):
        """The network with every batch norm folded into the layer that it reads, which then has a bias, and rounded to float32"""
        g = self.with_trained(self.trained())
        g.layers = []
        for layer, read in zip(self.layers, self.source):
            if layer["kind"] != "batchnorm":
                g.layers.append(layer)
                continue
            own = lambda k: self.p[layer["name"] + "." + k]
            s = own("weight") / (own("running_var") + layer["epsilon"]).sqrt()
            w = self.p[read + ".weight"]
            b = self.p.get(read + ".bias", torch.zeros(len(w), dtype=w.dtype))
            g.p[read + ".weight"] = (s.reshape([-1] + [1] * (w.dim() - 1)) * w).float().to(w.dtype)
            g.p[read + ".bias"] = (own("bias") + s * (b - own("running_mean"))).float().to(w.dtype)
            for k in ("weight", "bias", "running_mean", "running_var"):
                del g.p[layer["name"] + "." + k]
            g.layers.append({**layer, "kind": "dropout"})  # does nothing
        return g

    def step(self, layer, read, other):
        kind, own = layer["kind"], lambda k: self.p.get(layer["name"] + "." + k)
        if kind == "conv2d":
            return F.conv2d(read, own("weight"), own("bias"), layer["stride"], layer.get("padding", 0))
        if kind == "dense":
            return F.linear(read.flatten(1), own("weight"), own("bias"))
        if kind == "batchnorm":
            return F.batch_norm(read, own("running_mean"), own("running_var"), own("weight"), own("bias"), False, 0.0, layer["epsilon"])
        if kind == "maxpool":
            return F.max_pool2d(read, layer["kernel"], layer["stride"], layer.get("padding", 0))
        if kind == "avgpool":
            return F.avg_pool2d(read, layer["kernel"], layer["stride"])
        if kind == "globalavgpool":
            return read.mean((2, 3), keepdim=True)
        return {"relu": torch.relu, "flatten": lambda v: v.flatten(1), "dropout": lambda v: v, "add": lambda v: v + other}[kind](read)

    def all(self, x, view=None):
        """{name: what the layer wrote}; view(v) stands in the place of what a layer with weights reads"""
        wrote = {None: x.reshape(len(x), *self.shape)}
        first = {}  # value: its first reader with weights
        for layer, read in zip(self.layers, self.source):
            if layer["kind"] in WEIGHS:
                first.setdefault(read, layer["name"])
        if view and None in first:
            wrote[None] = view(wrote[None])
        for layer, read in zip(self.layers, self.source):
            v = self.step(layer, wrote[read], wrote.get(layer.get("with")))
            wrote[layer["name"]] = view(v) if view and layer["name"] in first else v
        return wrote

    def __call__(self, x):
        """[logits], as the last of forward's list"""
        return [self.all(x)[self.layers[-1]["name"]].flatten(1)]

    def views(self, x):
        """The representations, each once and flattened, in the order in which they are first read, and the logits"""
        order = []

        def view(v):
            flat = v.flatten(1)
            order.append(flat)
            return flat.reshape(v.shape)

        wrote = self.all(x, view)
        return order, wrote[self.layers[-1]["name"]].flatten(1)

    def view_shape(self, number):
        """[C, H, W] of a representation that is no input; of one that was flattened, before that"""
        values = []
        for layer, read in zip(self.layers, self.source):
            if layer["kind"] in WEIGHS and read not in values:
                values.append(read)
        value = values[number]
        while self.of[value]["kind"] == "flatten":
            value = self.source[[layer["name"] for layer in self.layers].index(value)]
        v = self.all(torch.zeros(1, *self.shape, dtype=torch.float64))[value]
        return [*v.shape[1:], 1, 1][:3]

    def sums(self, x):
        """[N, L] sums of the raw outputs of the layers with weights but the last"""
        wrote = self.all(x)
        return np.stack([wrote[n].flatten(1).sum(1).numpy() for n in self.weighted[:-1]], 1)

    def paper(self, x):
        """[N, L] CNA's figures: after batch norm, before ReLU, no shortcuts, channels averaged, and the logits"""
        wrote, out = self.all(x), []
        for n in self.weighted[:-1]:
            if ".shortcut." in n:
                continue
            norm = [layer["name"] for layer, read in zip(self.layers, self.source) if read == n and layer["kind"] == "batchnorm"]
            v = wrote[(norm + [n])[0]]
            out.append(v.mean(1).sum((1, 2)) if v.dim() == 4 else v.sum(1))
        out.append(wrote[self.layers[-1]["name"]].flatten(1).sum(1))
        return np.stack([v.numpy() for v in out], 1)

    def kernels(self):
        """{name: weights of the layers with weights}"""
        return {n: self.p[n + ".weight"].numpy() for n in self.weighted}

    def path_norm(self):
        """ln of the sum of the logits of the squared network at ones"""
        f = self.fused()
        f.p = {k: v**2 for k, v in f.p.items()}
        return torch.log(f(torch.ones(1, *self.shape, dtype=torch.float64))[-1].sum()).item()


def spectral(kernel):
    return np.linalg.svd(kernel.reshape(len(kernel), -1), compute_uv=False)[0]


def circular(kernel, side):
    """The largest singular value of the circular convolution over [side, side] (Sedghi et al. 2018); of a dense weight the matrix norm"""
    if kernel.ndim < 4:
        return spectral(kernel)
    k = np.fft.fft2(kernel, (side, side), axes=(2, 3)).transpose(2, 3, 0, 1)
    return np.linalg.svd(k, compute_uv=False).max()


def slices(kernel):
    """WeightWatcher's eigenvalues of a layer: of a kernel's positions pooled, and halved"""
    if kernel.ndim < 4:
        return np.linalg.svd(kernel, compute_uv=False) ** 2
    return np.linalg.svd(kernel.transpose(2, 3, 0, 1), compute_uv=False).ravel() ** 2 / 2


def pooled(v, shape, size=4):
    """[N, units] maps of a shape, max-pooled in whole windows no larger than the map"""
    c, h, w = shape
    if h * w == 1:
        return v
    return F.max_pool2d(torch.tensor(v).reshape(-1, c, h, w), (min(size, h), min(size, w))).flatten(1).numpy()
