"""Where to fit the mean square displacement: the range of lags in which the motion is diffusive."""

from dataclasses import dataclass, replace

import numpy as np

from superionic.errors import TransportInputError
from superionic.transport.displacement import Array, Index

MIN_LAGS = 3


@dataclass(frozen=True)
class WindowSettings:
    """How the diffusive window is found and used.

    Attributes
    ----------
    n_lags : int
        Equally spaced lags in the fit of the slope.
    n_blocks : int
        Most time blocks for the second error estimate; fewer (at least 3) where the window is long.
    min_lag_ps : float
        Shortest start of the window, in ps: the crossover from free flight to the cage must not pass for diffusion.
    window_ratio : float
        End of the window over its start, where the run is long enough.
    max_lag_fraction : float
        Longest lag over the length of the run.
    exponent_tolerance : float
        Largest deviation of the log-log slope from 1 that is allowed when its own error is small.
    max_exponent_std : float
        Largest error of the log-log slope; beyond it the run cannot tell diffusion from anything else.
    stability_tolerance : float
        Relative change of D on doubling the start of the window that is allowed when its own error is small.
    fixed_ps : tuple of float, optional
        First and last lag, in ps, set by hand instead of searched. The criteria are checked all the same.
    """

    n_lags: int = 24
    n_blocks: int = 10
    min_lag_ps: float = 1.0
    window_ratio: float = 5.0
    max_lag_fraction: float = 0.2
    exponent_tolerance: float = 0.2
    max_exponent_std: float = 0.25
    stability_tolerance: float = 0.05
    fixed_ps: tuple[float, float] | None = None


@dataclass(frozen=True)
class Window:
    """A range of lags (frames) and how diffusive the MSD is there.

    Attributes
    ----------
    start, stop : int
        First and last lag, in frames.
    loglog_slope, loglog_slope_std : float
        d ln MSD / d ln t over the window and its standard error over particles.
    site_slope, site_slope_std : float
        The same for the resting places, which do not vibrate; this one is judged (1 = diffusive). NaN without jumps.
    diffusive : bool
        Whether all criteria are met.
    reason : str
        What was met, or what was not.
    """

    start: int
    stop: int
    loglog_slope: float
    loglog_slope_std: float
    site_slope: float
    site_slope_std: float
    diffusive: bool
    reason: str


def log_lags(n_max: int) -> Index:
    """Lags from 1 to `n_max` that grow by a tenth each.

    Parameters
    ----------
    n_max : int
        Longest lag in frames, at least 1.

    Returns
    -------
    numpy.ndarray of int
        Distinct lags, ascending.
    """
    steps = int(np.ceil(np.log(n_max) / np.log(1.1))) + 1
    return np.unique(np.minimum(np.rint(1.1 ** np.arange(steps)), n_max)).astype(np.intp)


