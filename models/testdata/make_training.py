"""Writes training.json: whole trainings by PyTorch, for models.Train.

    python3 make_training.py > training.json     made with torch 1.13.0a0 (Debian 12), Python 3.11

The random numbers of the Go side are computed here again from their
definitions: PCG-DXSM as math/rand/v2 documents it (O'Neill 2014; the DXSM
output of NumPy's PCG64DXSM on the 128-bit LCG), the bounded draw of Lemire
(arXiv 1805.10941), and SplitMix64 for dropout. Networks, gradients, update
rules and losses are PyTorch's, in float64.
"""

import json
import math
import sys

import torch
from torch import nn
import torch.nn.functional as F

torch.set_num_threads(1)
M64, M128 = (1 << 64) - 1, (1 << 128) - 1


class PCG:
    MUL = 2549297995355413924 << 64 | 4865540595714422341
    INC = 6364136223846793005 << 64 | 1442695040888963407

    def __init__(self, seed1, seed2):
        self.state = seed1 << 64 | seed2

    def uint64(self):
        self.state = (self.state * self.MUL + self.INC) & M128
        hi, lo = self.state >> 64, self.state & M64
        hi ^= hi >> 32
        hi = hi * 0xDA942042E4DD58B5 & M64
        hi ^= hi >> 48
        return hi * (lo | 1) & M64

    def below(self, n):
        while True:
            m = self.uint64() * n
            if m & M64 >= (1 << 64) % n:
                return m >> 64

    def unit(self):
        return ((self.uint64() >> 12) + 0.5) / (1 << 52)


def order(seed, epoch, n):
    src, o = PCG(seed, epoch), list(range(n))
    for i in range(n - 1, 0, -1):
        j = src.below(i + 1)
        o[i], o[j] = o[j], o[i]
    return o


def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
    return z ^ z >> 31


def dropout_mask(rows, width, rate, seed, step, layer):
    key = mix((mix(seed ^ 0x9E3779B97F4A7C15) + mix(step + 1) * 0xBF58476D1CE4E5B9 + layer * 0x94D049BB133111EB) & M64)
    threshold, scale = int(rate * (1 << 53)), float(torch.tensor(1 / (1 - rate)).float())
    keep = [0.0 if mix((key + i * 0x9E3779B97F4A7C15) & M64) >> 11 < threshold else scale for i in range(rows * width)]
    return torch.tensor(keep, dtype=torch.float64).view(rows, width)


class Dropout(nn.Module):
    """Inverted dropout with the mask of models.DropoutMask."""

    def __init__(self, rate, layer, seed):
        super().__init__()
        self.rate, self.layer, self.seed, self.step = rate, layer, seed, 0

    def forward(self, x):
        if not self.training:
            return x
        return x * dropout_mask(x.shape[0], x.shape[1], self.rate, self.seed, self.step, self.layer)


def network(d, k, widths, batchnorm, dropout, init_seed, dropout_seed):
    net, index = nn.Sequential(), 0
    for i, out in enumerate(widths + [k], start=1):
        net.add_module(f"fc{i}", nn.Linear(d, out))
        index += 1
        if i <= len(widths):
            if batchnorm:
                net.add_module(f"bn{i}", nn.BatchNorm1d(out))
                index += 1
            net.add_module(f"relu{i}", nn.ReLU())
            index += 1
            if dropout:
                net.add_module(f"drop{i}", Dropout(dropout, index, dropout_seed))
                index += 1
        d = out
    net = net.double()
    # Initial weights: U(-1/sqrt(in), 1/sqrt(in)), tensor i from PCG(seed, "init" + i).
    t = 0
    for module in net:
        if isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            for p in (module.weight, module.bias):
                src = PCG(init_seed, (0x696E6974 << 32) + t)
                values = [(2 * src.unit() - 1) * bound for _ in range(p.numel())]
                p.data = torch.tensor(values, dtype=torch.float64).float().double().view(p.shape)
                t += 1
        if isinstance(module, nn.BatchNorm1d):
            t += 4
    return net


