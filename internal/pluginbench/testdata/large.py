#!/usr/bin/env python3
"""Reads a large tensor: how the private memory of the process grows meanwhile, and its sum."""

import genbench

import numpy as np  # noqa: E402


def private_bytes():
    """Memory of the process that is no file's."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("RssAnon"))


@genbench.measure(name="growth", version="1", needs=["weights"])
def growth(net):
    """Bytes of private memory that reading the weights takes, every page touched."""
    before = private_bytes()
    (w,) = net.weights().values()
    net.diagnose("sum", float(w.sum(dtype=np.float64)))
    net.diagnose("owns", float(w.flags.owndata))
    return private_bytes() - before


@genbench.measure(name="reach", version="1", needs=["weights"])
def reach(net):
    """The last weight."""
    (w,) = net.weights().values()
    return w.flat[-1]


@genbench.measure(name="touch", version="1", needs=["weights"])
def touch(net):
    """The sum of one weight a page."""
    (w,) = net.weights().values()
    return w.reshape(-1)[::1024].sum(dtype=np.float64)


if __name__ == "__main__":
    genbench.serve(growth, reach, touch)
