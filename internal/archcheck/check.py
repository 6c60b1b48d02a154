"""Whole networks in PyTorch, float64: logits, loss, every gradient, running statistics after 20 steps of training.

    /usr/bin/python3 check.py vectors > testdata/vectors.json    of the thin ones, each tensor reduced to three numbers
    /usr/bin/python3 check.py whole N FILE                       of case N, thin ones first, all values, as float32

made with torch 1.13.0a0 (Debian 12), Python 3.11, NumPy 1.24.2. Weights, inputs and labels are drawn by SplitMix64 (Steele, Lea and Flood 2014),
which the Go side does again; they are rounded to float32. A case may draw other inputs ("draw"): where one of a million values before a ReLU
is within float32's rounding of 0, its derivative jumps, and no two orders of summation agree. The networks are those of models/testdata/torchnets.py.
"""

import copy
import json
import os
import struct
import sys

import numpy as np
import torch
from torch.nn.functional import cross_entropy

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "models", "testdata"))
sys.dont_write_bytecode = True
import torchnets  # noqa: E402

torch.set_num_threads(1)
STEPS, MOMENTUM = 20, 0.9


def unit(seed, n):
    """n multiples of 2^-24 in [0, 1)"""
    z = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + (np.arange(1, n + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z = z ^ z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 24)


def symmetric(seed, shape, bound):
    n = int(np.prod(shape))
    return torch.tensor(((2 * unit(seed, n) - 1) * bound).astype(np.float32).astype(np.float64).reshape(shape))


def fill(net):
    """Weights as He's (uniform), batch norm's scales about 0.75, and 0.2 where a bottleneck ends, so that sums of many blocks stay small and rounding is not magnified
    from block to block, running variances about 1, all else about 0"""
    with torch.no_grad():
        for i, (name, v) in enumerate(torchnets.tensors(net)):
            shape, role = tuple(v.shape), name.rsplit(".", 1)[1]
            if role == "weight" and len(shape) > 1:
                fan_in = v.numel() // shape[0]
                v.copy_(symmetric(i, shape, np.sqrt(6 / fan_in)))
            elif name.startswith("layer") and name.endswith("bn3.weight"):
                v.copy_((0.2 + symmetric(i, shape, 0.05)).float().double())
            elif role == "weight":
                v.copy_((0.75 + symmetric(i, shape, 0.25)).float().double())
            elif role == "running_var":
                v.copy_((1 + symmetric(i, shape, 0.5)).float().double())
            else:
                v.copy_(symmetric(i, shape, 0.125))


def batch(case, step):
    n = case["batch"]
    x = symmetric(10_000 + 100 * case.get("draw", 0) + step, (n, *case["shape"]), 1.7)
    y = torch.tensor((unit(20_000 + step, n) * case["classes"]).astype(np.int64))
    return x, y


def passes(net, case):
    """name -> array of one pass forward and backward, evaluating and learning; the tensors are left as they were"""
    start, out = {k: v.clone() for k, v in net.state_dict().items()}, {}
    x, y = batch(case, 0)
    for mode in ["eval", "learn"]:
        net.train(mode == "learn")
        net.zero_grad()
        z = net(x.to(next(net.parameters()).dtype))
        loss = cross_entropy(z, y)
        loss.backward()
        out[mode + ".logits"], out[mode + ".loss"] = z.detach(), loss.detach().reshape(1)
        for name, p in net.named_parameters():
            out[f"{mode}.gradient.{name}"] = p.grad.clone()
        net.load_state_dict(start)
    return out


def own_error(exact, single, mode):
    """The largest error of torch's float32 gradients, of a tensor relative to its largest value, of one that is 0 to that of all"""
    names = [k for k in exact if k.startswith(mode + ".gradient.")]
    top = max(exact[k].abs().max().item() for k in names)
    of = lambda k: t if (t := exact[k].abs().max().item()) > 1e-9 * top else top
    return max((single[k].double() - exact[k]).abs().max().item() / of(k) for k in names)


def compute(case):
    """name -> array"""
    net = torchnets.build(case).double()
    fill(net)
    out = passes(net, case)
    single = passes(copy.deepcopy(net).float(), case)
    for mode in ["eval", "learn"]:
        out[mode + ".torch32"] = torch.tensor([own_error(out, single, mode)], dtype=torch.float64)
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=case["learning_rate"], momentum=MOMENTUM)
    losses = []
    for step in range(STEPS):
        x, y = batch(case, step)
        optimizer.zero_grad()
        loss = cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    out["trained.losses"] = torch.tensor(losses, dtype=torch.float64)
    for name, v in torchnets.tensors(net):
        out["trained." + name] = v
    return {k: v.detach().numpy().astype(np.float64) for k, v in out.items()}


def write(path, arrays):
    place, data = {}, b""
    for name, a in arrays.items():
        raw = np.ascontiguousarray(a, dtype="<f4").tobytes()
        place[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(place).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def reduced(a):
    """Largest magnitude, and two sums with signs: an error anywhere shows in them, and so does an exchange of places"""
    flat = a.reshape(-1)
    one, two = (2 * unit(30_000 + 2 * flat.size + j, flat.size) - 1 for j in (0, 1))
    return [float("%.11g" % v) for v in (np.abs(flat).max(), flat @ one, flat @ two)]


def main():
    with open(os.path.join(HERE, "testdata", "cases.json")) as f:
        cases = json.load(f)
    if sys.argv[1] == "vectors":
        lines = []
        for case in cases["thin"]:
            made = compute(case)
            keep = {k: (v.tolist() if k.endswith(("logits", "loss", "losses", "torch32")) else reduced(v)) for k, v in made.items()}
            lines.append("  " + json.dumps(case["name"]) + ": " + json.dumps(keep))
        print('{"torch": "%s", "cases": {\n%s\n}}' % (torch.__version__, ",\n".join(lines)))
        return
    write(sys.argv[3], compute((cases["thin"] + cases["whole"])[int(sys.argv[2])]))


np.seterr(over="ignore")
if __name__ == "__main__":
    main()
