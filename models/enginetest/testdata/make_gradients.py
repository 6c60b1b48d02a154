"""Writes gradients.json: gradients, their moments and second derivatives by PyTorch, for enginetest's testPyTorchGradients.

    python3 make_gradients.py > gradients.json       made with torch 1.13.0a0 (Debian 12), NumPy 1.24.2

Everything is computed in float64 from float32 weights and inputs, in evaluation mode. Gradients by
layers' inputs are autograd's; moments come from one backward call per example; the Hessian's
product is double backward: the gradient of <gradient, v>. Draws with a ReLU input within 1e-4 of 0 are refused.
"""

import json

import torch
from torch import nn

torch.manual_seed(20261125)
torch.set_num_threads(1)


def network(widths, batchnorm, dropout):
    layers, arch = [], []

    def add(name, layer, kind, i, o, **more):
        layers.append((name, layer))
        arch.append({"name": name, "kind": kind, "in": i, "out": o, **more})

    for i, (a, b) in enumerate(zip(widths, widths[1:]), start=1):
        add(f"fc{i}", nn.Linear(a, b), "dense", a, b)
        if i == len(widths) - 1:
            break
        if batchnorm:
            add(f"bn{i}", nn.BatchNorm1d(b), "batchnorm", b, b, epsilon=1e-5, momentum=0.1)
        add(f"relu{i}", nn.ReLU(), "relu", b, b)
        if dropout:
            add(f"drop{i}", nn.Dropout(dropout), "dropout", b, b, rate=dropout)
    net = nn.Sequential()
    for name, layer in layers:
        net.add_module(name, layer)
    return net, {"family": "mlp", "input": {"c": 1, "h": 1, "w": widths[0]}, "classes": widths[-1], "layers": arch}


def draw(net, n, d):
    """Tensors, inputs and labels that are float32 numbers, then float64 all over."""
    with torch.no_grad():
        for name, t in net.state_dict().items():
            if name.startswith("bn"):
                if name.endswith("running_var"):
                    t.copy_(0.5 + torch.rand(t.shape))
                elif not name.endswith("num_batches_tracked"):
                    t.add_(0.4 * torch.randn(t.shape))
    net.eval().double()
    return (2 * torch.rand(n, d) - 1).double()


def near(net, x):
    least = 1.0
    for layer in net:
        if isinstance(layer, nn.ReLU):
            least = min(least, x.abs().min().item())
        x = layer(x)
    return least


def numbers(t):
    return [float(f"{v:.12g}") for v in t.flatten().tolist()]


def exact(t):
    return t.flatten().tolist()


def case(name, widths, n, batchnorm=False, dropout=0.0):
    while True:
        net, arch = network(widths, batchnorm, dropout)
        x = draw(net, n, widths[0])
        if near(net, x) > 1e-4:
            break
    y = torch.randint(0, widths[-1], (n,))
    seed = torch.randn(n, widths[-1]).double()
    names, params = zip(*net.named_parameters())
    v = [torch.randn(p.shape).double() for p in params]

    read = [x.clone().requires_grad_()]
    for layer in net:
        read.append(layer(read[-1]) if not isinstance(layer, nn.Dropout) else layer(read[-1]) * 1)
    inputs = torch.autograd.grad((seed * read[-1]).sum(), read[:-1])

    dots, total, squares = [], [torch.zeros_like(p) for p in params], [torch.zeros_like(p) for p in params]
    for i in range(n):
        g = torch.autograd.grad(nn.functional.cross_entropy(net(x[i : i + 1]), y[i : i + 1]), params)
        dots.append(sum((p * q).sum().item() for p, q in zip(params, g)))
        for s, q, one in zip(total, squares, g):
            s += one
            q += one**2
    mean = torch.autograd.grad(nn.functional.cross_entropy(net(x), y), params, create_graph=True)
    product = torch.autograd.grad(sum((g * w).sum() for g, w in zip(mean, v)), params)

    def named(values, write):
        return {k: write(t.detach()) for k, t in zip(names, values)}

    return {
        "name": name, "architecture": arch,
        "initial": {k: exact(t) for k, t in net.state_dict().items() if not k.endswith("num_batches_tracked")},
        "x": exact(x), "y": y.tolist(), "seed": exact(seed), "v": named(v, exact),
        "inputs": [numbers(g) for g in inputs], "dots": dots,
        "sum": named(total, numbers), "squares": named(squares, numbers), "product": named(product, numbers),
    }


cases = [
    case("relu", [11, 17, 19, 4], 33),
    case("batchnorm dropout", [7, 20, 9, 3], 21, batchnorm=True, dropout=0.3),
    case("one example", [6, 5, 3], 1, batchnorm=True),
]
print(json.dumps({"torch": torch.__version__, "cases": cases}))
