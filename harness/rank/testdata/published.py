#!/usr/bin/env python3
"""Writes published.json: scores that the papers' own code gives, which harness/rank must reproduce.

    /usr/bin/python3 published.py KIT RGM > published.json

KIT holds the scoring program of the PGDL competition (scoring_program of github.com/cadurosar/pgdl,
commit d116a17): mutual_information.py. RGM holds the code of Dziugaite et al. 2020
(experiments/coupled_networks of github.com/nitarshan/robust-generalization-measures, commit 8e90129):
common.py, create_environments.py and figure_cdf_all_measures.py. Both are run as they are, on made-up
tables; only their plotting and progress packages are replaced by nothing.
"""
import contextlib, io, itertools, json, os, sys, tempfile, types, warnings
import numpy as np, pandas as pd

warnings.simplefilter("ignore")
kit, rgm = (os.path.abspath(p) for p in sys.argv[1:3])
rng = np.random.default_rng(7)


def pgdl():
    sys.path.insert(0, kit)
    from mutual_information import conditional_mutual_information

    out = []
    cases = [("V3", [["1", "2"], ["0", "1"], ["64", "128"]], [1, 2, 4, 3, 5, 8, 6, 7])]
    gaps = {"V3": [.05, .09, .07, .12, .11, .16, .10, .20]}
    grids = dict(plain=[["0.1", "0.01"], ["2", "4", "8"], ["a", "b"]],
                 two_axes=[["1", "2", "3"], ["x", "y", "z"]],
                 four_axes=[["1", "2"], ["3", "4"], ["5", "6"], ["7", "8", "9"]],
                 one_level=[["1", "2"], ["s"], ["5", "6", "7"]],
                 # "1"+"12" and "11"+"2" are one key: every pair with the first axis is 0/0.
                 within_first=[["1", "11", "12", "2"], ["a", "b"], ["c", "d"]],
                 within_last=[["a", "b"], ["c", "d"], ["1", "11", "12", "2"]],
                 within_middle=[["a", "b"], ["1", "11", "12", "2"], ["c", "d"]])
    # The keys of two axes collide in one order and not in the other.
    grids["across"], grids["across_last"] = across()
    for name, grid in grids.items():
        n = int(np.prod([len(g) for g in grid]))
        for ties in (False, True):
            x, y = rng.normal(size=n), rng.normal(size=n)
            if ties:
                x, y = np.round(2 * x), np.round(y, 1)
            cases.append((name + (" tied" if ties else ""), grid, x.tolist()))
            gaps[cases[-1][0]] = y.tolist()
    cases += [("V3 oracle", cases[0][1], gaps["V3"]), ("V3 anti-oracle", cases[0][1], [-v for v in gaps["V3"]])]
    gaps["V3 oracle"] = gaps["V3 anti-oracle"] = gaps["V3"]
    for name, grid, x in cases:
        specs, prediction = {}, {}
        for i, levels in enumerate(itertools.product(*grid)):
            mid = "model_%d" % i
            hp = {"h%d" % k: dict(current_value=v, possible_values=grid[k]) for k, v in enumerate(levels)}
            # The kit's gap is train_acc - test_acc: minus 0 leaves the gap as it is.
            specs[mid] = dict(hparams=hp, metrics=dict(train_acc=gaps[name][i], test_acc=0.0))
            prediction[mid] = x[i]
        with contextlib.redirect_stdout(io.StringIO()):
            score = float(conditional_mutual_information(prediction, specs))
        out.append(dict(name=name, names=grid, x=list(map(float, x)), y=list(map(float, gaps[name])), score=None if np.isnan(score) else 100 * score))
    return out


def across():
    """The first pair of axes whose keys collide in one order alone, in the order and against it."""
    words = ["0", "1", "00", "01", "10", "11", "001", "010"]
    keys = lambda a, b: [v + w + p + q for v in a for w in a for p in b for q in b]
    unique = lambda k: len(set(k)) == len(k)
    for a in itertools.combinations(words, 2):
        for b in itertools.combinations(words, 2):
            if unique(keys(a, b)) and not unique(keys(b, a)):
                rest = ["s", "t"]
                return [list(b), list(a), rest], [rest, list(a), list(b)]
    raise SystemExit("no such axes")


def sign_errors():
    for name in ("matplotlib", "matplotlib.pyplot", "matplotlib.lines", "seaborn", "tqdm"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]
    sys.modules["matplotlib.lines"].Line2D = None
    sys.modules["tqdm"].tqdm = lambda it, **_: it
    sys.path.insert(0, rgm)
    sys.argv = ["", "cifar10_svhn"]
    axes = {"hp.lr": [.001, .01], "hp.model_depth": [2, 3, 4], "hp.model_width": [8, 16], "hp.dataset": ["cifar10", "svhn"]}
    rows = []
    for c, levels in enumerate(itertools.product(*axes.values())):
        base = .02 * levels[1] + .01 * (levels[3] == "svhn")
        for seed in range(3 if c == 7 else 4 + c % 3):
            gap = round(base + .012 * rng.normal(), 4)
            # Configurations 3 and 7 differ in depth; their 4 x 3 weights are all nearly 1/2, so
            # that the effective sample size is just below 12, which isclose takes for 12.
            if c in (3, 7):
                gap = round((.05 if c == 3 else .095) + .001 * seed, 4)
            rows.append({**dict(zip(axes, levels)), "hp.train_dataset_size": 50000, "train_dataset_size": 50000, "experiment_id": c,
                         "is.converged": True, "is.high_train_accuracy": True, "gen.gap": gap,
                         "complexity.noisy": round(gap + .03 * rng.normal(), 5), "complexity.tied": round(gap + .01 * rng.normal(), 2),
                         "complexity.constant": 1.0})
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(io.StringIO()):
        os.chdir(work)
        pd.DataFrame(rows).to_csv("table.csv", index=False)
        import create_environments, figure_cdf_all_measures
        create_environments.DATA_PATH = "table.csv"
        out = dict(axes={k: len(v) for k, v in axes.items()}, runs=[])
        for filtered in (True, False):
            create_environments.create_environments(["cifar10", "svhn"], 10000, filter_noise=filtered)
            import pickle
            with open("environment_cache/precomputations__filternoise%s__cifar10_svhn.pkl" % str(filtered).lower(), "rb") as f:
                computed = pickle.load(f)
            for measure in computed["env_losses"]:
                losses = {hp: figure_cdf_all_measures.get_all_losses(hp, computed, measure) for hp in axes}
                everything = np.hstack(list(losses.values()))
                summary = lambda v: dict(environments=len(v), mean=float(np.mean(v)), p90=float(np.percentile(v, q=90)), max=float(np.max(v))) if len(v) else dict(environments=0)
                out["runs"].append(dict(measure=measure.replace("complexity.", ""), filtered=filtered, all=summary(everything),
                                        by_axis=[summary(losses[hp]) for hp in axes]))
        os.chdir(home)
    out["levels"] = [[v.index(r[k]) for r in rows] for k, v in axes.items()]
    out["gap"] = [r["gen.gap"] for r in rows]
    out["measures"] = {k.replace("complexity.", ""): [r[k] for r in rows] for k in rows[0] if k.startswith("complexity.")}
    return out


json.dump(dict(pgdl=pgdl(), rgm=sign_errors()), sys.stdout)
