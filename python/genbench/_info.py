"""What a measure says of itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._network import Network

#: The needs, each with the method of `Network` of the same name (- for _).
NEEDS = (
    "weights", "init-weights", "fused-weights", "fused-init-weights", "train-inputs", "train-labels", "train-logits",
    "train-margins", "train-loss", "layer-sums", "complexity", "test-inputs", "pac-bayes", "sharpness", "history",
    "perturbed-losses", "gradient-norms", "gradient-dots", "gradient-moments", "hessian-top", "hessian-trace", "step-loss",
    "noise-loss", "worst-loss", "layer-features", "layer-margins", "mixup-predictions", "transformed-margins",
    "transformed-predictions", "jacobian-norms", "test-predictions", "sibling", "spectra", "layer-norms", "path-norm",
)  # fmt: skip

DIRECTIONS = {"unknown": "DIRECTION_UNKNOWN", "gap": "DIRECTION_LARGER_GAP", "smaller-gap": "DIRECTION_SMALLER_GAP"}
SCALES = {"raw": "SCALE_RAW", "log": "SCALE_LOG"}

_NAME = re.compile(r"[a-z](?:[a-z0-9-]|\.[0-9])*")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
_OPTION = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Option:
    """A setting of a measure, chosen by the user as NAME[OPTION=VALUE]."""

    name: str  #: [a-z][a-z0-9_-]*
    default: str
    values: tuple[str, ...] = ()  #: what is allowed; empty: anything
    doc: str = ""


@dataclass(frozen=True)
class Info:
    """The description of a measure."""

    name: str
    version: str
    doc: str
    needs: tuple[str, ...]
    larger: str
    scale: str
    stochastic: bool
    family: str
    citation: str
    formula: str
    deviations: str
    aliases: tuple[str, ...]
    options: tuple[Option, ...]

    def check(self) -> None:
        """Raise ValueError with the first thing that is wrong."""
        if not _NAME.fullmatch(self.name) or len(self.name) > 41:
            raise ValueError(f"measure name {self.name!r}: write a lower-case letter, then at most 40 of a-z, 0-9, - and . before a digit")
        if not self.version:
            raise ValueError(f"measure {self.name}: has no version")
        for i, need in enumerate(self.needs):
            if need not in NEEDS:
                raise ValueError(f"measure {self.name}: unknown need {need!r} (known: {', '.join(NEEDS)})")
            if need in self.needs[:i]:
                raise ValueError(f"measure {self.name}: need {need!r} is declared twice")
        if self.larger not in DIRECTIONS:
            raise ValueError(f"measure {self.name}: larger={self.larger!r}: write 'gap' (a larger value predicts a larger gap), 'smaller-gap' or 'unknown'")
        if self.scale not in SCALES:
            raise ValueError(f"measure {self.name}: scale={self.scale!r}: write 'raw' or 'log'")
        for i, alias in enumerate(self.aliases):
            if not _ALIAS.fullmatch(alias) or alias == self.name or alias in self.aliases[:i]:
                raise ValueError(f"measure {self.name}: alias {alias!r} is not at most 60 of letters, digits, - and _, or is taken")
        self._check_options()

    def _check_options(self) -> None:
        seen: set[str] = set()
        for option in self.options:
            if not _OPTION.fullmatch(option.name):
                raise ValueError(f"measure {self.name}: option name {option.name!r}: write a lower-case letter, then a-z, 0-9, - and _")
            if option.name in seen:
                raise ValueError(f"measure {self.name}: option {option.name} is declared twice")
            if option.values and option.default not in option.values:
                raise ValueError(f"measure {self.name}: option {option.name}: the default {option.default!r} is not among its values {list(option.values)}")
            seen.add(option.name)

    def resolve(self, given: Mapping[str, str]) -> dict[str, str]:
        """All options with their values: the given ones, and the defaults of the others."""
        out = {option.name: option.default for option in self.options}
        for name, value in given.items():
            option = next((o for o in self.options if o.name == name), None)
            if option is None:
                raise ValueError(f"measure {self.name} has no option {name!r} (known: {', '.join(out) or 'none'})")
            if option.values and value not in option.values:
                raise ValueError(f"measure {self.name}: option {name} has no value {value!r} (known: {', '.join(option.values)})")
            out[name] = value
        return out

    def permit(self, quantity: str, args: Mapping[str, str]) -> str:
        """Why a measure with these needs may not read that quantity; empty: it may. The host checks it again."""
        transductive = "test-inputs" in self.needs
        if quantity not in self.needs:
            return f"quantity {quantity!r} is not declared in the measure's needs {list(self.needs)}"
        if args.get("split") == "test" and not transductive:
            return f"{quantity} of the test split needs 'test-inputs', which is not declared in the measure's needs"
        if quantity in ("test-predictions", "sibling") and not transductive:
            return f"{quantity} are of the test inputs and need 'test-inputs', which is not declared in the measure's needs"
        if args.get("weights") in ("init", "difference") and not {"init-weights", "fused-init-weights"} & set(self.needs):
            return f"{quantity} with weights={args['weights']} needs 'init-weights' or 'fused-init-weights', which are not declared in the measure's needs"
        return ""


class Measure:
    """A function of a network with its description, made by `measure`. Calling it calls the function."""

    def __init__(self, info: Info, function: Callable[[Network], Any]) -> None:
        self.info = info
        self.function = function
        self.__name__ = getattr(function, "__name__", info.name)
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    def __call__(self, net: Network) -> Any:
        return self.function(net)

    def __repr__(self) -> str:
        return f"<measure {self.info.name} (version {self.info.version})>"


def measure(
    *,
    name: str,
    version: str,
    needs: Iterable[str] = (),
    larger: str = "unknown",
    scale: str = "raw",
    stochastic: bool = False,
    options: Iterable[Option] = (),
    doc: str = "",
    family: str = "",
    citation: str = "",
    formula: str = "",
    deviations: str = "",
    aliases: Iterable[str] = (),
) -> Callable[[Callable[[Network], Any]], Measure]:
    """Make a function of a network a measure.

    name: a lower-case letter, then at most 40 of a-z, 0-9 and -. version: raised whenever a value may change; old
    results are then computed again. needs: the quantities that it reads, see `NEEDS`; others are refused. larger: what
    a larger value predicts, "gap" (a larger generalization gap), "smaller-gap" or "unknown". scale: "log" where the
    value is a natural logarithm. stochastic: the value depends on `Network.seed`. doc: one sentence, by default the first
    line of the function's docstring. family, citation, formula, deviations, aliases: for lists of measures.

    The function answers a finite number, the same bits for the same network, options and seed. NaN and infinities are
    recorded as undefined; `Undefined` says it with a reason.
    """
    if isinstance(needs, str):
        raise TypeError(f"measure {name}: needs={needs!r}: write a list, [{needs!r}]")

    def decorate(function: Callable[[Network], Any]) -> Measure:
        first_line = (function.__doc__ or "").strip().split("\n")[0].rstrip(".")
        info = Info(
            name=name, version=str(version), doc=doc or first_line, needs=tuple(needs), larger=larger, scale=scale, stochastic=stochastic,
            family=family, citation=citation, formula=formula, deviations=deviations, aliases=tuple(aliases), options=tuple(options),
        )  # fmt: skip
        info.check()
        return Measure(info, function)

    return decorate
