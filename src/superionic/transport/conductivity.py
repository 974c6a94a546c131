"""Nernst-Einstein: from a diffusivity to an ionic conductivity and back."""

from superionic.errors import TransportInputError
from superionic.transport.checks import check_positive
from superionic.units import A3_IN_CM3, BOLTZMANN_EV_PER_K, ELEMENTARY_CHARGE_C


def nernst_einstein_factor(number_density_per_A3: float, charge_e: float, temperature_K: float) -> float:
    """Conductivity per diffusivity, n q^2 / (k_B T), in (S/cm) / (cm^2/s).

    With the tracer diffusivity this is the Nernst-Einstein relation at a Haven ratio of 1: correlations between
    different ions are left out. Dividing by the Haven ratio puts them back.

    Parameters
    ----------
    number_density_per_A3 : float
        Mobile ions per A^3.
    charge_e : float
        Charge of one mobile ion in elementary charges.
    temperature_K : float
        Temperature in K.

    Returns
    -------
    float
        sigma / D.

    Raises
    ------
    TransportInputError
        If the density or the temperature is not above zero, or the charge is zero.
    """
    density_per_cm3 = check_positive("number_density_per_A3", number_density_per_A3) / A3_IN_CM3
    temperature = check_positive("temperature_K", temperature_K)
    if charge_e == 0.0:
        raise TransportInputError(
            "charge_e is 0: a neutral species carries no current; give its charge, e.g. 1 for Li+."
        )
    # q^2 / (k_B T) with k_B in eV/K leaves one elementary charge in coulomb
    return density_per_cm3 * charge_e**2 * ELEMENTARY_CHARGE_C / (BOLTZMANN_EV_PER_K * temperature)


def nernst_einstein(
    diffusivity_cm2_per_s: float, number_density_per_A3: float, charge_e: float, temperature_K: float
) -> float:
    """Ionic conductivity sigma = n q^2 D / (k_B T).

    Parameters
    ----------
    diffusivity_cm2_per_s : float
        Diffusivity in cm^2/s.
    number_density_per_A3 : float
        Mobile ions per A^3.
    charge_e : float
        Charge of one mobile ion in elementary charges.
    temperature_K : float
        Temperature in K.

    Returns
    -------
    float
        Conductivity in S/cm.

    Raises
    ------
    TransportInputError
        As :func:`nernst_einstein_factor`.
    """
    return diffusivity_cm2_per_s * nernst_einstein_factor(number_density_per_A3, charge_e, temperature_K)
