#!/usr/bin/env python3
"""Three measures in one program; main.go beside it is the same in Go, and says what they are.

genbench run --plugin py=examples/three-measures/three_measures.py --measures 'py-*'

The package genbench has to be where this Python looks: pip install ./python, or PYTHONPATH=$PWD/python.
"""

import genbench  # first: it takes standard output away before anything can print

import numpy as np  # noqa: E402

FGM = "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178, "


def margin(net):
    """γ > 0, the 10th percentile of the training margins."""
    gamma = np.percentile(net.train_margins(), 10)
    if not gamma > 0:
        raise genbench.Undefined(f"the margin γ = {gamma:.4g} is not positive")
    return gamma


@genbench.measure(
    name="py-l2norm", version="1", family="norm", doc="sum of the layers' spectral norms over the squared training margin",
    citation="Gain and Siegelmann, Abstraction mechanisms predict generalization in deep neural networks, 2019, arXiv:1905.11515",
    needs=["layer-norms", "fused-weights", "train-margins"], larger="gap",
    options=[genbench.Option("norms", "host", ("host", "own"), "who computes the spectral norms")],
)  # fmt: skip
def l2norm(net):
    """Sum of the layers' spectral norms, batch norm folded in and biases left out, over γ²."""
    gamma = margin(net)
    if net.option("norms") == "host":
        norms = [layer.spectral for layer in net.layer_norms()]
    else:
        matrices = [w.reshape(len(w), -1) for w in net.fused_weights().values() if w.ndim >= 2]  # [Out, In kh kw]
        norms = [np.linalg.norm(w.astype(np.float64), 2) for w in matrices]
    total = 0.0
    for norm in norms:  # in the layers' order, so that the bits are those of Go
        total += norm
    return total / (gamma * gamma)


@genbench.measure(
    name="py-inverse-margin", version="1", family="margin", doc="inverse square of the training margin", citation=FGM + "eq. 22",
    needs=["train-margins"], larger="gap",
)  # fmt: skip
def inverse_margin(net):
    """1/γ²."""
    gamma = margin(net)
    return 1 / (gamma * gamma)


@genbench.measure(
    name="py-pac-bayes", version="1", family="sharpness", citation=FGM + "eq. 53", needs=["pac-bayes"], larger="gap", stochastic=True,
    doc="inverse square of the largest Gaussian noise that costs 0.1 of the training accuracy",
)  # fmt: skip
def pac_bayes(net):
    """1/σ²."""
    search = net.pac_bayes()
    net.diagnose("evaluations", search.evaluations)
    return 1 / (search.scale * search.scale)


if __name__ == "__main__":
    genbench.serve(l2norm, inverse_margin, pac_bayes)
