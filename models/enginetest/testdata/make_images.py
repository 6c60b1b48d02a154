"""Writes images.json: networks on images by PyTorch, for enginetest's testPyTorchImages.

    /usr/bin/python3 make_images.py > images.json       made with torch 1.13.0a0 (Debian 12)

Everything is computed in float64 from float32 weights and inputs. In evaluation mode: what each layer writes, the
cross-entropy and its gradient, the gradients by what each layer reads (autograd's, an edge of the graph at a time: layer l is
told the sum over the readers of the same value from l on), the moments of the examples' gradients (one backward call an
example), and the Hessian's product (double backward). In training mode: cross-entropy, gradient, running statistics
after it. Then STEPS steps by each rule on two batches in turn, the second of them smaller. Draws with a ReLU's input or two values of
a max pool's window within 1e-4 of a kink are refused; values that are equal (the zeros of a ReLU, the multiples of 1/4 that one
network reads) are not: PyTorch gives the gradient of a tie to the first in row order.
"""

import json

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(20261127)
torch.set_num_threads(1)
STEPS = 12


def size(shape):
    return shape[0] * shape[1] * shape[2]


class Network(nn.Module):
    """A list of layers (name, kind, settings) as Go's models.Architecture."""

    def __init__(self, shape, classes, layers):
        super().__init__()
        self.arch = {"family": "free", "input": dict(zip("chw", shape)), "classes": classes, "layers": []}
        self.sources, shapes, names = [], {}, []
        before = shape
        for name, kind, more in layers:
            module = None
            c, h, w = read = shapes[more["from"]] if "from" in more else before
            k, s, p = more.get("kernel"), more.get("stride"), more.get("padding", 0)
            if kind == "dense":
                module = nn.Linear(size(read), more.pop("width"))
            elif kind == "conv2d":
                module = nn.Conv2d(c, more["channels"], k, s, p, bias=not more.get("no_bias", False))
            elif kind == "batchnorm":
                module = nn.BatchNorm2d(c)
                more = {**more, "epsilon": 1e-5, "momentum": 0.1}
            elif kind == "maxpool":
                module = nn.MaxPool2d(k, s, p)
            elif kind == "avgpool":
                module = nn.AvgPool2d(k, s)
            elif kind == "globalavgpool":
                module = nn.AdaptiveAvgPool2d(1)
            elif kind == "relu":
                module = nn.ReLU()
            if module is not None:
                self.add_module(name, module)
                was = module.training
                module.eval()
                x = torch.zeros(1, *read)
                before = tuple(module(x.flatten(1) if kind == "dense" else x).shape[1:])
                before = before + (1,) * (3 - len(before))
                module.train(was)
            elif kind == "flatten":
                before = (size(read), 1, 1)
            else:
                before = read  # add
            shapes[name] = before
            source = more.get("from", names[-1] if names else None)
            self.sources.append([source] + ([more["with"]] if kind == "add" else []))
            names.append(name)
            self.arch["layers"].append({"name": name, "kind": kind, "in": size(read), "out": size(before), **more})

    def forward(self, x, edges=None):
        """The logits; edges is given (reader, value's name, value as read) of every reading, and (None, name, value) of every writing."""
        values, out = {None: x}, None
        for layer, sources in zip(self.arch["layers"], self.sources):
            read = [values[s] * 1 for s in sources]
            if edges is not None:
                edges += [(layer["name"], s, r) for s, r in zip(sources, read)]
            kind = layer["kind"]
            if kind == "add":
                out = read[0] + read[1]
            elif kind == "flatten":
                out = read[0].reshape(len(x), -1, 1, 1)
            elif kind == "dense":
                out = getattr(self, layer["name"])(read[0].flatten(1))[:, :, None, None]
            else:
                out = getattr(self, layer["name"])(read[0])
            values[layer["name"]] = out
            if edges is not None:
                edges.append((None, layer["name"], out))
        return out.flatten(1)


