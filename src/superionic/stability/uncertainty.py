"""How errors of energies reach formation energies, hull distances and stability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Composition
from scipy.spatial import ConvexHull

from superionic.errors import InputError
from superionic.stability.formation import Entry
from superionic.stability.hull import STABLE_WITHIN_EV_PER_ATOM, build_phase_diagram

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

N_SAMPLES = 1000
FEWEST_SAMPLES = 2
SAME_FRACTION = 1e-6
DOWNWARDS = -1e-9


@dataclass(frozen=True, eq=False)
class HullUncertainty:
    """Spread of formation energies and hull distances; all arrays are in the order of the entries.

    Attributes
    ----------
    formation_energy_std_eV_per_atom : numpy.ndarray
        Standard deviation of the formation energy, eV/atom, shape (n_entries,).
    e_above_hull_mean_eV_per_atom, e_above_hull_std_eV_per_atom : numpy.ndarray
        Mean and standard deviation of the energy above the hull, eV/atom, shape (n_entries,).
    e_above_hull_interval_eV_per_atom : numpy.ndarray
        The central 95 % of its samples, eV/atom, shape (n_entries, 2).
    probability_stable : numpy.ndarray
        Share of the samples in which the entry is on the hull, shape (n_entries,).
    composition_index : numpy.ndarray of int
        Number of the composition of each entry, shape (n_entries,).
    composition_probability_stable : numpy.ndarray
        Share of the samples in which any entry of the composition is on the hull, shape (n_compositions,).
    n_samples : int
        Samples; a probability p has the sampling error sqrt(p (1 - p) / n_samples).
    """

    formation_energy_std_eV_per_atom: FloatArray
    e_above_hull_mean_eV_per_atom: FloatArray
    e_above_hull_std_eV_per_atom: FloatArray
    e_above_hull_interval_eV_per_atom: FloatArray
    probability_stable: FloatArray
    composition_index: IntArray
    composition_probability_stable: FloatArray
    n_samples: int


def error_covariance(
    std_eV_per_atom: ArrayLike,
    composition_index: ArrayLike,
    *,
    within_composition: float = 1.0,
    between_compositions: float = 0.0,
) -> FloatArray:
    r"""Covariance of the energy errors from their size and two correlations.

    :math:`C_{ij} = \sigma_i \sigma_j \rho_{ij}` with :math:`\rho = 1` on the diagonal. The part of the errors that
    all entries share cancels in formation energies and hull distances, so `between_compositions` of c makes them
    certain by a factor sqrt(1 - c). The defaults are the cautious case: nothing shared between compositions, and
    all orderings of one composition wrong by the same amount. (Independent errors of orderings would make a
    composition with many of them look more stable, because the lowest of many draws is low.)

    Parameters
    ----------
    std_eV_per_atom : array_like
        Standard deviation of each energy per atom, eV/atom, shape (n_entries,), e.g. the test RMSE of the model.
    composition_index : array_like of int
        Equal numbers mark entries of one composition, shape (n_entries,).
    within_composition : float
        Correlation of two entries of one composition, between `between_compositions` and 1.
    between_compositions : float
        Correlation of entries of two compositions, from 0 to 1.

    Returns
    -------
    numpy.ndarray
        Positive semidefinite, (eV/atom)^2, shape (n_entries, n_entries).

    Raises
    ------
    InputError
        If a standard deviation is negative or not finite, or the correlations are out of order.
    """
    std, groups = np.asarray(std_eV_per_atom, dtype=np.float64), np.asarray(composition_index)
    if std.shape != groups.shape or not np.all(np.isfinite(std)) or np.any(std < 0):
        raise InputError("errors of energies must be finite, not negative, and one per entry")
    if not 0.0 <= between_compositions <= within_composition <= 1.0:
        raise InputError(
            f"correlations {between_compositions} between and {within_composition} within compositions: "
            "0 <= between <= within <= 1 is needed"
        )
    correlation = np.where(groups[:, None] == groups[None, :], within_composition, between_compositions)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(std[:, None] * std[None, :] * correlation, dtype=np.float64)


def committee_covariance(energies_eV_per_atom: ArrayLike) -> FloatArray:
    """Sample covariance of the energies that the members of a committee give.

    Disagreement is a lower estimate of the error: members share their architecture and data. A shift of a whole
    member against the others is part of the covariance and cancels in formation energies.

    Parameters
    ----------
    energies_eV_per_atom : array_like
        Energies, eV/atom, shape (n_members, n_entries).

    Returns
    -------
    numpy.ndarray
        (eV/atom)^2, shape (n_entries, n_entries).

    Raises
    ------
    InputError
        With fewer than two members, or energies that are not finite.
    """
    energies = np.asarray(energies_eV_per_atom, dtype=np.float64)
    if energies.ndim != 2 or len(energies) < FEWEST_SAMPLES or not np.all(np.isfinite(energies)):  # noqa: PLR2004
        raise InputError("a covariance needs finite energies of at least two members, shape (n_members, n_entries)")
    return np.atleast_2d(np.cov(energies, rowvar=False))


def composition_indices(compositions: Sequence[Composition]) -> IntArray:
    """Number of the composition of each entry, counted from 0 in order of appearance; cell sizes do not matter."""
    numbers: dict[Composition, int] = {}
    reduced = [Composition(c.fractional_composition.formula) for c in compositions]
    return np.array([numbers.setdefault(c, len(numbers)) for c in reduced], dtype=np.int64)


def hull_uncertainty(
    entries: Sequence[Entry],
    end_members: Sequence[Composition | str],
    covariance_eV2: ArrayLike,
    *,
    n_samples: int = N_SAMPLES,
    seed: int = 0,
) -> HullUncertainty:
    """Monte Carlo propagation of Gaussian energy errors to the hull.

    Parameters
    ----------
    entries, end_members
        As in :func:`~superionic.stability.build_phase_diagram`.
    covariance_eV2 : array_like
        Covariance of the errors of the energies per atom, (eV/atom)^2, shape (n_entries, n_entries); from
        :func:`error_covariance` or :func:`committee_covariance`.
    n_samples : int
        Hulls that are drawn.
    seed : int
        Seed of the draws.

    Returns
    -------
    HullUncertainty
        Spread and probabilities.

    Raises
    ------
    InputError
        If the entries make no hull or the covariance does not fit them.
    """
    covariance = np.asarray(covariance_eV2, dtype=np.float64)
    if covariance.shape != (len(entries), len(entries)) or not np.all(np.isfinite(covariance)):
        raise InputError(f"a covariance of shape {(len(entries),) * 2} of finite numbers is needed")
    values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
    if values.min(initial=0.0) < -1e-9 * max(values.max(initial=0.0), np.finfo(float).tiny):
        raise InputError("the covariance of the energies has a negative eigenvalue, so it is none")
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    draws = np.random.default_rng(seed).standard_normal((n_samples, len(entries)))
    return sampled_hull(entries, end_members, _per_atom(entries) + draws @ root.T)


def sampled_hull(
    entries: Sequence[Entry], end_members: Sequence[Composition | str], samples_eV_per_atom: ArrayLike
) -> HullUncertainty:
    """Spread of the hull over given sets of energies, e.g. one per member of a committee.

    Parameters
    ----------
    entries, end_members
        As in :func:`~superionic.stability.build_phase_diagram`; the energies of the entries are not used.
    samples_eV_per_atom : array_like
        Energies, eV/atom, shape (n_samples, n_entries).

    Returns
    -------
    HullUncertainty
        Spread and probabilities. References are the lowest entries of the end members in each sample.

    Raises
    ------
    InputError
        If the entries make no hull, or there are fewer than two samples or energies that are not finite.
    """
    samples = np.asarray(samples_eV_per_atom, dtype=np.float64)
    fewest = (FEWEST_SAMPLES, len(entries))
    if samples.ndim != 2 or samples.shape[1] != fewest[1] or len(samples) < fewest[0]:  # noqa: PLR2004
        raise InputError(f"energies of shape (n_samples, {len(entries)}) with at least two samples are needed")
    if not np.all(np.isfinite(samples)):
        raise InputError("a sampled energy is not finite")
    fractions = build_phase_diagram(entries, end_members).fractions
    groups = composition_indices([composition for composition, _, _ in entries])
    formation = _formation(samples, fractions)
    above = formation - _hulls(formation, fractions, groups)[:, groups]
    on_hull = above <= STABLE_WITHIN_EV_PER_ATOM
    any_on_hull = np.array([on_hull[:, groups == g].any(axis=1).mean() for g in range(groups.max() + 1)])
    return HullUncertainty(
        formation_energy_std_eV_per_atom=formation.std(axis=0, ddof=1),
        e_above_hull_mean_eV_per_atom=above.mean(axis=0),
        e_above_hull_std_eV_per_atom=above.std(axis=0, ddof=1),
        e_above_hull_interval_eV_per_atom=np.quantile(above, [0.025, 0.975], axis=0).T,
        probability_stable=on_hull.mean(axis=0),
        composition_index=groups,
        composition_probability_stable=any_on_hull,
        n_samples=len(samples),
    )


def _per_atom(entries: Sequence[Entry]) -> FloatArray:
    return np.array([energy / n_atoms for _, energy, n_atoms in entries])


def _formation(samples: FloatArray, fractions: FloatArray) -> FloatArray:
    """Formation energies of all samples, with the lowest entries of the end members of each as references."""
    members = [np.flatnonzero(fractions[:, k] > 1.0 - SAME_FRACTION) for k in range(fractions.shape[1])]
    references = np.stack([samples[:, rows].min(axis=1) for rows in members], axis=1)
    return np.asarray(samples - references @ fractions.T, dtype=np.float64)


def _hulls(formation: FloatArray, fractions: FloatArray, groups: IntArray) -> FloatArray:
    """Height of the lower hull at every composition, shape (n_samples, n_compositions)."""
    places = np.array([fractions[groups == g][0, :-1] for g in range(groups.max() + 1)])
    lowest = np.stack([formation[:, groups == g].min(axis=1) for g in range(len(places))], axis=1)
    return np.array([_lower_hull(places, energies) for energies in lowest])


def _lower_hull(places: FloatArray, energies: FloatArray) -> FloatArray:
    """Height of the lower hull: the highest of the planes through its facets."""
    scale = max(float(np.abs(energies).max()), np.finfo(float).tiny)
    # a point far above the middle closes the hull, so that a flat one is no special case
    apex = np.append(places.mean(axis=0), 10.0)
    hull = ConvexHull(np.vstack([np.column_stack([places, energies / scale]), apex]))
    down = hull.equations[hull.equations[:, -2] < DOWNWARDS]
    planes = -(places @ down[:, :-2].T + down[:, -1]) / down[:, -2]
    return np.asarray(np.minimum(planes.max(axis=1) * scale, energies), dtype=np.float64)