def evaluated(net, x, y):
    net.eval()
    with torch.no_grad():
        logits = net(x)
        return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).double().mean().item()


def noise(net, x, y):
    net.eval()
    squares, total = 0.0, None
    for i in range(len(y)):
        net.zero_grad()
        F.cross_entropy(net(x[i : i + 1]), y[i : i + 1]).backward()
        g = torch.cat([p.grad.flatten() for p in net.parameters()])
        squares += (g @ g).item()
        total = g.clone() if total is None else total + g
    mean = total / len(y)
    return squares / len(y) - (mean @ mean).item()


def tensors(net):
    return {k: v.flatten().tolist() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}


def train(case):
    n, d, k = case["n"], case["d"], case["k"]
    torch.manual_seed(case["data_seed"])
    x = torch.randn(n, d).float()
    y = (x[:, 0] > 0).long() + (x[:, 1] * x[:, 2] > 0).long()  # three classes
    net = network(d, k, case["widths"], case["batchnorm"], case["dropout"], case["init_seed"], case["dropout_seed"])
    result = {"x": x.flatten().tolist(), "y": y.tolist(), "init": tensors(net), "history": []}
    x = x.double()
    o = case["optimizer"]
    optimizer = torch.optim.SGD(net.parameters(), o["learning_rate"], momentum=o.get("momentum", 0))
    steps, to, stop, epoch = 0, {0.1: -1, 0.01: -1}, None, 0
    always = case["batchnorm"] or case["dropout"] > 0
    while stop is None:
        epoch += 1
        net.train()
        losses = []
        perm = order(case["order_seed"], epoch, n)
        for lo in range(0, n, case["batch"]):
            rows = perm[lo : lo + case["batch"]]
            if len(rows) == 1 and case["batchnorm"]:
                break
            for m in net:
                if isinstance(m, Dropout):
                    m.step = steps
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            steps += 1
        line = {"epoch": epoch, "steps": steps, "mean_loss": sum(losses) / len(losses)}
        pending = [case["target"]] + [m for m in to if to[m] < 0]
        if always or epoch == case["max_epochs"] or line["mean_loss"] <= 3 * max(pending):
            line["train_loss"], line["train_accuracy"] = evaluated(net, x, y)
            for m in to:
                if to[m] < 0 and line["train_loss"] <= m:
                    to[m] = steps
            if line["train_loss"] <= case["target"]:
                stop = "target"
        if stop is None and epoch == case["max_epochs"]:
            stop = "max-epochs"
        if epoch == 1:
            result["noise1"] = noise(net, x, y)
        result["history"].append(line)
    result.update(stop=stop, epochs=epoch, steps=steps, to01=to[0.1], to001=to[0.01], noise_final=noise(net, x, y), final=tensors(net))
    print(case["name"], stop, epoch, steps, to, file=sys.stderr)
    return {**case, **result}


base = {"d": 6, "k": 3, "init_seed": 11, "order_seed": 22, "dropout_seed": 33, "data_seed": 44, "batchnorm": False, "dropout": 0}
sgd = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.5}
print(json.dumps({"torch": torch.__version__, "cases": [train({**base, **c}) for c in [
    {"name": "plain", "n": 40, "widths": [12, 8], "batch": 7, "target": 0.004, "max_epochs": 200, "optimizer": sgd},
    # 43 = 6·7 + 1: the last batch has one example and is a step
    {"name": "last batch of one", "n": 43, "widths": [12], "batch": 7, "target": 0.2, "max_epochs": 100, "optimizer": sgd},
    # ... and is dropped with batch norm
    {"name": "batch norm drops a last batch of one", "n": 43, "widths": [10, 6], "batch": 7, "batchnorm": True, "target": 0.4, "max_epochs": 150,
     "optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}},
    {"name": "dropout", "n": 40, "widths": [16], "batch": 10, "dropout": 0.25, "batchnorm": True, "target": 0.02, "max_epochs": 12,
     "optimizer": {"name": "sgd", "learning_rate": 0.1}},
]]}))
