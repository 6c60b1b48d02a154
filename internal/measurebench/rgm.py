#!/usr/bin/env python3
"""Times get_all_measures of nitarshan/robust-generalization-measures on networks of a store, for main.go.

    python3 rgm.py STORE RGM

RGM is a checkout; its data/generation/measures.py is run as it is, on one thread, on the networks as 1x1 convolutions (see
../measurecheck/rgm.py: it knows no dense layers). Reads the ID of a network a line, and answers a JSON line with the
seconds of one call and the PyTorch version.
"""
import contextlib
import importlib
import io
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "measurecheck"))
sys.path.insert(1, os.path.join(sys.argv[2], "data"))

import torch  # noqa: E402

import networks  # noqa: E402
import rgm  # noqa: E402

torch.set_num_threads(1)
nets = {n.id: n for n in networks.read(sys.argv[1])}
models, measures = (importlib.import_module("generation." + name) for name in ("models", "measures"))
for line in sys.stdin:
    net = nets[line.strip()]
    x, y = networks.training_set([net])[net.id]
    model, init = (rgm.module(models.ExperimentBaseModel, net, t) for t in (net.final, net.init))
    loader = rgm.Loader(x, y)
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        accuracy = (model(loader.x).argmax(1) == y).double().mean().item()
        start = time.perf_counter()
        found = measures.get_all_measures(model, init, loader, accuracy, 1)
        took = time.perf_counter() - start
    print(json.dumps({"seconds": took, "measures": len(found), "version": torch.__version__}), flush=True)
