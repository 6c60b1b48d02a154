"""Computes a store's numbers a second time and compares.

    python3 internal/crosscheck/crosscheck.py STORE [--data corpora/dataset/fmnist-mini]

Reads only documented files (record.json, *.safetensors, test-correct.bin, history.jsonl,
values/*.jsonl, report/leaderboard.json) and the data set; computes with NumPy, SciPy and
PyTorch in float64 from the definitions. Measures have their default options. The part "training" is of
MLPs without batch norm and dropout alone. Exit status 1 when anything disagrees.
"""

import argparse
import os
import sys

import numpy
import scipy
import torch

import board
import data
import derivatives
import measures
import mlp
import searches
from store import Store
from table import Table


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    p = argparse.ArgumentParser()
    p.add_argument("store")
    p.add_argument("--data", default=os.path.join(here, "..", "..", "corpora", "dataset", "fmnist-mini"))
    p.add_argument("--only", action="append", choices=["data", "networks", "training", "measures", "searches", "board"], help="this part (may be repeated)")
    p.add_argument("--epochs", type=int, default=2, help="epochs of training to replay for every network")
    p.add_argument("--full", type=int, default=4, help="networks whose training is replayed to cross-entropy 0.1")
    p.add_argument("--draws", type=int, default=40, help="own draws of noise at each sigma")
    p.add_argument("--attacks", type=int, default=3, help="own runs of each attack of the stated budget")
    p.add_argument("--strong", type=int, default=8, help="networks that a stronger attack is tried on")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--evidence", help="write what was found of each measure to this file")
    p.add_argument("--test", default="TestTiny", help="the test that the evidence is of")
    a = p.parse_args()
    torch.set_num_threads(a.threads)

    store, files, table = Store(a.store), data.Files(a.data), Table()
    made, examples = {}, {}
    for n in store.networks:
        t = n.record["transform"]
        k = tuple(sorted(t.items()))
        if k not in made:
            made[k] = data.Examples(files, t)
        examples[n.id] = made[k]
    outputs = {n.id: mlp.Outputs(n, examples[n.id]) for n in store.networks}

    wanted = lambda part: not a.only or part in a.only
    if wanted("data"):
        data.check(store, files, examples, table)
    if wanted("networks"):
        mlp.check_stored(store, examples, outputs, table)
        mlp.check_initial(store, table)
        mlp.check_steps(store, table)
    if wanted("training"):
        mlp.check_training(store, examples, table, a.epochs, a.full)
    if wanted("measures"):
        measures.check(store, examples, outputs, table)
    if wanted("searches"):
        searches.check(store, examples, table, a.draws, a.attacks, a.strong)
    if wanted("board"):
        board.check(store, table)

    print(table)
    if a.evidence:
        source = "NumPy %s, SciPy %s and PyTorch %s in float64, every network of corpus %s" % (numpy.__version__, scipy.__version__, torch.__version__, store.corpus["spec"]["name"])
        table.evidence(a.evidence, source, derivatives.IN_STANDARD_ERRORS, a.test)
    bad = table.disagreements()
    if not table.rows:
        bad = ["nothing was compared"]
    print("%d comparisons in %d rows, %d rows disagree" % (sum(r[1] for r in table.rows), len(table.rows), len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
