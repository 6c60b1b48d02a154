#!/usr/bin/env python3
"""Runs the measures of nitarshan/robust-generalization-measures (RGM) on networks that genbench trained.

    genbench run internal/measurecheck/networks.yaml --store STORE        (or convolutions.yaml)
    python3 internal/measurecheck/rgm.py STORE --rgm FOLDER [--seeds 20] [--write FILE]

FOLDER is a checkout of RGM, whose data/generation/measures.py is run as it is. It knows Conv2d and BatchNorm2d
only, so a dense layer is given to it as a 1x1 convolution, and the input of a network without convolutions as an image of D channels of one pixel: the
same function, the same weights, [Out, In, 1, 1]. Its FFT spectral norm is then taken over one pixel, or of a kernel of one, and equals
the matrix norm, as genbench has it for dense layers. A NiN is RGM's own class NiN, with the stored tensors.

Prints RGM's and genbench's value of every measure (genbench's from STORE/values, where they are), and exits
with status 1 where they differ by more than 1e-4 (3e-4 in a network of convolutions): relatively, or for logarithms absolutely, which is the relative
difference of what they are the logarithms of. Values that rest on random noise are held against the mean and the
standard deviation of RGM's over seeds. --write keeps RGM's values as JSON, and beside them those of deterministic measures
with an epsilon of 0 in the batch norm that its _reparam leaves behind, whose factor 1/√(1+ε) a layer is then gone.
"""

import argparse
import contextlib
import hashlib
import importlib
import io
import json
import math
import os
import sys
import types

import numpy as np
import torch

import networks

TOLERANCE, DEVIATIONS = 1e-4, 5
STOCHASTIC = {
    "PACBAYES_INIT": "pac-bayes-init", "PACBAYES_ORIG": "pac-bayes-orig", "PACBAYES_FLATNESS": "pac-bayes-flatness",
    "PACBAYES_MAG_INIT": "pac-bayes-mag-init", "PACBAYES_MAG_ORIG": "pac-bayes-mag-orig", "PACBAYES_MAG_FLATNESS": "pac-bayes-mag-flatness",
}
NAMES = {"FRO_DIST": "frob-distance", "PARAMS": None}
LOGS = ("PATH_NORM", "PATH_NORM_OVER_MARGIN")  # genbench answers the logarithm of these


def name_of(kind):
    """genbench's name of RGM's measure, with the option that makes it the same"""
    if kind in STOCHASTIC:
        return STOCHASTIC[kind] + "[rgm_compat=true]"
    name = NAMES.get(kind, kind.removeprefix("LOG_").lower().replace("_", "-"))
    if name and (kind == "INVERSE_MARGIN" or "MARGIN" in kind or "_MAIN" in kind):
        name += "[margin=rgm]"
    return name


def nin(models, net, tensors):
    """RGM's network in network with these tensors"""
    depth = sum(layer["name"].endswith(".conv1") for layer in net.layers)
    width = tensors["blocks.0.conv1.weight"].shape[0]
    m = models.NiN(depth, 1, width, types.SimpleNamespace(D=net.input(), K=net.record["architecture"]["classes"]))
    m.load_state_dict({k: torch.tensor(np.array(v)) for k, v in tensors.items()}, strict=False)  # num_batches_tracked is not kept
    return m.eval()


def module(models, net, tensors):
    """The network as convolutions"""
    if net.record["architecture"]["family"] == "nin":
        return nin(models, net, tensors)

    class Convolutions(models.ExperimentBaseModel):
        def __init__(self):
            super().__init__(types.SimpleNamespace(D=net.input(), K=net.layers[-1]["out"]))
            for layer in net.layers:
                kind = layer["kind"]
                if kind == "dense":
                    m = torch.nn.Conv2d(layer["in"], layer["out"], 1)
                    networks.fill(m, layer["name"], tensors)
                elif kind == "conv2d":
                    m = networks.convolution(net, layer, tensors)
                elif kind == "batchnorm":
                    m = torch.nn.BatchNorm2d(len(tensors[layer["name"] + ".weight"]), eps=layer["epsilon"])
                    networks.fill(m, layer["name"], tensors)
                elif kind == "maxpool":
                    m = torch.nn.MaxPool2d(layer["kernel"], layer["stride"], layer.get("padding", 0))
                elif kind == "relu":
                    m = torch.nn.ReLU()
                else:
                    raise SystemExit("%s: no convolution does what a %s does" % (net, kind))
                self.add_module(layer["name"], m)

        def forward(self, x):
            for m in self.children():
                x = m(x)
            return x.flatten(1)

    return Convolutions().eval()


