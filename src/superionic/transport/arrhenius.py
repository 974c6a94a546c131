"""Arrhenius fit of diffusivities: activation energy, prefactor and predictions, with errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from superionic.errors import TransportInputError
from superionic.transport.arrhenius_curvature import Curvature, curvature
from superionic.transport.arrhenius_input import TWO_POINTS, ExcludedPoint, FitMethod, FitPoints, select_points
from superionic.transport.conductivity import nernst_einstein_factor
from superionic.transport.displacement import Array
from superionic.transport.verdicts import Verdict
from superionic.units import BOLTZMANN_EV_PER_K


class ErrorSource(StrEnum):
    """Where the errors of a fit come from.

    Attributes
    ----------
    PROPAGATED
        From the errors of the diffusivities, which explain the scatter; normal distribution.
    SCATTER
        From the scatter about the line, which exceeds (or replaces) the errors given; Student's t with n - 2.
    """

    PROPAGATED = "propagated"
    SCATTER = "scatter"


@dataclass(frozen=True)
class Prediction:
    """A value of the fitted line.

    Attributes
    ----------
    value, low, high : float
        Value and ends of the interval, in cm^2/s or S/cm.
    level : float
        Coverage of the interval.
    extrapolated : bool
        Whether the temperature lies outside those fitted.
    """

    value: float
    low: float
    high: float
    level: float
    extrapolated: bool

    @property
    def verdict(self) -> Verdict:
        """`extrapolated` or `ok`."""
        return Verdict.EXTRAPOLATED if self.extrapolated else Verdict.OK


@dataclass(frozen=True, eq=False)
class Arrhenius:
    """ln D = ln D0 - Ea / (k_B T), fitted.

    Attributes
    ----------
    activation_energy_eV, activation_energy_std_eV : float
        Slope of ln D and its standard error (68 %; with Student's factor where the scatter sets it).
    activation_energy_interval95_eV : tuple of float
        95 % interval.
    prefactor_cm2_per_s : float
        D0.
    ln_prefactor_std : float
        68 % error of ln D0.
    covariance : numpy.ndarray, (2, 2)
        Of (ln D0, Ea / eV), without Student's factor.
    chi_reduced : float or None
        Root of chi^2 / (n - 2) against the errors given; None with two points or without errors.
    error_source : ErrorSource
        Where the errors come from.
    degrees_of_freedom : int or None
        Of Student's t; None where the normal distribution is used.
    temperatures_K, diffusivities_cm2_per_s, stds_cm2_per_s : numpy.ndarray, (n,)
        The points fitted (stds NaN when none were given).
    excluded : tuple of ExcludedPoint
        The points left out, with reasons.
    method : FitMethod
        Weighting.
    number_density_per_A3, charge_e : float or None, float
        Mobile ions per A^3 and their charge, for conductivities.
    warnings : tuple of str
        What limits the fit, in words.
    curvature : Curvature or None
        Test for a plot that is not straight; None where there are too few points for one.
    """

    activation_energy_eV: float
    activation_energy_std_eV: float
    activation_energy_interval95_eV: tuple[float, float]
    prefactor_cm2_per_s: float
    ln_prefactor_std: float
    covariance: Array
    chi_reduced: float | None
    error_source: ErrorSource
    degrees_of_freedom: int | None
    temperatures_K: Array
    diffusivities_cm2_per_s: Array
    stds_cm2_per_s: Array
    excluded: tuple[ExcludedPoint, ...]
    method: FitMethod
    number_density_per_A3: float | None
    charge_e: float
    warnings: tuple[str, ...]
    curvature: Curvature | None = None

    @property
    def activation_energy_eV_std(self) -> float:  # noqa: N802 (unit suffix)
        """The same as `activation_energy_std_eV`."""
        return self.activation_energy_std_eV

    def diffusivity_at(self, temperature_K: float, level: float = 0.95) -> Prediction:
        """Diffusivity on the fitted line.

        Parameters
        ----------
        temperature_K : float
            Temperature in K.
        level : float
            Coverage of the interval, between 0 and 1.

        Returns
        -------
        Prediction
            In cm^2/s.

        Raises
        ------
        TransportInputError
            If the temperature is not above zero or the level is not between 0 and 1.
        """
        if not 0.0 < level < 1.0 or not np.isfinite(temperature_K) or temperature_K <= 0.0:
            raise TransportInputError(
                f"cannot predict at {temperature_K!r} K with level {level!r}: give T > 0 and a level between 0 and 1."
            )
        row = np.array([1.0, -1.0 / (BOLTZMANN_EV_PER_K * temperature_K)])
        ln_value = float(np.log(self.prefactor_cm2_per_s) + row[1] * self.activation_energy_eV)
        half = _quantile(level, self.degrees_of_freedom) * float(np.sqrt(row @ self.covariance @ row))
        coldest, hottest = float(self.temperatures_K.min()), float(self.temperatures_K.max())
        value, low, high = (float(np.exp(x)) for x in (ln_value, ln_value - half, ln_value + half))
        outside = not coldest * (1 - 1e-9) <= temperature_K <= hottest * (1 + 1e-9)
        return Prediction(value, low, high, level, outside)

    def conductivity_at(
        self,
        temperature_K: float,
        number_density_per_A3: float | None = None,
        charge_e: float | None = None,
        level: float = 0.95,
    ) -> Prediction:
        """Nernst-Einstein conductivity sigma(T) = n q^2 D(T) / (k_B T) on the fitted line.

        Parameters
        ----------
        temperature_K : float
            Temperature in K.
        number_density_per_A3 : float, optional
            Mobile ions per A^3; by default the one of the fit.
        charge_e : float, optional
            Charge of one mobile ion in elementary charges; by default the one of the fit.
        level : float
            Coverage of the interval, between 0 and 1.

        Returns
        -------
        Prediction
            In S/cm. The number density is taken as exact and independent of temperature.

        Raises
        ------
        TransportInputError
            If no number density is known, or as :meth:`diffusivity_at`.
        """
        density = self.number_density_per_A3 if number_density_per_A3 is None else number_density_per_A3
        if density is None:
            raise TransportInputError(
                "conductivity_at needs the number of mobile ions per volume: pass number_density_per_A3 here, or "
                "number_density_per_A3 or conductivities_S_per_cm to fit_arrhenius."
            )
        at = self.diffusivity_at(temperature_K, level)
        factor = nernst_einstein_factor(density, self.charge_e if charge_e is None else charge_e, temperature_K)
        return Prediction(factor * at.value, factor * at.low, factor * at.high, level, at.extrapolated)


def fit_arrhenius(
    temperatures_K: ArrayLike,
    diffusivities_cm2_per_s: ArrayLike,
    stds: ArrayLike | None = None,
    *,
    method: FitMethod | str = FitMethod.WEIGHTED,
    conductivities_S_per_cm: ArrayLike | None = None,
    number_density_per_A3: float | None = None,
    charge_e: float = 1.0,
    verdicts: Sequence[Verdict | str] | None = None,
    exclude: Mapping[int, str] | None = None,
) -> Arrhenius:
    """Fit ln D against 1 / (k_B T).

    Weighted least squares with var(ln D) = (std / D)^2. If the scatter exceeds these errors (chi above 1), all errors
    are multiplied by chi and Student's t with n - 2 degrees of freedom is used. The activation energy is the slope of
    ln D, not of ln(sigma T); the two are equal under Nernst-Einstein at constant density.

    Parameters
    ----------
    temperatures_K : array_like, (n,)
        Temperatures in K; replicas at one temperature may be given as points of their own.
    diffusivities_cm2_per_s : array_like, (n,)
        Diffusivities in cm^2/s.
    stds : array_like, (n,), optional
        Their 68 % errors in cm^2/s; needed unless `method` is "unweighted" with three or more points.
    method : FitMethod or str
        "weighted", or "unweighted": std(Ea) = sqrt(residual / (n - 2) / (n var(1 / k_B T))).
    conductivities_S_per_cm : array_like, (n,), optional
        Conductivities of the same runs, from which the number density is recovered.
    number_density_per_A3 : float, optional
        Mobile ions per A^3, for :meth:`Arrhenius.conductivity_at`.
    charge_e : float
        Charge of one mobile ion in elementary charges.
    verdicts : sequence of Verdict or str, (n,), optional
        Verdicts of the runs; all but `ok` are left out.
    exclude : mapping of int to str, optional
        Further points to leave out: index and reason.

    Returns
    -------
    Arrhenius
        The fit.

    Raises
    ------
    TransportInputError
        If lengths differ, a value kept is not finite and above zero, or fewer than two different temperatures remain.
    """
    points = select_points(
        temperatures_K,
        diffusivities_cm2_per_s,
        stds,
        method,
        conductivities_S_per_cm,
        number_density_per_A3,
        charge_e,
        verdicts,
        exclude,
    )
    return _result(_fit(points), points, charge_e)


@dataclass(frozen=True, eq=False)
class _Line:
    ln_prefactor: float
    activation_energy_eV: float
    covariance: Array
    chi_reduced: float | None
    source: ErrorSource


def _fit(points: FitPoints) -> _Line:
    t, d, method = points.temperatures_K, points.diffusivities_cm2_per_s, points.method
    design = np.column_stack([np.ones_like(t), -1.0 / (BOLTZMANN_EV_PER_K * t)])
    relative = points.stds_cm2_per_s / d
    weights = (1.0 / relative**2) if method is FitMethod.WEIGHTED else np.ones_like(t)
    # pinv of the whitened design: accurate although the two columns are nearly parallel
    root = np.sqrt(weights)
    inverse = np.linalg.pinv(design * root[:, None]) * root
    ln_d0, energy = inverse @ np.log(d)
    residuals = np.log(d) - design @ np.array([ln_d0, energy])
    freedom = len(t) - 2
    known = bool(np.all(np.isfinite(relative) & (relative > 0.0)))
    chi = float(np.sqrt((residuals**2 / relative**2).sum() / freedom)) if known and freedom > 0 else None
    if method is FitMethod.UNWEIGHTED and freedom > 0:
        variances, source = np.full_like(t, (residuals**2).sum() / freedom), ErrorSource.SCATTER
    else:
        scale = max(1.0, chi or 0.0)
        variances = (scale * relative) ** 2
        source = ErrorSource.SCATTER if scale > 1.0 else ErrorSource.PROPAGATED
    return _Line(float(ln_d0), float(energy), (inverse * variances) @ inverse.T, chi, source)


def _quantile(level: float, freedom: int | None) -> float:
    side = 0.5 + 0.5 * level
    return float(ndtri(side) if freedom is None else stdtrit(freedom, side))


def _result(line: _Line, points: FitPoints, charge_e: float) -> Arrhenius:
    t, method = points.temperatures_K, points.method
    freedom = len(t) - 2 if line.source is ErrorSource.SCATTER else None
    se_ln, se_energy = (float(x) for x in np.sqrt(np.diag(line.covariance)))
    # the literature quotes the plain standard error for the unweighted fit
    factor = 1.0 if method is FitMethod.UNWEIGHTED else _quantile(0.6827, freedom)
    wide = _quantile(0.95, freedom) * se_energy
    weighted = method is FitMethod.WEIGHTED
    bend = curvature(t, points.diffusivities_cm2_per_s, points.stds_cm2_per_s, weighted=weighted)
    warnings = _bend_words(bend)
    if len(t) == TWO_POINTS:
        warnings.append("two points: the line cannot be checked, errors are those of the diffusivities alone")
    elif len(np.unique(t)) == TWO_POINTS:
        warnings.append("two temperatures: the scatter is that of replicas, curvature cannot be seen")
    if line.source is ErrorSource.SCATTER and line.chi_reduced is not None and line.chi_reduced > 1.0:
        warnings.append(f"the scatter is {line.chi_reduced:.1f} times what the errors of the points explain")
    return Arrhenius(
        activation_energy_eV=line.activation_energy_eV,
        activation_energy_std_eV=factor * se_energy,
        activation_energy_interval95_eV=(line.activation_energy_eV - wide, line.activation_energy_eV + wide),
        prefactor_cm2_per_s=float(np.exp(line.ln_prefactor)),
        ln_prefactor_std=factor * se_ln,
        covariance=line.covariance,
        chi_reduced=line.chi_reduced,
        error_source=line.source,
        degrees_of_freedom=freedom,
        temperatures_K=t,
        diffusivities_cm2_per_s=points.diffusivities_cm2_per_s,
        stds_cm2_per_s=points.stds_cm2_per_s,
        excluded=points.excluded,
        method=method,
        number_density_per_A3=points.number_density_per_A3,
        charge_e=charge_e,
        warnings=tuple(warnings),
        curvature=bend,
    )


def _bend_words(bend: Curvature | None) -> list[str]:
    if bend is None or not bend.significant:
        return []
    words = (
        f"the plot is curved: the activation energy changes by {bend.energy_change_eV:+.2f} +- "
        f"{bend.energy_change_std_eV:.2f} eV towards the lowest temperature (p = {bend.p_value:.2g}), so an "
        "extrapolation is unsafe"
    )
    return [words]
