"""Times scipy.stats.kendalltau and the PGDL scoring program's conditional_mutual_information.

Reads one JSON request a line and answers one JSON line:
  {"task": "kendalltau", "x": [...], "y": [...]}
  {"task": "pgdl", "x": [...], "y": [...], "levels": [[...]], "names": [[...]]}
  {"task": ""}   times the last task again
  {"seconds": ..., "value": ..., "version": ...}
--pgdl-kit is the folder of the scoring program's mutual_information.py.
"""

import argparse
import json
import os
import sys
import time

import numpy as np
import scipy
from scipy import stats


def kendalltau(q):
    x, y = np.array(q["x"]), np.array(q["y"])
    return lambda: stats.kendalltau(x, y)[0], scipy.__version__


def pgdl(q):
    from mutual_information import conditional_mutual_information

    specs, predictions = {}, {}
    for i, u in enumerate(q["levels"]):
        name = "model_%d" % i
        hparams = {"h%d" % a: {"current_value": q["names"][a][v], "possible_values": q["names"][a]} for a, v in enumerate(u)}
        specs[name] = {"hparams": hparams, "metrics": {"train_acc": q["y"][i], "test_acc": 0.0}}
        predictions[name] = q["x"][i]
    return lambda: conditional_mutual_information(predictions, specs), ""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--pgdl-kit")
    a = p.parse_args()
    if a.pgdl_kit:
        sys.path.insert(0, os.path.abspath(a.pgdl_kit))
    once = version = None
    for line in sys.stdin:
        q = json.loads(line)
        if q["task"]:
            once, version = {"kendalltau": kendalltau, "pgdl": pgdl}[q["task"]](q)
        start = time.perf_counter()
        value = once()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "value": float(value), "version": version}), flush=True)


if __name__ == "__main__":
    main()