class Loader:
    """The training set as one batch, with what measures.py asks of a DataLoader"""

    def __init__(self, x, y):
        self.dataset, self.x, self.y = range(len(y)), x, y

    def __iter__(self):
        yield self.x, self.y


@contextlib.contextmanager
def epsilon_of_0(measures):
    """The batch norm that RGM's _reparam leaves behind, with variance 1, gets an epsilon of 0: then it does nothing"""
    as_it_is = measures._reparam

    def without(model):
        model = as_it_is(model)
        for child in model.modules():
            if isinstance(child, torch.nn.BatchNorm2d):
                child.eps = 0
        return model

    measures._reparam = without
    try:
        yield
    finally:
        measures._reparam = as_it_is


def run(code, net, examples, seed, exact=False):
    """{measure: raw value}: what measures.py answers, less its adjustment for the number of examples; exact: see epsilon_of_0"""
    models = importlib.import_module(code + ".models")
    measures = importlib.import_module(code + ".measures")
    if exact:
        with epsilon_of_0(measures):
            return run(code, net, examples, seed)
    x, y = examples
    model, init = (module(models, net, t) for t in (net.final, net.init))
    loader = Loader(x.reshape(len(x), *net.input()), y)
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        accuracy = (model(loader.x).argmax(1) == y).double().mean().item()
        found = measures.get_all_measures(model, init, loader, accuracy, seed)
    m = len(y)
    return {k.name: float(2 * v + math.log(m) if k.name.startswith("LOG_") else m * v**2) for k, v in found.items()}


def difference(kind, rgm, genbench):
    """(RGM's value on genbench's scale, the difference that TOLERANCE is for)"""
    if kind in LOGS:
        rgm = math.log(rgm)
    apart = abs(genbench - rgm)
    return rgm, apart if kind in LOGS or kind.startswith("LOG_") else apart / abs(rgm)


def compare(net, expected):
    """Prints the table of one network; True where all agree"""
    good = True
    print("%s\n%-46s %18s %18s %10s" % (net, "measure", "RGM", "genbench", "difference"))
    for kind in expected["values"]:
        name = name_of(kind)
        if name is None:
            continue
        value = net.values.get(name, {}).get("value")
        if kind in STOCHASTIC:
            all_seeds = np.array(expected["by_seed"][kind])
            rgm, spread = all_seeds.mean(), max(all_seeds.std(ddof=1), TOLERANCE * abs(all_seeds.mean()))
            text = "±%.2g" % spread
            apart, tolerance, unit = (abs(value - rgm) / spread if value is not None else None), DEVIATIONS, "SD"
        else:
            text, tolerance, unit = "", TOLERANCE, ""
            rgm, apart = difference(kind, expected["values"][kind], value) if value is not None else (expected["values"][kind], None)
        if value is None:
            print("%-46s %18s %18s" % (name, "%.8g%s" % (rgm, text), "-"))
            continue
        ok = apart <= tolerance * (3 if kind not in STOCHASTIC and net.has("conv2d") else 1)  # 7 neutral batch norms in a margin
        good = good and ok
        print("%-46s %18s %18.8g %8.1e%2s %s" % (name, "%.8g%s" % (rgm, text), value, apart, unit, "" if ok else "FAIL"))
    return good


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("store")
    p.add_argument("--rgm", required=True, help="a checkout of nitarshan/robust-generalization-measures")
    p.add_argument("--seeds", type=int, default=20, help="of the noise")
    p.add_argument("--write")
    a = p.parse_args()
    torch.set_num_threads(1)
    sys.path.insert(0, os.path.join(a.rgm, "data"))
    nets = networks.read(a.store)
    sets = networks.training_set(nets)
    expected = {}
    for n in nets:
        runs = [run("generation", n, sets[n.id], seed) for seed in range(a.seeds)]
        exact = run("generation", n, sets[n.id], 0, exact=True)
        expected[n.id] = {"values": runs[0], "exact": {k: v for k, v in exact.items() if k not in STOCHASTIC}, "by_seed": {k: [r[k] for r in runs] for k in STOCHASTIC}}
    if a.write:
        with open(a.write, "w") as f:
            json.dump({"versions": networks.versions(measures_py_sha256=sha256(os.path.join(a.rgm, "data", "generation", "measures.py"))), "networks": expected}, f, indent=1)
            f.write("\n")
    good = [compare(n, expected[n.id]) for n in nets]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
