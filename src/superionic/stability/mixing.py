r"""Configurational entropy: free energies of mixing from orderings and their multiplicities.

A supercell of fixed shape has W raw orderings. Those that symmetry makes equal are listed once with their
multiplicity g_k and energy E_k per cell, so that

.. math:: Z = \sum_k g_k\, e^{-E_k / k_B T}, \qquad F = -k_B T \ln Z .
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Composition
from scipy.special import logsumexp, xlogy

from superionic.errors import InputError
from superionic.stability.formation import Entry
from superionic.stability.hull import PhaseDiagram, build_phase_diagram
from superionic.units import BOLTZMANN_EV_PER_K

SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class OrderingEnsemble:
    """Orderings of one composition in one supercell.

    Attributes
    ----------
    composition : Composition
        Composition of the cell.
    energies_eV : numpy.ndarray
        Energy of the cell of each distinct ordering, eV, shape (n,).
    multiplicities : numpy.ndarray of int
        Raw orderings of the supercell equivalent to each, shape (n,).
    count_raw : int or None
        Raw orderings of the supercell, W; None if unknown. More than the sum of the multiplicities means that
        orderings are missing.
    """

    composition: Composition
    energies_eV: NDArray[np.float64]
    multiplicities: NDArray[np.int64]
    count_raw: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no ensemble (InputError)."""
        name = self.composition.reduced_formula
        if self.energies_eV.shape != self.multiplicities.shape or self.energies_eV.size == 0:
            raise InputError(f"{name}: one energy and one multiplicity per ordering are needed, and one ordering")
        if not np.all(np.isfinite(self.energies_eV)) or np.any(self.multiplicities < 1):
            raise InputError(f"{name}: energies must be finite and multiplicities at least 1")
        if self.count_raw is not None and self.count_raw < self.n_listed:
            raise InputError(f"{name}: {self.n_listed} raw orderings are listed, but only {self.count_raw} exist")

    @property
    def n_listed(self) -> int:
        """Raw orderings that the list stands for."""
        return int(self.multiplicities.sum())

    @property
    def n_atoms(self) -> int:
        """Atoms in the cell."""
        return round(self.composition.num_atoms)


@dataclass(frozen=True, eq=False)
class MixingFreeEnergy:
    """Configurational free energy of one composition at one temperature.

    Attributes
    ----------
    temperature_K : float
        Temperature.
    log_partition_function : float
        ln Z with energies counted from the lowest ordering.
    free_energy_eV_per_atom : float
        F / N of the listed orderings, eV/atom: an upper bound where orderings are missing.
    lower_bound_eV_per_atom : float or None
        F / N if every missing ordering had the energy that `missing_from_eV` allows, eV/atom; None if the number
        of missing orderings is unknown.
    energy_eV_per_atom : float
        Mean energy, eV/atom.
    entropy_eV_per_K_per_atom : float
        (E - F) / (N T), eV/K/atom.
    ideal_entropy_eV_per_K_per_atom : float or None
        k_B ln W / N, the limit of high temperature, eV/K/atom; None if W is unknown.
    ground_state_probability : float
        Weight of the lowest ordering (with its equivalents) among those listed.
    listed_fraction : float or None
        Share of the raw orderings that are listed; None if W is unknown.
    """

    temperature_K: float
    log_partition_function: float
    free_energy_eV_per_atom: float
    lower_bound_eV_per_atom: float | None
    energy_eV_per_atom: float
    entropy_eV_per_K_per_atom: float
    ideal_entropy_eV_per_K_per_atom: float | None
    ground_state_probability: float
    listed_fraction: float | None


