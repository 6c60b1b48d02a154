"""The host's quantities over the wire, mapped from its files."""

from __future__ import annotations

import math
import mmap
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import grpc

from . import plugin_pb2 as pb
from ._errors import HostError, Missing, Stopped, Undefined
from ._types import Evaluated, Perturbation

if TYPE_CHECKING:
    from ._types import Array

_DTYPES = {"f32": ("<f4", 4), "f64": ("<f8", 8), "i32": ("<i4", 4), "u8": ("|u1", 1)}


class Host:
    """Answers one Compute's questions. due is when its time is over, on time.monotonic's clock, or infinity.

    given are quantities that genbench sent ahead; those that are read of them are in `read`.
    """

    def __init__(self, channel: grpc.Channel, compute: int, due: float = math.inf, given: Iterable[pb.Given] = ()) -> None:
        self._channel, self._compute, self._due = channel, compute, due
        self._given = [(g.name, dict(g.args), g.arrays) for g in given]
        self.read: list[tuple[str, dict[str, str]]] = []

    def _call(self, doing: str, method: str, request: Any, response: Callable[[bytes], Any], stream: bool = False) -> Any:
        make = self._channel.unary_stream if stream else self._channel.unary_unary
        stub = make("/genbench.plugin.v1.ModelHost/" + method, type(request).SerializeToString, response)
        left = self._due - time.monotonic()
        try:
            answer = stub(request, timeout=max(left, 0.001) if math.isfinite(left) else None)
            return list(answer) if stream else answer
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
                raise Stopped(f"{doing}: the time is over") from None
            raise HostError(f"{doing}: {error.details()}") from None

    def quantity(self, name: str, args: dict[str, str]) -> dict[str, Array]:
        """Ask for a quantity, unless it was given, and map its arrays."""
        for given, its_args, arrays in self._given:
            if given == name and its_args == args:
                self.read.append((name, args))
                return self._open_all(name, args, arrays)
        request = pb.QuantityRequest(compute=self._compute, name=name, args=args)
        answer = self._call(f"asking genbench for {name}", "GetQuantity", request, pb.QuantityResponse.FromString)
        outcome = answer.WhichOneof("outcome")
        if outcome == "missing":
            raise Missing(answer.missing.quantity, answer.missing.why)
        if outcome == "undefined":
            raise Undefined(answer.undefined.why)
        return self._open_all(name, args, answer.arrays)

    def _open_all(self, name: str, args: dict[str, str], arrays: pb.Arrays) -> dict[str, Array]:
        files: dict[str, mmap.mmap | None] = {}  # the arrays of a quantity lie in one
        return {a.name: self._open(files, name, args, a) for a in arrays.arrays}

    def _open(self, files: dict[str, mmap.mmap | None], name: str, args: dict[str, str], a: pb.Array) -> Array:
        import numpy as np

        if a.dtype not in _DTYPES:
            raise HostError(f"reading {name}: array {a.name!r}: unknown dtype {a.dtype!r}; this version of genbench's package is too old")
        dtype, width = _DTYPES[a.dtype]
        shape = tuple(a.shape)
        count = math.prod(shape)
        data: Any = None
        if count and a.path not in files:
            files[a.path] = _map(a.path)
        offset = a.offset
        if count:
            data = files[a.path]
            if data is None:
                data, offset = self._stream(name, args, a.name), 0
            if offset + count * width > len(data):
                raise HostError(f"reading {name}: array {a.name!r}: {a.path} has {len(data)} bytes, {count * width} at {offset} were announced")
        flat = np.frombuffer(data, dtype, count, offset) if count else np.empty(0, dtype)
        array = flat.reshape(shape)
        array.flags.writeable = False
        return array

    def _stream(self, name: str, args: dict[str, str], array: str) -> bytes:
        request = pb.StreamRequest(compute=self._compute, name=name, args=args, array=array)
        chunks = self._call(f"streaming {name}", "StreamQuantity", request, pb.Chunk.FromString, stream=True)
        return b"".join(c.data for c in chunks)

    def evaluate(self, perturbations: list[Perturbation]) -> list[Evaluated]:
        """Ask for the training set at perturbed weights."""
        asked = [pb.Perturbation(kind=p.kind, scale=p.scale, seed=p.seed) for p in perturbations]
        request = pb.EvaluateRequest(compute=self._compute, perturbations=asked)
        answer = self._call(f"asking genbench to evaluate {len(asked)} perturbations", "Evaluate", request, pb.EvaluateResponse.FromString)
        return [Evaluated(e.loss, e.accuracy) for e in answer.evaluated]


def _map(path: str) -> mmap.mmap | None:
    """The file, mapped read-only; None where it cannot be opened, for instance in a container."""
    try:
        with open(path, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
