"""Integrated autocorrelation times and the judgement of Monte Carlo series that rests on them.

For a stationary series x(t) with normalised autocorrelation rho(t), the variance of its mean over
N values is ``2 tau var(x) / N`` with the integrated autocorrelation time
``tau = 1/2 + sum_{t>0} rho(t)``; two values are independent when they are at least 2 tau apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from superionic.errors import InputError
from superionic.ordering.lattices import FloatArray

WINDOW_FACTOR = 5.0
"""The sum over rho stops at the smallest window of at least this many tau (Madras and Sokal use 4 to 10)."""
SHORTEST_SERIES = 10
LENGTH_IN_TAU = 50.0
"""Shorter series do not determine tau: Foreman-Mackey et al., PASP 125, 306 (2013), advise 50 tau."""
LARGEST_DRIFT = 3.0
"""Difference of the means of both halves, in standard errors, beyond which a series still drifts."""
LARGEST_R_HAT = 1.1
"""Gelman and Rubin, Stat. Sci. 7, 457 (1992): replicas that agree have a factor below about 1.1."""


class SeriesVerdict(StrEnum):
    """What a Monte Carlo series is worth."""

    OK = "ok"
    FROZEN = "frozen"
    TOO_SHORT = "too_short"
    NOT_EQUILIBRATED = "not_equilibrated"


@dataclass(frozen=True)
class Autocorrelation:
    """Integrated autocorrelation time of one series.

    Attributes
    ----------
    tau : float
        Integrated autocorrelation time, in steps of the series; 0.5 for uncorrelated values.
    tau_std : float
        Its standard error.
    window : int
        Lag at which the sum was cut.
    n_values : int
        Length of the series.
    mean, mean_std : float
        Mean of the series and its standard error with the correlation taken into account.
    drift : float
        Difference of the means of both halves in units of its standard error.
    """

    tau: float
    tau_std: float
    window: int
    n_values: int
    mean: float
    mean_std: float
    drift: float

    @property
    def n_independent(self) -> float:
        """Number of independent values in the series."""
        return self.n_values / (2.0 * self.tau)


def autocorrelation_time(series: Sequence[float] | FloatArray) -> Autocorrelation:
    """Integrated autocorrelation time with a self-consistent window.

    N. Madras and A. D. Sokal, J. Stat. Phys. 50, 109 (1988), appendix C; A. Sokal, "Monte Carlo
    Methods in Statistical Mechanics" (1997), eqs. 3.11-3.16. The sum stops at the smallest window M
    with ``M >= 5 tau(M)``; ``var(tau) = 2 (2M + 1) tau^2 / N``.

    Parameters
    ----------
    series : sequence of float
        Values at equal intervals.

    Returns
    -------
    Autocorrelation
        Of a constant series tau is 0.5 and the errors are 0.

    Raises
    ------
    InputError
        If there are fewer than ten values or some are not finite.
    """
    values = np.asarray(series, dtype=np.float64)
    if values.ndim != 1 or len(values) < SHORTEST_SERIES or not np.all(np.isfinite(values)):
        raise InputError(
            f"an autocorrelation time needs a series of at least {SHORTEST_SERIES} finite numbers, not an array of "
            f"shape {values.shape}: run longer"
        )
    rho = normalised_autocorrelation(values)
    cumulated = np.cumsum(rho) - 0.5
    enough = np.flatnonzero(np.arange(len(rho)) >= WINDOW_FACTOR * cumulated)
    window = int(enough[0]) if len(enough) else len(rho) - 1
    # anticorrelated series may sum to less; the error of the mean then stays an upper bound
    tau = max(0.5, float(cumulated[window]))
    n = len(values)
    half = n // 2
    halves_std = float(np.sqrt(2.0 * 2.0 * tau * values.var() / half))
    difference = abs(float(values[:half].mean() - values[-half:].mean()))
    return Autocorrelation(
        tau=tau,
        tau_std=tau * float(np.sqrt(2.0 * (2 * window + 1) / n)) if values.var() > 0 else 0.0,
        window=window,
        n_values=n,
        mean=float(values.mean()),
        mean_std=float(np.sqrt(2.0 * tau * values.var() / n)),
        drift=difference / halves_std if halves_std > 0 else 0.0,
    )


def normalised_autocorrelation(values: FloatArray) -> FloatArray:
    """Autocorrelation rho(t) for all lags t by fast Fourier transform; rho(0) = 1.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The series.

    Returns
    -------
    ndarray, shape (n,)
        The biased estimate (every lag divided by n), which keeps the tail quiet; 1, 0, 0, ... for a
        constant series.
    """
    n = len(values)
    centred = values - values.mean()
    if np.ptp(values) == 0 or not np.any(centred):
        return np.concatenate([np.ones(1), np.zeros(n - 1)])
    spectrum = np.fft.rfft(centred, n=2 * n)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, n=2 * n)[:n]
    rho: FloatArray = covariance / covariance[0]
    return rho


def judge_series(found: Autocorrelation, acceptance: float) -> SeriesVerdict:
    """Whether the end of a run samples its temperature.

    Parameters
    ----------
    found : Autocorrelation
        Of the energies at the final temperature.
    acceptance : float
        Share of attempted swaps of unlike species that were accepted at that temperature.

    Returns
    -------
    SeriesVerdict
        ``frozen`` if nothing moved, ``not_equilibrated`` if the mean drifts, ``too_short`` if the
        series is shorter than 50 tau, else ``ok``.
    """
    if acceptance == 0.0:
        return SeriesVerdict.FROZEN
    if found.drift > LARGEST_DRIFT:
        return SeriesVerdict.NOT_EQUILIBRATED
    if found.n_values < LENGTH_IN_TAU * found.tau:
        return SeriesVerdict.TOO_SHORT
    return SeriesVerdict.OK


def potential_scale_reduction(series: Sequence[Sequence[float]]) -> float | None:
    """The factor R of Gelman and Rubin, Stat. Sci. 7, 457 (1992): 1 when replicas agree.

    Parameters
    ----------
    series : sequence of sequences of float
        One series per replica; the longest common end is used.

    Returns
    -------
    float or None
        None for fewer than two replicas; infinite if they differ without moving.
    """
    if len(series) < 2:  # noqa: PLR2004 (a comparison needs two)
        return None
    n = min(len(values) for values in series)
    chains = np.array([list(values)[-n:] for values in series], dtype=np.float64)
    within = float(chains.var(axis=1, ddof=1).mean()) if n > 1 else 0.0
    between = float(n * chains.mean(axis=1).var(ddof=1))
    if within == 0.0:
        return 1.0 if between == 0.0 else float("inf")
    return float(np.sqrt((n - 1) / n + between / (n * within)))
