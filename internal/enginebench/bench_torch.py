"""Times training steps and evaluations of multilayer perceptrons in PyTorch.

Reads one JSON request a line and answers one JSON line:
  {"widths": [64, 128, 10], "batch": 32, "task": "step" | "evaluate", "seconds": 0.3, "batchnorm": false, "optimizer": "sgd" | "adam"}
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


def steps(request, foreach):
    net = network(request["widths"], request["batchnorm"]).train()
    x = torch.randn(request["batch"], request["widths"][0])
    y = torch.randint(request["widths"][-1], (request["batch"],))
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
    net = network(request["widths"], request["batchnorm"]).eval()
    x = torch.randn(request["batch"], request["widths"][0])
    other = [p.detach().clone() for p in net.parameters()]

    def once():
        with torch.inference_mode():
            for p, q in zip(net.parameters(), other):
                p.copy_(q)
            net(x)

    return once


def rate(once, batch, seconds):
    count, start = 0, time.perf_counter()
    while True:
        for _ in range(5):
            once()
        count += 5
        spent = time.perf_counter() - start
        if spent >= seconds:
            return batch * count / spent


def main():
    kept = {}
    print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        batch, seconds = request["batch"], request.pop("seconds")
        key = json.dumps(request, sort_keys=True)
        if key not in kept:
            choices = [evaluations(request)]
            if request["task"] == "step":
                choices = [steps(request, False), steps(request, True)]
            for c in choices:
                rate(c, batch, 0.1)
            kept[key] = max(choices, key=lambda c: rate(c, batch, 0.2))
        print(json.dumps({"examples_per_second": rate(kept[key], batch, seconds)}), flush=True)


main()
