#!/usr/bin/env python3
"""Makes spectra.json with WeightWatcher 0.7.5.5: VENV/bin/python make.py > spectra.json

VENV is made by: python3 -m venv --system-site-packages VENV && VENV/bin/pip install weightwatcher==0.7.5.5

A network of convolutions, whose tensors NumPy draws; its singular values are NumPy's, kernel position by
position; the values to expect are WeightWatcher's. Lists of eigenvalues with its power-law fits.
"""
import contextlib
import io
import json
import logging
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
with contextlib.redirect_stdout(io.StringIO()):
    import numpy as np
    import torch
    import weightwatcher
    from weightwatcher.RMT_Util import fit_clipped_powerlaw
    from weightwatcher.WW_powerlaw import WWFit

NAMES = {"log_norm": "log-norm", "log_spectral_norm": "log-spectral-norm", "alpha": "alpha", "alpha_weighted": "alpha-hat", "log_alpha_norm": "log-alpha-norm", "stable_rank": "stable-rank"}
rng = np.random.default_rng(2002)


def heavy(shape):
    """Entries of a Student t distribution: its spectrum has a tail"""
    return (rng.standard_t(3, size=shape) / np.sqrt(shape[1])).astype(np.float32)


def convolutions():
    shapes = [(16, 3, 5, 5), (24, 16, 3, 3), (24, 24, 3, 3), (12, 24, 1, 1), (4, 2, 3, 3), (2, 4, 1, 1)]
    model, spectra = torch.nn.Sequential(), []
    for o, i, h, w in shapes:
        k = heavy((o, i, h, w))
        m = torch.nn.Conv2d(i, o, (h, w))
        m.weight.data = torch.tensor(k)
        model.append(m)
        s = [np.linalg.svd(k[:, :, a, b].astype(np.float64), compute_uv=False) for a in range(h) for b in range(w)]
        spectra.append({"kernel": True, "rows": o, "cols": i, "values": np.concatenate(s).tolist()})
    w = heavy((40, 12))
    m = torch.nn.Linear(12, 40)
    m.weight.data = torch.tensor(w)
    model.append(m)
    spectra.append({"kernel": False, "rows": 40, "cols": 12, "values": np.linalg.svd(w.astype(np.float64), compute_uv=False).tolist()})
    want = {}
    for label, options in (("", {}), ("[pool=false]", {"pool": False}), ("[min_evals=50]", {"min_evals": 50}), ("[min_evals=1,max_evals=60]", {"min_evals": 1, "max_evals": 60})):
        with contextlib.redirect_stdout(io.StringIO()):
            watcher = weightwatcher.WeightWatcher(model=model, log_level=logging.CRITICAL)
            summary = watcher.get_summary(watcher.analyze(savefig=False, **options))
        for k, name in NAMES.items():
            want[name + label] = float(summary[k])
    return {"spectra": spectra, "want": want}


def fits():
    out = []
    lists = [[1.0, 1.5, 2.0, 3.0, 5.0, 9.0, 20.0], [1e-7, 1e-6, 2e-5, 1.0, 1.2, 4.0], [1.0, 2.0], [3.0, 2.0, 2.0, 2.0, 7.0, 1.0]]
    lists += [(rng.pareto(a, n) + 1).tolist() for a, n in ((1.0, 50), (2.5, 200), (4.0, 30))]
    # A cluster of large values above a body: clipping it lowers the exponent, after one cut or after several.
    lists.append(np.r_[np.exp(np.linspace(0, 1, 40)), np.exp(np.linspace(1.0, 1.02, 9))].tolist())
    for seed in (0, 9, 12, 24, 27, 29, 35, 42):
        r = np.random.default_rng(seed)
        n, k = int(r.integers(30, 90)), int(r.integers(4, 14))
        body = np.exp(r.uniform(0, 2, n))
        lists.append(np.r_[body, np.exp(2 + r.uniform(0, r.uniform(0.02, 0.5), k))].tolist())
    for evals in lists:
        used = np.sort(np.array(evals))
        used = used[used > 1e-5]
        f = WWFit(used)
        entry = {"evals": evals, "alpha": float(f.alpha), "D": float(f.D), "xmin": float(f.xmin)}
        if len(used) > 15:
            best, count, _ = fit_clipped_powerlaw(used)
            entry["clipped"], entry["fingers"] = float(best.alpha), count
        out.append(entry)
    return out


print(json.dumps({
    "python": sys.version.split()[0], "numpy": np.__version__, "torch": torch.__version__, "weightwatcher": weightwatcher.__version__,
    "network": convolutions(), "fits": fits(),
}))
