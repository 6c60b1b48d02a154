"""Measures of trained networks in Python, for genbench.

    import genbench

    @genbench.measure(name="margin-spread", version="1", needs=["train-margins"], larger="gap")
    def margin_spread(net):
        margins = net.train_margins()  # [N], mapped, not copied
        return margins.std() / margins.mean()

    if __name__ == "__main__":
        genbench.serve(margin_spread)

Import this package first: in a plugin it takes standard output away, which carries the handshake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _stdio

if _stdio.is_plugin():
    _stdio.take()  # before anything can print
    _stdio.limit_threads()  # before NumPy is imported

from ._errors import HostError, Missing, Stopped, Undefined
from ._info import NEEDS, Info, Measure, Option, measure

if TYPE_CHECKING:
    from ._network import Network
    from ._serve import serve
    from ._types import Evaluated, Layer, Perturbation

__version__ = "0.1.0"
__all__ = [
    "NEEDS", "Evaluated", "HostError", "Info", "Layer", "Measure", "Missing", "Network", "Option", "Perturbation", "Stopped",
    "Undefined", "measure", "serve",
]  # fmt: skip

_LACKS = (
    "genbench's Python package needs grpcio, protobuf and numpy ({error}).\n"
    "Install them where {python} looks: pip install grpcio protobuf numpy, or with Debian's packages\n"
    "python3-grpcio python3-protobuf python3-numpy and /usr/bin/python3."
)


def __getattr__(name: str) -> Any:
    # The rest is loaded when it is used: a start is faster, and measures can be tested without grpc.
    if name == "Network":
        from ._network import Network

        return Network
    if name in ("Evaluated", "Layer", "Perturbation"):
        from . import _types

        return getattr(_types, name)
    if name == "serve":
        try:
            from ._serve import serve
        except ModuleNotFoundError as error:
            import sys

            raise SystemExit(_LACKS.format(error=error, python=sys.executable)) from None
        return serve
    raise AttributeError(f"module 'genbench' has no attribute {name!r}")
