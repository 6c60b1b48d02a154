"""Writes architectures.json: tensors, parameters, multiply-adds and initial bounds of networks as PyTorch builds them.

    /usr/bin/python3 make_architectures.py > architectures.json     made with torch 1.13.0a0 (Debian 12), Python 3.11
"""

import json
import sys

import torch
from torch import nn

import torchnets

MNIST, CIFAR, MINI = [1, 28, 28], [3, 32, 32], [1, 14, 14]
CASES = [
    ("mlp", MNIST, 10, dict(depth=5, width=500)),
    ("nin", CIFAR, 10, dict(depth=2, width=192, dropout=0.25, batchnorm=True)),
    ("nin", CIFAR, 10, dict(depth=8, width=768, batchnorm=False)),
    ("nin", CIFAR, 10, dict(depth=4, width=200, batchnorm=True)),
    ("nin", MINI, 10, dict(depth=3, width=16, dropout=0.5, batchnorm=False)),
    ("vgg", CIFAR, 100, dict(depth=5, width=64, batchnorm=True)),
    ("vgg", MNIST, 10, dict(depth=5, width=64, batchnorm=True, stem="cna")),
    ("vgg", CIFAR, 10, dict(depth=5, width=64, batchnorm=True, stem="cna")),
    ("vgg", CIFAR, 10, dict(depth=3, width=128, dense=2, dropout=0.5, batchnorm=False)),
    ("vgg", MINI, 10, dict(depth=3, width=8, batchnorm=True)),
    ("resnet", CIFAR, 10, dict(layers=18)),
    ("resnet", CIFAR, 100, dict(layers=34)),
    ("resnet", CIFAR, 10, dict(layers=50)),
    ("resnet", CIFAR, 1000, dict(layers=101)),
    ("resnet", MNIST, 10, dict(layers=18, stem="cna")),
    ("resnet", CIFAR, 10, dict(layers=101, stem="cna")),
    ("resnet", MINI, 10, dict(layers=18, width=8)),
    ("resnet", MINI, 10, dict(layers=101, width=4)),
]


def multiply_adds(net, shape):
    """Products with a weight that one example takes, seen by hooks while it runs"""
    total = 0

    def count(m, inputs, out):
        nonlocal total
        total += out.numel() * (m.weight.numel() // m.weight.shape[0])

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        net.eval()(torch.zeros(1, *shape))
    for h in hooks:
        h.remove()
    return total


torch.manual_seed(1)
out = []
for family, shape, classes, options in CASES:
    case = {"family": family, "shape": shape, "classes": classes, "options": options}
    net = torchnets.build(case)
    # Of uniform draws the largest value of many is near the bound.
    case["tensors"] = [[k, list(v.shape), v.abs().max().item()] for k, v in torchnets.tensors(net)]
    case["parameters"] = sum(p.numel() for p in net.parameters())
    case["multiply_adds"] = multiply_adds(net, shape)
    out.append(case)
text = ",\n".join("  " + json.dumps(c) for c in out)
sys.stdout.write('{"torch": "%s",\n "cases": [\n%s]}\n' % (torch.__version__, text))
