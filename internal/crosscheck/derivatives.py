"""The measures of gradients, curvature and sharpness in loss, by autograd in float64."""

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch.nn.functional import cross_entropy

import graph
from mlp import PCG, as64, forward, tensors

BATCHES, WORST = 5, 128  # the random stream that makes batches, and their size
DRAWS = 60  # own, of the noise of average-sharpness
ESTIMATES = ("hessian-trace", "average-sharpness")  # compared in standard errors
TRACE, AVERAGE = "hessian-trace against the Fisher trace, in SE", "average-sharpness, own noise, in SE"
IN_STANDARD_ERRORS = {TRACE: ("hessian-trace", "standard errors"), AVERAGE: ("average-sharpness", "standard errors")}

REASONS = {
    "fisher-rao": (1e-4, "relative; float32 gradients"),
    "fisher-trace": (1e-4, "relative; float32 gradients, few examples carry it all"),
    "gradient-variance": (1e-4, "relative; float32 gradients, few examples carry it all"),
    "gsnr": (1e-4, "relative; float32 gradients"),
    "hessian-top": (1e-3, "relative; the iteration ends at a residual of 1e-3"),
    "sam-sharpness": (1e-4, "relative; a difference of float32 losses"),
    "asam-sharpness": (1e-4, "relative; a difference of float32 losses"),
    "worst-sharpness": (1e-3, "relative; a small difference of losses, by gradients' signs, some of which are rounding"),
    "tic": (1e-12, "relative; the quotient of two other rows"),
}


def flat(ts):
    return torch.cat([t.reshape(-1) for t in ts])


class Loss:
    """Mean cross-entropy as a function of the list of weights and biases"""

    def __init__(self, net, e):
        self.w = [p for layer in tensors(net, net.final) for p in layer]
        self.scaled = [p.dim() > 1 for p in self.w]  # weights, to ASAM
        self.x, self.y = as64(e.x), torch.tensor(e.y)

    def __call__(self, w, rows=slice(None)):
        return cross_entropy(self.logits(w, rows), self.y[rows])

    def logits(self, w, rows=slice(None)):
        return forward(list(zip(w[::2], w[1::2])), self.x[rows])[-1]

    def gradient(self, w, rows=slice(None)):
        w = [p.detach().requires_grad_() for p in w]
        return torch.autograd.grad(self(w, rows), w)

    def examples(self):
        """[N, P] gradients of single examples"""
        return torch.stack([flat(self.gradient(self.w, slice(i, i + 1))) for i in range(len(self.x))])

    def top(self):
        w = [p.detach().requires_grad_() for p in self.w]
        g = flat(torch.autograd.grad(self(w), w, create_graph=True))
        product = lambda v: flat(torch.autograd.grad(g, w, torch.tensor(v).reshape(-1), retain_graph=True)).numpy()
        return eigsh(LinearOperator((len(g), len(g)), product, dtype=np.float64), 1, which="LA", tol=1e-6)[0][0]

    def fisher(self):
        """Σ_k p_k |g(k)|², mean over examples: |g(k)|² is a sum of outer products, layer by layer"""
        p, norms = self.logits(self.w).softmax(1), 0
        for k in range(p.shape[1]):
            norms = norms + p[:, k] * self.norms(torch.full_like(self.y, k))
        return norms.mean().item()

    def norms(self, y):
        layers = [(a.detach().requires_grad_(), b.detach().requires_grad_()) for a, b in zip(self.w[::2], self.w[1::2])]
        z = forward(layers, self.x)
        deltas = torch.autograd.grad(cross_entropy(z[-1], y, reduction="sum"), z)
        read = [self.x] + [v.detach().relu() for v in z[:-1]]
        return sum(d.pow(2).sum(1) * (a.pow(2).sum(1) + 1) for d, a in zip(deltas, read))

    def step(self, rho, eta=None):
        g = self.gradient(self.w)
        t = [torch.ones_like(p) if eta is None or not scaled else p.abs() + eta for p, scaled in zip(self.w, self.scaled)]
        norm = flat([a * b for a, b in zip(t, g)]).norm()
        return (self([p + rho * a * a * b / norm for p, a, b in zip(self.w, t, g)]) - self(self.w)).item()

    def average(self, rho, rng):
        rises = []
        for _ in range(DRAWS):
            moved = [p + rho * p.abs() * torch.randn(p.shape, generator=rng, dtype=p.dtype) for p in self.w]
            rises.append((self(moved) - self(self.w)).item())
        return np.mean(rises), np.std(rises, ddof=1) / np.sqrt(DRAWS)

    def worst(self, rho, seed, steps=20):
        order, total = PCG(seed, BATCHES).permutation(len(self.x), True), 0.0
        for lo in range(0, len(order), WORST):
            rows = torch.tensor(order[lo : lo + WORST])
            total += len(rows) / len(order) * self.ascend(rho, rows, steps)
        return total

    def ascend(self, rho, rows, steps):
        """APGD in the box rho |w|, as measures/losssharpness describes it"""
        box, loss = [rho * p.abs() for p in self.w], lambda d: self([p + v for p, v in zip(self.w, d)], rows).item()
        checks, share, gap = [], 0.22, 0.22
        while np.ceil(share * steps) < steps:
            checks.append(int(np.ceil(share * steps)))
            gap = max(gap - 0.03, 0.06)
            share += gap
        zero = [torch.zeros_like(p) for p in self.w]
        d, before, at, best, start = zero, zero, zero, zero, loss(zero)
        highest, step, gains, seen, last = start, 2.0, 0, (2.0, start), 0
        for i in range(steps):
            g = self.gradient([p + v for p, v in zip(self.w, at)], rows)
            z = [torch.maximum(torch.minimum(v + step * b * s.sign(), b), -b) for v, b, s in zip(d, box, g)]
            d, before = [0.75 * a + 0.25 * b for a, b in zip(z, before)], d
            at, value = d, loss(d)
            if value > highest:
                highest, best, gains = value, d, gains + 1
            if i in checks:
                if gains < 0.75 * (i - last) or seen == (step, highest):
                    seen, step, at = (step, highest), step / 2, best
                else:
                    seen = (step, highest)
                gains, last = 0, i
        return highest - start


