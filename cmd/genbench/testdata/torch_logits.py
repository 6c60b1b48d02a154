#!/usr/bin/env python3
"""How far the network rebuilt in PyTorch is from what genbench computes of it."""

import genbench

import numpy as np  # noqa: E402
import torch  # noqa: E402


@genbench.measure(name="rebuilt-logits", version="1", needs=["weights", "train-inputs", "train-logits"])
def logits(net):
    """Largest difference of the logits over the largest logit."""
    with torch.no_grad():
        ours = net.torch()(torch.tensor(net.train_inputs())).numpy()
    theirs = net.train_logits()
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


@genbench.measure(name="rebuilt-gradient", version="1", needs=["weights", "train-inputs", "train-labels", "gradient-norms"])
def gradient(net):
    """Largest difference of the squared norms of 20 examples' gradients, over the largest of them."""
    module, x, y = net.torch(), torch.tensor(net.train_inputs()[:20]), torch.tensor(net.train_labels()[:20], dtype=torch.long)
    theirs = net.gradient_norms()[:20]
    ours = []
    for i in range(20):
        module.zero_grad()
        torch.nn.functional.cross_entropy(module(x[i : i + 1]), y[i : i + 1]).backward()
        ours.append(sum(float((p.grad.double() ** 2).sum()) for p in module.parameters()))
    return np.abs(np.array(ours) - theirs).max() / theirs.max()


if __name__ == "__main__":
    genbench.serve(logits, gradient)
