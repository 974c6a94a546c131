"""The power law through the errors of a learning curve, E(N) = a N^-b + c.

Power laws over many orders of magnitude are what is found for learning with growing data (Hestness et al.,
arXiv 1712.00409); a floor c is what labels of this kind cannot remove.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from superionic.errors import InputError

FloatArray = NDArray[np.float64]
MIN_SIZES = 3
MIN_SIZES_WITH_FLOOR = 4
AICC_GAIN = 2.0
WITH_FLOOR = 3
"""Parameters of the law with a floor."""
LEVEL = 0.95
LACK_OF_FIT_LEVEL = 0.05
PRIOR_SEEDS = 20
"""Weight of the spread common to all sizes against a size's own, in seeds."""
FLOOR_STARTS = (0.3, 0.9)
"""Shares of the lowest error from which the search for a floor starts."""


@dataclass(frozen=True)
class PowerLaw:
    """E(N) = a N^-b + c with the covariance of its parameters.

    Attributes
    ----------
    parameters : ndarray
        ln a', b and, with a floor, ln c, where a' is the first term at ``reference``.
    covariance : ndarray
        Their covariance.
    reference : float
        Geometric mean of the sizes.
    dof : int
        Degrees of freedom of the residual scatter.
    scatter : float
        Standard deviation of ln E of one training about the curve, at the largest size.
    lack_of_fit : bool
        Whether the sizes scatter about the curve more than the seeds explain.
    aicc : float
        Corrected Akaike criterion.
    """

    parameters: FloatArray
    covariance: FloatArray
    reference: float
    dof: int
    scatter: float
    lack_of_fit: bool
    aicc: float

    @property
    def exponent(self) -> float:
        """The exponent b."""
        return float(self.parameters[1])

    @property
    def amplitude(self) -> float:
        """The amplitude a."""
        return float(np.exp(self.parameters[0] + self.exponent * np.log(self.reference)))

    @property
    def floor(self) -> float:
        """The floor c; 0 without one."""
        return float(np.exp(self.parameters[2])) if len(self.parameters) == WITH_FLOOR else 0.0

    @property
    def exponent_interval(self) -> tuple[float, float]:
        """95 % interval of the exponent."""
        half = quantile(self.dof) * float(np.sqrt(self.covariance[1, 1]))
        return self.exponent - half, self.exponent + half

    def log_error(self, n_train: FloatArray) -> FloatArray:
        """The ln E on the curve."""
        return _log_errors(self.parameters, n_train, self.reference)

    def slopes(self, n_train: FloatArray) -> FloatArray:
        """Derivatives of ln E with respect to the parameters, (n, parameters)."""
        return _jacobian(self.parameters, n_train, self.reference)