class GraphLoss(Loss):
    """The same of a graph.Graph, or of one with its batch norms folded in"""

    def __init__(self, net, e, fused=False):
        self.graph = tensors(net, net.final)
        self.graph = self.graph.fused() if fused else self.graph
        self.w = self.graph.trained()
        self.scaled = [n.endswith(".weight") for n in self.graph.names()]  # batch norm's scale, too
        self.x, self.y = as64(e.x), torch.tensor(e.y)

    def logits(self, w, rows=slice(None)):
        return self.graph.with_trained(w)(self.x[rows])[-1]

    def fisher(self):
        total = 0.0
        for i in range(len(self.x)):
            w = [p.detach().requires_grad_() for p in self.w]
            log_p = self.logits(w, slice(i, i + 1)).log_softmax(1)[0]
            for k, p in enumerate(log_p.exp().tolist()):
                total += p * sum(g.pow(2).sum().item() for g in torch.autograd.grad(log_p[k], w, retain_graph=True))
        return total / len(self.x)


def loss_of(net, e):
    return GraphLoss(net, e) if graph.is_graph(net) else Loss(net, e)


def expected(net, e, store):
    """name: value of the network's deterministic measures"""
    f = loss_of(net, e)
    g, w = f.examples(), flat(f.w)
    dots = g @ w
    if graph.is_graph(net):
        folded = GraphLoss(net, e, fused=True)
        dots = folded.examples() @ flat(folded.w)
    mean, variance, second = g.mean(0), g.var(0, unbiased=False), g.pow(2).mean(0)
    seen = variance > 1e-5 * second
    seed = next(iter(store.values["worst-sharpness"].values()))["seed"]
    value = lambda m: store.values[m][net.id]["value"]
    return {
        "fisher-rao": dots.pow(2).mean().item(), "fisher-trace": second.sum().item(),
        "gradient-variance": variance.mean().item(), "gsnr": (mean[seen] ** 2 / variance[seen]).mean().item(),
        "hessian-top": f.top(), "sam-sharpness": f.step(0.05), "asam-sharpness": f.step(0.5, 0.01), "worst-sharpness": f.worst(0.002, seed),
        "tic": value("fisher-trace") / value("hessian-trace"),
        **dict.fromkeys(ESTIMATES, 0.0),  # defined; compared below
    }


def check_estimates(store, examples, table):
    """Estimates, in standard errors of themselves and of what they are compared with"""
    rng, nets = torch.Generator().manual_seed(3), store.networks
    trace, average = [], []
    for n in nets:
        f = loss_of(n, examples[n.id])
        v = store.values["hessian-trace"][n.id]
        trace.append(abs(v["value"] - f.fisher()) / v["diagnostics"]["error"])
        v = store.values["average-sharpness"][n.id]
        mean, error = f.average(0.1, rng)
        average.append(abs(v["value"] - mean) / np.hypot(error, v["diagnostics"]["error"]))
    table.add(TRACE, trace, 5, "the same vectors for networks of one shape", nets)
    table.add(AVERAGE, average, 5, "20 draws there and %d here" % DRAWS, nets)
