"""The papers' own scores, beside their own programs where those are given."""

import numpy as np

import brute

CLOSE = 1e-12


def compare_sign_errors(got, kept, count, table, what, where, doubled=False):
    """got: an answer's mean, p90, max, environments; kept, count: what brute.sign_errors answers"""
    errors = [e for _, e, _ in kept]
    want = (np.mean(errors), np.percentile(errors, 90), np.max(errors)) if errors else (None,) * 3
    for key, v in zip(("mean", "p90", "max"), want):
        table.compare("%s: %s" % (what, key), got[key], v, CLOSE, where)
    table.same("%s: environments kept" % what, got["environments"], len(kept), where)


def check(program, count, table, kit, rgm):
    return