def mixing_free_energy(
    ensemble: OrderingEnsemble, temperature_K: float, *, missing_from_eV: float | None = None
) -> MixingFreeEnergy:
    """Boltzmann sum over the orderings of a supercell.

    Parameters
    ----------
    ensemble : OrderingEnsemble
        Orderings.
    temperature_K : float
        Temperature.
    missing_from_eV : float, optional
        Lowest energy per cell that an ordering missing in the list can have, eV. By default that of the lowest
        listed one, which holds if the ground state is listed; the highest listed one holds only if the list is
        known to be the lowest part by the same energy.

    Returns
    -------
    MixingFreeEnergy
        Free energy with bounds. Correlations that do not fit the cell are missing: small cells have an entropy
        that differs from that of the crystal by terms of the order ln(N) / N.

    Raises
    ------
    InputError
        If the temperature is not positive.
    """
    if not np.isfinite(temperature_K) or temperature_K <= 0:
        raise InputError(f"temperature {temperature_K} K: a free energy needs a positive temperature")
    thermal_eV, n_atoms = BOLTZMANN_EV_PER_K * temperature_K, ensemble.n_atoms
    lowest_eV = float(ensemble.energies_eV.min())
    exponents = np.log(ensemble.multiplicities) - (ensemble.energies_eV - lowest_eV) / thermal_eV
    log_z = float(logsumexp(exponents))
    weights = np.exp(exponents - log_z)
    free_eV = lowest_eV - thermal_eV * log_z
    mean_eV = float(weights @ ensemble.energies_eV)
    total = ensemble.count_raw
    return MixingFreeEnergy(
        temperature_K=temperature_K,
        log_partition_function=log_z,
        free_energy_eV_per_atom=free_eV / n_atoms,
        lower_bound_eV_per_atom=_lower_bound(ensemble, thermal_eV, log_z, missing_from_eV, n_atoms),
        energy_eV_per_atom=mean_eV / n_atoms,
        entropy_eV_per_K_per_atom=(mean_eV - free_eV) / (n_atoms * temperature_K),
        ideal_entropy_eV_per_K_per_atom=None if total is None else BOLTZMANN_EV_PER_K * log(total) / n_atoms,
        ground_state_probability=float(weights[ensemble.energies_eV.argmin()]),
        listed_fraction=None if total is None else ensemble.n_listed / total,
    )


def _lower_bound(
    ensemble: OrderingEnsemble, thermal_eV: float, log_z: float, missing_from_eV: float | None, n_atoms: int
) -> float | None:
    if ensemble.count_raw is None:
        return None
    lowest_eV, missing = float(ensemble.energies_eV.min()), ensemble.count_raw - ensemble.n_listed
    if missing:
        floor_eV = lowest_eV if missing_from_eV is None else missing_from_eV
        log_z = float(np.logaddexp(log_z, log(missing) - (floor_eV - lowest_eV) / thermal_eV))
    return (lowest_eV - thermal_eV * log_z) / n_atoms


def ideal_mixing_entropy(occupancies: Sequence[ArrayLike], site_counts: Sequence[int], n_atoms: float) -> float:
    r"""Entropy of random occupation, :math:`-k_B \sum_s n_s \sum_a x_{sa} \ln x_{sa} / N`, eV/K/atom.

    Parameters
    ----------
    occupancies : sequence of array_like
        Per sublattice the occupancies of its species, vacancies included, each summing to 1.
    site_counts : sequence of int
        Sites of each sublattice in the cell.
    n_atoms : float
        Atoms in the cell.

    Raises
    ------
    InputError
        If occupancies are negative or do not sum to 1.
    """
    total = 0.0
    for shares, n_sites in zip(occupancies, site_counts, strict=True):
        x = np.asarray(shares, dtype=np.float64)
        if np.any(x < 0) or abs(x.sum() - 1.0) > SUM_TOLERANCE:
            raise InputError(f"occupancies {x.tolist()} of a sublattice must not be negative and sum to 1")
        total -= n_sites * float(xlogy(x, x).sum())
    return BOLTZMANN_EV_PER_K * total / n_atoms


def phase_diagram_at(
    ensembles: Sequence[OrderingEnsemble], end_members: Sequence[Composition | str], temperature_K: float
) -> PhaseDiagram:
    """Hull of the configurational free energies at a temperature.

    Vibrations and the volume's expansion are not part of it.

    Parameters
    ----------
    ensembles : sequence of OrderingEnsemble
        One per composition (or polymorph).
    end_members : sequence of Composition
        References, with ensembles among those given; an ordered one has a single ordering.
    temperature_K : float
        Temperature.

    Returns
    -------
    PhaseDiagram
        Its formation energies are free energies, in the order of the ensembles.

    Raises
    ------
    InputError
        As in :func:`~superionic.stability.build_phase_diagram` and :func:`mixing_free_energy`.
    """
    entries: list[Entry] = []
    for ensemble in ensembles:
        free = mixing_free_energy(ensemble, temperature_K).free_energy_eV_per_atom
        entries.append((ensemble.composition, free * ensemble.n_atoms, ensemble.n_atoms))
    return build_phase_diagram(entries, end_members)