@dataclass(frozen=True)
class FittedCurve:
    """The power law and, if it was tried, the one with a floor, averaged by their Akaike weights.

    A floor that the data can neither show nor exclude makes what comes next uncertain; the average says so (Burnham and
    Anderson, Sociol. Methods Res. 33, 261 (2004), for the weights and the variance between models).

    Attributes
    ----------
    laws : tuple of PowerLaw
        Without and, if tried, with a floor.
    """

    laws: tuple[PowerLaw, ...]

    @property
    def best(self) -> PowerLaw:
        """The law to report: the one with a floor only if its AICc is lower by more than 2."""
        return self.laws[-1] if (self.aicc_gain or 0.0) > AICC_GAIN else self.laws[0]

    @property
    def aicc_gain(self) -> float | None:
        """AICc without a floor minus AICc with one; None if there were too few sizes to try."""
        gain = self.laws[0].aicc - self.laws[-1].aicc
        return gain if len(self.laws) > 1 and np.isfinite(gain) else None

    def error_at(self, n_train: FloatArray) -> FloatArray:
        """Error on the curve, in the unit of the errors."""
        return np.asarray(np.exp(self._averaged(lambda law: law.log_error(n_train))))

    def band(self, n_train: FloatArray, *, of_one_training: bool = False) -> tuple[FloatArray, FloatArray]:
        """95 % band of the curve, or with ``of_one_training`` of the error of one more model."""
        middle = self._averaged(lambda law: law.log_error(n_train))
        half = self._half_width(
            lambda law: (law.log_error(n_train), law.slopes(n_train), of_one_training * law.scatter**2)
        )
        return np.asarray(np.exp(middle - half)), np.asarray(np.exp(middle + half))

    def gain(self, n_train: float) -> tuple[float, float, float]:
        """Share of the error that twice the labels take away, and its 95 % interval."""
        sizes = np.array([n_train, 2.0 * n_train])
        change = float(self._averaged(lambda law: np.diff(law.log_error(sizes)))[0])
        half = float(
            self._half_width(lambda law: (np.diff(law.log_error(sizes)), np.diff(law.slopes(sizes), axis=0), 0.0))[0]
        )
        return 1 - np.exp(change), 1 - np.exp(change + half), 1 - np.exp(change - half)

    @property
    def _weights(self) -> FloatArray:
        if len(self.laws) == 1:  # its criterion may be infinite
            return np.ones(1)
        criteria = np.array([law.aicc for law in self.laws])
        relative = np.exp(-(criteria - criteria.min()) / 2)
        return np.asarray(relative / relative.sum())

    def _averaged(self, value: Callable[[PowerLaw], FloatArray]) -> FloatArray:
        return np.asarray(sum(w * value(law) for w, law in zip(self._weights, self.laws, strict=True)))

    def _half_width(self, parts: Callable[[PowerLaw], tuple[FloatArray, FloatArray, float]]) -> FloatArray:
        """Half of the 95 % interval of a mean: within the laws, and between them."""
        found = [parts(law) for law in self.laws]
        middle = self._averaged(lambda law: parts(law)[0])
        half = np.zeros_like(middle)
        for weight, law, (value, slopes, extra) in zip(self._weights, self.laws, found, strict=True):
            own = np.einsum("ni,ij,nj->n", slopes, law.covariance, slopes) + extra
            half = half + weight * np.sqrt(quantile(law.dof) ** 2 * own + quantile(np.inf) ** 2 * (value - middle) ** 2)
        return half


def quantile(dof: float) -> float:
    """Student's t of a two-sided 95 % interval."""
    return float(stats.t.ppf((1 + LEVEL) / 2, dof))


def fit_power_law(n_train: Sequence[int], errors: Sequence[float]) -> FittedCurve | None:
    """Fit E = a N^-b and, with four sizes or more, E = a N^-b + c to ln E.

    Sizes are weighted by the spread of ln E over the seeds. As a few seeds tell little about a spread, each size's
    variance is averaged with that of all sizes, which counts as much as twenty seeds. The laws are compared by the
    corrected Akaike criterion (Hurvich and Tsai, Biometrika 76, 297 (1989)).

    The standard errors come from the residuals of all models, unless the sizes scatter about the curve more than the
    seeds do (F test at 5 %): then from the means of the sizes alone.

    Parameters
    ----------
    n_train : sequence of int
        Training structures of each model.
    errors : sequence of float
        Its error, in any unit.

    Returns
    -------
    FittedCurve or None
        None with fewer than three different sizes: two always lie on a line, so nothing could be said about its error.

    Raises
    ------
    InputError
        If an error is not positive.
    """
    if any(not error > 0 for error in errors):
        raise InputError("an error of a learning curve is zero or not a number, so it has no logarithm")
    table = _Table.of(np.asarray(n_train, dtype=float), np.log(np.asarray(errors, dtype=float)))
    if len(table.sizes) < MIN_SIZES:
        return None
    plain = _solve(table)
    tried = [plain] if len(table.sizes) < MIN_SIZES_WITH_FLOOR else [plain, _solve_with_floor(table, plain)]
    laws = [_law(table, parameters) for parameters in tried]
    return FittedCurve(tuple(law for law in laws if law is laws[0] or np.isfinite(law.aicc)))


