"""Times training steps and evaluations of networks in PyTorch.

Reads one JSON request a line:
  {"widths": [64, 128, 10], "batch": 32, "task": "step" | "evaluate", "seconds": 0.3, "batchnorm": false, "optimizer": "sgd" | "adam", "clock": "wall" | "cpu"}
or, with "net", the network of "architecture", genbench's list of layers. Answers
  {"examples_per_second": ...}
The caller sets the thread variables of OpenMP and BLAS; this sets PyTorch's own.
A task's network is kept between requests. SGD and Adam are tried both one tensor at a time and
with foreach=True, and the faster is measured.
"""

import json
import sys
import time

import torch

torch.set_num_threads(1)
torch.manual_seed(1)


def network(widths, batchnorm):
    layers = []
    for i in range(1, len(widths)):
        layers.append(torch.nn.Linear(widths[i - 1], widths[i]))
        if i < len(widths) - 1:
            if batchnorm:
                layers.append(torch.nn.BatchNorm1d(widths[i]))
            layers.append(torch.nn.ReLU())
    return torch.nn.Sequential(*layers)


class Layers(torch.nn.Module):
    """A genbench architecture: modules in order, with the values that later ones read by name."""

    def __init__(self, architecture):
        super().__init__()
        self.layers, channels = [], {"": architecture["input"]["c"]}
        before = ""
        needed = {l.get("from") for l in architecture["layers"]} | {l.get("with") for l in architecture["layers"]}
        for l in architecture["layers"]:
            source, kind = l.get("from") or before, l["kind"]
            c = channels[source]
            if kind == "conv2d":
                c = l["channels"]
                m = torch.nn.Conv2d(channels[source], c, l["kernel"], l["stride"], l.get("padding", 0), bias=not l.get("no_bias", False))
            elif kind == "dense":
                m, c = torch.nn.Linear(l["in"], l["out"]), l["out"]
            elif kind == "batchnorm":
                m = torch.nn.BatchNorm2d(c)
            elif kind == "relu":
                m = torch.nn.ReLU(inplace=True)
            elif kind == "maxpool":
                m = torch.nn.MaxPool2d(l["kernel"], l["stride"], l.get("padding", 0))
            elif kind == "globalavgpool":
                m = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
            elif kind == "flatten":
                m, c = torch.nn.Flatten(), l["out"]
            elif kind == "add":
                m = None
            else:
                raise ValueError(kind)
            if m is not None:
                self.add_module(l["name"].replace(".", "_"), m)
            channels[l["name"]] = c
            self.layers.append((l["name"], m, l.get("from"), l.get("with"), l["name"] in needed))
            before = l["name"]

    def forward(self, x):
        kept = {}
        for name, module, source, other, keep in self.layers:
            if source:
                x = kept[source]
            x = x + kept[other] if module is None else module(x)
            if keep:
                kept[name] = x
        return x


def build(request):
    if "net" not in request:
        return network(request["widths"], request["batchnorm"]), (request["batch"], request["widths"][0]), request["widths"][-1]
    a = request["architecture"]
    shape = (request["batch"], a["input"]["c"], a["input"]["h"], a["input"]["w"])
    return Layers(a), shape, a["classes"]


def steps(request, foreach):
    net, shape, classes = build(request)
    net.train()
    x = torch.randn(*shape)
    y = torch.randint(classes, (request["batch"],))
    lossf = torch.nn.CrossEntropyLoss()
    if request["optimizer"] == "adam":
        opt = torch.optim.Adam(net.parameters(), lr=1e-3, foreach=foreach)
    else:
        opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, foreach=foreach)

    def once():
        opt.zero_grad(set_to_none=True)
        loss = lossf(net(x), y)
        loss.backward()
        opt.step()

    return once


def evaluations(request):
    net, shape, _ = build(request)
    net.eval()
    x = torch.randn(*shape)
    other = [p.detach().clone() for p in net.parameters()]

    def once():
        with torch.inference_mode():
            for p, q in zip(net.parameters(), other):
                p.copy_(q)
            net(x)

    return once


def rate(once, batch, seconds, clock, repeat):
    now = time.process_time if clock == "cpu" else time.perf_counter
    count, start = 0, now()
    while True:
        for _ in range(repeat):
            once()
        count += repeat
        spent = now() - start
        if spent >= seconds:
            return batch * count / spent


def main():
    kept = {}
    print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        batch, seconds = request["batch"], request.pop("seconds")
        clock, repeat = request["clock"], 1 if "net" in request else 5
        key = json.dumps(request, sort_keys=True)
        if key not in kept:
            choices = [evaluations(request)]
            if request["task"] == "step":
                choices = [steps(request, False), steps(request, True)]
            for c in choices:
                rate(c, batch, 0.1, clock, repeat)
            kept[key] = max(choices, key=lambda c: rate(c, batch, 0.2, clock, repeat))
        print(json.dumps({"examples_per_second": rate(kept[key], batch, seconds, clock, repeat)}), flush=True)


main()
