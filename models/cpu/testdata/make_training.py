"""Writes training.json: what PyTorch computes for the tests of models/cpu.

Run with a Python that has PyTorch 1.13 and NumPy, from this folder:

    /usr/bin/python3 make_training.py

For each optimizer, with and without batch norm: the tensors before training, the loss
and gradient of the first batch in float64 (training mode), the loss of each of 50
steps in float64, and the tensors after them in float32 and in float64. Arrays are base64 of little-endian float32, or
float64 where the name says so. Biases start away from 0: before batch norm their gradient is weight
decay alone, and an optimizer that divides by its size would turn rounding into steps if that vanished.
"""

import base64
import json

import numpy as np
import torch

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

WIDTHS, BATCH, EXAMPLES, STEPS = [20, 24, 17, 5], 24, 60, 50  # the third batch of an epoch has 12

RULES = {
    "sgd": dict(name="sgd", learning_rate=0.05, momentum=0.9, weight_decay=0.01),
    "adam": dict(name="adam", learning_rate=0.002, weight_decay=0.02, beta1=0.9, beta2=0.999, epsilon=1e-8),
    "rmsprop": dict(name="rmsprop", learning_rate=0.001, momentum=0.5, weight_decay=0.02, alpha=0.99, epsilon=1e-8),
    "plain": dict(name="sgd", learning_rate=0.1),
}


def optimizer(rule, parameters):
    lr, wd = rule["learning_rate"], rule.get("weight_decay", 0)
    if rule["name"] == "adam":
        return torch.optim.Adam(parameters, lr=lr, betas=(rule["beta1"], rule["beta2"]), eps=rule["epsilon"], weight_decay=wd)
    if rule["name"] == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=lr, alpha=rule["alpha"], eps=rule["epsilon"], momentum=rule["momentum"], weight_decay=wd)
    return torch.optim.SGD(parameters, lr=lr, momentum=rule.get("momentum", 0), weight_decay=wd)


def network(batchnorm):
    layers = []
    for i in range(1, len(WIDTHS)):
        layers.append(torch.nn.Linear(WIDTHS[i - 1], WIDTHS[i]))
        if i < len(WIDTHS) - 1:
            if batchnorm:
                layers.append(torch.nn.BatchNorm1d(WIDTHS[i]))
            layers.append(torch.nn.ReLU())
    return torch.nn.Sequential(*layers)


def tensors(net):
    return [v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")]


def fill(net, rng):
    with torch.no_grad():
        for module in net:
            if isinstance(module, torch.nn.Linear):
                module.weight.copy_(torch.from_numpy(rng.normal(0, 1 / np.sqrt(module.in_features), module.weight.shape)))
                module.bias.copy_(torch.from_numpy(rng.choice([-1, 1], module.out_features) * rng.uniform(0.2, 0.4, module.out_features)))
            if isinstance(module, torch.nn.BatchNorm1d):
                module.weight.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, module.num_features)))
                module.bias.copy_(torch.from_numpy(rng.normal(0, 0.3, module.num_features)))
                module.running_mean.copy_(torch.from_numpy(rng.normal(0, 0.3, module.num_features)))
                module.running_var.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, module.num_features)))


def pack(arrays, dtype):
    flat = np.concatenate([a.detach().numpy().astype(dtype).ravel() for a in arrays])
    return base64.b64encode(flat.tobytes()).decode()


def train(net, rule, x, y):
    opt = optimizer(rule, net.parameters())
    losses = []
    for step in range(STEPS):
        first = step * BATCH % (EXAMPLES // BATCH * BATCH + BATCH)
        part = slice(first, min(first + BATCH, EXAMPLES))
        opt.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x[part]), y[part])
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


def main():
    rng = np.random.default_rng(20)
    x = torch.from_numpy(rng.normal(size=(EXAMPLES, WIDTHS[0])).astype(np.float32))
    y = torch.from_numpy(rng.integers(0, WIDTHS[-1], EXAMPLES))
    cases = []
    for label, rule in RULES.items():
        for batchnorm in (False, True):
            net = network(batchnorm)
            fill(net, rng)
            start = {k: v.clone() for k, v in net.state_dict().items()}
            case = dict(name=label + ("-batchnorm" if batchnorm else ""), batchnorm=batchnorm, optimizer=rule, initial=pack(tensors(net), "<f4"))

            double = network(batchnorm).double()
            double.load_state_dict(start)
            for mode in ("eval", "learn"):
                double.train(mode == "learn")
                double.zero_grad()
                loss = torch.nn.functional.cross_entropy(double(x[:BATCH].double()), y[:BATCH])
                loss.backward()
                case[mode] = dict(loss=loss.item(), gradient64=pack([p.grad for p in double.parameters()], "<f8"))

            double.load_state_dict(start)
            case["losses64"] = train(double, rule, x.double(), y)
            case["final64"] = pack(tensors(double), "<f8")
            train(net, rule, x, y)
            case["final"] = pack(tensors(net), "<f4")
            cases.append(case)
    out = dict(
        versions="torch %s, numpy %s" % (torch.__version__, np.__version__),
        widths=WIDTHS, batch=BATCH, steps=STEPS, x=pack([x], "<f4"), y=y.tolist(), cases=cases)
    with open("training.json", "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")


main()
