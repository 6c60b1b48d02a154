"""Writes conv.json: sums of layers, path norms and Jacobians of convolutional networks, by PyTorch in float64.

    /usr/bin/python3 make_conv.py > conv.json     made with torch 1.13.0a0 (Debian 12), Python 3.11, NumPy 1.24.2

The networks are models/testdata/torchnets.py's; weights and inputs are drawn by internal/archcheck/check.py. What a layer is, and in which order, is seen
by hooks while the network runs, as Gain and Siegelmann's code sees it (alexgain/cna-icml2020, usage/cna_utils.py).
"""

import copy
import json
import os
import sys

import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "internal", "archcheck"))
import check  # noqa: E402
import torchnets  # noqa: E402

CASES = [
    {"family": "resnet", "shape": [3, 8, 8], "classes": 4, "batch": 5, "options": {"layers": 18, "width": 2}},
    {"family": "resnet", "shape": [3, 8, 8], "classes": 4, "batch": 5, "options": {"layers": 50, "width": 2}},
    {"family": "nin", "shape": [3, 8, 8], "classes": 4, "batch": 5, "options": {"depth": 2, "width": 4, "batchnorm": True}},
    {"family": "vgg", "shape": [1, 10, 10], "classes": 4, "batch": 5, "options": {"depth": 2, "width": 4, "dense": 1, "batchnorm": False}},
    {"family": "vgg", "shape": [1, 10, 10], "classes": 4, "batch": 5, "options": {"depth": 2, "width": 4, "batchnorm": True}},
]


def weighs(m):
    return isinstance(m, (nn.Conv2d, nn.Linear))


def reduced(v, how):
    flat = v.flatten(1)
    if how == "mean":
        return flat.mean(1)
    if how == "abs_sum":
        return flat.abs().sum(1)
    if how == "mean_channel_sum_space" and v.dim() == 4:
        return v.mean(1).flatten(1).sum(1)
    return flat.sum(1)


def sums(net, x):
    """ "layers/reduce" -> [N, L] """
    names = {m: n for n, m in net.named_modules()}
    last = [m for m in net.modules() if weighs(m)][-1]
    released, paper, post, done = [], [], [], []

    def seen(m, _, out):
        name = names[m]
        if m is last:
            done.append(m)  # what follows is the classifier's
        if weighs(m) and m is not last:
            released.append(out)
            normed = isinstance(m, nn.Conv2d) and ("shortcut" in name or isinstance(dict(net.named_modules()).get(norm_of(name)), nn.BatchNorm2d))
            if not normed:
                paper.append(out)
        if isinstance(m, nn.BatchNorm2d) and "shortcut" not in name and name != norm_of(names[last]):
            paper.append(out)

    hooks = [m.register_forward_hook(seen) for m in net.modules()]
    plain = torchnets.F.relu

    def relu(v):
        out = plain(v)
        if not done:
            post.append(out)
        return out

    torchnets.F.relu = relu
    with torch.no_grad():
        logits = net(x)
    torchnets.F.relu = plain
    for h in hooks:
        h.remove()
    out = {}
    for layers, values in [("released", released), ("paper", paper + [logits]), ("post_relu", post)]:
        for how in ["sum", "mean", "abs_sum", "mean_channel_sum_space"]:
            out[f"{layers}/{how}"] = torch.stack([reduced(v, how) for v in values], 1).tolist()
    return out


def norm_of(name):
    """The batch norm behind a convolution"""
    if name.endswith("shortcut.0"):
        return name[:-1] + "1"
    head, _, tail = name.rpartition(".")
    return (head + "." if head else "") + tail.replace("conv", "bn")


def path_norm(net):
    """log of the sum of the logits of squared weights at an input of ones, batch norm folded in"""
    net = copy.deepcopy(net).eval()
    modules = dict(net.named_modules())
    with torch.no_grad():
        for name, m in modules.items():
            if not weighs(m):
                continue
            bias = m.bias if m.bias is not None else torch.zeros(m.weight.shape[0], dtype=torch.float64)
            bn = modules.get(norm_of(name)) if isinstance(m, nn.Conv2d) else None
            if isinstance(bn, nn.BatchNorm2d):
                scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
                m.weight.copy_((m.weight * scale.reshape(-1, 1, 1, 1)) ** 2)
                bn.bias.copy_((bn.bias + scale * (bias - bn.running_mean)) ** 2)
                if m.bias is not None:
                    m.bias.zero_()
                bn.weight.fill_(1)
                bn.running_mean.zero_()
                bn.running_var.fill_(1)
                bn.eps = 0.0
            else:
                m.weight.copy_(m.weight**2)
                m.bias.copy_(bias**2)
        return torch.log(net(torch.ones(1, *CASE["shape"], dtype=torch.float64)).sum()).item()


def jacobians(net, x):
    """squares [N, L] of the Jacobian of the logits with respect to what layers with weights read, equal values once; and their sizes"""
    read = []

    def seen(m, inputs):
        if not any(inputs[0] is v for v in read):
            read.append(inputs[0])

    hooks = [m.register_forward_pre_hook(seen) for m in net.modules() if weighs(m)]
    logits = net(x.requires_grad_(True))
    for h in hooks:
        h.remove()
    squares = 0
    for k in range(logits.shape[1]):
        grads = torch.autograd.grad(logits[:, k].sum(), read, retain_graph=True)
        squares = squares + torch.stack([g.flatten(1).pow(2).sum(1) for g in grads], 1)
    return squares.detach().tolist(), [v[0].numel() for v in read]


out = []
for CASE in CASES:
    net = torchnets.build(CASE).double()
    check.fill(net)
    net.eval()
    x, _ = check.batch(CASE, 0)
    squares, units = jacobians(net, x.clone())
    out.append("  " + json.dumps({**CASE, "sums": sums(net, x), "log_path_norm": path_norm(net), "squares": squares, "units": units}))
print('{"torch": "%s", "cases": [\n%s\n]}' % (torch.__version__, ",\n".join(out)))
