"""Writes torch.json: short trainings by PyTorch, for enginetest's testPyTorch.

    python3 make_torch.py > torch.json       made with torch 1.13.0a0 (Debian 12), NumPy 1.24.2

Everything is computed in float64 from float32 weights and inputs, so the numbers
are those of the definitions and not of one machine's float32 kernels. Adam and
RMSprop train the network without batch norm: a bias before batch norm has
gradient 0, and both rules would turn its rounding into whole steps.
"""

import json

import torch
from torch import nn

torch.manual_seed(20261123)
torch.set_num_threads(1)
D, K, N, BATCHES, STEPS = 8, 3, 12, 3, 20
X = torch.rand(BATCHES, N, D).float()
Y = torch.randint(0, K, (BATCHES, N))


def network(batchnorm):
    layers, arch, width = [], [], D
    for i, out in enumerate([9, 6], start=1):
        layers.append((f"fc{i}", nn.Linear(width, out)))
        arch.append({"name": f"fc{i}", "kind": "dense", "in": width, "out": out})
        if batchnorm:
            layers.append((f"bn{i}", nn.BatchNorm1d(out)))
            arch.append({"name": f"bn{i}", "kind": "batchnorm", "in": out, "out": out, "epsilon": 1e-5, "momentum": 0.1})
        layers.append((f"relu{i}", nn.ReLU()))
        arch.append({"name": f"relu{i}", "kind": "relu", "in": out, "out": out})
        width = out
    layers.append(("fc3", nn.Linear(width, K)))
    arch.append({"name": "fc3", "kind": "dense", "in": width, "out": K})
    net = nn.Sequential()
    for name, layer in layers:
        net.add_module(name, layer)
    a = {"family": "mlp", "input": {"c": 1, "h": 1, "w": D}, "classes": K, "layers": arch}
    return net.double(), a


def tensors(net):
    return {k: v.flatten().tolist() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}


def case(name, batchnorm, rule, make):
    net, arch = network(batchnorm)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(p.float().double())  # float32 values, so that Go starts at the same place
    initial = tensors(net)
    optimizer = make(net.parameters())
    losses = []
    for step in range(STEPS):
        net.train()
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(X[step % BATCHES].double()), Y[step % BATCHES])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        logits = net(X[0].double()).flatten().tolist()
    return {"name": name, "optimizer": rule, "architecture": arch, "initial": initial, "losses": losses, "final": tensors(net), "logits": logits}


O = torch.optim
cases = [
    case("sgd", False, {"name": "sgd", "learning_rate": 0.1}, lambda p: O.SGD(p, 0.1)),
    case("sgd batchnorm", True, {"name": "sgd", "learning_rate": 0.1}, lambda p: O.SGD(p, 0.1)),
    case("sgd momentum decay batchnorm", True, {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01},
         lambda p: O.SGD(p, 0.05, momentum=0.9, weight_decay=0.01)),
    case("adam", False, {"name": "adam", "learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3},
         lambda p: O.Adam(p, 0.01, eps=1e-3)),
    case("adam decay", False, {"name": "adam", "learning_rate": 0.01, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-3, "weight_decay": 0.02},
         lambda p: O.Adam(p, 0.01, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.02)),
    case("rmsprop", False, {"name": "rmsprop", "learning_rate": 0.002, "alpha": 0.99, "epsilon": 1e-3},
         lambda p: O.RMSprop(p, 0.002, eps=1e-3)),
    case("rmsprop momentum decay", False, {"name": "rmsprop", "learning_rate": 0.002, "alpha": 0.9, "epsilon": 1e-3, "momentum": 0.5, "weight_decay": 0.01},
         lambda p: O.RMSprop(p, 0.002, alpha=0.9, eps=1e-3, momentum=0.5, weight_decay=0.01)),
]
print(json.dumps({"torch": torch.__version__, "x": X.flatten(1).tolist(), "y": Y.tolist(), "cases": cases}))