@dataclass(frozen=True)
class _Table:
    """Logarithms of the errors by size: ``weights`` are per model and have mean 1."""

    sizes: FloatArray
    means: FloatArray
    counts: NDArray[np.int64]
    weights: FloatArray
    within: float

    @classmethod
    def of(cls, n_train: FloatArray, logs: FloatArray) -> _Table:
        sizes, index, counts = np.unique(n_train, return_inverse=True, return_counts=True)
        means = np.bincount(index, weights=logs) / counts
        squares = np.bincount(index, weights=(logs - means[index]) ** 2)
        free = int(counts.sum() - len(sizes))
        weights = np.ones(len(sizes))
        if free > 0:
            common = max(float(squares.sum()) / free, np.finfo(float).tiny)
            weights = (PRIOR_SEEDS + counts - 1) / (PRIOR_SEEDS * common + squares)
        weights = weights / np.average(weights, weights=counts)
        return cls(sizes, means, counts, weights, float(np.sum(weights * squares)))

    @property
    def n_models(self) -> int:
        return int(self.counts.sum())

    @property
    def reference(self) -> float:
        return float(np.exp(np.log(self.sizes).mean()))

    def residuals(self, parameters: FloatArray) -> FloatArray:
        """Weighted residuals of the means; their squares and ``within`` make up the sum over all models."""
        distances = self.means - _log_errors(parameters, self.sizes, self.reference)
        return np.asarray(self.root_weights * distances)

    def residual_slopes(self, parameters: FloatArray) -> FloatArray:
        """Derivatives of the weighted residuals."""
        return -_jacobian(parameters, self.sizes, self.reference) * self.root_weights[:, None]

    @property
    def root_weights(self) -> FloatArray:
        """Square roots of the weights of the means."""
        return np.asarray(np.sqrt(self.weights * self.counts))

    def squares(self, parameters: FloatArray) -> float:
        return float(np.sum(self.residuals(parameters) ** 2)) + self.within


def _solve(table: _Table) -> FloatArray:
    # without a floor ln E is linear in ln N
    slopes = np.stack([np.ones_like(table.sizes), -np.log(table.sizes / table.reference)], axis=1)
    root = table.root_weights
    return np.asarray(np.linalg.lstsq(slopes * root[:, None], table.means * root, rcond=None)[0])


def _solve_with_floor(table: _Table, plain: FloatArray) -> FloatArray:
    lowest = float(np.exp(table.means.min()))
    starts = [
        np.array([plain[0] + np.log1p(-share), max(float(plain[1]), 0.1) / (1 - share), np.log(share * lowest)])
        for share in FLOOR_STARTS
    ]
    # a floor far below the data changes nothing, so the search ends where it is no longer felt
    low, high = [-np.inf, -np.inf, np.log(1e-4 * lowest)], [np.inf, np.inf, np.log(2 * lowest)]
    tried = [
        optimize.least_squares(table.residuals, start, table.residual_slopes, bounds=(low, high)).x for start in starts
    ]
    return np.asarray(min(tried, key=table.squares))


def _aicc(table: _Table, parameters: FloatArray) -> float:
    n, k = table.n_models, len(parameters) + 1
    if n - k - 1 <= 0:
        return np.inf
    return float(
        n * np.log(max(table.squares(parameters), np.finfo(float).tiny) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    )


def _law(table: _Table, parameters: FloatArray) -> PowerLaw:
    slopes = table.residual_slopes(parameters)
    between = float(np.sum(table.residuals(parameters) ** 2))
    free_between = len(table.sizes) - len(parameters)
    free_within = table.n_models - len(table.sizes)
    lack = free_between > 0 and free_within > 0 and _lacks_fit(between, free_between, table.within, free_within)
    dof = free_between if lack else free_between + free_within
    variance = (between if lack else between + table.within) / dof
    return PowerLaw(
        parameters=parameters,
        covariance=np.asarray(variance * np.linalg.pinv(slopes.T @ slopes)),
        reference=table.reference,
        dof=dof,
        scatter=float(np.sqrt(variance / table.weights[-1])),
        lack_of_fit=lack,
        aicc=_aicc(table, parameters),
    )


def _lacks_fit(between: float, free_between: int, within: float, free_within: int) -> bool:
    if within <= 0:
        return between > 0
    ratio = (between / free_between) / (within / free_within)
    return bool(stats.f.sf(ratio, free_between, free_within) < LACK_OF_FIT_LEVEL)


def _log_errors(parameters: FloatArray, n_train: FloatArray, reference: float) -> FloatArray:
    power = parameters[0] - parameters[1] * np.log(n_train / reference)
    return np.asarray(power if len(parameters) < WITH_FLOOR else np.logaddexp(power, parameters[2]))


def _jacobian(parameters: FloatArray, n_train: FloatArray, reference: float) -> FloatArray:
    logs = np.log(n_train / reference)
    if len(parameters) < WITH_FLOOR:
        return np.stack([np.ones_like(logs), -logs], axis=1)
    power = parameters[0] - parameters[1] * logs
    share = np.exp(power - np.logaddexp(power, parameters[2]))
    return np.stack([share, -share * logs, 1 - share], axis=1)
