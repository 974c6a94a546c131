r"""Free energies of mixing from lists of which only the lowest part is relaxed, with bounds.

Some orderings of a supercell are relaxed, some were only evaluated as they are, the others are not listed. An unrelaxed
energy lies above the relaxed one, so a sum with it gives an upper bound of the free energy; a lower bound has every
ordering that is not relaxed at the lowest energy known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from superionic.stability.mixing import MixingFreeEnergy, OrderingEnsemble, mixing_free_energy


@dataclass(frozen=True, eq=False)
class PartlyRelaxed:
    """Orderings of one composition in one supercell, some relaxed, some not.

    Attributes
    ----------
    relaxed : OrderingEnsemble
        Relaxed orderings; its `count_raw` is that of the whole supercell.
    static_eV : numpy.ndarray
        Energies of the cell of the further orderings as they are, eV, shape (n,).
    static_multiplicities : numpy.ndarray of int
        Raw orderings that each of these stands for, shape (n,).
    gain_eV_per_atom : float
        Energy that relaxation has gained on average where it was done, eV/atom.
    lowest_eV_per_atom : float
        Lowest energy known of the composition, in any supercell, eV/atom.
    """

    relaxed: OrderingEnsemble
    static_eV: NDArray[np.float64]
    static_multiplicities: NDArray[np.int64]
    gain_eV_per_atom: float
    lowest_eV_per_atom: float

    @property
    def n_listed(self) -> int:
        """Raw orderings whose energy is known, relaxed or not."""
        return self.relaxed.n_listed + int(self.static_multiplicities.sum())

    @property
    def listed_fraction(self) -> float | None:
        """Their share of all raw orderings of the supercell; None if that number is unknown."""
        return None if self.relaxed.count_raw is None else self.n_listed / self.relaxed.count_raw

    def listed(self, shift_eV_per_atom: float = 0.0) -> OrderingEnsemble:
        """All listed orderings, those that are not relaxed lowered by a shift, but not below the lowest energy."""
        n_atoms = self.relaxed.n_atoms
        floor_eV = n_atoms * self.lowest_eV_per_atom
        lowered = np.maximum(self.static_eV - n_atoms * shift_eV_per_atom, floor_eV)
        return OrderingEnsemble(
            self.relaxed.composition,
            np.concatenate([self.relaxed.energies_eV, lowered]),
            np.concatenate([self.relaxed.multiplicities, self.static_multiplicities]),
            self.relaxed.count_raw,
        )


@dataclass(frozen=True, eq=False)
class BoundedFreeEnergy:
    """Free energy of mixing with what is certain about it.

    Attributes
    ----------
    estimate : MixingFreeEnergy
        Sum over the listed orderings; those that are not relaxed are lowered by what relaxation gains on average.
    lower_eV_per_atom : float or None
        Bound from below, if the lowest energy known is that of the ground state; None if the number of orderings is
        unknown.
    upper_eV_per_atom : float
        Bound from above, eV/atom.
    """

    estimate: MixingFreeEnergy
    lower_eV_per_atom: float | None
    upper_eV_per_atom: float


def bounded_free_energy(orderings: PartlyRelaxed, temperature_K: float) -> BoundedFreeEnergy:
    """Free energy of mixing of one composition in one supercell.

    Raises
    ------
    InputError
        If the temperature is not positive.
    """
    floor_eV = orderings.lowest_eV_per_atom * orderings.relaxed.n_atoms
    gain = max(0.0, orderings.gain_eV_per_atom)
    return BoundedFreeEnergy(
        estimate=mixing_free_energy(orderings.listed(gain), temperature_K),
        lower_eV_per_atom=mixing_free_energy(
            orderings.relaxed, temperature_K, missing_from_eV=floor_eV
        ).lower_bound_eV_per_atom,
        upper_eV_per_atom=mixing_free_energy(orderings.listed(), temperature_K).free_energy_eV_per_atom,
    )
