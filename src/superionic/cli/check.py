"""One check of ``superionic doctor`` and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from superionic.errors import SuperionicError


@dataclass(frozen=True)
class Check:
    """Result of one check; a failed one that is not required is a warning."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    required: bool = True

    @property
    def failed(self) -> bool:
        """Whether the campaign could not run."""
        return self.required and not self.ok

    @property
    def mark(self) -> str:
        """One word for tables."""
        return "ok" if self.ok else ("FAILED" if self.required else "warning")


def attempt(name: str, action: Callable[[], str], *, required: bool = True) -> Check:
    """A check that is passed unless superionic itself explains why it cannot be."""
    try:
        return Check(name, True, action(), required=required)
    except SuperionicError as error:
        return Check(name, False, "not usable", str(error), required=required)
