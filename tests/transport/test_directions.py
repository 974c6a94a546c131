"""Activation energies in planes: known slopes come back, and nothing is made of too little."""

import math

import pytest

from superionic.transport.directions import directional_energies
from superionic.transport.schemas import ArrheniusPoint
from superionic.units import BOLTZMANN_EV_PER_K

ENERGIES = {"ab": 0.25, "ac": 0.35, "bc": 0.45, "3D": 0.3}


def point(temperature_K, used=True, planes=("ab", "ac", "bc")):
    values = {where: 1e-3 * math.exp(-e / (BOLTZMANN_EV_PER_K * temperature_K)) for where, e in ENERGIES.items()}
    return ArrheniusPoint.model_construct(
        temperature_K=temperature_K,
        diffusivity_cm2_per_s=values["3D"],
        diffusivity_std_cm2_per_s=0.1 * values["3D"],
        diffusivity_planes_cm2_per_s={plane: values[plane] for plane in planes},
        diffusivity_planes_std_cm2_per_s={plane: 0.2 * values[plane] for plane in planes},
        used=used,
    )


def test_every_plane_has_its_own_slope():
    fits = directional_energies([point(temperature) for temperature in (600, 700, 800, 900)])
    assert {fit.where: fit.activation_energy_eV for fit in fits} == pytest.approx(ENERGIES)
    errors = {fit.where: fit.activation_energy_std_eV for fit in fits}
    assert errors["ab"] == pytest.approx(2 * errors["3D"]), "errors of D twice as large"


@pytest.mark.parametrize(
    "points",
    [[], [point(700)], [point(700), point(800, used=False)], [point(700), point(800, planes=("ab", "ac"))]],
    ids=["none", "one temperature", "one usable", "a plane without a diffusivity"],
)
def test_too_little_gives_no_slope(points):
    assert directional_energies(points) == []
