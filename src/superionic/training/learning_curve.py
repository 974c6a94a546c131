"""Learning curves: which models belong on one curve, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from superionic.errors import InputError
from superionic.training.metrics import Errors


@dataclass(frozen=True)
class CurvePoint:
    """Test errors of one model.

    Attributes
    ----------
    model_key : str
        Key of the model's document.
    mode : str
        Training mode; models of different modes are different curves in one plot.
    n_train : int
        Training structures.
    test_errors : Errors
        Errors on the test set, which all models share.
    """

    model_key: str
    mode: str
    n_train: int
    test_errors: Errors


def order_points(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Points of a learning curve, smallest training set first.

    Raises
    ------
    InputError
        If there are no points, or they were tested on different numbers of structures.
    """
    if not points:
        raise InputError("a learning curve needs at least one trained model; see why the trainings failed")
    sizes = sorted({point.test_errors.n_structures for point in points})
    if len(sizes) > 1:
        raise InputError(
            f"the models of one learning curve were tested on {sizes} structures; train them on one DatasetDoc"
        )
    return sorted(points, key=lambda point: (point.n_train, point.mode, point.model_key))
