#!/usr/bin/env python3
"""Runs the measures of nitarshan/robust-generalization-measures (RGM) on networks that genbench trained.

    genbench run internal/measurecheck/networks.yaml --store STORE
    python3 internal/measurecheck/rgm.py STORE --rgm FOLDER [--seeds 20] [--write FILE]

FOLDER is a checkout of RGM, whose data/generation/measures.py is run as it is. It knows Conv2d and BatchNorm2d
only, so a dense layer is given to it as a 1x1 convolution and the input as an image of D channels of one pixel: the
same function, the same weights, [Out, In, 1, 1]. Its FFT spectral norm is then taken over one pixel, and equals
the matrix norm, as genbench has it for dense layers.

Prints RGM's and genbench's value of every measure (genbench's from STORE/values, where they are), and exits
with status 1 where they differ by more than 1e-4: relatively, or for logarithms absolutely, which is the relative
difference of what they are the logarithms of. Values that rest on random noise are held against the mean and the
standard deviation of RGM's over seeds. --write keeps RGM's values as JSON.
"""

import argparse
import contextlib
import importlib
import io
import json
import math
import os
import subprocess
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


def module(base, net, tensors, neutral=True):
    """The network as 1x1 convolutions"""

    class Convolutions(base):
        def __init__(self):
            size = net.layers[0]["in"]
            super().__init__(types.SimpleNamespace(D=(size, 1, 1), K=net.layers[-1]["out"]))
            for layer in net.layers:
                kind = layer["kind"]
                if kind == "dense":
                    m = torch.nn.Conv2d(layer["in"], layer["out"], 1)
                elif kind == "batchnorm":
                    m = torch.nn.BatchNorm2d(layer["in"], eps=layer["epsilon"])
                elif kind == "relu":
                    m = torch.nn.ReLU()
                else:
                    raise SystemExit("%s: no 1x1 convolution does what a %s does" % (net, kind))
                if kind != "relu":
                    networks.fill(m, layer["name"], tensors)
                self.add_module(layer["name"], m)

        def forward(self, x):
            for m in self.children():
                x = m(x)
            return x.flatten(1)

    return Convolutions().eval()


class Loader:
    """The training set as one batch, with what measures.py asks of a DataLoader"""

    def __init__(self, x, y):
        self.dataset, self.x, self.y = range(len(y)), x[:, :, None, None], y

    def __iter__(self):
        yield self.x, self.y


def run(code, net, examples, seed):
    """{measure: raw value}: what measures.py answers, less its adjustment for the number of examples"""
    models = importlib.import_module(code + ".models")
    measures = importlib.import_module(code + ".measures")
    x, y = examples
    model, init = (module(models.ExperimentBaseModel, net, t) for t in (net.final, net.init))
    loader = Loader(x, y)
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
        ok = apart <= tolerance
        good = good and ok
        print("%-46s %18s %18.8g %8.1e%2s %s" % (name, "%.8g%s" % (rgm, text), value, apart, unit, "" if ok else "FAIL"))
    return good


def commit(folder):
    try:
        return subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not known"


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
        expected[n.id] = {"values": runs[0], "by_seed": {k: [r[k] for r in runs] for k in STOCHASTIC}}
    if a.write:
        with open(a.write, "w") as f:
            json.dump({"versions": networks.versions(rgm=commit(a.rgm)), "networks": expected}, f, indent=1)
            f.write("\n")
    good = [compare(n, expected[n.id]) for n in nets]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
