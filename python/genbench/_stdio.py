"""Standard output of a plugin carries the handshake, so it is taken away before anything can print."""

from __future__ import annotations

import os
import sys
from typing import TextIO

MAGIC_KEY = "GENBENCH_PLUGIN"
MAGIC_VALUE = "measure"

_handshake: TextIO | None = None


def is_plugin() -> bool:
    """Whether genbench started this process, or a process that did not clear its environment."""
    return os.environ.get(MAGIC_KEY) == MAGIC_VALUE


def take() -> None:
    """Keep the real standard output for the handshake alone.

    File descriptor 1 becomes standard error, for C libraries and children too, and descriptor 0 the null
    device. A second call does nothing.
    """
    global _handshake
    if _handshake is not None:
        return
    sys.stdout.flush()
    _handshake = os.fdopen(os.dup(1), "w", encoding="ascii")  # not inherited by children
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # one buffer, so that lines keep their order
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def handshake(line: str) -> None:
    """Write the handshake. The file stays open: its end would mean that the plugin has ended."""
    assert _handshake is not None
    _handshake.write(line + "\n")
    _handshake.flush()


def limit_threads() -> None:
    """A worker's plugin has one processor's worth of work, since the other workers have the others.

    With one thread sums also have one order. A variable that the user set stands.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
