"""Learning curves: which sizes are trained, and whether more labels pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from superionic.errors import InputError
from superionic.training.power_law import MIN_SIZES, FittedCurve

MIN_GAIN = 0.05
"""Share of the error that a doubling must take away to be worth its labels, where seeds scatter less than that."""


class Advice(StrEnum):
    """Whether more labels of the same kind lower the error."""

    ENOUGH = "enough"
    MORE_LABELS = "more_labels"
    UNDECIDED = "undecided"
    TOO_FEW_POINTS = "too_few_points"


@dataclass(frozen=True)
class CurvePoint:
    """Place of one model on a learning curve.

    Attributes
    ----------
    model_key : str
        Key of the model's document.
    mode : str
        Training mode; models of different modes are different curves in one plot.
    n_train : int
        Training structures.
    n_test : int
        Structures of the test set, which all models share.
    seed : int
        Number of the seed of subset and training.
    """

    model_key: str
    mode: str
    n_train: int
    n_test: int
    seed: int = 0


def order_points(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Points of a learning curve, smallest training set first.

    Raises
    ------
    InputError
        If there are no points, or they were tested on different numbers of structures.
    """
    if not points:
        raise InputError("a learning curve needs at least one trained model; see why the trainings failed")
    sizes = sorted({point.n_test for point in points})
    if len(sizes) > 1:
        raise InputError(
            f"the models of one learning curve were tested on {sizes} structures; train them on one DatasetDoc"
        )
    return sorted(points, key=lambda point: (point.n_train, point.mode, point.seed, point.model_key))


def sizes_to_train(wanted: Sequence[float], n_train: int, smallest: int) -> tuple[list[int], list[str]]:
    """Sizes below the whole training set that can be trained, and why the others are left out.

    Parameters
    ----------
    wanted : sequence of float
        Fractions of the training set, or counts if they are above 1; not both.
    n_train : int
        Structures of the whole training set, which is trained in any case.
    smallest : int
        Smallest admissible size: one batch.

    Returns
    -------
    tuple
        Sizes in rising order, and one sentence for each that is left out.
    """
    kept: set[int] = set()
    left_out = []
    for value in sorted(set(wanted)):
        size = max(1, round(value * n_train)) if value <= 1 else round(value)
        name = f"{value:.3g} of the training set ({size})" if value <= 1 else f"{size}"
        if size < smallest:
            left_out.append(f"{name} structures do not fill one batch of {smallest}")
        elif size > n_train:
            left_out.append(f"{name} structures are more than the {n_train} of the training set")
        elif size < n_train:
            kept.add(size)
    return sorted(kept), left_out


def seed_spread(n_train: Sequence[int], errors: Sequence[float]) -> float | None:
    """Relative standard deviation of the error over seeds at one size, common to all sizes; None with one seed."""
    sizes, index, counts = np.unique(np.asarray(n_train), return_inverse=True, return_counts=True)
    free = int(counts.sum() - len(sizes))
    if free == 0:
        return None
    logs = np.log(np.asarray(errors, dtype=float))
    means = np.bincount(index, weights=logs) / counts
    return float(np.sqrt(np.sum((logs - means[index]) ** 2) / free))


def advise(curve: FittedCurve | None, largest: int, spread: float | None) -> tuple[Advice, str]:
    """Whether twice the labels are worth it, and why.

    A doubling pays if it takes away more than 5 % of the error, and more than the seeds scatter where they scatter more
    than that. The advice is given only if the whole 95 % interval of the gain is on one side.
    """
    if curve is None:
        return Advice.TOO_FEW_POINTS, f"a fit needs {MIN_SIZES} sizes of the training set"
    gain, low, high = curve.gain(largest)
    bar = max(MIN_GAIN, spread or 0.0)
    measure = "what a doubling should bring" if bar == MIN_GAIN else "the scatter over seeds"
    text = f"twice the labels are expected to lower the error by {gain:.0%} (95 %: {low:.0%} to {high:.0%})"
    if high < bar:
        return Advice.ENOUGH, f"{text}, less than the {bar:.0%} that is {measure}"
    if low > bar:
        return Advice.MORE_LABELS, f"{text}, more than the {bar:.0%} that is {measure}"
    return Advice.UNDECIDED, f"{text}, on both sides of the {bar:.0%} that is {measure}: train more seeds or sizes"
