"""superionic: from a disordered crystal to phase diagrams and ionic conductivities.

The names that people import most live here; each is loaded on first use so that
``import superionic`` stays cheap (the command line answers before numpy is in memory).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superionic.spec import ElectrolyteSpec as ElectrolyteSpec

__version__ = "0.1.0"
__all__ = ["ElectrolyteSpec", "__version__"]

_LAZY = {"ElectrolyteSpec": "superionic.spec"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 (module attribute hook, PEP 562)
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    msg = f"module 'superionic' has no attribute {name!r}"
    raise AttributeError(msg)
