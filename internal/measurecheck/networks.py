"""Networks of a store, or of a folder of the same files, as torch modules."""

import glob
import os
import sys

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "crosscheck"))

import data  # noqa: E402
from store import load_json, load_lines, load_safetensors  # noqa: E402


class Network:
    """One network: record, tensors, and the values that genbench found"""

    def __init__(self, folder):
        self.record = load_json(os.path.join(folder, "record.json"))
        self.id = self.record["id"]
        self.final = load_safetensors(os.path.join(folder, "final.safetensors"))
        self.init = load_safetensors(os.path.join(folder, "init.safetensors"))
        self.layers = self.record["architecture"]["layers"]
        self.values = {}

    def has(self, kind):
        return any(layer["kind"] == kind for layer in self.layers)

    def input(self):
        """[C, H, W] of what the network reads; a network of dense layers reads vectors, [D, 1, 1]"""
        s = self.record["architecture"]["input"]
        return [s["c"], s["h"], s["w"]] if self.has("conv2d") else [s["c"] * s["h"] * s["w"], 1, 1]

    def __str__(self):
        kinds = [layer["kind"] for layer in self.layers]
        count = ["%d %s layers" % (kinds.count(k), k) for k in ("conv2d", "dense") if k in kinds]
        return "%s (%s%s)" % (self.id, ", ".join(count), ", batch norm" if "batchnorm" in kinds else "")


def read(path):
    """The networks below path, with the newest value of every measure where there are values"""
    records = sorted(glob.glob(os.path.join(path, "models", "*", "record.json")) or glob.glob(os.path.join(path, "*", "record.json")))
    nets = [Network(os.path.dirname(r)) for r in records]
    if not nets:
        raise SystemExit("%s holds no networks" % path)
    by_id, newest = {n.id: n for n in nets}, {}
    for p in sorted(glob.glob(os.path.join(path, "values", "*.jsonl"))):
        for v in load_lines(p):
            k = v["network"], v["measure"]
            if k[0] in by_id and (k not in newest or v["sequence"] > newest[k]):
                newest[k] = v["sequence"]
                by_id[k[0]].values[k[1]] = v
    return nets


def training_set(nets):
    """{id: (x [N, D] float32, y [N])}"""
    files = data.Files(os.path.join(HERE, "..", "..", "corpora", "dataset", "fmnist-mini"))
    out = {}
    for n in nets:
        e = data.Examples(files, n.record["transform"])
        out[n.id] = torch.tensor(e.x), torch.tensor(e.y)
    return out


def fill(module, prefix, tensors):
    """Copies the tensors PREFIX.* into the module"""
    state = {k[len(prefix) + 1 :]: torch.tensor(np.array(v)).reshape(module.state_dict()[k[len(prefix) + 1 :]].shape) for k, v in tensors.items() if k.startswith(prefix + ".")}
    module.load_state_dict(state, strict=False)  # num_batches_tracked is not kept


def convolution(net, layer, tensors):
    """A conv2d layer as torch.nn.Conv2d"""
    w = tensors[layer["name"] + ".weight"]
    m = torch.nn.Conv2d(w.shape[1], w.shape[0], w.shape[2], layer["stride"], layer.get("padding", 0), bias=not layer.get("no_bias"))
    fill(m, layer["name"], tensors)
    return m


def versions(**more):
    v = {"python": sys.version.split()[0], "numpy": np.__version__, "torch": torch.__version__}
    v.update(more)
    return v