def draw(net, n, coarse):
    """Tensors, inputs and labels that are float32 numbers, then float64 all over."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                for t in (module.weight, module.bias, module.running_mean):
                    t.add_(0.3 * torch.randn(t.shape))
                module.running_var.copy_(0.5 + torch.rand(module.running_var.shape))
    net.double()
    shape = net.arch["input"]
    x = 2 * torch.rand(n, shape["c"], shape["h"], shape["w"]) - 1
    if coarse:
        x = torch.round(4 * x) / 4
    return x.double(), torch.randint(0, net.arch["classes"], (n,))


def near(net, x):
    """How near the values come to a kink."""
    least, edges = 1.0, []
    net(x, edges)
    for reader, _, read in edges:
        layer = next((l for l in net.arch["layers"] if l["name"] == reader), {"kind": None})
        if layer["kind"] == "relu":
            gaps = read.abs()
        elif layer["kind"] == "maxpool":
            n, c, h, w = read.shape
            k, p = layer["kernel"], layer["padding"]
            windows = F.pad(read, (p, p, p, p), value=-1e9).reshape(n * c, 1, h + 2 * p, w + 2 * p)
            windows = F.unfold(windows, k, stride=layer["stride"])
            gaps = windows.max(1, keepdim=True)[0] - windows
        else:
            continue
        gaps = gaps[gaps > 0]
        least = min(least, gaps.min().item() if len(gaps) else 1.0)
    return least


def numbers(t):
    return [float(f"{v:.7g}") for v in t.flatten().tolist()]


def exact(t):
    """float32 numbers in the digits that name them."""
    return [float(f"{v:.9g}") for v in t.flatten().tolist()]


def tensors(net, write):
    return {k: write(v) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}


def named(net, values, write=numbers):
    return {k: write(t.detach()) for (k, _), t in zip(net.named_parameters(), values)}


def gradients(net, x, y):
    net.eval()
    params = list(net.parameters())
    seed, v = torch.randn(len(y), net.arch["classes"]).double(), [torch.randn(p.shape).double() for p in params]
    edges = []
    logits = net(x.clone().requires_grad_(), edges)
    outs = [value for reader, _, value in edges if reader is None]
    reads = [(reader, source, value) for reader, source, value in edges if reader is not None]
    parts = torch.autograd.grad((seed * logits).sum(), [value for _, _, value in reads])
    order = [layer["name"] for layer in net.arch["layers"]]
    inputs = []
    for l, name in enumerate(order):
        source = net.sources[l][0]
        inputs.append(sum(g for (reader, s, _), g in zip(reads, parts) if s == source and order.index(reader) >= l))

    dots, total, squares = [], [torch.zeros_like(p) for p in params], [torch.zeros_like(p) for p in params]
    for i in range(len(y)):
        g = torch.autograd.grad(F.cross_entropy(net(x[i : i + 1]), y[i : i + 1]), params)
        dots.append(sum((p * q).sum().item() for p, q in zip(params, g)))
        for s, q, one in zip(total, squares, g):
            s += one
            q += one**2
    loss = F.cross_entropy(net(x), y)
    mean = torch.autograd.grad(loss, params, create_graph=True)
    product = torch.autograd.grad(sum((g * w).sum() for g, w in zip(mean, v)), params, allow_unused=True)
    product = [torch.zeros_like(p) if g is None else g for p, g in zip(params, product)]
    return {
        "seed": exact(seed.float()), "v": named(net, [w.float() for w in v], exact), "loss": loss.item(), "outputs": [numbers(o) for o in outs],
        "inputs": [numbers(g) for g in inputs], "dots": dots, "gradient": named(net, mean),
        "sum": named(net, total), "squares": named(net, squares), "product": named(net, product),
    }


def learn(net, x, y):
    net.train()
    loss = F.cross_entropy(net(x), y)
    return {"loss": loss.item(), "gradient": named(net, torch.autograd.grad(loss, list(net.parameters()))), "after": tensors(net, numbers)}


RULES = [
    ({"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01}, lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=0.01)),
    ({"name": "adam", "learning_rate": 0.005, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3}, lambda p: torch.optim.Adam(p, 0.005, eps=1e-3)),
]


def train(net, make, batches):
    optimizer, losses = make(net.parameters()), []
    net.train()
    for step in range(STEPS):
        x, y = batches[step % len(batches)]
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def case(name, n, shape, classes, layers, coarse=False):
    while True:
        net = Network(shape, classes, [(name, kind, dict(more)) for name, kind, more in layers])
        x, y = draw(net, n, coarse)
        start = {k: v.clone() for k, v in net.state_dict().items()}
        least = min(near(net.eval(), x), near(net.train(), x))
        net.load_state_dict(start)  # training mode moved the running statistics
        if least > 1e-4:
            break
    out = {"name": name, "architecture": net.arch, "initial": tensors(net, exact), "x": exact(x), "y": y.tolist()}
    out.update(gradients(net, x, y))
    out["learn"] = learn(net, x, y)
    out["training"] = []
    part = (n + 1) // 2 + 1
    for rule, make in RULES:
        net.load_state_dict(start)
        losses = train(net, make, [(x[:part], y[:part]), (x[part:], y[part:])])
        out["training"].append({"optimizer": rule, "first": part, "losses": losses, "final": tensors(net, numbers)})
    return out


def conv(name, channels, kernel, stride=1, padding=0, **more):
    return (name, "conv2d", {"channels": channels, "kernel": kernel, "stride": stride, "padding": padding, **more})


def pool(name, kind, kernel, stride, padding=0, **more):
    return (name, kind, {"kernel": kernel, "stride": stride, "padding": padding, **more})


def plain(name, kind, **more):
    return (name, kind, more)


def dense(name, width):
    return (name, "dense", {"width": width})


bare = {"no_bias": True}
cases = [
    case("resnet", 4, (3, 6, 5), 3, [
        conv("stem", 3, 3, 1, 1, **bare), plain("n0", "batchnorm"), plain("r0", "relu"),
        conv("a1", 3, 3, 1, 1, **bare), plain("n1", "batchnorm"), plain("r1", "relu"), conv("a2", 3, 3, 1, 1, **bare), plain("n2", "batchnorm"),
        plain("s1", "add", **{"with": "r0"}), plain("r2", "relu"),
        conv("b1", 5, 3, 2, 1, **bare), plain("n3", "batchnorm"), plain("r3", "relu"), conv("b2", 5, 3, 1, 1, **bare), plain("n4", "batchnorm"),
        conv("short", 5, 1, 2, 0, **{"from": "r2"}, **bare), plain("n5", "batchnorm"), plain("s2", "add", **{"with": "n4"}), plain("r4", "relu"),
        plain("pool", "globalavgpool"), dense("fc", 3)]),
    case("vgg", 4, (1, 9, 8), 4, [
        conv("c1", 5, 5, 1, 2), plain("r1", "relu"), pool("p1", "maxpool", 3, 2, 1), conv("c2", 6, 2, 1, 1), plain("r2", "relu"),
        pool("p2", "maxpool", 2, 2), plain("flat", "flatten"), dense("fc1", 7), plain("r3", "relu"), dense("fc2", 4)]),
    case("nin", 5, (2, 7, 8), 3, [
        conv("c1", 5, 3, 2, 1, **bare), plain("n1", "batchnorm"), plain("r1", "relu"), pool("p1", "avgpool", 3, 1), conv("c2", 4, 1), plain("r2", "relu"),
        conv("c3", 3, 1), plain("pool", "globalavgpool")]),
    case("ties and branches", 5, (2, 5, 6), 3, [
        pool("p1", "maxpool", 3, 2, 1), conv("c1", 4, 4, 1, 2), plain("r1", "relu"), conv("c2", 4, 3, 1, 1), plain("s1", "add", **{"with": "r1"}),
        plain("s2", "add", **{"with": "r1"}), pool("p2", "maxpool", 2, 1, 0, **{"from": "s1"}), pool("p3", "avgpool", 2, 1, 0, **{"from": "s2"}),
        plain("s3", "add", **{"with": "p2"}), plain("r2", "relu"), dense("fc", 3)], coarse=True),
]
print(json.dumps({"torch": torch.__version__, "cases": cases}, separators=(",", ":")))
