"""Pathways as a document."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superionic.documents import BaseDoc
from superionic.transport.pathway_schemas import (
    BottleneckPart,
    ConnectionPart,
    DensitySitePart,
    FrameworkPart,
    LinkPart,
    PathPart,
    PathwayDoc,
    RatePart,
    SiteOccupancy,
)
from superionic.transport.pathways.barriers import AXES, Bottleneck
from superionic.transport.pathways.jumps import JumpRate, KindOfSite
from superionic.transport.pathways.paths import DensityPath
from superionic.transport.pathways.percolation import upright
from superionic.transport.pathways.result import Pathways
from superionic.units import BOLTZMANN_EV_PER_K

DIGITS = 5


def pathway_document(found: Pathways, model_key: str = "") -> PathwayDoc:
    """Document of a pathway analysis.

    Parameters
    ----------
    found : Pathways
        The analysis.
    model_key : str
        Key of the potential behind the trajectory.

    Returns
    -------
    PathwayDoc
        Everything that reports and queries need; composition and provenance are left to the caller.
    """
    density, jumps = found.density, found.jumps
    shape = density.number_density_per_A3.shape
    return PathwayDoc(
        model_key=model_key,
        temperature_K=found.temperature_K,
        mobile=found.mobile,
        verdict=found.verdict.value,
        verdict_reason=found.verdict_reason,
        duration_ps=found.duration_ps,
        n_frames=density.n_frames,
        grid_shape=(shape[0], shape[1], shape[2]),
        lattice_A=found.lattice_A.tolist(),
        n_cells=found.n_cells,
        averaged_over=density.averaged_over,
        density_ions_per_A3=_stored(density.number_density_per_A3, density.count_density_per_A3),
        n_mobile=density.mobile_count,
        smoothing_A=found.settings.smoothing_A,
        sites=[_kind(kind) for kind in jumps.kinds],
        jumps={f"{rate.start}->{rate.end}": rate.n_jumps for rate in jumps.rates},
        rates=[_rate(rate) for rate in jumps.rates],
        density_sites=[
            DensitySitePart(
                label=site.label,
                fractional=_triple(site.fractional),
                occupancy=_short(site.occupancy),
                host_distance_A=None if site.host_distance_A is None else _short(site.host_distance_A),
            )
            for site in found.sites
        ],
        links=[
            LinkPart(
                start=link.start,
                end=link.end,
                image=link.image,
                forward=link.forward,
                backward=link.backward,
                distance_A=_short(link.distance_A),
            )
            for link in jumps.links
        ],
        percolation_dimension=jumps.percolation.dimension,
        percolation_axes="".join(
            axis for axis, loop in zip(AXES, jumps.percolation.axes, strict=True) if loop is not None
        ),
        **_energies(found),
        **_whole(found),
        warnings=list(found.warnings),
    )


def pathways_as_dict(found: Pathways) -> dict[str, Any]:
    """Everything but the grid and what only a database needs, as plain data."""
    apart = {"density_ions_per_A3", *BaseDoc.model_fields} - {"warnings"}
    return pathway_document(found).model_dump(exclude=apart | {"model_key"})


def _energies(found: Pathways) -> dict[str, Any]:
    kT_eV = BOLTZMANN_EV_PER_K * found.temperature_K
    top = found.peak_density_per_A3
    return {
        "bottlenecks": [_neck(neck, top, kT_eV) for neck in found.bottlenecks],
        "visible_up_to_eV": found.visible_up_to_eV,
        "planar_normal": found.planar_normal,
        "paths": [_path(name, found.paths[name], top, kT_eV) for name in AXES if name in found.paths],
        "connections": [
            ConnectionPart(
                start=item.start,
                end=item.end,
                free_energy_eV=_short(-kT_eV * math.log(item.saddle_density_per_A3 / top)),
                distance_A=_short(item.distance_A),
                n_passages=item.n_passages,
            )
            for item in found.connections
        ],
        "framework": [
            FrameworkPart(species=atom.species, fractional=_triple(atom.fractional), rms_A=_short(atom.rms_A))
            for atom in found.framework
        ],
    }


def _whole(found: Pathways) -> dict[str, Any]:
    jumps, host = found.jumps, found.host
    return {
        "space_group": None if host is None else host.space_group,
        "host_misfit_A": None if host is None else host.misfit_A,
        "jump_diffusivity_cm2_per_s": jumps.jump_diffusivity_cm2_per_s,
        "jump_diffusivity_std_cm2_per_s": _finite(jumps.jump_diffusivity_std_cm2_per_s),
        "correlation_factor": found.correlation_factor,
        "correlation_factor_std": found.correlation_factor_std,
        "return_fraction": jumps.return_fraction,
        "anisotropy": found.anisotropy,
        "anisotropy_std": found.anisotropy_std,
        "anisotropy_plane": found.anisotropy_plane,
    }


def _kind(kind: KindOfSite) -> SiteOccupancy:
    low, high = kind.residence_interval95_ps
    return SiteOccupancy(
        label=kind.label,
        n_sites=kind.n_sites,
        occupancy=kind.occupancy,
        n_departures=kind.n_departures,
        residence_time_ps=kind.residence_time_ps,
        residence_time_std_ps=kind.residence_time_std_ps,
        residence_low_ps=low,
        residence_high_ps=_finite(high),
    )


def _rate(rate: JumpRate) -> RatePart:
    low, high = rate.rate_interval95_per_ps
    return RatePart(
        start=rate.start,
        end=rate.end,
        n_jumps=rate.n_jumps,
        n_back=rate.n_back,
        rate_per_ps=rate.rate_per_ps,
        rate_std_per_ps=rate.rate_std_per_ps,
        rate_low_per_ps=low,
        rate_high_per_ps=high,
        distance_A=rate.distance_A,
        distance_min_A=rate.distance_min_A,
        distance_max_A=rate.distance_max_A,
    )


def _neck(neck: Bottleneck, top_per_A3: float, kT_eV: float) -> BottleneckPart:
    energy = neck.free_energy_eV
    return BottleneckPart(
        direction=neck.direction,
        free_energy_eV=energy,
        std_eV=_finite(neck.std_eV),
        smoothing_shift_eV=_finite(neck.smoothing_shift_eV),
        counts=neck.counts,
        density_ions_per_A3=None if energy is None else top_per_A3 * math.exp(-energy / kT_eV),
        fractional=None if neck.fractional is None else _triple(neck.fractional),
        vector=None if neck.vector is None else upright(neck.vector),
    )


def _path(name: str, path: DensityPath, top_per_A3: float, kT_eV: float) -> PathPart:
    return PathPart(
        direction=name,
        vector=path.vector,
        fractional=[_triple(point) for point in path.fractional],
        arc_A=[_short(value) for value in path.arc_A],
        free_energy_eV=[_short(value) for value in -kT_eV * np.log(path.density_per_A3 / top_per_A3)],
        stops=list(path.stops),
    )


def _stored(density: NDArray[np.float64], floor: float) -> list[float]:
    """Rounded far below what a single count means, so that the text stays short."""
    return np.round(density, math.ceil(-math.log10(floor)) + 2).ravel().tolist()


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    a, b, c = (round(float(value), DIGITS) for value in values)
    return a, b, c


def _short(value: float) -> float:
    return round(float(value), DIGITS)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
