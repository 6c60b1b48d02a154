"""Prints, as JSON, what load_data of Dziugaite et al. 2020 makes of a table.

usage: load_data.py CHECKOUT FILE.csv

CHECKOUT is a checkout of github.com/nitarshan/robust-generalization-measures; the
script runs its experiments/coupled_networks/common.py as it is.
"""
import contextlib
import io
import json
import os
import re
import sys

checkout, table = sys.argv[1:]
sys.path.insert(0, os.path.join(checkout, "experiments", "coupled_networks"))
import common  # noqa: E402

said = io.StringIO()
with contextlib.redirect_stdout(said):
    data = common.load_data(table)
counts = {
    reason: int(n)
    for n, reason in re.findall(r"discarded (\d+) results that (.*)\.", said.getvalue())
}
measures = common.get_complexity_measures(data)
axes = common.get_hps(data)
json.dump(
    {
        "dropped": counts,
        "axes": [a[len("hp."):] for a in axes],
        "measures": [m[len("complexity."):] for m in measures],
        "rows": [
            {
                "row": int(i) + 2,  # the header is row 1
                "gap": float(r["gen.gap"]),
                "axes": [v if isinstance(v, str) else float(v) for v in (r[a] for a in axes)],
                "values": [float(r[m]) for m in measures],
            }
            for i, r in data.iterrows()
        ],
    },
    sys.stdout,
    indent=1,
)
