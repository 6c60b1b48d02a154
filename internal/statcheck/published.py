"""The papers' own scores: beside replicas, and beside their own programs where those are given."""

import contextlib
import importlib
import io
import os
import pickle
import sys
import tempfile
import types

import numpy as np

import brute
import inputs

CLOSE = 1e-12
PERCENT = 1e-10  # of 100: CLOSE


def check(program, count, table, kit, rgm):
    for collide in (False, True):
        cases = list(inputs.complete_grids(count, 3 + collide, collide))
        of = ", names that may collide" if collide else ""
        for k, (g, a) in enumerate(zip(cases, program.ask([request(g) for g in cases]))):
            want = brute.pgdl(g["levels"], g["names"], g["x"], g["y"])
            table.compare("PGDL score beside a replica" + of, a["grid"]["pgdl"], want, PERCENT, "grid %d" % k)
            if kit:
                table.compare("PGDL score beside the kit" + of, a["grid"]["pgdl"], kit_score(load(kit, "mutual_information"), g), PERCENT, "grid %d" % k)
    if rgm:
        check_rgm(program, table, os.path.abspath(rgm))


def request(g):
    return {"levels": g["levels"].T.tolist(), "names": g.get("names"), "x": g["x"].tolist(), "y": g["y"].tolist(), "test_size": 10_000}


# What only draws or shows progress does nothing where it is missing.
IDLE = {
    "tqdm": {"tqdm": lambda v, **_: v},
    "seaborn": {},
    "matplotlib": {},
    "matplotlib.pyplot": {},
    "matplotlib.lines": {"Line2D": None},
}


def load(folder, name):
    """A module of a folder"""
    for other, members in IDLE.items():
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(other)
            continue
        sys.modules[other] = types.ModuleType(other)
        vars(sys.modules[other]).update(members)
    sys.path.insert(0, os.path.abspath(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def kit_score(kit, g):
    """The kit's conditional mutual information of a complete grid, x 100; None where it is not a number"""
    specs, predictions = kit_input(g)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what is not a number
        v = kit.conditional_mutual_information(predictions, specs)
    return None if np.isnan(v) else 100 * float(v)


def kit_input(g):
    specs, predictions = {}, {}
    for i, u in enumerate(g["levels"]):
        name = "model_%d" % i
        hparams = {"h%d" % a: {"current_value": g["names"][a][v], "possible_values": g["names"][a]} for a, v in enumerate(u)}
        specs[name] = {"hparams": hparams, "metrics": {"train_acc": g["y"][i], "test_acc": 0.0}}
        predictions[name] = g["x"][i]
    return specs, predictions


AXES = {
    "hp.dataset": ["cifar10", "svhn"],
    "hp.lr": [0.001, 0.01],
    "hp.model_depth": [2, 3],
    "hp.model_width": [8, 10],
    "hp.train_size": [5000, 25000],
}
MEASURES = ["noise", "close", "gap", "opposite", "ties", "constant"]


def rgm_table(rng, seeds=10):
    """Networks of 5 axes and 10 seeds, some unconverged, some without a value, in the authors' layout"""
    import pandas as pd

    sizes = [len(v) for v in AXES.values()]
    levels = np.repeat(np.array(list(np.ndindex(*sizes))), seeds, axis=0)
    n = len(levels)
    gap = np.round(0.3 + levels @ rng.normal(0, 0.03, len(sizes)) + rng.normal(0, 0.02, n), 4)
    x = {
        "noise": rng.standard_normal(n),
        "close": gap + rng.normal(0, 0.02, n),
        "gap": gap,
        "opposite": -gap,
        "ties": rng.integers(0, 4, n).astype(float),
        "constant": np.ones(n),
    }
    x["noise"][rng.random(n) < 0.03] = np.inf
    columns = {name: [v[k] for k in levels[:, a]] for a, (name, v) in enumerate(AXES.items())}
    # Runs on another device differ in the learning rate's last digits.
    columns["hp.lr"] = np.array(columns["hp.lr"]) + 1e-8 * rng.integers(0, 2, n)
    columns["hp.train_dataset_size"] = columns["train_dataset_size"] = columns.pop("hp.train_size")
    columns |= {"complexity." + m: v for m, v in x.items()}
    columns |= {"is.converged": rng.random(n) < 0.97, "is.high_train_accuracy": rng.random(n) < 0.99, "gen.gap": gap}
    frame = pd.DataFrame(columns)
    # The authors drop a network for all measures where one is infinite.
    kept = np.array(frame["is.converged"] & frame["is.high_train_accuracy"] & np.isfinite(x["noise"]))
    return frame, levels[kept], {m: v[kept] for m, v in x.items()}, gap[kept]


def check_rgm(program, table, folder):
    rng = np.random.default_rng(5)
    for k in range(3):
        frame, levels, x, gap = rgm_table(rng)
        for filtered in (True, False):
            theirs = rgm_losses(folder, frame, filtered)
            answers = program.ask([request({"levels": levels, "x": x[m], "y": gap}) for m in MEASURES])
            for m, a in zip(MEASURES, answers):
                losses, by_axis = theirs[m]
                got = a["grid"]["sign_errors"]["rgm" if filtered else "unfiltered"]
                what = "RGM beside its code%s: " % ("" if filtered else ", no noise filter")
                compare(what, got, losses, table, "table %d, %s" % (k, m))
                for axis, name in enumerate(AXES):
                    compare(what + "by axis, ", got["by_axis"][axis], by_axis[name], table, "table %d, %s, %s" % (k, m, name))


def compare(what, got, losses, table, where):
    want = dict.fromkeys(("mean", "p90", "max"))
    if len(losses):
        want = {"mean": np.mean(losses), "p90": np.percentile(losses, q=90), "max": np.max(losses)}
    for key, v in want.items():
        table.compare(what + key, got[key], v, CLOSE, where)
    table.same(what + "environments", 2 * got["environments"], len(losses), where)


def rgm_losses(folder, frame, filtered):
    """{measure: (losses of all environments, {axis: losses})} by create_environments and get_all_losses"""
    back = os.getcwd()
    with tempfile.TemporaryDirectory() as d, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(d)  # they write beside themselves
        try:
            frame.to_csv("data.csv", index=False)
            environments, figure = load(folder, "create_environments"), load(folder, "figure_cdf_all_measures")
            os.makedirs(environments.SAVE_PATH, exist_ok=True)
            environments.DATA_PATH = "data.csv"
            datasets = AXES["hp.dataset"]
            environments.create_environments(datasets, 10_000, filter_noise=filtered)
            name = "precomputations__filternoise%s__%s.pkl" % (str(filtered).lower(), "_".join(datasets))
            with open(os.path.join(environments.SAVE_PATH, name), "rb") as f:
                known = pickle.load(f)
        finally:
            os.chdir(back)
    out = {}
    for m in MEASURES:
        by_axis = {hp: figure.get_all_losses(hp, known, measure="complexity." + m) for hp in known["hps"]}
        out[m] = np.hstack(list(by_axis.values())), by_axis
    return out
