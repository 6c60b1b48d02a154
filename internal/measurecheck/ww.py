#!/usr/bin/env python3
"""Runs WeightWatcher on networks that genbench trained.

    python3 -m venv --system-site-packages VENV && VENV/bin/pip install weightwatcher==0.7.5.5
    genbench run internal/measurecheck/networks.yaml --store STORE        (or convolutions.yaml)
    VENV/bin/python internal/measurecheck/ww.py STORE [--write FILE]

Prints WeightWatcher's and genbench's value of every measure of spectra (genbench's from STORE/values, where they are), with
the defaults of both and with options, and exits with status 1 where they differ by more than 1e-3. --write keeps
WeightWatcher's values as JSON. A network is given to it as torch.nn.Linear, Conv2d and batch norm with the stored tensors; it
looks at Linear and Conv2d layers alone.
"""

import argparse
import contextlib
import io
import json
import logging
import sys
import warnings

import torch

import networks

TOLERANCE = 1e-3
NAMES = {"log_norm": "log-norm", "log_spectral_norm": "log-spectral-norm", "alpha": "alpha", "alpha_weighted": "alpha-hat", "log_alpha_norm": "log-alpha-norm", "stable_rank": "stable-rank"}
VARIANTS = [{}, {"min_evals": 50}, {"min_evals": 20, "fix_fingers": "clip_xmax"}]


def module(net):
    out = torch.nn.Sequential()
    for layer in net.layers:
        if layer["kind"] == "dense":
            m = torch.nn.Linear(layer["in"], layer["out"])
            networks.fill(m, layer["name"], net.final)
        elif layer["kind"] == "conv2d":
            m = networks.convolution(net, layer, net.final)
        elif layer["kind"] == "batchnorm":
            m = (torch.nn.BatchNorm2d if net.has("conv2d") else torch.nn.BatchNorm1d)(len(net.final[layer["name"] + ".weight"]), eps=layer["epsilon"])
            networks.fill(m, layer["name"], net.final)
        else:
            m = torch.nn.Identity()
        out.add_module(layer["name"].replace(".", "_"), m)
    return out


def analyze(weightwatcher, model, **options):
    """({metric: mean over layers}, {metric: [layers]})"""
    with contextlib.redirect_stdout(io.StringIO()):
        watcher = weightwatcher.WeightWatcher(model=model, log_level=logging.CRITICAL)
        details = watcher.analyze(savefig=False, **options)
        summary = watcher.get_summary(details)
    return {k: float(summary[k]) for k in NAMES}, {k: [float(v) for v in details[k]] for k in list(NAMES) + ["num_evals", "xmin", "D"]}


def load():
    """WeightWatcher, which prints and warns when it is imported"""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):
        import powerlaw
        import weightwatcher
    return weightwatcher, {"weightwatcher": weightwatcher.__version__, "powerlaw": getattr(powerlaw, "__version__", "not known")}


def names(metric, options):
    """genbench's name: options in the order of its description, without those that the measure has not"""
    order = ["min_evals"] + (["fix_fingers"] if "alpha" in metric else [])
    given = ["%s=%s" % (k, options[k]) for k in order if k in options]
    return NAMES[metric] + ("[%s]" % ",".join(given) if given else "")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("store")
    p.add_argument("--write")
    a = p.parse_args()
    weightwatcher, found = load()
    nets = networks.read(a.store)
    expected, good = {}, True
    for n in nets:
        expected[n.id] = {}
        print("%s\n%-48s %14s %14s %10s" % (n, "measure", "WeightWatcher", "genbench", "difference"))
        for options in VARIANTS:
            summary, details = analyze(weightwatcher, module(n), **options)
            for metric in NAMES:
                if "fix_fingers" in options and "alpha" not in metric:
                    continue
                name = names(metric, options)
                expected[n.id][name] = {"mean": summary[metric], "layers": details[metric], "num_evals": details["num_evals"]}
                value = n.values.get(name, {}).get("value")
                if value is None:
                    print("%-48s %14.8g %14s" % (name, summary[metric], "-"))
                    continue
                apart = abs(value - summary[metric]) / max(abs(summary[metric]), 1e-3)
                good = good and apart <= TOLERANCE
                print("%-48s %14.8g %14.8g %10.1e %s" % (name, summary[metric], value, apart, "" if apart <= TOLERANCE else "FAIL"))
    if a.write:
        with open(a.write, "w") as f:
            json.dump({"versions": networks.versions(**found), "networks": expected}, f, indent=1)
            f.write("\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
