"""Labelling: single points by VASP-SCAN, CP2K-SCAN or a teacher potential, and the gate that admits them.

The names are loaded on first use: the stand-in for VASP lives below and starts thousands of times in a rehearsal.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superionic.labelling.gate import check_label as check_label
    from superionic.labelling.gate import same_structure as same_structure
    from superionic.labelling.results import SinglePoint as SinglePoint

__all__ = ["SinglePoint", "check_label", "same_structure"]

_LAZY = {
    "SinglePoint": "superionic.labelling.results",
    "check_label": "superionic.labelling.gate",
    "same_structure": "superionic.labelling.gate",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 (module attribute hook, PEP 562)
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    msg = f"module 'superionic.labelling' has no attribute {name!r}"
    raise AttributeError(msg)
