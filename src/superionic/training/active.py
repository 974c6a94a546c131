"""Which frames of a pool are labelled next, and when to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from superionic.errors import InputError
from superionic.sampling.selection import choose
from superionic.stages import ActiveSettings, SelectionMethod
from superionic.training.calibration import CalibrationVerdict

FloatArray = NDArray[np.float64]
POOL_QUANTILE = 0.95
"""Share of the pool whose uncertainty must be below the tolerance."""


class StopReason(StrEnum):
    """Why the rounds ended."""

    TRUSTED = "calibrated and below the tolerance"
    ROUNDS = "all rounds used"
    POOL = "no frame left in the pool"


@dataclass(frozen=True, eq=False)
class Pool:
    """Frames that could be labelled, and those of the same compositions that are.

    Attributes
    ----------
    descriptors : list of numpy.ndarray
        Descriptor of each frame; of equal length within a composition.
    groups : list of str
        Composition of each frame.
    labelled : mapping
        Descriptors of the labelled frames of each composition.
    """

    descriptors: Sequence[FloatArray]
    groups: Sequence[str]
    labelled: Mapping[str, Sequence[FloatArray]]


def choose_informative(pool: Pool, uncertainty: FloatArray, settings: ActiveSettings, seed: int) -> list[int]:
    """Choose frames that are uncertain, and different from each other and from what is labelled.

    Of the pool, the most uncertain ``uncertain_share`` compete (at least as many as are wanted). The places are shared
    among compositions in proportion to how many of their frames are among these, the remainders to the largest
    fractions; inside a composition the selection method decides, with the labelled frames given.

    Parameters
    ----------
    pool : Pool
        The frames.
    uncertainty : numpy.ndarray, (n,)
        One number per frame, in any unit.
    settings : ActiveSettings
        Number of labels, share and method.
    seed : int
        Seed of a random selection.

    Returns
    -------
    list of int
        Positions in the pool, most uncertain first; all of them if there are no more than wanted.

    Raises
    ------
    InputError
        If the lengths differ or frames have no descriptors.
    """
    if len(uncertainty) != len(pool.groups) or any(len(row) == 0 for row in pool.descriptors):
        raise InputError(
            "the frames of the pool have no descriptors or no uncertainty: sample again with sampling.candidates"
        )
    order = np.argsort(-np.asarray(uncertainty), kind="stable").tolist()
    wanted = min(settings.labels_per_round, len(order))
    top = order[: max(wanted, int(np.ceil(settings.uncertain_share * len(order))))]
    members: dict[str, list[int]] = {}
    for index in top:
        members.setdefault(pool.groups[index], []).append(index)
    places = proportional_places({name: len(found) for name, found in members.items()}, wanted)
    chosen = {
        index
        for name, found in members.items()
        if places[name]
        for index in _different(pool, name, found, places[name], settings.selection, seed)
    }
    return [index for index in order if index in chosen]


def _different(
    pool: Pool, name: str, candidates: Sequence[int], places: int, method: SelectionMethod, seed: int
) -> list[int]:
    labelled = list(pool.labelled.get(name, []))
    rows = [*labelled, *(pool.descriptors[index] for index in candidates)]
    picks = choose(np.array(rows), places, method, already=range(len(labelled)), seed=seed)
    return [candidates[pick - len(labelled)] for pick in picks]


def proportional_places(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Share places out in proportion to sizes; remainders go to the largest fractions, ties to the first name."""
    total = sum(sizes.values())
    exact = {name: count * size / total for name, size in sizes.items()}
    places = {name: int(np.floor(value)) for name, value in exact.items()}
    by_fraction = sorted(sizes, key=lambda name: (places[name] - exact[name], name))
    for name in by_fraction[: count - sum(places.values())]:
        places[name] += 1
    return places


def stop_reason(
    settings: ActiveSettings, rounds_done: int, n_pool: int, verdict: str, pool_uncertainty_meV_per_A: float | None
) -> StopReason | None:
    """Why the loop ends after a round, or None if it goes on.

    Parameters
    ----------
    settings : ActiveSettings
        Number of rounds and tolerance.
    rounds_done : int
        Rounds of further labels so far.
    n_pool : int
        Frames without a label.
    verdict : str
        Verdict on the calibration of the uncertainty.
    pool_uncertainty_meV_per_A : float or None
        Calibrated uncertainty that 95 % of the pool stay below, meV/A; None for an empty pool.
    """
    if n_pool == 0 or pool_uncertainty_meV_per_A is None:
        return StopReason.POOL
    if verdict == CalibrationVerdict.CALIBRATED and pool_uncertainty_meV_per_A <= settings.tolerance_meV_per_A:
        return StopReason.TRUSTED
    if rounds_done >= settings.rounds:
        return StopReason.ROUNDS
    return None
