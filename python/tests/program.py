"""A plugin whose measures do as their names say. Not a test: the tests start it."""

import genbench

print("printed before numpy")

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

import numpy as np  # noqa: E402

__version__ = "7.1"

os.write(1, b"written to descriptor 1\n")


def measure(*needs, **more):
    def decorate(f):
        return genbench.measure(name=f.__name__.replace("_", "-"), version="1", needs=needs, **more)(f)

    return decorate


@measure("train-margins", larger="gap", scale="log", options=[genbench.Option("mode", "a", ("a", "b"))])
def margin_sum(net):
    """The sum of the margins. More text."""
    net.diagnose("count", len(net.train_margins()))
    net.diagnose("nothing", float("nan"))
    net.warn("mode " + net.option("mode"))
    return net.train_margins().sum()


@measure("train-margins")
def again(net):
    return net.train_margins()[-1]


@measure("train-margins")
def writes(net):
    net.train_margins()[0] = 1


@measure("train-margins")
def owns(net):
    return float(net.train_margins().flags.owndata)


@measure("weights")
def largest(net):
    return max(np.abs(w).max() for w in net.weights().values())


@measure("train-labels")
def labels(net):
    return len(net.train_labels())


@measure()
def returns_array(net):
    return np.zeros(3)


@measure()
def returns_nothing(net):
    pass


@measure()
def infinite(net):
    return -np.float64("inf")


@measure()
def undefined(net):
    raise genbench.Undefined("the weights are zero")


@measure("init-weights")
def wants_init(net):
    return len(net.init_weights())


@measure("pac-bayes")
def wants_search(net):
    return net.pac_bayes().scale


@measure()
def undeclared(net):
    return len(net.train_logits())


def inner(x):
    return 1 / x


@measure()
def divides(net):
    return inner(0)


@measure()
def parses(net):
    return json.loads("{")


@measure()
def exits(net):
    sys.exit(3)


@measure()
def sleeps(net):
    try:
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)


@measure()
def spins(net):
    while True:
        try:
            sum(range(100))
        except Exception:  # a deadline is none
            pass


@measure("perturbed-losses", stochastic=True)
def evaluates(net):
    first, second = net.evaluate([genbench.Perturbation(2, net.seed), genbench.Perturbation(3, 1, "gaussian-magnitude")])
    return first.loss + second.loss


@measure()
def layers(net):
    a, b = net.layers
    assert (a.name, a.kind, a.reads, a.writes, a.channels, a.kernel, a.stride, a.padding) == ("c", "conv2d", 4, 9, 1, 2, 1, 1), a
    assert (b.kind, b.source, b.other, b.epsilon) == ("add", "c", "d", 0.5), b
    return net.classes + net.train_size + sum(net.input_shape)


if __name__ == "__main__":
    here = list(globals().values())
    genbench.serve(*(m for m in here if isinstance(m, genbench.Measure)))
