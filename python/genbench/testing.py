"""Test measures without genbench: `Net` is a network in memory, `check` holds a measure to its contract.

    from genbench.testing import Net, check

    def test_value():
        assert Net(train_margins=[1, 2, 4]).compute(my_measure) == pytest.approx(2 / 7)

    def test_contract():
        check(my_measure)

`genbench measures check PROGRAM` then tests the whole program, on real networks.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ._errors import HostError, Missing, Undefined
from ._info import Measure
from ._network import Meta, Network
from ._types import Evaluated, Layer, Perturbation, Search

#: The one array of the quantities that have one.
_SINGLE = {
    "train-inputs": ("x", "f4"), "test-inputs": ("x", "f4"), "train-labels": ("y", "i4"), "train-logits": ("logits", "f4"),
    "train-margins": ("margins", "f8"), "gradient-norms": ("norms", "f8"), "gradient-dots": ("dots", "f8"),
    "path-norm": ("log_path_norm", "f8"), "test-predictions": ("predicted", "i4"), "sibling": ("predicted", "i4"),
}  # fmt: skip
_TENSORS = ("weights", "init-weights", "fused-weights", "fused-init-weights")


class Net:
    """A network in memory: what is given is what a measure can read, other quantities raise Missing.

    Quantities are given by the names of `Network`'s methods: train_margins=[1, 2, 4], weights={"fc1.weight": ...},
    pac_bayes=Search(...), train_loss=Evaluated(...); others as a dictionary of their arrays. In place of a value an
    exception is raised and a function is called with the arguments. evaluate is a function of a Perturbation.
    """

    def __init__(
        self,
        *,
        layers: tuple[Layer, ...] | None = None,
        classes: int = 0,
        train_size: int = 0,
        input_shape: tuple[int, ...] = (),
        seed: int = 0,
        evaluate: Callable[[Perturbation], Evaluated] | None = None,
        **quantities: Any,
    ) -> None:
        self.given = {name.replace("_", "-"): value for name, value in quantities.items()}
        self.classes, self.train_size, self.input_shape, self.seed = classes, train_size, input_shape, seed
        self.evaluate = evaluate
        self.layers = layers if layers is not None else _dense_layers(self.given.get("weights"))
        for name in ("weights", "init-weights"):
            if name in self.given:
                self.given.setdefault("fused-" + name, self.given[name])
        for name in ("train-margins", "train-labels", "train-logits"):
            if not train_size and name in self.given and not isinstance(self.given[name], Exception):
                self.train_size = len(self.given[name])

    def compute(self, measure: Measure, options: Mapping[str, str] | None = None) -> float:
        """The measure's value, with these options and the defaults of the others; what it does not declare is refused."""
        return float(measure.function(self.network(measure, options)))

    def network(self, measure: Measure, options: Mapping[str, str] | None = None) -> Network:
        """The network as the measure sees it."""
        resolved = measure.info.resolve(options or {})
        meta = Meta("toy", self.layers, self.classes, self.train_size, self.input_shape, self.seed, resolved)
        return Network(meta, _Source(self, measure), measure.info)


def _dense_layers(weights: Any) -> tuple[Layer, ...]:
    if not isinstance(weights, Mapping):
        return ()
    shapes = {name.rpartition(".")[0]: np.shape(w) for name, w in weights.items() if np.ndim(w) == 2}
    return tuple(Layer(name, "dense", s[1], s[0]) for name, s in shapes.items())


class _Source:
    def __init__(self, net: Net, measure: Measure) -> None:
        self._net, self._info = net, measure.info

    def quantity(self, name: str, args: dict[str, str]) -> dict[str, Any]:
        refusal = self._info.permit(name, args)
        if refusal:
            raise HostError(refusal)
        value = self._net.given.get(name)
        if callable(value):
            value = value(args)
        if isinstance(value, Exception):
            raise value
        if value is None:
            raise Missing(name, "the toy network has none")
        arrays = {k: _frozen(a, dtype) for k, (a, dtype) in _arrays(name, value).items()}
        return arrays

    def evaluate(self, perturbations: list[Perturbation]) -> list[Evaluated]:
        if "perturbed-losses" not in self._info.needs:
            raise HostError("evaluate needs 'perturbed-losses', which is not declared in the measure's needs")
        if self._net.evaluate is None:
            raise Missing("perturbed-losses", "the toy network has none")
        return [self._net.evaluate(p) for p in perturbations]


def _arrays(name: str, value: Any) -> dict[str, tuple[Any, str | None]]:
    if name in _SINGLE and not isinstance(value, Mapping):
        array, dtype = _SINGLE[name]
        return {array: (value, dtype)}
    if name in _TENSORS:
        return {k: (v, "f4") for k, v in value.items()}
    if isinstance(value, Search):
        scale = "sigma" if name == "pac-bayes" else "alpha"
        return {scale if k == "scale" else k: (v, "f8") for k, v in value._asdict().items()}
    if hasattr(value, "_asdict"):
        value = value._asdict()
    return {k: (v, None) for k, v in value.items()}


def _frozen(value: Any, dtype: str | None) -> Any:
    array = np.array(value, dtype)
    array.flags.writeable = False
    return array


