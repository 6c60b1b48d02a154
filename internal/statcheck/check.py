"""Compares harness/rank with SciPy, with brute force and with what papers published.

    python3 internal/statcheck/check.py [--inputs 1000] [--pgdl-kit DIR] [--rgm DIR]

Run in the repository. See main.go, the program that answers, for the flags' meaning. Exit
status 1 on any disagreement.
"""

import argparse
import json
import subprocess
import sys
import warnings

import numpy as np
from scipy import stats

import brute
import inputs
import published
from table import Table

CLOSE = 1e-12
# A mean over repeats keeps 40 significant bits, 1e-12 relative, which Pearson sees.
MEANS = 1e-10


class Program:
    """The statistics of harness/rank, answered by main.go or read from a file that was kept."""

    def __init__(self, command, answers, keep):
        self.command = command
        self.kept = answers and list(open(answers))
        self.keep = keep and open(keep, "w")

    def ask(self, requests):
        if self.kept is not None:
            lines, self.kept = self.kept[: len(requests)], self.kept[len(requests) :]
        else:
            text = "".join(json.dumps(r) + "\n" for r in requests)
            lines = subprocess.run(self.command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines(True)
        if len(lines) != len(requests):
            raise SystemExit("%d answers to %d inputs" % (len(lines), len(requests)))
        if self.keep:
            self.keep.writelines(lines)
        return [json.loads(line) for line in lines]


def numbers(v):
    return [None if np.isnan(f) else float(f) for f in v]


def request(g):
    """A grid in JSON: there levels are [A][N], as in harness/rank"""
    out = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in g.items()}
    return out | {"levels": g["levels"].T.tolist(), "x": numbers(g["x"]), "y": numbers(g["y"])}


def defined(v):
    return None if v is None or np.isnan(v) else float(v)


def pearson(x, y):
    return defined(stats.pearsonr(x, y)[0]) if len(x) > 1 else None  # SciPy raises for fewer


def spearman(x, y):
    return defined(stats.spearmanr(x, y)[0])


def kendall(x, y):
    return defined(stats.kendalltau(x, y)[0])


def check_samples(program, count, table):
    """Correlations beside SciPy's. Networks where either side is missing are left out of both sides."""
    cases = list(inputs.samples(count, 1))
    answers = program.ask([{"x": numbers(x), "y": numbers(y)} for x, y in cases])
    for k, ((x, y), a) in enumerate(zip(cases, answers)):
        keep = ~(np.isnan(x) | np.isnan(y))
        cx, cy, where = x[keep], y[keep], "input %d (n = %d)" % (k, keep.sum())
        table.same("networks defined", a["n"], int(keep.sum()), where)
        table.compare("Kendall tau-b, scipy.stats.kendalltau", a["tau_b"], kendall(cx, cy), CLOSE, where)
        table.compare("Spearman, scipy.stats.spearmanr", a["spearman"], spearman(cx, cy), CLOSE, where)
        table.compare("Pearson, scipy.stats.pearsonr", a["pearson"], pearson(cx, cy), CLOSE, where)
        r = pearson(cx, cy)
        table.compare("CNA's |r|, scipy.stats.pearsonr", a["cna"], None if r is None else abs(r), CLOSE, where)
        table.compare("Kendall tau-a, NumPy over all pairs", a["tau_a"], brute.tau_a(cx, cy), CLOSE, where)
        # SciPy's own way with missing values; it takes fewer than two or constant rows ill, and
        # masked Kendall takes seconds for the largest.
        if keep.sum() < len(x) < inputs.LARGE and len(set(cx)) > 1 and len(set(cy)) > 1:
            table.compare("Kendall tau-b, nan_policy='omit'", a["tau_b"], defined(stats.kendalltau(x, y, nan_policy="omit")[0]), CLOSE, where)
            table.compare("Spearman, nan_policy='omit'", a["spearman"], defined(float(stats.spearmanr(x, y, nan_policy="omit")[0])), CLOSE, where)


def check_grids(program, count, table):
    """What needs a grid beside brute force"""
    cases = list(inputs.grids(count, 2))
    for k, (g, a) in enumerate(zip(cases, program.ask([request(g) for g in cases]))):
        keep = ~np.isnan(g["x"])
        levels, x, y = g["levels"][keep], g["x"][keep], g["y"][keep]
        where = "grid %d (%s)" % (k, g["repeats"])
        if not len(x):
            table.same("grids without a network", a["n"], 0, where)
            continue
        p = brute.Points(levels, x, y, g["seed"][keep], g["repeats"])
        tolerance = MEANS if g["repeats"] == "mean" else CLOSE
        for what, f, t in (("tau_a", brute.tau_a, CLOSE), ("tau_b", brute.tau_b, CLOSE), ("spearman", spearman, CLOSE), ("pearson", pearson, tolerance)):
            table.compare("on grids: %s%s" % (what, ", means over repeats" if t == MEANS else ""), a[what], brute.correlation(p, f), t, where)
        grid = a["grid"]
        for kind, tau in (("a", brute.tau_a), ("b", brute.tau_b)):
            psi, by_axis = brute.granulated(p, tau)
            got = grid["psi_" + kind]
            table.compare("granulated Psi, tau-" + kind, got["psi"], psi, CLOSE, where)
            for i, v in enumerate(by_axis):
                table.compare("granulated psi of an axis, tau-" + kind, got["axes"][i], v, CLOSE, "%s, axis %d" % (where, i))
        table.compare("FGM Psi", grid["fgm"]["psi"], brute.granulated(p, brute.tau_a)[0], CLOSE, where)
        table.compare("FGM tau", grid["fgm"]["tau"], brute.correlation(p, brute.tau_a), CLOSE, where)
        check_information(grid["information"], brute.information(p), p, table, where)
        check_sign_errors(grid, g, keep, table, where)


