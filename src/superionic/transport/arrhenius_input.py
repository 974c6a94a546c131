"""Which points enter an Arrhenius fit: checks, exclusions, number density."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from superionic.errors import TransportInputError
from superionic.transport.conductivity import nernst_einstein_factor
from superionic.transport.displacement import Array, Index
from superionic.transport.verdicts import Verdict

TWO_POINTS = 2


class FitMethod(StrEnum):
    """How the points are weighted.

    Attributes
    ----------
    WEIGHTED
        By 1 / var(ln D) = (D / std)^2.
    UNWEIGHTED
        All alike, errors from the scatter alone: the fit that is usual in the literature.
    """

    WEIGHTED = "weighted"
    UNWEIGHTED = "unweighted"


@dataclass(frozen=True)
class ExcludedPoint:
    """A point left out of a fit.

    Attributes
    ----------
    temperature_K, diffusivity_cm2_per_s : float
        The point.
    reason : str
        Why it was left out.
    """

    temperature_K: float
    diffusivity_cm2_per_s: float
    reason: str


@dataclass(frozen=True, eq=False)
class FitPoints:
    """The points that enter a fit.

    Attributes
    ----------
    temperatures_K, diffusivities_cm2_per_s, stds_cm2_per_s : numpy.ndarray, (n,)
        The points kept; stds are NaN when none were given.
    excluded : tuple of ExcludedPoint
        The points left out.
    number_density_per_A3 : float or None
        Mobile ions per A^3, where it is known.
    method : FitMethod
        Weighting.
    """

    temperatures_K: Array
    diffusivities_cm2_per_s: Array
    stds_cm2_per_s: Array
    excluded: tuple[ExcludedPoint, ...]
    number_density_per_A3: float | None
    method: FitMethod


def select_points(
    temperatures_K: ArrayLike,
    diffusivities_cm2_per_s: ArrayLike,
    stds: ArrayLike | None,
    method: FitMethod | str,
    conductivities_S_per_cm: ArrayLike | None,
    number_density_per_A3: float | None,
    charge_e: float,
    verdicts: Sequence[Verdict | str] | None,
    exclude: Mapping[int, str] | None,
) -> FitPoints:
    """Check the points of an Arrhenius fit and leave out those that must not enter.

    Parameters
    ----------
    temperatures_K, diffusivities_cm2_per_s, stds, method, conductivities_S_per_cm, number_density_per_A3, charge_e, \
    verdicts, exclude
        As in :func:`superionic.transport.fit_arrhenius`.

    Returns
    -------
    FitPoints
        The points kept and those left out.

    Raises
    ------
    TransportInputError
        As :func:`superionic.transport.fit_arrhenius`.
    """
    method = _parse_method(method)
    t, d, e = _read_points(temperatures_K, diffusivities_cm2_per_s, stds)
    reasons = _exclusion_reasons(len(t), verdicts, exclude)
    excluded = tuple(ExcludedPoint(float(t[i]), float(d[i]), why) for i, why in sorted(reasons.items()))
    keep = np.array([i for i in range(len(t)) if i not in reasons], dtype=np.intp)
    needs_errors = method is FitMethod.WEIGHTED or len(keep) <= TWO_POINTS
    _check_kept(t, d, e, keep, excluded, needs_errors=needs_errors)
    if conductivities_S_per_cm is not None and number_density_per_A3 is None:
        number_density_per_A3 = _implied_density(t, d, conductivities_S_per_cm, charge_e, keep)
    return FitPoints(t[keep], d[keep], e[keep], excluded, number_density_per_A3, method)


def _parse_method(method: FitMethod | str) -> FitMethod:
    try:
        return FitMethod(method)
    except ValueError as error:
        raise TransportInputError(f"method is {method!r}: give one of {[m.value for m in FitMethod]}.") from error


def _read_points(
    temperatures: ArrayLike, diffusivities: ArrayLike, stds: ArrayLike | None
) -> tuple[Array, Array, Array]:
    t, d = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (temperatures, diffusivities))
    e = np.full(t.shape, np.nan) if stds is None else np.atleast_1d(np.asarray(stds, dtype=np.float64))
    if t.ndim != 1 or t.shape != d.shape or t.shape != e.shape:
        raise TransportInputError(
            f"shapes of temperatures, diffusivities and stds are {t.shape}, {d.shape}, {e.shape}: give three equally "
            "long lists, one entry per run."
        )
    return t, d, e


def _exclusion_reasons(
    n: int, verdicts: Sequence[Verdict | str] | None, exclude: Mapping[int, str] | None
) -> dict[int, str]:
    if verdicts is not None and len(verdicts) != n:
        raise TransportInputError(f"{len(verdicts)} verdicts for {n} points: give one per point.")
    reasons = {i: f"verdict {v}" for i, v in enumerate(verdicts or ()) if str(v) != Verdict.OK.value}
    for index, why in (exclude or {}).items():
        if not 0 <= index < n:
            raise TransportInputError(f"exclude names point {index}, but the points are 0 to {n - 1}.")
        reasons[index] = why
    return reasons


def _check_kept(
    t: Array, d: Array, e: Array, keep: Index, excluded: tuple[ExcludedPoint, ...], *, needs_errors: bool
) -> None:
    for i in keep:
        good = np.isfinite([t[i], d[i]]).all() and t[i] > 0.0 and d[i] > 0.0
        if not good or (needs_errors and not (np.isfinite(e[i]) and e[i] > 0.0)):
            raise TransportInputError(
                f"point {i} has T = {t[i]} K, D = {d[i]} cm^2/s, std = {e[i]}: all must be finite and above zero. "
                "Leave it out with exclude, or (for a missing std, with three or more points) use method='unweighted'."
            )
    if len(np.unique(t[keep])) < TWO_POINTS:
        out = "; ".join(f"{p.temperature_K:g} K: {p.reason}" for p in excluded) or "none"
        raise TransportInputError(
            f"an Arrhenius fit needs two different temperatures, got {np.unique(t[keep]).tolist()} (left out: {out}). "
            "Run at more temperatures."
        )


def _implied_density(t: Array, d: Array, conductivities: ArrayLike, charge_e: float, keep: Index) -> float:
    sigma = np.atleast_1d(np.asarray(conductivities, dtype=np.float64))
    if sigma.shape != t.shape or not np.all(np.isfinite(sigma[keep]) & (sigma[keep] > 0.0)):
        raise TransportInputError("conductivities_S_per_cm must hold one finite value above zero per point kept.")
    densities = np.array([sigma[i] / d[i] / nernst_einstein_factor(1.0, charge_e, float(t[i])) for i in keep])
    if densities.max() > 1.2 * densities.min():
        raise TransportInputError(
            f"conductivities and diffusivities imply {densities.min():.3g} to {densities.max():.3g} mobile ions per "
            "A^3: they do not belong to one material, or are not Nernst-Einstein. Pass number_density_per_A3."
        )
    return float(densities.mean())