def check(measure: Measure, *nets: Net) -> None:
    """Raise AssertionError where the measure breaks its contract on toy networks, or on those given in their place.

    The value is finite, or Undefined says why not; the same network gives the same bits, whatever came between;
    what is missing or undefined comes back as the exception that said so. A toy has weights, inputs, labels, logits,
    margins, loss, searches and perturbed losses; for a measure of other quantities give networks of your own.
    """
    measure.info.check()
    name = measure.info.name
    given: dict[Any, Net] = dict(enumerate(nets)) if nets else dict(toys())
    first = next(iter(given.values()))
    before = _bits(measure, first)
    for what, net in given.items():
        try:
            value = net.compute(measure)
        except Undefined:
            continue
        except Missing as missing:
            raise AssertionError(f"{name}: on the network {what}: {missing}; give check a Net that has it") from missing
        if nets or what in ("ordinary", "other"):
            assert math.isfinite(value), f"{name}: on the network {what} the value is {value}: raise genbench.Undefined with the reason"
    assert _bits(measure, first) == before, f"{name}: the same network gave two values: use net.seed for all randomness, and keep no state"
    for need in measure.info.needs:
        for error in (Missing(need, "removed by check"), Undefined("removed by check")):
            _passes(measure, first, need, error)


def _bits(measure: Measure, net: Net) -> bytes:
    try:
        return struct.pack("<d", net.compute(measure))
    except (Undefined, Missing) as error:
        return repr(error).encode()


def _passes(measure: Measure, net: Net, need: str, error: Exception) -> None:
    """An error of a quantity has to come back as it is, unless the measure does without."""
    lacking = Net(layers=net.layers, classes=net.classes, train_size=net.train_size, input_shape=net.input_shape, seed=net.seed)
    lacking.given = {**net.given, need: error}
    lacking.evaluate = None if need == "perturbed-losses" else net.evaluate
    try:
        lacking.compute(measure)
    except (Undefined, Missing):
        pass
    except Exception as other:
        raise AssertionError(f"{measure.info.name}: without {need} it raised {other!r}: let {type(error).__name__} pass") from other


def toys() -> dict[str, Net]:
    """Small networks of dense layers: an ordinary one, and degenerate ones."""
    rng = np.random.default_rng(1905)

    def net(sizes: tuple[int, ...] = (6, 5, 3), examples: int = 8, scale: float = 1.0, equal: bool = False) -> Net:
        weights = {}
        for i, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
            weights[f"fc{i}.weight"] = (scale * rng.normal(size=(b, a))).astype("f4")
            weights[f"fc{i}.bias"] = (scale * rng.normal(size=b)).astype("f4")
        x = rng.uniform(size=(1 if equal else examples, sizes[0])).astype("f4")
        return _computed(weights, np.repeat(x, examples, axis=0) if equal else x, sizes)

    return {
        "ordinary": net(), "other": net((6, 4, 4, 3), 9), "of one layer": net((6, 3)), "of one example": net(examples=1),
        "of equal examples": net(equal=True), "of zero weights": net(scale=0), "of huge weights": net(scale=1e30),
        "of infinite weights": net(scale=math.inf), "of NaN weights": net(scale=math.nan),
    }  # fmt: skip


def _computed(weights: dict[str, Any], x: Any, sizes: tuple[int, ...]) -> Net:
    def logits(w: Mapping[str, Any]) -> Any:
        h = x.astype("f8")
        for i in range(1, len(sizes)):
            h = h @ w[f"fc{i}.weight"].astype("f8").T + w[f"fc{i}.bias"]
            h = np.maximum(h, 0) if i < len(sizes) - 1 else h
        return h

    labels = np.arange(len(x)) % sizes[-1]

    def evaluated(w: Mapping[str, Any]) -> Evaluated:
        z = logits(w)
        z = z - z.max(axis=1, keepdims=True)
        loss = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(x)), labels]
        return Evaluated(float(loss.mean()), float((z.argmax(axis=1) == labels).mean()))

    def perturbed(p: Perturbation) -> Evaluated:
        rng = np.random.default_rng(p.seed)
        noise = {k: p.scale * rng.normal(size=v.shape) * (abs(v) if p.kind == "gaussian-magnitude" else 1) for k, v in weights.items()}
        with np.errstate(all="ignore"):
            return evaluated({k: v + noise[k] for k, v in weights.items()})

    with np.errstate(all="ignore"):
        z = logits(weights)
        others = np.where(np.eye(sizes[-1], dtype=bool)[labels], -np.inf, z).max(axis=1)
        matrices = {k: v for k, v in weights.items() if v.ndim == 2}
        fit = all(np.isfinite(v).all() for v in weights.values())
        unfit = Undefined("weights are not finite")
        norms = {k: [np.linalg.norm(v.astype("f8"), 2), np.linalg.norm(v.astype("f8"))] for k, v in matrices.items()} if fit else unfit
        found = Search(0.1, 0.1, 0.09, 0.11, True, 40) if fit else unfit
        return Net(
            input_shape=(1, 1, sizes[0]), classes=sizes[-1], seed=7, weights=weights, init_weights={k: v / 2 for k, v in weights.items()},
            train_inputs=x, test_inputs=x[::-1], train_labels=labels, train_logits=z, train_margins=z[np.arange(len(x)), labels] - others,
            train_loss=evaluated(weights), evaluate=perturbed, layer_norms=norms, pac_bayes=found, sharpness=found,
        )  # fmt: skip
