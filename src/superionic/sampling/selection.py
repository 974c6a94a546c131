"""Choice of the orderings that are sampled."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from superionic.errors import InputError
from superionic.stages import SelectionMethod

FloatArray = NDArray[np.float64]
EXPLAINED_VARIANCE = 0.95


def choose_parents(
    energies_eV_per_atom: ArrayLike,
    descriptors: ArrayLike,
    count: int,
    method: SelectionMethod = SelectionMethod.KMEDOIDS,
    seed: int = 0,
) -> list[int]:
    """Choose `count` structures; the one of lowest energy is always among them.

    Parameters
    ----------
    energies_eV_per_atom : array_like, (n,)
        Energies per atom, eV.
    descriptors : array_like, (n, d)
        One row per structure; used by ``kmedoids`` only.
    count : int
        How many to choose; all if there are no more than that.
    method : SelectionMethod
        ``kmedoids`` spreads the choice over the descriptor space, ``lowest-energy`` takes the lowest,
        ``random`` is the control that shows whether selection matters.
    seed : int
        Seed of ``random``; the other methods are deterministic.

    Returns
    -------
    list of int
        Positions in ascending order.

    Raises
    ------
    InputError
        If there is nothing to choose from, or the lengths differ.
    """
    energies = np.asarray(energies_eV_per_atom, dtype=np.float64)
    if len(energies) == 0 or count < 1:
        raise InputError(f"cannot choose {count} parents out of {len(energies)} structures: screen more orderings")
    if count >= len(energies):
        return list(range(len(energies)))
    order = np.argsort(energies, kind="stable")
    if method is SelectionMethod.LOWEST_ENERGY:
        chosen = order[:count].tolist()
    elif method is SelectionMethod.RANDOM:
        others = np.random.default_rng(seed).choice(np.sort(order[1:]), count - 1, replace=False)
        chosen = [*others.tolist(), int(order[0])]
    else:
        chosen = _kmedoids(_distances(energies, descriptors), count, fixed=int(order[0]))
    return sorted(int(index) for index in chosen)


def principal_components(descriptors: ArrayLike, explained: float = EXPLAINED_VARIANCE) -> FloatArray:
    """Standardise the columns and project them on the leading principal components.

    Parameters
    ----------
    descriptors : array_like, (n, d)
        One row per structure. Columns that do not vary are dropped.
    explained : float
        Share of the variance that the kept components explain at least.

    Returns
    -------
    numpy.ndarray, (n, k)
        Scores; ``k`` is 0 if nothing varies.
    """
    values = np.asarray(descriptors, dtype=np.float64)
    spread = values.std(axis=0)
    varying = spread > 1e-9 * np.abs(values).max(initial=1.0)
    scores = (values[:, varying] - values[:, varying].mean(axis=0)) / spread[varying]
    if scores.shape[1] == 0:
        return np.zeros((len(values), 0))
    left, singular, _ = np.linalg.svd(scores, full_matrices=False)
    share = np.cumsum(singular**2) / np.sum(singular**2)
    kept = int(np.searchsorted(share, explained)) + 1
    projected: FloatArray = left[:, :kept] * singular[:kept]
    return projected


def _distances(energies: FloatArray, descriptors: ArrayLike) -> FloatArray:
    if len(np.asarray(descriptors)) != len(energies):
        raise InputError(f"{len(np.asarray(descriptors))} descriptors do not fit {len(energies)} energies")
    scores = principal_components(descriptors)
    distances: FloatArray = cdist(scores, scores) if scores.shape[1] else np.zeros((len(energies),) * 2)
    return distances


def _kmedoids(distances: FloatArray, count: int, fixed: int) -> list[int]:
    """Partitioning around medoids (Kaufman and Rousseeuw, 1990) with one medoid given.

    Medoids are added greedily, then exchanged as long as that lowers the sum of the distances to the nearest one.
    """
    medoids = [fixed]
    while len(medoids) < count:
        nearest = distances[:, medoids].min(axis=1)
        gain = np.maximum(nearest[:, None] - distances, 0.0).sum(axis=0)
        gain[medoids] = -1.0
        medoids.append(int(np.argmax(gain)))
    while (better := _best_exchange(distances, medoids)) is not None:
        medoids = better
    return medoids


def _best_exchange(distances: FloatArray, medoids: list[int]) -> list[int] | None:
    """The medoids after the best single exchange (never of the first), or None if none lowers the cost."""
    best, found = distances[:, medoids].min(axis=1).sum() * (1 - 1e-12), None
    for position in range(1, len(medoids)):
        rest = medoids[:position] + medoids[position + 1 :]
        costs = np.minimum(distances[:, rest].min(axis=1)[:, None], distances).sum(axis=0)
        costs[rest] = np.inf
        candidate = int(np.argmin(costs))
        if costs[candidate] < best:
            best, found = float(costs[candidate]), [*medoids[:position], candidate, *medoids[position + 1 :]]
    return found
