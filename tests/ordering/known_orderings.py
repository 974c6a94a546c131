"""What is right for each random crystal, and the check of a list of orderings against it.

A failure names the seed: ``random_case(seed)`` is the crystal, ``truth(seed)`` what is right.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from brute_force import VACANCY, Cell, parts
from random_crystals import random_case

ENERGY_ERROR_eV = 1e-6


@dataclass(frozen=True, eq=False)
class Truth:
    """All orbits of the orderings of a case: their names, multiplicities and energies."""

    cell: Cell
    n_raw: int
    multiplicities: dict
    energies_eV: dict

    @property
    def lowest(self):
        """Energies in eV of the distinct orderings, lowest first."""
        return np.sort(list(self.energies_eV.values()))


@lru_cache(maxsize=512)
def truth(seed):
    """Write down, group and evaluate all orderings of a case."""
    case = random_case(seed)
    cell = Cell.of(case.structure, case.supercell)
    raw = cell.raw_orderings(merge=case.merge)
    names, first, numbers = np.unique(cell.names(raw), return_index=True, return_counts=True)
    energies = cell.energies(raw[first])
    return Truth(cell, len(raw), dict(zip(names, numbers, strict=True)), dict(zip(names, energies, strict=True)))


def has_isovalent_species(seed):
    """Tell whether two occupants of a sublattice have the same charge (a vacancy has none)."""
    for mixture in truth(seed).cell.mixtures:
        charges = [0.0 if name == VACANCY else name.oxi_state for name in parts(mixture)]
        if len(charges) > len(np.unique(np.round(charges, 6))):
            return True
    return False


def check_listed(seed, found):
    """Check that what is listed exists, once each, with the right multiplicity and energy; return the names."""
    right, case = truth(seed), random_case(seed)
    names = right.cell.names(np.array([right.cell.labels_of(structure) for structure in found.structures]))
    assert len(set(names)) == len(names), f"an ordering is listed twice: {case}"
    assert set(names) <= set(right.multiplicities), f"an ordering that does not exist: {case}"
    assert found.multiplicities.tolist() == [right.multiplicities[name] for name in names], str(case)
    assert np.allclose(found.energies_eV, [right.energies_eV[name] for name in names], rtol=0, atol=ENERGY_ERROR_eV), (
        str(case)
    )
    assert np.all(np.diff(found.energies_eV) >= 0)
    return names
