"""Activation energies of the diffusion in the planes of the cell, beside that in space."""

from __future__ import annotations

from collections.abc import Sequence

from superionic.errors import TransportInputError
from superionic.transport.anisotropy import PLANES
from superionic.transport.arrhenius import fit_arrhenius
from superionic.transport.schemas import ArrheniusPoint, DirectionalEnergy

IN_SPACE = "3D"


def directional_energies(points: Sequence[ArrheniusPoint]) -> list[DirectionalEnergy]:
    """Slopes of ln D against 1/kT in the planes and in space, from weighted fits of the same points.

    Parameters
    ----------
    points : sequence of ArrheniusPoint
        All temperatures of one composition; those count that are used and have a diffusivity in every plane.

    Returns
    -------
    list of DirectionalEnergy
        For ``ab``, ``ac``, ``bc`` and ``3D``; empty where the points do not determine a slope.
    """
    usable = [point for point in points if is_directional(point)]
    found = []
    for where in (*PLANES, IN_SPACE):
        values = [diffusivity_in(point, where) for point in usable]
        try:
            fit = fit_arrhenius([p.temperature_K for p in usable], [d for d, _ in values], [s for _, s in values])
        except TransportInputError:  # too few points, or one without a width: no slope is a result too
            continue
        found.append(
            DirectionalEnergy(
                where=where,
                activation_energy_eV=fit.activation_energy_eV,
                activation_energy_std_eV=fit.activation_energy_std_eV,
            )
        )
    return found


def is_directional(point: ArrheniusPoint) -> bool:
    """Whether a point is used, and has a diffusivity in space and in every plane."""
    known = (point.diffusivity_cm2_per_s or 0.0) > 0 and all(
        point.diffusivity_planes_cm2_per_s.get(plane, 0.0) > 0 for plane in PLANES
    )
    return point.used and known


def diffusivity_in(point: ArrheniusPoint, where: str) -> tuple[float, float]:
    """Diffusivity and its standard error in a plane or in space, cm^2/s."""
    if where == IN_SPACE:
        return point.diffusivity_cm2_per_s or 0.0, point.diffusivity_std_cm2_per_s or 0.0
    return point.diffusivity_planes_cm2_per_s[where], point.diffusivity_planes_std_cm2_per_s.get(where, 0.0)
