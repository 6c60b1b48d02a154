"""The network as a PyTorch module, against PyTorch's functions called by hand."""

import numpy as np
import pytest

import genbench
from genbench import Layer
from genbench.testing import Net

torch = pytest.importorskip("torch")
F = torch.nn.functional


def measure():
    return genbench.measure(name="m", version="1", needs=["weights", "init-weights"])(lambda net: 1.0)


def arrays(**shapes):
    rng = np.random.default_rng(3)
    made = {name.replace("__", "."): rng.normal(size=shape).astype("f4") for name, shape in shapes.items()}
    return {name: abs(a) + 0.5 if name.endswith("running_var") else a for name, a in made.items()}


def test_dense_with_batch_norm():
    w = arrays(
        fc1__weight=(5, 6), fc1__bias=(5,), bn1__weight=(5,), bn1__bias=(5,), bn1__running_mean=(5,), bn1__running_var=(5,), fc2__weight=(3, 5), fc2__bias=(3,)
    )
    layers = (
        Layer("fc1", "dense", 6, 5), Layer("bn1", "batchnorm", 5, 5, epsilon=0.25), Layer("relu1", "relu", 5, 5), Layer("drop1", "dropout", 5, 5),
        Layer("fc2", "dense", 5, 3),
    )  # fmt: skip
    module = Net(layers=layers, input_shape=(1, 2, 3), weights=w, init_weights=w).network(measure()).torch()
    x = torch.randn(7, 6)
    t = {k: torch.tensor(a) for k, a in w.items()}
    h = x @ t["fc1.weight"].T + t["fc1.bias"]
    h = (h - t["bn1.running_mean"]) / torch.sqrt(t["bn1.running_var"] + 0.25) * t["bn1.weight"] + t["bn1.bias"]
    want = torch.relu(h) @ t["fc2.weight"].T + t["fc2.bias"]
    assert not module.training
    for shaped in (x, x.reshape(7, 1, 2, 3)):
        torch.testing.assert_close(module(shaped), want, rtol=1e-5, atol=1e-5)
    assert {k for k in module.state_dict() if not k.endswith("num_batches_tracked")} == set(w)
    module(x).sum().backward()
    assert module.fc1.weight.grad is not None


def test_residual_convolutions():
    w = arrays(
        **{"s.0.conv1__weight": (4, 2, 3, 3), "s.0.conv1__bias": (4,), "bn__weight": (4,), "bn__bias": (4,), "bn__running_mean": (4,), "bn__running_var": (4,)},
        conv2__weight=(4, 4, 3, 3), conv2__bias=(4,), skip__weight=(4, 2, 1, 1), fc__weight=(3, 4), fc__bias=(3,),
    )  # fmt: skip
    layers = (
        Layer("relu0", "relu", 128, 128),
        Layer("s.0.conv1", "conv2d", 128, 64, channels=4, kernel=3, stride=2, padding=1),
        Layer("bn", "batchnorm", 64, 64, epsilon=1e-5),
        Layer("relu1", "relu", 64, 64),
        Layer("conv2", "conv2d", 64, 64, channels=4, kernel=3, stride=1, padding=1),
        Layer("skip", "conv2d", 128, 64, source="relu0", channels=4, kernel=1, stride=2),
        Layer("add", "add", 64, 64, other="conv2"),
        Layer("pool", "maxpool", 64, 36, kernel=2, stride=2, padding=1),
        Layer("mean", "avgpool", 36, 16, kernel=2, stride=1),
        Layer("all", "globalavgpool", 16, 4),
        Layer("flat", "flatten", 4, 4),
        Layer("fc", "dense", 4, 3),
    )
    module = Net(layers=layers, input_shape=(2, 8, 8), weights=w).network(measure()).torch()
    t = {k: torch.tensor(a) for k, a in w.items()}
    x = torch.randn(5, 2, 8, 8)
    r = F.relu(x)
    h = F.conv2d(r, t["s.0.conv1.weight"], t["s.0.conv1.bias"], stride=2, padding=1)
    h = F.relu(F.batch_norm(h, t["bn.running_mean"], t["bn.running_var"], t["bn.weight"], t["bn.bias"]))
    h = F.conv2d(h, t["conv2.weight"], t["conv2.bias"], padding=1) + F.conv2d(r, t["skip.weight"], stride=2)
    h = F.avg_pool2d(F.max_pool2d(h, 2, 2, 1), 2, 1).mean((2, 3))
    torch.testing.assert_close(module(x), F.linear(h, t["fc.weight"], t["fc.bias"]), rtol=1e-5, atol=1e-5)
    assert module.get_submodule("s.0.conv1").stride == (2, 2)


def test_unknown_kinds_are_refused():
    net = Net(layers=(Layer("a", "attention", 3, 3),), input_shape=(1, 1, 3), weights={}).network(measure())
    with pytest.raises(NotImplementedError, match="layer a: this version of genbench cannot rebuild a 'attention'"):
        net.torch()


def test_initial_weights():
    layers = (Layer("fc", "dense", 2, 2),)
    final, initial = {"fc.weight": np.eye(2), "fc.bias": [0, 0]}, {"fc.weight": 3 * np.eye(2), "fc.bias": [1, 1]}
    net = Net(layers=layers, input_shape=(1, 1, 2), weights=final, init_weights=initial).network(measure())
    x = torch.ones(1, 2)
    assert net.torch()(x).tolist() == [[1, 1]]
    assert net.torch(initial=True)(x).tolist() == [[4, 4]]
