"""Dense networks in float64 (others are in graph.py): stored accuracies, losses, bits, training and gradient noise."""

import os

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import data
import graph
from store import sha256
from table import relative

MASK = (1 << 64) - 1


def tensors(net, source, dtype=torch.float64):
    """[(weight, bias)] of the dense layers; a graph.Graph of a network with other layers"""
    if graph.is_graph(net):
        return graph.Graph(net, source, dtype)
    return [(torch.tensor(source[n + ".weight"], dtype=dtype), torch.tensor(source[n + ".bias"], dtype=dtype)) for n in net.dense]


def forward(layers, x):
    """The output of every dense layer before its ReLU; the last are the logits, and all of a Graph"""
    if callable(layers):
        return layers(x)
    out = []
    for weight, bias in layers:
        out.append((x if not out else out[-1].relu()) @ weight.T + bias)
    return out


def as64(x):
    return torch.tensor(x, dtype=torch.float64)


class Outputs:
    def __init__(self, net, e):
        layers = tensors(net, net.final)
        train, test = forward(layers, as64(e.x)), forward(layers, as64(e.test_x))
        self.logits, self.test_logits = train[-1], test[-1]
        if callable(layers):
            self.sums, self.test_sums, self.paper = layers.sums(as64(e.x)), layers.sums(as64(e.test_x)), layers.paper(as64(e.x))
        else:
            self.sums = np.stack([z.sum(1).numpy() for z in train[:-1]], 1)
            self.test_sums = np.stack([z.sum(1).numpy() for z in test[:-1]], 1)
        f = self.logits.numpy()
        true = f[np.arange(len(f)), e.y]
        other = f.copy()
        other[np.arange(len(f)), e.y] = -np.inf
        self.margins = true - other.max(1)


class PCG:
    """PCG-DXSM with 128-bit multiplier, as described by O'Neill; Go's math/rand/v2 documents it as its PCG."""

    MUL, INC = (2549297995355413924 << 64) + 4865540595714422341, (6364136223846793005 << 64) + 1442695040888963407

    def __init__(self, seed, stream):
        self.state = (seed << 64) + stream

    def next(self):
        self.state = (self.state * self.MUL + self.INC) & ((1 << 128) - 1)
        hi, lo = self.state >> 64, self.state & MASK
        hi ^= hi >> 32
        hi = hi * 0xDA942042E4DD58B5 & MASK
        hi ^= hi >> 48
        return hi * (lo | 1) & MASK

    def below(self, n, mask):
        """Uniform on 0..n-1 (Lemire 2019); with mask powers of two take the low bits, as math/rand/v2 does"""
        if mask and n & (n - 1) == 0:
            return self.next() & (n - 1)
        while True:
            product = self.next() * n
            if product & MASK >= (1 << 64) % n:
                return product >> 64

    def permutation(self, n, mask):
        """Fisher-Yates from the end"""
        p = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1, mask)
            p[i], p[j] = p[j], p[i]
        return np.array(p)


def gradient_noise(layers, x, y):
    """mean |g_i|^2 - |mean g_i|^2, from autograd's gradients at each example's pre-activations"""
    layers = [(w.detach().requires_grad_(), b.detach().requires_grad_()) for w, b in layers]
    z = forward(layers, x)
    for v in z:
        v.retain_grad()
    cross_entropy(z[-1], y, reduction="sum").backward()
    inputs = [x] + [v.detach().relu() for v in z[:-1]]
    norms = sum(v.grad.pow(2).sum(1) * (a.pow(2).sum(1) + 1) for v, a in zip(z, inputs))
    mean = sum((p.grad / len(x)).pow(2).sum() for layer in layers for p in layer)
    return (norms.mean() - mean).item(), norms


def gradient_noise_by_example(layers, x, y, rows):
    """|g_i|^2 of some examples, one backward pass each"""
    out = []
    for i in rows:
        ps = [p.detach().requires_grad_() for layer in layers for p in layer]
        loss = cross_entropy(forward(list(zip(ps[::2], ps[1::2])), x[i : i + 1])[-1], y[i : i + 1])
        out.append(sum(g.pow(2).sum().item() for g in torch.autograd.grad(loss, ps)))
    return np.array(out)


def replay(net, e, epochs):
    """Trains again from the stored initial weights with torch.optim.SGD: mean loss of each epoch and the weights after it"""
    t = net.record["training"]
    o = t["optimizer"]
    if o["name"] != "sgd":
        raise ValueError("%s: this check knows SGD, not %s" % (net.id, o["name"]))
    layers = [(w.requires_grad_(), b.requires_grad_()) for w, b in tensors(net, net.init)]
    sgd = torch.optim.SGD([p for l in layers for p in l], lr=o["learning_rate"], momentum=o["momentum"], weight_decay=o["weight_decay"])
    x, y = as64(e.x), torch.tensor(e.y)
    for epoch in range(1, epochs + 1):
        losses = []  # mean_loss is the mean over steps: a short last batch counts like any other
        order = torch.tensor(PCG(net.record["seeds"]["order"], epoch).permutation(len(x), False))
        for rows in order.split(t["batch_size"]):
            loss = cross_entropy(forward(layers, x[rows])[-1], y[rows])
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            losses.append(loss.item())
        yield np.mean(losses), [(w.detach().clone(), b.detach().clone()) for w, b in layers]


