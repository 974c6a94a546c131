"""What several files of a run of the stand-in (NOT VASP) say about its made-up electrons."""

from __future__ import annotations

import math
from typing import Final

from superionic.labelling.fake_vasp import PROGRAM, VERSION
from superionic.labelling.fake_vasp.inputs import Inputs

BANNER: Final = f"{PROGRAM} {VERSION} (a stand-in of superionic, NOT VASP; its numbers mean nothing)"
GAP_EV: Final = 5.0
FERMI_EV: Final = 1.0


def n_bands(inputs: Inputs) -> int:
    """Number of bands, with the rule of thumb of VASP's default: half of the electrons and half of the atoms."""
    return math.ceil(inputs.n_electrons / 2 + len(inputs.poscar.symbols) / 2)


def magnetization(inputs: Inputs) -> float | None:
    """Sum of the moments that MAGMOM starts from; None without spin."""
    if int(inputs.number("ISPIN", 1)) == 1:
        return None
    words = inputs.incar.get("MAGMOM", "").split()
    return sum(_moment(word) for word in words)


def _moment(word: str) -> float:
    count, star, value = word.rpartition("*")
    return int(count) * float(value) if star else float(value)
