"""Which structures are worth a label: one interface for parent orderings and for frames.

A structure is a row of descriptors. Structures of one group (a composition, a parent) compete with each other only, in
the space of their own standardised principal components: what distinguishes two compositions would otherwise hide what
distinguishes two configurations of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superionic.errors import InputError
from superionic.sampling.selectors import SELECTORS
from superionic.stages import SelectionMethod

FloatArray = NDArray[np.float64]
EXPLAINED_VARIANCE = 0.95


def choose(
    descriptors: ArrayLike,
    count: int,
    method: SelectionMethod,
    *,
    energies_eV_per_atom: ArrayLike | None = None,
    groups: Sequence[str] | None = None,
    already: Sequence[int] = (),
    seed: int = 0,
) -> list[int]:
    """Choose `count` structures besides those that were chosen before.

    Parameters
    ----------
    descriptors : array_like, (n, d)
        One row per structure.
    count : int
        How many to choose; all that are left if there are no more than that.
    method : SelectionMethod
        ``random`` is the control that shows whether selection matters. ``kmedoids`` represents the distribution,
        ``fps`` (farthest point) spans its edges, ``entropy`` takes what adds most information (QUESTS, extra
        ``selection``), ``lowest-energy`` the lowest.
    energies_eV_per_atom : array_like, (n,), optional
        If given, the lowest member of every group that gets a place is among the chosen.
    groups : sequence of str, optional
        Group of each structure; the places are shared out by :func:`share_places`. One group by default.
    already : sequence of int
        Structures chosen before: never returned, and nothing like them is wanted again.
    seed : int
        Seed of ``random``; the other methods are deterministic.

    Returns
    -------
    list of int
        Positions in ascending order.

    Raises
    ------
    InputError
        If there is nothing to choose from, the lengths differ, a value is not finite, or the method needs energies.
    NotConfiguredError
        If the library behind ``entropy`` is not installed.
    """
    candidates = _candidates(descriptors, energies_eV_per_atom, groups, already, method)
    free = [index for index in range(len(candidates.descriptors)) if index not in candidates.already]
    if count < 1 or not free:
        raise InputError(f"cannot choose {count} of {len(free)} structures: sample more, or ask for at least one")
    if count >= len(free):
        return free
    members = {name: np.flatnonzero(candidates.groups == name) for name in sorted(set(candidates.groups.tolist()))}
    used = {name: sum(int(index) in candidates.already for index in rows) for name, rows in members.items()}
    left = {name: len(rows) - used[name] for name, rows in members.items()}
    places = share_places(left, count, used)
    chosen = [
        index
        for number, (name, rows) in enumerate(members.items())
        for index in _choose_in_group(candidates, rows, places[name], method, [seed, number])
    ]
    return sorted(chosen)


def share_places(left: dict[str, int], count: int, used: dict[str, int] | None = None) -> dict[str, int]:
    """Share places out among groups.

    Each place goes to the group with the fewest members, those chosen before included, that still has candidates. A tie
    goes to the group with more candidates left, then to the first in order of the names. So the groups end up as equal
    as they can, and the remainder goes where the choice is largest.

    Parameters
    ----------
    left : dict
        Number of candidates of each group.
    count : int
        Number of places.
    used : dict, optional
        Number of members that each group has already.

    Returns
    -------
    dict
        Places of each group, none above its number of candidates.
    """
    places = dict.fromkeys(sorted(left), 0)
    before = used or {}
    for _ in range(min(count, sum(left.values()))):
        open_groups = [name for name in places if places[name] < left[name]]
        best = min(open_groups, key=lambda name: (before.get(name, 0) + places[name], places[name] - left[name], name))
        places[best] += 1
    return places


def choose_parents(
    energies_eV_per_atom: ArrayLike,
    descriptors: ArrayLike,
    count: int,
    method: SelectionMethod = SelectionMethod.KMEDOIDS,
    seed: int = 0,
) -> list[int]:
    """Choose the orderings of one composition that are sampled; the one of lowest energy is always among them.

    Parameters
    ----------
    energies_eV_per_atom : array_like, (n,)
        Energies per atom, eV.
    descriptors : array_like, (n, d)
        One row per ordering.
    count : int
        How many to choose; all if there are no more than that.
    method : SelectionMethod
        As for :func:`choose`.
    seed : int
        Seed of ``random``.

    Returns
    -------
    list of int
        Positions in ascending order.

    Raises
    ------
    InputError, NotConfiguredError
        As for :func:`choose`.
    """
    return choose(descriptors, count, method, energies_eV_per_atom=energies_eV_per_atom, seed=seed)


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


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Checked input of :func:`choose`."""

    descriptors: FloatArray
    energies: FloatArray | None
    groups: NDArray[np.str_]
    already: frozenset[int]


def _candidates(
    descriptors: ArrayLike,
    energies_eV_per_atom: ArrayLike | None,
    groups: Sequence[str] | None,
    already: Sequence[int],
    method: SelectionMethod,
) -> _Candidates:
    rows = np.asarray(descriptors, dtype=np.float64)
    rows = rows.reshape(len(rows), -1) if rows.size else np.zeros((len(rows), 0))
    energies = None if energies_eV_per_atom is None else np.asarray(energies_eV_per_atom, dtype=np.float64)
    names = np.asarray(["all"] * len(rows) if groups is None else list(groups), dtype=np.str_)
    if method is SelectionMethod.LOWEST_ENERGY and energies is None:
        raise InputError("lowest-energy needs energies, and these structures have none: choose another method")
    for what, values in (("energies", energies), ("groups", names)):
        if values is not None and len(values) != len(rows):
            raise InputError(f"{len(rows)} descriptors do not fit {len(values)} {what}")
    if not np.isfinite(rows).all() or (energies is not None and not np.isfinite(energies).all()):
        raise InputError("a descriptor or an energy is not finite: remove the structures whose evaluation failed")
    if beyond := sorted({int(index) for index in already if not 0 <= index < len(rows)}):
        raise InputError(f"already names the structures {beyond}, but there are only {len(rows)}")
    return _Candidates(rows, energies, names, frozenset(int(index) for index in already))


def _choose_in_group(
    candidates: _Candidates, rows: NDArray[np.int64], places: int, method: SelectionMethod, seed: list[int]
) -> list[int]:
    """Positions, among all structures, of what is chosen in one group."""
    if places == 0:
        return []
    given = [position for position, row in enumerate(rows.tolist()) if row in candidates.already]
    energies = None if candidates.energies is None else candidates.energies[rows]
    lowest = None if energies is None else int(np.argmin(energies))
    new = [] if lowest is None or lowest in given else [lowest]
    if places > len(new):
        if method is SelectionMethod.LOWEST_ENERGY:
            assert energies is not None
            scores = energies[:, None]
        else:
            scores = principal_components(candidates.descriptors[rows])
        new += SELECTORS[method](scores, places - len(new), [*given, *new], np.random.default_rng(seed))
    return [int(rows[position]) for position in new]
