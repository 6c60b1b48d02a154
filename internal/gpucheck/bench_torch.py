"""Times training steps in PyTorch on the device that genbench's gpucheck measures.

Reads one JSON request a line, {"architecture": genbench's list of layers, "batch": 64, "seconds": 2, "device": "cuda:0", "tf32": false}, and
answers, in examples a second, {"eager": ..., "cuda graph": ..., "torch.compile": ...}; null with a reason under "notes" where one does not run.
The step is SGD without momentum on one batch that stays on the device: forward, cross-entropy, backward, update. The graph
holds all of it; torch.compile has the network, forward and backward. The first answer tells the version, the device and the threads of the processor.
"""

import json
import sys
import time

import torch


class Layers(torch.nn.Module):
    def __init__(self, a):
        super().__init__()
        self.plan, channels, before = [], {"": a["input"]["c"]}, ""
        for l in a["layers"]:
            source, kind = l.get("from") or before, l["kind"]
            c, m = channels[source], None
            if kind == "dense":
                m, c = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(l["in"], l["out"])), l["out"]
            elif kind == "conv2d":
                m = torch.nn.Conv2d(c, l["channels"], l["kernel"], l["stride"], l.get("padding", 0), bias=not l.get("no_bias", False))
                c = l["channels"]
            elif kind == "batchnorm":
                m = torch.nn.BatchNorm2d(c)
            elif kind == "relu":
                m = torch.nn.ReLU()
            elif kind == "maxpool":
                m = torch.nn.MaxPool2d(l["kernel"], l["stride"], l.get("padding", 0))
            elif kind == "avgpool":
                m = torch.nn.AvgPool2d(l["kernel"], l["stride"])
            elif kind == "globalavgpool":
                m = torch.nn.AdaptiveAvgPool2d(1)
            elif kind == "flatten":
                m, c = torch.nn.Flatten(), l["out"]
            elif kind != "add":
                raise ValueError(kind)
            if m is not None:
                self.add_module(l["name"].replace(".", "_"), m)
            channels[l["name"]] = c
            self.plan.append((l["name"], m, source, l.get("with")))
            before = l["name"]

    def forward(self, x):
        values = {"": x}
        for name, module, source, other in self.plan:
            values[name] = values[source] + values[other] if module is None else module(values[source])
        return values[name].flatten(1)


def rate(once, batch, seconds, sync):
    for _ in range(3):
        once()
    sync()
    count, calls, start = 0, 1, time.perf_counter()
    while True:
        for _ in range(calls):
            once()
        sync()
        count += calls
        spent = time.perf_counter() - start
        if spent >= seconds:
            return batch * count / spent
        if spent < seconds / 20:  # wait for the device seldom, but not for longer than was asked
            calls *= 2


def answer(r):
    device, cuda = r["device"], r["device"].startswith("cuda")
    torch.backends.cuda.matmul.allow_tf32 = r["tf32"]
    torch.backends.cudnn.allow_tf32 = r["tf32"]
    torch.backends.cudnn.benchmark = True
    sync = torch.cuda.synchronize if cuda else lambda: None
    a, batch = r["architecture"], r["batch"]
    x = torch.randn(batch, a["input"]["c"], a["input"]["h"], a["input"]["w"], device=device)
    y = torch.randint(a["classes"], (batch,), device=device)
    lossf = torch.nn.CrossEntropyLoss()
    out = {"notes": {}}

    def step(net, forward):
        opt = torch.optim.SGD(net.parameters(), lr=0.01, foreach=True)

        def once():
            opt.zero_grad(set_to_none=False)
            lossf(forward(x), y).backward()
            opt.step()

        return once

    def eager():
        net = Layers(a).to(device)
        return rate(step(net, net), batch, r["seconds"], sync)

    def graph():
        net = Layers(a).to(device)
        # As "Whole-network capture" of PyTorch's notes on CUDA: warmed up on a stream of its own, which waits for what is copied; the gradients stay where they are.
        once, stream = step(net, net), torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                once()
        torch.cuda.current_stream().wait_stream(stream)
        g = torch.cuda.CUDAGraph()
        with torch.cuda.graph(g):
            once()
        return rate(g.replay, batch, r["seconds"], sync)

    def compiled():
        if not hasattr(torch, "compile"):
            raise RuntimeError("PyTorch " + torch.__version__ + " has none")
        torch.compiler.reset()  # a limit on how often one class is compiled would end in eager, silently
        net = Layers(a).to(device)
        return rate(step(net, torch.compile(net)), batch, r["seconds"], sync)

    for name, f in (("eager", eager), ("cuda graph", graph), ("torch.compile", compiled)):
        try:
            if name == "cuda graph" and not cuda:
                raise RuntimeError("not on " + device)
            out[name] = f()
        except Exception as e:  # one way that fails must not cost the others
            out[name], out["notes"][name] = None, f"{type(e).__name__}: {e}"[:300]
        if cuda:
            torch.cuda.empty_cache()  # the card is gpucheck's while it computes
    return out


def main():
    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"cpu, {torch.get_num_threads()} threads"
    print(json.dumps({"version": torch.__version__, "device": name}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


main()