def check_information(got, want, p, table, where):
    sets = {tuple(s["axes"] or ()): s for s in got["sets"]}
    table.same("sets S of K", sorted(sets), sorted(want), where)
    for s, (v, smallest) in want.items():
        table.compare("I / H given S", sets[s]["value"], v, CLOSE, "%s, S = %s" % (where, s))
        table.same("smallest cell of S", sets[s]["min_cell"], smallest, "%s, S = %s" % (where, s))
    of = [v for v, _ in want.values() if v is not None]
    table.compare("K over |S| <= 2", got["k"], min(of) if of else None, CLOSE, where)
    if of:
        v, smallest = want[tuple(got["set"] or ())]
        table.compare("K is that of the set named", v, min(of), CLOSE, where)
        table.same("smallest cell of the set named", got["min_cell"], smallest, where)
        a, b = ((p.levels[:, got["set"] or []] == at).all(1) for at in got["min_cell_at"])
        pairs = a[:, None] & b & (p.stratum[:, None] == p.stratum) & ~np.eye(len(a), dtype=bool)
        table.same("smallest cell is where it says", int(pairs.sum()), smallest, where)


SIGN_ERRORS = {
    "configurations": {"options": {}, "doubled": False},
    "levels": {"options": {"pooled": True}, "doubled": False},
    "unfiltered": {"options": {"filtered": False}, "doubled": True},
    "rgm": {"options": {"rgm": True}, "doubled": True},
}


def check_sign_errors(grid, g, keep, table, where):
    levels, x, y = g["levels"][keep], g["x"][keep], g["y"][keep]
    for kind, o in SIGN_ERRORS.items():
        kept, count = brute.sign_errors(levels, x, y, g["test_size"], **o["options"])
        got, what = grid["sign_errors"][kind], "sign errors, %s: " % kind
        errors = [e for e, _ in kept.values()]
        compare_summary(what, got, errors, o["doubled"], table, where)
        table.same(what + "rejected", got["rejected"], count - len(kept), where)
        for a in range(levels.shape[1]):
            errors = [e for key, (e, _) in kept.items() if key[0] == a]
            compare_summary(what + "by axis, ", got["by_axis"][a], errors, o["doubled"], table, "%s, axis %d" % (where, a))
        if kept:
            w = got["worst"]
            error, ess = kept.get(environment(w, g["levels"], kind == "levels"), (None, None))
            table.compare(what + "the worst is where it says", error, max(e for e, _ in kept.values()), CLOSE, where)
            table.compare(what + "its effective size", w["ess"], ess, 1e-9, where)


def compare_summary(what, got, errors, doubled, table, where):
    want = brute.summary(errors, doubled)
    for key in ("mean", "p90", "max"):
        table.compare(what + key, got[key], want[key], CLOSE, where)
    table.same(what + "environments", got["environments"], want["environments"], where)


def environment(worst, levels, pooled):
    """What brute.sign_errors calls the environment"""
    a, ends = worst["axis"], [worst["from"], worst["to"]]
    if pooled:
        return (a, *sorted(ends))
    at = [int(v) for v in levels[worst["network"]]]
    return (a, *sorted(tuple(at[:a] + [end] + at[a + 1 :]) for end in ends))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--inputs", type=int, default=1000, help="random samples; grids are a fifth of them")
    p.add_argument("--program", help="main.go, built; else go run")
    p.add_argument("--pgdl-kit", help="the folder of the PGDL scoring program's mutual_information.py")
    p.add_argument("--rgm", help="the folder experiments/coupled_networks of Dziugaite et al.'s code")
    p.add_argument("--keep", help="a file for the program's answers")
    p.add_argument("--answers", help="compare these kept answers in place of asking the program")
    a = p.parse_args()
    warnings.simplefilter("ignore")  # SciPy warns of constant input, which is among the inputs
    np.seterr(all="ignore")
    program = Program([a.program] if a.program else ["go", "run", "./internal/statcheck"], a.answers, a.keep)
    table = Table()
    check_samples(program, a.inputs, table)
    check_grids(program, a.inputs // 5, table)
    published.check(program, a.inputs // 5, table, a.pgdl_kit, a.rgm)
    print(table)
    if not table.rows or not all(r["inputs"] > r["undefined"] for r in table.rows.values()):
        print("FAIL: nothing was compared in some row")
        return 1
    print("%d comparisons, %d disagreements" % (sum(r["inputs"] for r in table.rows.values()), table.disagreements()))
    return 1 if table.disagreements() else 0


if __name__ == "__main__":
    sys.exit(main())
