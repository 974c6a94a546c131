"""Is an Arrhenius plot straight? A quadratic term, with its error."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr

from superionic.transport.displacement import Array
from superionic.units import BOLTZMANN_EV_PER_K

THREE = 3
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Curvature:
    """Change of the activation energy over the temperatures fitted.

    Attributes
    ----------
    energy_change_eV, energy_change_std_eV : float
        Local activation energy at the lowest less that at the highest temperature, and its standard error.
    p_value : float
        Probability of so large a change if the plot is straight (two-sided).
    significant : bool
        Whether that is below 5 %.
    """

    energy_change_eV: float
    energy_change_std_eV: float
    p_value: float
    significant: bool


def curvature(
    temperatures_K: Array, diffusivities_cm2_per_s: Array, stds: Array, *, weighted: bool
) -> Curvature | None:
    """Test ln D for a term quadratic in 1 / (k_B T).

    ln D = a + b x + c x^2 with x = 1 / (k_B T), least squares; the local activation energy is -(b + 2 c x). The
    errors are those of the points, multiplied by the root of chi^2 / (n - 3) where that is above 1 (then with
    Student's t), or those of the scatter (unweighted).

    Parameters
    ----------
    temperatures_K, diffusivities_cm2_per_s, stds : numpy.ndarray, (n,)
        The points; stds may be NaN if not weighted.
    weighted : bool
        Whether the errors of the points are used.

    Returns
    -------
    Curvature or None
        None with fewer than three temperatures, or with three and no errors.
    """
    t = temperatures_K
    freedom = len(t) - THREE
    if len(np.unique(t)) < THREE or (not weighted and freedom < 1):
        return None
    x = 1.0 / (BOLTZMANN_EV_PER_K * t)
    span = float(x.max() - x.min())
    z = (x - x.mean()) / span
    relative = stds / diffusivities_cm2_per_s if weighted else np.ones_like(t)
    inverse = np.linalg.pinv(np.column_stack([np.ones_like(z), z, z**2]) / relative[:, None]) / relative
    coefficients = inverse @ np.log(diffusivities_cm2_per_s)
    residuals = np.log(diffusivities_cm2_per_s) - np.column_stack([np.ones_like(z), z, z**2]) @ coefficients
    chi = float(np.sqrt(((residuals / relative) ** 2).sum() / freedom)) if freedom > 0 else 0.0
    scale = max(1.0, chi) if weighted else chi
    std = scale * float(np.sqrt(inverse[2] ** 2 @ relative**2))
    # Ea = -d ln D / dx; from the hot to the cold end x grows by the span, and z by 1
    change, std = -2.0 * float(coefficients[2]) / span, 2.0 * std / span
    by_scatter = not weighted or chi > 1.0
    ratio = abs(change) / std if std > 0.0 else float("inf")
    p = 2.0 * float(stdtr(freedom, -ratio) if by_scatter else ndtr(-ratio))
    return Curvature(change, std, p, p < SIGNIFICANT)
