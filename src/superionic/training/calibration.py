"""Whether an uncertainty means what it says: scale factor, coverage, reliability, rank correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfinv
from scipy.stats import spearmanr

from superionic.errors import InputError
from superionic.training.metrics import Evaluation
from superionic.units import MEV_PER_EV

FloatArray = NDArray[np.float64]
INNER, OUTER = 0.68, 0.95
TOLERANCES = {INNER: 0.10, OUTER: 0.05}
"""Largest difference of observed and nominal coverage of an uncertainty that counts as calibrated (our choice)."""
MAX_CALIBRATION_ERROR = 0.08
"""Largest expected calibration error of such an uncertainty (our choice)."""
MIN_STRUCTURES = 8
"""Structures below which no verdict is given: with fewer, the structures of one or two parents decide (our choice)."""
LEVELS = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2).tolist())


class CalibrationVerdict(StrEnum):
    """What the coverage of the intervals says."""

    CALIBRATED = "calibrated"
    OVER_CONFIDENT = "over-confident"
    UNDER_CONFIDENT = "under-confident"
    MISSHAPEN = "misshapen"
    TOO_FEW = "too-few-structures"


@dataclass(frozen=True, eq=False)
class Scales:
    """Factors that turn a measure of uncertainty into standard deviations of force components.

    Attributes
    ----------
    overall : float
        Factor of all atoms together, meV/A per unit of the measure; for elements that were not seen.
    elements : dict
        Factor of each atomic number.
    """

    overall: float
    elements: dict[int, float]

    def of_atoms(self, numbers: NDArray[np.int64]) -> FloatArray:
        """Factor of each atom."""
        return np.array([self.elements.get(int(number), self.overall) for number in numbers])

    def of_structures(self, uncertainty: FloatArray, numbers: Sequence[NDArray[np.int64]]) -> FloatArray:
        """Expected RMS force error of each structure, meV/A: its uncertainty times the RMS factor of its atoms."""
        factors = [np.sqrt(np.mean(self.of_atoms(atoms) ** 2)) for atoms in numbers]
        scaled: FloatArray = np.asarray(uncertainty, dtype=np.float64) * np.array(factors)
        return scaled


@dataclass(frozen=True, eq=False)
class Calibration:
    """How uncertainties compare with errors.

    Attributes
    ----------
    n_structures : int
        Structures with known errors.
    scales : Scales
        Factors fitted on all of them.
    verdict : CalibrationVerdict
        Verdict on the scaled uncertainty.
    raw_verdict : CalibrationVerdict
        Verdict on the measure as it is, taken for meV/A.
    coverage : dict
        Observed share of force errors inside the central intervals of nominal coverage 0.68 and 0.95, scaled.
    raw_coverage : dict
        The same for the measure as it is.
    reliability : list of (float, float)
        Nominal and observed coverage at 0.05, 0.10, ... 0.95, scaled.
    expected_calibration_error : float
        Mean absolute difference of the two columns of `reliability`.
    spearman : float or None
        Rank correlation of scaled uncertainty and RMS force error over the structures; None where one is constant.
    """

    n_structures: int
    scales: Scales
    verdict: CalibrationVerdict
    raw_verdict: CalibrationVerdict
    coverage: dict[float, float]
    raw_coverage: dict[float, float]
    reliability: list[tuple[float, float]]
    expected_calibration_error: float
    spearman: float | None


def calibrate(
    uncertainty: FloatArray, errors: Sequence[FloatArray], numbers: Sequence[NDArray[np.int64]]
) -> Calibration:
    """Compare uncertainties with errors.

    The errors of the force components of an atom of element Z in structure i are taken for draws of N(0, (a_Z u_i)^2)
    with the uncertainty u_i of the structure. Coverage, reliability and verdict are those of intervals whose factors
    were fitted on the *other* half of the structures (every second one), so no structure judges the factors that it has
    set. The factors that are reported are fitted on all.

    Parameters
    ----------
    uncertainty : numpy.ndarray, (n,)
        One positive number per structure.
    errors : sequence of numpy.ndarray, n times (n_atoms, 3)
        Errors of the forces of each structure, meV/A.
    numbers : sequence of numpy.ndarray, n times (n_atoms,)
        Atomic numbers.

    Raises
    ------
    InputError
        If the lengths differ, there is no structure, or an uncertainty is not positive and finite.
    """
    values = np.asarray(uncertainty, dtype=np.float64)
    if len(values) == 0 or not len(values) == len(errors) == len(numbers):
        raise InputError(f"{len(values)} uncertainties do not fit the errors of {len(errors)} structures")
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError("an uncertainty is not positive and finite: the models are equal, or an element is unknown")
    raw = [error / value for error, value in zip(errors, values, strict=True)]
    ratios = _cross_fitted(raw, numbers)
    coverage, raw_coverage = (
        {level: observed_coverage(found, level) for level in (INNER, OUTER)} for found in (ratios, raw)
    )
    reliability, raw_reliability = (
        [(level, observed_coverage(found, level)) for level in LEVELS] for found in (ratios, raw)
    )
    scales = fit_scales(raw, numbers)
    return Calibration(
        n_structures=len(values),
        scales=scales,
        verdict=judge(coverage, reliability, len(values)),
        raw_verdict=judge(raw_coverage, raw_reliability, len(values)),
        coverage=coverage,
        raw_coverage=raw_coverage,
        reliability=reliability,
        expected_calibration_error=calibration_error(reliability),
        spearman=rank_correlation(scales.of_structures(values, numbers), errors),
    )


def fit_scales(ratios: Sequence[FloatArray], numbers: Sequence[NDArray[np.int64]]) -> Scales:
    """Factors of largest likelihood for errors ~ N(0, (a_Z u)^2), every force component counting once.

        a_Z^2 = mean over the atoms of Z and the components of (e / u)^2

    (Levi et al., Sensors 22, 5540, 2022; Musil et al., J. Chem. Theory Comput. 15, 906, 2019). With u pooled over the
    components of a structure, the bias of small committees in the latter's formula does not arise.

    Parameters
    ----------
    ratios : sequence of numpy.ndarray, n times (n_atoms, 3)
        Errors in units of the uncertainty of their structure.
    numbers : sequence of numpy.ndarray, n times (n_atoms,)
        Atomic numbers.
    """
    squares = np.mean(np.concatenate(list(ratios)) ** 2, axis=1)
    atoms = np.concatenate(list(numbers))
    smallest = float(np.finfo(np.float64).tiny)  # errors of exactly zero must not divide by zero
    return Scales(
        overall=max(float(np.sqrt(squares.mean())), smallest),
        elements={int(z): max(float(np.sqrt(squares[atoms == z].mean())), smallest) for z in np.unique(atoms)},
    )


def _cross_fitted(raw: Sequence[FloatArray], numbers: Sequence[NDArray[np.int64]]) -> list[FloatArray]:
    """Errors in units of standard deviations whose factors come from the other half of the structures."""
    halves = [list(range(start, len(raw), 2)) for start in (0, 1)]
    ratios = []
    for own, other in (halves, halves[::-1]):
        scales = fit_scales([raw[i] for i in other], [numbers[i] for i in other]) if other else Scales(1.0, {})
        ratios += [raw[i] / scales.of_atoms(numbers[i])[:, None] for i in own]
    return ratios


def observed_coverage(ratios: Sequence[FloatArray], level: float) -> float:
    """Share of the errors, in units of their standard deviation, inside the central interval of a normal law."""
    half_width = np.sqrt(2.0) * erfinv(level)
    inside = sum(int(np.count_nonzero(np.abs(ratio) <= half_width)) for ratio in ratios)
    return inside / sum(ratio.size for ratio in ratios)


def judge(
    coverage: dict[float, float], reliability: Sequence[tuple[float, float]], n_structures: int
) -> CalibrationVerdict:
    """Verdict on an uncertainty.

    It is calibrated if the 68 % interval holds 58 to 78 % of the errors, the 95 % interval at least 90 %, and the
    expected calibration error is at most 0.08. It is misshapen if only the last fails: two interval widths fit, and the
    errors still do not follow a normal law of this width.
    """
    if n_structures < MIN_STRUCTURES:
        return CalibrationVerdict.TOO_FEW
    misses = {level: found - level for level, found in coverage.items()}
    if any(miss < -TOLERANCES[level] for level, miss in misses.items()):
        return CalibrationVerdict.OVER_CONFIDENT
    if any(miss > TOLERANCES[level] for level, miss in misses.items()):
        return CalibrationVerdict.UNDER_CONFIDENT
    if calibration_error(reliability) > MAX_CALIBRATION_ERROR:
        return CalibrationVerdict.MISSHAPEN
    return CalibrationVerdict.CALIBRATED


def calibration_error(reliability: Sequence[tuple[float, float]]) -> float:
    """Expected calibration error: mean distance of observed from nominal coverage (Kuleshov et al., ICML 2018)."""
    return float(np.mean([abs(level - found) for level, found in reliability]))


def rank_correlation(uncertainty: FloatArray, errors: Sequence[FloatArray]) -> float | None:
    """Spearman's rank correlation of the uncertainty and the RMS error of each structure."""
    rms = np.array([np.sqrt(np.mean(error**2)) for error in errors])
    if len(rms) < 2 or np.ptp(rms) == 0 or np.ptp(uncertainty) == 0:  # noqa: PLR2004 (a rank needs two)
        return None
    return float(spearmanr(uncertainty, rms).statistic)


def force_errors(reference: Evaluation, predicted: Evaluation) -> list[FloatArray]:
    """Errors of the forces of each structure, n times (n_atoms, 3), meV/A."""
    differences = MEV_PER_EV * (predicted.forces_eV_per_A - reference.forces_eV_per_A)
    return np.split(differences, np.cumsum(reference.n_atoms)[:-1])
