"""One trained network as a measure sees it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ._info import Info
from ._quantities import Quantities
from ._types import Evaluated, Layer, Perturbation

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ._types import Array


class Source(Protocol):
    """Where a network gets its quantities: the host over the wire, or anything in process."""

    def quantity(self, name: str, args: dict[str, str]) -> dict[str, Array]:
        """The named arrays, in their order. Raises Undefined, Missing and HostError."""

    def evaluate(self, perturbations: list[Perturbation]) -> list[Evaluated]:
        """The training set at each perturbation."""


@dataclass(frozen=True)
class Meta:
    """What a network knows without asking."""

    id: str = ""
    layers: tuple[Layer, ...] = ()
    classes: int = 0
    train_size: int = 0
    input_shape: tuple[int, ...] = ()
    seed: int = 0
    options: Mapping[str, str] = field(default_factory=dict)


class Network(Quantities):
    """One trained network. What its methods return is read-only and mapped from the host's files, not copied."""

    def __init__(self, meta: Meta, source: Source, info: Info, kept: dict[tuple[str, ...], dict[str, Array]] | None = None) -> None:
        self._meta, self._source, self._info = meta, source, info
        self._shared = kept if kept is not None else {}  # what measures of the program have read of this network
        self._read: dict[tuple[str, ...], dict[str, Array]] = {}
        self.reused: list[tuple[str, dict[str, str]]] = []  # for the host, which charges them
        self.host_seconds = 0.0
        self.diagnostics: dict[str, float] = {}
        self.warnings: list[str] = []

    @property
    def id(self) -> str:
        """Opaque, and another one in every run."""
        return self._meta.id

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers from the input to the logits."""
        return self._meta.layers

    @property
    def classes(self) -> int:
        """K."""
        return self._meta.classes

    @property
    def train_size(self) -> int:
        """The number of training examples."""
        return self._meta.train_size

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return self._meta.input_shape

    @property
    def seed(self) -> int:
        """The only source of randomness of a measure, 64 bits; it depends on the run's seed, the network and the measure."""
        return self._meta.seed

    def rng(self) -> np.random.Generator:
        """A new generator of NumPy, seeded with `seed`. The measure has to be declared stochastic."""
        import numpy as np

        return np.random.default_rng(self.seed)

    def option(self, name: str) -> str:
        """The value of an option that the measure declares: the user's, or the default."""
        return self._meta.options[name]

    def int_option(self, name: str) -> int:
        """`option` for a whole number."""
        try:
            return int(self.option(name))
        except ValueError:
            raise ValueError(f"option {name}={self.option(name)!r} is not a whole number") from None

    def float_option(self, name: str) -> float:
        """`option` for a finite number."""
        try:
            value = float(self.option(name))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"option {name}={self.option(name)!r} is not a finite number")
        return value

    def diagnose(self, name: str, value: float) -> None:
        """Attach a figure to the result, kept beside the value and not ranked."""
        value = float(value)
        if math.isfinite(value):
            self.diagnostics[name] = value
        else:
            self.warn(f"diagnostic {name} is {value}")

    def warn(self, text: str) -> None:
        """Attach a doubt to the result, shown beside the value."""
        self.warnings.append(text)

    def quantity(self, name: str, **args: object) -> dict[str, Array]:
        """The arrays of any quantity by name, with arguments as they are on the wire; see docs/protocol.md.

        The methods below are the same with names of their own. None is the host's default.
        """
        text = {k: _text(v) for k, v in args.items() if v is not None}
        key = (name, *(part for k in sorted(text) for part in (k, text[k])))
        if key in self._read:
            return self._read[key]
        if key in self._shared and not self._info.permit(name, text):
            self.reused.append((name, text))
            arrays = self._shared[key]
        else:
            start = time.perf_counter()
            try:
                arrays = self._source.quantity(name, text)
            finally:
                self.host_seconds += time.perf_counter() - start
            self._shared[key] = arrays
        self._read[key] = arrays
        return arrays

    def evaluate(self, perturbations: Iterable[Perturbation]) -> list[Evaluated]:
        """The training loss and accuracy at each perturbation of the weights, in their order. Need: perturbed-losses.

        One call with many is much faster than many calls.
        """
        asked = [Perturbation(*p) for p in perturbations]
        for i, p in enumerate(asked):
            if not (math.isfinite(p.scale) and p.scale >= 0):
                raise ValueError(f"evaluating perturbation {i}: scale {p.scale} is not finite and >= 0")
        start = time.perf_counter()
        try:
            answers = self._source.evaluate(asked)
        finally:
            self.host_seconds += time.perf_counter() - start
        if len(answers) != len(asked):
            raise ValueError(f"evaluating: {len(answers)} answers to {len(asked)} perturbations")
        return answers

    def torch(self, initial: bool = False) -> torch.nn.Module:
        """The network as a PyTorch module in evaluation mode, with the same logits. Need: weights, or init-weights.

        It maps inputs [N, D] or [N, C, H, W] to logits [N, K]; its tensors are copies, named as in `weights`. Dropout
        does nothing, also in training mode. PyTorch is imported now and is to be installed by yourself.
        """
        from ._torch import rebuild

        return rebuild(self.layers, self.input_shape, self.init_weights() if initial else self.weights())


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
