"""The whole analysis of where ions are and how they get on: from positions to sites, rates and bottlenecks."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import spglib
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Structure

from superionic.transport.checks import check_positive
from superionic.transport.displacement import Array, HostFrame, host_frame
from superionic.transport.pathways import barriers
from superionic.transport.pathways.density import (
    IonDensity,
    counts_of,
    density_of,
    supercell_of,
    symmetry_averaged,
)
from superionic.transport.pathways.host import (
    HostFit,
    fit_host,
    framework_atoms,
    mean_framework,
    spread_operations,
    spread_sites,
)
from superionic.transport.pathways.judge import compare, judge, remarks
from superionic.transport.pathways.jumps import JumpStatistics, jump_statistics
from superionic.transport.pathways.paths import DensityPath, bottleneck_place, connections, loop_path
from superionic.transport.pathways.percolation import Percolation
from superionic.transport.pathways.result import Pathways, PathwaySettings
from superionic.transport.pathways.sites import (
    SiteMap,
    name_after_host,
    name_by_symmetry,
    sites_from_density,
)
from superionic.transport.pathways.stays import Stays, find_stays
from superionic.transport.result import Diffusion
from superionic.units import BOLTZMANN_EV_PER_K

FRAMEWORK_SYMPREC_A = 0.3


def analyze_pathways(
    positions_A: ArrayLike,
    lattice_A: ArrayLike,
    species: Sequence[str],
    mobile: str,
    time_step_ps: float,
    temperature_K: float,
    *,
    host: Structure | None = None,
    wrapped: bool = False,
    discard_ps: float = 0.0,
    diffusion: Diffusion | None = None,
    settings: PathwaySettings | None = None,
) -> Pathways:
    """Density, sites, jumps, network and bottlenecks of one trajectory at constant volume.

    Parameters
    ----------
    positions_A : array_like, (frames, atoms, 3)
        Cartesian positions in angstrom.
    lattice_A : array_like, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : sequence of str
        One chemical symbol per atom.
    mobile : str
        Symbol of the mobile species.
    time_step_ps : float
        Time between frames, in ps.
    temperature_K : float
        Temperature, in K.
    host : Structure, optional
        Unit cell of the crystal with all sites of the mobile species. It names the sites, and the trajectory is folded
        into it.
    wrapped : bool
        Whether positions are wrapped into the cell.
    discard_ps : float
        Equilibration to drop from the start, in ps.
    diffusion : Diffusion, optional
        `analyze_trajectory` of the same frames: the state of the framework, and the diffusivity that the jumps are
        compared with. If it was cut at the onset of melting, so is this analysis.
    settings : PathwaySettings, optional
        Resolution, criteria.

    Returns
    -------
    Pathways
        Everything, with a verdict.

    Raises
    ------
    TransportInputError
        If the input cannot be used, or the host does not fit.
    """
    asked = settings or PathwaySettings()
    frame = host_frame(positions_A, lattice_A, species, mobile, time_step_ps, wrapped=wrapped, discard_ps=discard_ps)
    if diffusion is not None and diffusion.cut is not None:
        frame = _shortened(frame, diffusion.duration_ps)
    temperature = check_positive("temperature_K", temperature_K)
    mean_A, rms_A = mean_framework(frame)
    fit = None if host is None else fit_host(host, frame, mobile, mean_A)
    folded = fit if asked.fold else None
    matrix = supercell_of(None) if folded is None else folded.matrix
    counts, density = _density(frame, matrix, folded, asked)
    lattice = density.lattice_A
    found = _sites(frame, density, fit, mean_A, asked)
    stays, jumps = _jumps(frame, found, density, fit, asked)
    necks, percolation = _bottlenecks(counts, density, found, temperature, asked)
    verdict, reason = judge(diffusion, jumps, asked.min_jumps)
    return Pathways(
        mobile=mobile,
        temperature_K=temperature,
        duration_ps=frame.duration_ps,
        time_step_ps=frame.time_step_ps,
        density=density,
        peak_density_per_A3=float(found.landscape.density.max()),
        lattice_A=lattice,
        n_cells=density.n_cells,
        sites=found.sites,
        jumps=jumps,
        bottlenecks=necks,
        planar_normal=percolation.normal,
        visible_up_to_eV=_visible(density, found, temperature, asked),
        paths=_paths(found, percolation, lattice),
        connections=connections(found, lattice),
        framework=framework_atoms(frame, mean_A, rms_A, folded),
        host=fit,
        **asdict(compare(diffusion, jumps)),
        settings=asked,
        verdict=verdict,
        verdict_reason=reason,
        warnings=tuple(remarks(stays, jumps, necks, fit, asked.min_residence_ps)),
    )


def _shortened(frame: HostFrame, duration_ps: float) -> HostFrame:
    n_frames = round(duration_ps / frame.time_step_ps) + 1
    return replace(frame, positions_A=frame.positions_A[:n_frames], drift_A=frame.drift_A[:n_frames])


def _density(
    frame: HostFrame, matrix: NDArray[np.int64], fit: HostFit | None, asked: PathwaySettings
) -> tuple[NDArray[np.float32], IonDensity]:
    counts = counts_of(frame, matrix, asked.resolution_A, min(asked.n_blocks, frame.n_frames))
    density = density_of(counts.sum(axis=0, dtype=np.float64), frame, matrix)
    if fit is not None and asked.symmetrise:
        density = symmetry_averaged(density, fit.rotations, fit.translations, fit.space_group)
    return counts, density


def _sites(
    frame: HostFrame,
    density: IonDensity,
    fit: HostFit | None,
    mean_A: Array,
    asked: PathwaySettings,
) -> SiteMap:
    found = sites_from_density(
        density,
        smoothing_A=asked.smoothing_A,
        merge_barrier_kT=asked.merge_barrier_kT,
        merge_distance_A=asked.merge_distance_A,
        min_occupancy=asked.min_occupancy,
    )
    if fit is None:
        symbols = frame.species[frame.host_index].tolist()
        return name_by_symmetry(found, density.lattice_A, *_framework_symmetry(density.lattice_A, mean_A, symbols))
    if density.n_cells == round(abs(np.linalg.det(fit.matrix))):
        places, labels, group = fit.sites_fractional, fit.labels, (fit.rotations, fit.translations)
    else:
        (places, labels), group = spread_sites(fit), spread_operations(fit)
    return name_after_host(
        found,
        density.lattice_A,
        places,
        labels,
        match_distance_A=asked.match_distance_A,
        rotations=group[0],
        translations=group[1],
    )


def _jumps(
    frame: HostFrame, found: SiteMap, density: IonDensity, fit: HostFit | None, asked: PathwaySettings
) -> tuple[Stays, JumpStatistics]:
    centres = np.array([site.fractional for site in found.sites])
    labels = [site.label for site in found.sites]
    numbers = {label: labels.count(label) for label in labels}
    if fit is not None:
        # sites of the host count even if no ion was seen there
        share = round(abs(np.linalg.det(fit.matrix)) / density.n_cells)
        numbers |= {label: share * fit.labels.count(label) for label in fit.labels}
    stays = find_stays(
        frame,
        density.lattice_A,
        centres,
        core_radius_A=asked.core_radius_A,
        min_residence_ps=asked.min_residence_ps,
    )
    return stays, jump_statistics(stays, centres, labels, density.lattice_A, n_cells=density.n_cells, n_sites=numbers)


def _framework_symmetry(lattice_A: Array, mean_A: Array, symbols: list[str]) -> tuple[Array, Array]:
    """Symmetry of the mean framework within its noise; the identity where there is no framework."""
    alone = np.eye(3)[None], np.zeros((1, 3))
    if not symbols:
        return alone
    cell = (
        lattice_A.tolist(),
        (mean_A @ np.linalg.inv(lattice_A)).tolist(),
        [atomic_numbers[symbol] for symbol in symbols],
    )
    found = spglib.get_symmetry(cell, symprec=FRAMEWORK_SYMPREC_A)
    return alone if found is None else (found["rotations"].astype(float), found["translations"])


def _bottlenecks(
    counts: NDArray[np.float32], density: IonDensity, found: SiteMap, temperature_K: float, asked: PathwaySettings
) -> tuple[tuple[barriers.Bottleneck, ...], Percolation]:
    smooth = found.landscape.density
    levels, percolation = barriers.bottleneck_levels(smooth, temperature_K)
    stds = barriers.jackknife_of_levels(counts, density, asked.smoothing_A, temperature_K)
    shifts = barriers.shift_of_smoothing(density, asked.smoothing_A, temperature_K, levels)
    floor = density.floor_per_A3(asked.smoothing_A)
    necks = []
    for name, loop, level, std, shift in zip(
        (*barriers.AXES, *barriers.DIMENSIONS), barriers.loops(percolation), levels, stds, shifts, strict=True
    ):
        if loop is None:
            necks.append(barriers.Bottleneck(name, None, float("nan"), float("nan"), 0.0, None, None))
            continue
        place = bottleneck_place(found.landscape, loop)
        counted = loop.strength / floor
        # the jackknife of a best way is unsteady, and knows nothing of a block that is needed for it
        shot = BOLTZMANN_EV_PER_K * temperature_K / math.sqrt(counted)
        necks.append(
            barriers.Bottleneck(
                name, float(level), float(np.fmax(std, shot)), float(shift), counted, place, loop.vector
            )
        )
    return tuple(necks), percolation


def _visible(density: IonDensity, found: SiteMap, temperature_K: float, asked: PathwaySettings) -> float:
    ratio = density.floor_per_A3(asked.smoothing_A) / float(found.landscape.density.max())
    return float(-BOLTZMANN_EV_PER_K * temperature_K * np.log(ratio))


def _paths(found: SiteMap, percolation: Percolation, lattice_A: Array) -> dict[str, DensityPath]:
    named = zip((*barriers.AXES, *barriers.DIMENSIONS), barriers.loops(percolation), strict=True)
    return {name: loop_path(found, percolation, loop, lattice_A) for name, loop in named if loop is not None}
