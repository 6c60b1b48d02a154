#!/usr/bin/env python3
"""What measuring takes, by family, and beside RGM's own code on the same networks, on one core.

    genbench run quick --store STORE
    python3 internal/measurecheck/speed.py STORE --genbench PROGRAM [--rgm FOLDER] [--networks 16] [--rounds 3]

A row is PROGRAM measuring every network of STORE anew, with an empty cache, with the measures of one family (or all of them, or RGM's
set), less what the same takes with a measure that needs nothing of the network's outputs (steps-0.1): the start of genbench and
of its plugin, reading networks and data, writing answers. Best of the rounds, per network. The host's share is that of
the quantities in the seconds that the answers record. RGM is get_all_measures of a checkout of
nitarshan/robust-generalization-measures, networks as 1x1 convolutions (see rgm.py), over --networks of them, spread evenly.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

RGM_SET = "l2,l2-dist,param-norm,frob-distance,dist-spec-init*,prod-of-*,sum-of-*,fro-over-spec*,spec-*-main*,path-norm*,inverse-margin,pac-bayes-*"


def measuring(program, store, measures, rounds):
    """(seconds, share of the host's quantities) of measuring the store with an empty cache"""
    best = (float("inf"), 0.0)
    for _ in range(rounds):
        for folder in ("values", "cache", "report"):
            shutil.rmtree(os.path.join(store, folder), ignore_errors=True)
        start = time.monotonic()
        subprocess.run([program, "measure", store, "--measures", measures, "--jobs", "1", "--no-progress"], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - start
        if seconds < best[0]:
            best = (seconds, share(os.path.join(store, "values")))
    return best


def share(folder):
    """The measures' own seconds do not hold the host's; a quantity is charged to each that asks, so this is an upper bound."""
    own = host = 0.0
    for name in os.listdir(folder):
        with open(os.path.join(folder, name)) as f:
            for line in f:
                v = json.loads(line)
                own, host = own + v["seconds"], host + v.get("host_seconds", 0)
    return host / (own + host) if own + host else 0.0


def count_of(store):
    """Measures that were answered"""
    found = set()
    for name in os.listdir(os.path.join(store, "values")):
        with open(os.path.join(store, "values", name)) as f:
            found.update(json.loads(line)["measure"] for line in f)
    return len(found)


def rgm(folder, store, count):
    """Seconds of get_all_measures, one network after another"""
    import torch

    import networks
    from rgm import run

    torch.set_num_threads(1)
    sys.path.insert(0, os.path.join(folder, "data"))
    nets = networks.read(store)
    nets = nets[:: max(1, len(nets) // count)][:count]
    sets, taken = networks.training_set(nets), []
    run("generation", nets[0], sets[nets[0].id], 0)  # warm up
    for n in nets:
        start = time.monotonic()
        run("generation", n, sets[n.id], 0)
        taken.append(time.monotonic() - start)
    return sum(taken) / len(taken), min(taken), max(taken), len(nets)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("store")
    p.add_argument("--genbench", required=True)
    p.add_argument("--rgm")
    p.add_argument("--networks", type=int, default=16, help="that RGM's code measures")
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, for the programs started here too
    listed = json.loads(subprocess.run([a.genbench, "measures", "ls", "--format", "json"], check=True, capture_output=True).stdout)
    listed = [m for m in listed if m["class"] in ("train", "transductive")]
    families = list(dict.fromkeys(m["family"] for m in listed))
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store")
        shutil.copytree(a.store, store)
        count = len(os.listdir(os.path.join(store, "models")))
        nothing, _ = measuring(a.genbench, store, "steps-0.1", a.rounds)
        print("%d networks, one core; start and reading: %.2f s, taken off below\n" % (count, nothing))
        print("%-34s %8s %14s %18s" % ("measures", "number", "ms a network", "host's share"))
        rows = [(f, ",".join(m["name"] for m in listed if m["family"] == f)) for f in families] + [("RGM's set", RGM_SET), ("whole catalogue", "*")]
        taken = {}
        for name, measures in rows:
            seconds, host = measuring(a.genbench, store, measures, a.rounds)
            taken[name] = (seconds - nothing) / count
            number = count_of(store)
            print("%-34s %8d %14.1f %17.0f%%" % (name, number, 1000 * taken[name], 100 * host))
        if a.rgm:
            mean, least, most, nets = rgm(a.rgm, store, a.networks)
            print("\nRGM's get_all_measures on %d of them: %.0f ms a network (%.0f to %.0f), %.1f times genbench's for its set" % (nets, 1000 * mean, 1000 * least, 1000 * most, mean / taken["RGM's set"]))


if __name__ == "__main__":
    sys.exit(main())
