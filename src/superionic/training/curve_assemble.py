"""Between the documents and the science of learning curves: assessments to points, fits and the comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from superionic.errors import InputError
from superionic.training.assemble import FOUNDATION, REPLAY, TUNED
from superionic.training.curve_schemas import ComparisonRow, CurveFit, LearningPoint, ModelAssessmentDoc
from superionic.training.learning_curve import (
    CurvePoint,
    advise,
    order_points,
    seed_spread,
)
from superionic.training.power_law import FittedCurve, fit_power_law
from superionic.training.schemas import ErrorRow, ModelDoc

QUANTITIES = {
    "energy": "energy_rmse_meV_per_atom",
    "force": "force_rmse_meV_per_A",
    "stress": "stress_rmse_meV_per_A3",
}
LINE_POINTS = 40


def errors_on_test_set(model: ModelDoc) -> list[ErrorRow]:
    """Errors on the whole test set, of the foundation (if any) and of the model.

    Raises
    ------
    InputError
        If the model carries no test errors.
    """
    rows = [row for row in model.errors if (row.split, row.group) == ("test", "all")]
    if not any(row.model == TUNED for row in rows):
        raise InputError(f"model {model.key} has no errors on the test set; train it again")
    return rows


def replay_head_errors(model: ModelDoc) -> ErrorRow | None:
    """Replay head against the foundation; None unless the mode is multi-head."""
    return next((row for row in model.errors if (row.model, row.split) == (TUNED, REPLAY)), None)


def learning_points(assessments: Sequence[ModelAssessmentDoc]) -> list[LearningPoint]:
    """Points of a learning curve, smallest training set first.

    Raises
    ------
    InputError
        If there are none, or they do not share a test set.
    """
    points = {item.model_key: _point(item) for item in assessments}
    sizes = [
        CurvePoint(item.model_key, item.mode, item.n_train, tuned_errors(item).n_structures, item.seed)
        for item in assessments
    ]
    return [points[size.model_key] for size in order_points(sizes)]


def _point(assessment: ModelAssessmentDoc) -> LearningPoint:
    errors = tuned_errors(assessment)
    return LearningPoint(
        model_key=assessment.model_key,
        mode=assessment.mode,
        n_train=assessment.n_train,
        seed=assessment.seed,
        energy_rmse_meV_per_atom=errors.energy_rmse_meV_per_atom,
        force_rmse_meV_per_A=errors.force_rmse_meV_per_A,
        stress_rmse_meV_per_A3=errors.stress_rmse_meV_per_A3,
        energy_slope=errors.energy_slope,
        force_slope=errors.force_slope,
    )


def tuned_errors(assessment: ModelAssessmentDoc) -> ErrorRow:
    """Test errors of the model itself."""
    return next(row for row in assessment.errors if row.model == TUNED)


def curve_fits(points: Sequence[LearningPoint]) -> list[CurveFit]:
    """One fit with its advice per mode and quantity that has labels, in the order in which the modes first appear."""
    fits = []
    for mode in dict.fromkeys(point.mode for point in points):
        mine = [point for point in points if point.mode == mode]
        sizes = [point.n_train for point in mine]
        fits += [
            curve_fit(mode, quantity, sizes, [getattr(point, field) for point in mine])
            for quantity, field in QUANTITIES.items()
            if all(getattr(point, field) is not None for point in mine)
        ]
    return fits


def curve_fit(mode: str, quantity: str, n_train: Sequence[int], errors: Sequence[float]) -> CurveFit:
    """Fit and advice for one quantity of one mode."""
    curve, spread, largest = fit_power_law(n_train, errors), seed_spread(n_train, errors), max(n_train)
    advice, reason = advise(curve, largest, spread)
    fit = CurveFit(
        mode=mode,
        quantity=quantity,
        n_sizes=len(set(n_train)),
        n_models=len(n_train),
        seed_spread=spread,
        advice=advice.value,
        reason=reason,
    )
    return fit if curve is None else fit.model_copy(update=_law_fields(curve, min(n_train), largest))


def _law_fields(curve: FittedCurve, smallest: int, largest: int) -> dict[str, object]:
    law, following = curve.best, np.array([2.0 * largest])
    low, high = curve.band(following, of_one_training=True)
    gain = curve.gain(largest)
    grid = np.geomspace(smallest, 2 * largest, LINE_POINTS)
    band = curve.band(grid)
    exponent_low, exponent_high = law.exponent_interval
    return {
        "amplitude": law.amplitude,
        "exponent": law.exponent,
        "exponent_low": exponent_low,
        "exponent_high": exponent_high,
        "floor": law.floor,
        "aicc_gain": curve.aicc_gain,
        "lack_of_fit": law.lack_of_fit,
        "next_n_train": 2 * largest,
        "next_error": float(curve.error_at(following)[0]),
        "next_low": float(low[0]),
        "next_high": float(high[0]),
        "gain": float(gain[0]),
        "gain_low": float(gain[1]),
        "gain_high": float(gain[2]),
        "line_n_train": grid.tolist(),
        "line_error": curve.error_at(grid).tolist(),
        "line_low": band[0].tolist(),
        "line_high": band[1].tolist(),
    }


def comparison_rows(assessments: Sequence[ModelAssessmentDoc]) -> list[ComparisonRow]:
    """Foundation and modes side by side, at the largest size that all modes were trained at.

    Values are means over the seeds. The foundation's row comes from the model with the most labels, on which its
    per-element offsets were fitted.

    Returns
    -------
    list of ComparisonRow
        Foundation first; empty if the modes share no size.
    """
    sizes: dict[str, set[int]] = defaultdict(set)
    for item in assessments:
        sizes[item.mode].add(item.n_train)
    shared = set.intersection(*sizes.values()) if sizes else set()
    if not shared:
        return []
    largest = max(shared)
    rows = [_mode_row([a for a in assessments if (a.mode, a.n_train) == (mode, largest)]) for mode in sorted(sizes)]
    foundation = _foundation_row(assessments)
    return rows if foundation is None else [foundation, *rows]


def _foundation_row(assessments: Sequence[ModelAssessmentDoc]) -> ComparisonRow | None:
    found = [
        (assessment.n_train, row) for assessment in assessments for row in assessment.errors if row.model == FOUNDATION
    ]
    if not found:
        return None
    row = max(found, key=lambda pair: pair[0])[1]
    return _row(FOUNDATION, None, [row], [], [])


def _mode_row(assessments: Sequence[ModelAssessmentDoc]) -> ComparisonRow:
    drifts = [item.drift for item in assessments if item.drift is not None]
    heads = [item.replay_head for item in assessments if item.replay_head is not None]
    row = _row(assessments[0].mode, assessments[0].n_train, [tuned_errors(item) for item in assessments], drifts, heads)
    return row.model_copy(update={"drift_left_out": assessments[0].drift_left_out}) if drifts else row


def _row(
    model: str, n_train: int | None, rows: list[ErrorRow], drifts: list[ErrorRow], heads: list[ErrorRow]
) -> ComparisonRow:
    energies, forces = [r.energy_rmse_meV_per_atom for r in rows], [r.force_rmse_meV_per_A for r in rows]
    return ComparisonRow(
        model=model,
        n_train=n_train,
        n_models=len(rows),
        energy_rmse_meV_per_atom=float(np.mean(energies)),
        energy_rmse_std_meV_per_atom=_deviation(energies),
        force_rmse_meV_per_A=float(np.mean(forces)),
        force_rmse_std_meV_per_A=_deviation(forces),
        stress_rmse_meV_per_A3=_mean([r.stress_rmse_meV_per_A3 for r in rows]),
        energy_slope=_mean([r.energy_slope for r in rows]),
        energy_slope_std=_mean([r.energy_slope_std for r in rows]),
        force_slope=_mean([r.force_slope for r in rows]),
        force_slope_std=_mean([r.force_slope_std for r in rows]),
        energy_shifted=rows[0].energy_shifted,
        drift_energy_meV_per_atom=_mean([r.energy_rmse_meV_per_atom for r in drifts]),
        drift_force_meV_per_A=_mean([r.force_rmse_meV_per_A for r in drifts]),
        drift_structures=drifts[0].n_structures if drifts else None,
        drift_left_out=None,
        replay_head_force_meV_per_A=_mean([r.force_rmse_meV_per_A for r in heads]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _deviation(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