def check_stored(store, examples, outputs, table):
    nets, loss, accuracy, bits, hashes = store.networks, [], [], [], []
    for n in nets:
        e, o, r = examples[n.id], outputs[n.id], n.record
        for split, logits, y in (("train", o.logits, e.y), ("train_clean", o.logits, e.clean), ("test", o.test_logits, e.test_y)):
            y = torch.tensor(y)
            loss.append(relative(r[split]["loss"], cross_entropy(logits, y).item()))
            hit = (logits.argmax(1) == y).double()
            accuracy.append(abs(r[split]["accuracy"] - hit.mean().item()) * len(y))
        b = n.correct()
        bits.append((b[: len(hit)] != hit.numpy()).sum() + b[len(hit) :].sum())
        t = r["tensors"]
        files = (("final_file_sha256", "final.safetensors"), ("init_file_sha256", "init.safetensors"), ("test_correct_sha256", "test-correct.bin"), ("history_sha256", "history.jsonl"))
        hashes.append(sum(t[k] != sha256(os.path.join(n.folder, f)) for k, f in files))
    three = [n for n in nets for _ in range(3)]
    table.add("checksums of a network's files", hashes, 0, "hashes", nets)
    table.add("train, clean and test loss, relative", loss, 1e-5, "float32 logits; a loss of 0.01 is a difference of large logits", three)
    table.add("train, clean and test accuracy, examples", accuracy, 1.001, "1 example: float32 may turn a near tie", three)
    table.add("bits of test-correct.bin that differ", bits, 1, "1 example, as above", nets)


def check_initial(store, table):
    """PyTorch's default: U(-1/sqrt(in), 1/sqrt(in)) for weights and biases"""
    from scipy import stats

    nets, beyond, p = store.networks, [], []
    for n in nets:
        all_values = []
        for name in n.weighted:
            bound = 1 / np.sqrt(n.init[name + ".weight"][0].size)
            all_values += [n.init[name + k].ravel().astype(float) / bound for k in (".weight", ".bias") if name + k in n.init]
        v = np.concatenate(all_values)
        beyond.append(np.abs(v).max())
        p.append(1e-6 / max(stats.kstest(v, stats.uniform(-1, 2).cdf).pvalue, 1e-300))
    table.add("initial weights over their bound", beyond, 1 + 1e-6, "float32", nets)
    table.add("initial weights are uniform, 1e-6 / p of KS", p, 1, "p above 1e-6", nets)


def check_steps(store, table):
    """Steps to 0.1 and 0.01 and the stop, from the history's evaluated losses"""
    nets, wrong, last = store.networks, [], []
    for n in nets:
        r, h = n.record, n.history
        batches = -(-r["transform"]["train"] // r["training"]["batch_size"])
        evaluated = [l for l in h if "train_loss" in l]
        first = lambda limit: next((l["steps"] for l in evaluated if l["train_loss"] <= limit), -1)
        target = r["training"]["target_loss"]
        wrong.append(
            sum(l["epoch"] != i + 1 or l["steps"] != (i + 1) * batches for i, l in enumerate(h))
            + (r["steps_to_0.1"] != first(0.1)) + (r["steps_to_0.01"] != first(0.01)) + (r["steps"] != h[-1]["steps"]) + (r["epochs"] != len(h))
            + (r["converged"] != (h[-1]["train_loss"] <= target)) + any(l["train_loss"] <= target for l in evaluated[:-1])
            + sum("train_loss" not in l for l in h if l["mean_loss"] <= 3 * target)
        )
        last.append(relative(h[-1]["train_loss"], r["train"]["loss"]))
    table.add("steps to 0.1, to 0.01, epochs, stop", wrong, 0, "integers, from history.jsonl", nets)
    table.add("last loss of the history, relative", last, 1e-12, "the same number twice", nets)


def check_training(store, examples, table, epochs, full):
    """Replays the first epochs of every network and a few networks to CE 0.1."""
    nets, losses, noise1, final, rows = store.networks, [], [], [], []
    rng = np.random.default_rng(1)
    for n in nets:
        e = examples[n.id]
        x, y = as64(e.x), torch.tensor(e.y)
        means, states = zip(*replay(n, e, epochs))
        losses.append(max(relative(l["mean_loss"], m) for l, m in zip(n.history, means)))
        noise1.append(relative(n.record["gradient_noise_1"], gradient_noise(states[0], x, y)[0]))
        layers = tensors(n, n.final)
        v, norms = gradient_noise(layers, x, y)
        final.append(relative(n.record["gradient_noise_final"], v))
        pick = rng.choice(len(x), 3, replace=False)
        rows.append(np.abs(gradient_noise_by_example(layers, x, y, pick) / norms[pick].numpy() - 1).max())
    table.add("mean losses of the first %d epochs, relative" % epochs, losses, 1e-5, "torch.optim.SGD in float64 against float32 steps", nets)
    table.add("gradient noise after epoch 1, relative", noise1, 1e-5, "weights after an epoch of float32 steps", nets)
    table.add("gradient noise at the end, relative", final, 1e-3, "float32 gradients; few examples carry it all", nets)
    table.add("this check's own per-example gradients", rows, 1e-9, "one backward pass an example, 3 a network", nets)
    some = nets[:: max(1, len(nets) // full)][:full]
    late = []
    for n in some:
        e, batches = examples[n.id], -(-len(examples[n.id].x) // n.record["training"]["batch_size"])
        if n.record["steps_to_0.1"] < 0:
            continue
        limit = n.record["steps_to_0.1"] // batches
        got = None
        for epoch, (_, layers) in enumerate(replay(n, e, int(limit * 1.3) + 2), 1):
            if cross_entropy(forward(layers, as64(e.x))[-1], torch.tensor(e.y)).item() <= 0.1:
                got = epoch
                break
        late.append(float("inf") if got is None else abs(got - limit) / limit)
    table.add("epochs to CE 0.1, replayed, relative", late, 0.1, "rounding grows over thousands of steps and CE is jagged in epochs", some)
