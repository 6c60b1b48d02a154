"""How a Compute can end other than with a value."""

from __future__ import annotations


class Undefined(Exception):
    """The value does not exist for this network: zero weights have no direction, one layer has no slope.

    Raise it with the reason. The cell is recorded as undefined; it is not a failure.
    """


class Missing(Exception):
    """genbench lacks a quantity that the measure declared, for instance initial weights that were not kept.

    Raised by the methods of `Network`; let it pass. The cell is recorded as skipped.
    """

    def __init__(self, need: str, reason: str = "") -> None:
        super().__init__(f"needs {need}: {reason}" if reason else f"needs {need}")
        self.need = need
        self.reason = reason


class HostError(Exception):
    """A call to genbench failed, for instance because the measure did not declare what it reads."""


class Stopped(BaseException):
    """Raised in a measure at its deadline, or when genbench no longer wants the answer.

    It is no `Exception`, so that `except Exception` does not stop it: `finally` and `with` clean up, and it passes.
    """
