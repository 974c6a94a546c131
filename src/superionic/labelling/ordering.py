"""The one place where the order of atoms changes for VASP, and changes back.

VASP wants the atoms of a species together, in the order of the POTCARs. atomate2's own input sets do not sort
(their ``sort_structure`` has no effect, see docs/methods/labels.md), so an unsorted structure would get one POTCAR
per run of equal species.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Element, Lattice, Structure


@dataclass(frozen=True)
class SortedStructure:
    """A structure in VASP's order.

    Attributes
    ----------
    structure : Structure
        Plain elements, atoms of a species together, right-handed cell.
    order : tuple of int
        Position in the original structure of each atom of the sorted one.
    """

    structure: Structure
    order: tuple[int, ...]

    def restored(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values per atom, from VASP's order back into the original one."""
        original = np.empty_like(np.asarray(values, dtype=np.float64))
        original[list(self.order)] = values
        return original


def for_vasp(structure: Structure) -> SortedStructure:
    """Sort a structure by electronegativity and symbol; atoms of a species keep their order.

    Oxidation states and site properties are left out. A left-handed cell, which VASP refuses, is inverted with all
    coordinates: no atom moves.
    """
    symbols = [site.specie.symbol for site in structure]
    order = tuple(sorted(range(len(structure)), key=lambda i: (Element(symbols[i]).X, symbols[i])))
    matrix, coordinates = structure.lattice.matrix, structure.frac_coords[list(order)]
    if np.linalg.det(matrix) < 0:
        matrix, coordinates = -matrix, -coordinates
    return SortedStructure(Structure(Lattice(matrix), [symbols[i] for i in order], coordinates), order)