def ols_weights(times: Array) -> Array:
    """Weights that turn values at `times` into their least squares slope (with an intercept).

    Parameters
    ----------
    times : numpy.ndarray, (n,)
        At least two different times.

    Returns
    -------
    numpy.ndarray, (n,)
        Weights; slope = weights . values.
    """
    centred = times - times.mean()
    return np.asarray(centred / (centred @ centred), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class LagCurves:
    """MSD of every mobile ion at some lags.

    Attributes
    ----------
    lags : numpy.ndarray of int, (lags,)
        The lags in frames, ascending.
    msd_A2 : numpy.ndarray, (particles, lags)
        MSD of the ions in A^2.
    site_msd_A2 : numpy.ndarray, (particles, lags)
        MSD of their resting places in A^2.
    """

    lags: Index
    msd_A2: Array
    site_msd_A2: Array

    def between(self, start: int, stop: int) -> "LagCurves":
        """Keep the lags from `start` to `stop` (frames, both included)."""
        inside = (self.lags >= start) & (self.lags <= stop)
        return LagCurves(self.lags[inside], self.msd_A2[:, inside], self.site_msd_A2[:, inside])

    def misfit_at_end(self, part: "LagCurves") -> Array:
        """MSD of each ion at the longest lag, less the straight line through a part of its curve, in A^2."""
        times = part.lags.astype(np.float64)
        line = part.msd_A2.mean(axis=1) + part.slopes() * (float(self.lags[-1]) - times.mean())
        return np.asarray(self.msd_A2[:, -1] - line, dtype=np.float64)

    def slopes(self) -> Array:
        """Linear slope of each ion's MSD, in A^2 per frame."""
        return np.asarray(self.msd_A2 @ ols_weights(self.lags.astype(np.float64)), dtype=np.float64)


def find_window(
    curves: LagCurves, n_frames: int, time_step_ps: float, settings: WindowSettings, memory_frames: float = 0.0
) -> Window:
    """Earliest range of lags in which the motion is diffusive.

    Diffusive means: the log-log slope of the MSD of the resting places is 1 within its error (or the tolerance, if
    larger), that error is small enough to mean something, and the linear slope of the MSD stays the same within its
    error when the start of the window is doubled. Resting places are judged because vibrations add a constant to the
    MSD: it lowers the log-log slope of slow ions, but leaves the linear slope, and so the diffusivity, as it is.

    Parameters
    ----------
    curves : LagCurves
        MSD of the ions.
    n_frames : int
        Length of the run.
    time_step_ps : float
        Time between frames, in ps.
    settings : WindowSettings
        Thresholds.
    memory_frames : float
        The window must reach this lag: jumps back that are slower than the window would stay unseen.

    Returns
    -------
    Window
        The first that passes, else the last that was tried, with the reason.
    """
    if settings.fixed_ps is not None:
        return _fixed(curves, n_frames, time_step_ps, settings, memory_frames)
    longest = int(settings.max_lag_fraction * n_frames)
    first = max(1, int(np.ceil(settings.min_lag_ps / time_step_ps - 1e-9)))
    if memory_frames > longest:
        reason = (
            f"ions jump back after up to {memory_frames * time_step_ps:.2g} ps, which is beyond "
            f"{settings.max_lag_fraction:g} of the run"
        )
        return _window(curves, *_fallback(longest, n_frames), diffusive=False, reason=reason)
    last: Window | None = None
    for start in curves.lags[curves.lags >= first]:
        stop = min(round(settings.window_ratio * start), longest)
        if stop < memory_frames:
            continue
        if stop < 3 * start:
            break
        last = _judge(curves, int(start), stop, settings) or last
        if last is not None and last.diffusive:
            return last
    if last is not None:
        return last
    reason = (
        f"{n_frames} frames of {time_step_ps:g} ps and {len(curves.msd_A2)} mobile ion(s) "
        f"hold no window of lags from {settings.min_lag_ps:g} ps on"
    )
    return _window(curves, *_fallback(longest, n_frames), diffusive=False, reason=reason)


def _fixed(
    curves: LagCurves, n_frames: int, time_step_ps: float, settings: WindowSettings, memory_frames: float
) -> Window:
    low_ps, high_ps = settings.fixed_ps or (0.0, 0.0)
    start, stop = round(low_ps / time_step_ps), round(high_ps / time_step_ps)
    if not 1 <= start < stop <= n_frames // 2 or stop - start + 1 < MIN_LAGS:
        raise TransportInputError(
            f"the window of {low_ps:g} to {high_ps:g} ps cannot be used: it must start at {time_step_ps:g} ps or "
            "later, "
            f"end by half of the run ({0.5 * n_frames * time_step_ps:g} ps) and hold {MIN_LAGS} frames."
        )
    found = _judge(curves, start, stop, settings)
    if found is None:
        reason = "set by hand; too short to check whether it is diffusive"
        return _window(curves, start, stop, diffusive=False, reason=reason)
    reason = f"window set by hand; {found.reason}"
    if stop < memory_frames:
        back = f"{reason}; ions tend to jump back, and it ends before {memory_frames * time_step_ps:.0f} ps"
        return replace(found, diffusive=False, reason=back)
    return replace(found, reason=reason)


def _fallback(longest: int, n_frames: int) -> tuple[int, int]:
    stop = min(max(longest, MIN_LAGS), n_frames - 1)
    return max(1, stop // 4), stop


def _window(curves: LagCurves, start: int, stop: int, *, diffusive: bool, reason: str) -> Window:
    part = curves.between(start, stop)
    raw, site = _loglog(part.msd_A2, part.lags), _loglog(part.site_msd_A2, part.lags)
    return Window(start, stop, *raw, *site, diffusive=diffusive, reason=reason)


def _loglog(msd: Array, lags: Index) -> tuple[float, float]:
    mean = msd.mean(axis=0)
    if len(lags) < 2 or len(msd) < 2 or not np.all(mean > 0.0):  # noqa: PLR2004 (a slope needs two points)
        return float("nan"), float("inf")
    weights = ols_weights(np.log(lags.astype(np.float64)))
    # first order in the deviation of each particle from the mean = the jackknife, without its N refits
    influence = ((msd - mean) / mean) @ weights
    return float(np.log(mean) @ weights), float(influence.std(ddof=1) / np.sqrt(len(msd)))


def _standard_error(samples: Array) -> float:
    return float(samples.std(ddof=1) / np.sqrt(len(samples)))


def _judge(curves: LagCurves, start: int, stop: int, settings: WindowSettings) -> Window | None:
    whole, late = curves.between(start, stop), curves.between(2 * start, stop)
    if len(late.lags) < MIN_LAGS or len(curves.msd_A2) < 2:  # noqa: PLR2004 (no error from one particle)
        return None
    slope, error = _loglog(whole.site_msd_A2, whole.lags)
    level = float(whole.slopes().mean())
    change = late.slopes() - whole.slopes()
    allowed = max(settings.stability_tolerance * abs(level), 2.0 * _standard_error(change))
    found = f"the log-log slope of the MSD of the resting places is {slope:.2f} +- {error:.2f}"
    if not error <= settings.max_exponent_std:
        return _window(curves, start, stop, diffusive=False, reason=f"{found}, too uncertain to call it diffusive")
    if not abs(slope - 1.0) <= max(settings.exponent_tolerance, 2.0 * error):
        return _window(curves, start, stop, diffusive=False, reason=f"{found}, not 1")
    if not abs(change.mean()) <= allowed:
        reason = f"D changes by {100 * change.mean() / level:+.0f} % when the start of the window is doubled"
        return _window(curves, start, stop, diffusive=False, reason=reason)
    misfit, reach = curves.misfit_at_end(whole), level * float(curves.lags[-1])
    if not abs(misfit.mean()) <= max(settings.stability_tolerance * abs(reach), 2.0 * _standard_error(misfit)):
        reason = f"the MSD at half of the run is {100 * misfit.mean() / reach:+.0f} % off the line through the window"
        return _window(curves, start, stop, diffusive=False, reason=reason)
    return _window(curves, start, stop, diffusive=True, reason=f"log-log slope {slope:.2f} +- {error:.2f}")
