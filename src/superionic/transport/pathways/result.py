"""What the pathway analysis is asked, and what it answers."""

from dataclasses import dataclass

from superionic.transport.displacement import Array
from superionic.transport.pathways.barriers import Bottleneck
from superionic.transport.pathways.density import IonDensity
from superionic.transport.pathways.host import FrameworkAtom, HostFit
from superionic.transport.pathways.jumps import JumpStatistics
from superionic.transport.pathways.paths import Connection, DensityPath
from superionic.transport.pathways.percolation import Vector
from superionic.transport.pathways.sites import DensitySite
from superionic.transport.verdicts import Verdict


@dataclass(frozen=True)
class PathwaySettings:
    """Settings of the pathway analysis.

    Attributes
    ----------
    resolution_A : float
        Largest edge of a voxel, in angstrom.
    smoothing_A : float
        Standard deviation of the Gaussian kernel on the density, in angstrom.
    fold : bool
        With a host: average over the translations of its unit cell. Without, the simulated cell is analysed as it is.
    symmetrise : bool
        With a host and `fold`: average the density over its space group as well.
    merge_barrier_kT : float
        Least free energy barrier between two sites, in kT.
    merge_distance_A : float
        Least distance between two maxima, in angstrom.
    min_occupancy : float
        Least mean number of ions on a site.
    match_distance_A : float
        Largest distance of a maximum from the host site that names it, in angstrom.
    core_radius_A : float
        Largest radius within which an ion has arrived at a site, in angstrom.
    min_residence_ps : float
        Shortest stay that counts as one, in ps.
    n_blocks : int
        Blocks of time for the errors of the bottlenecks.
    min_jumps : int
        Fewer jumps get the verdict `too_few_hops`.
    """

    resolution_A: float = 0.2
    smoothing_A: float = 0.2
    fold: bool = True
    symmetrise: bool = False
    merge_barrier_kT: float = 1.0
    merge_distance_A: float = 1.0
    min_occupancy: float = 0.01
    match_distance_A: float = 1.0
    core_radius_A: float = 1.0
    min_residence_ps: float = 0.2
    n_blocks: int = 8
    min_jumps: int = 30


@dataclass(frozen=True, eq=False)
class Pathways:
    """Where the mobile ions are and how they get on.

    The cell of the analysis is the unit cell of the host, or the simulated cell where there is no host. All fractional
    coordinates and lattice vectors refer to it.

    Attributes
    ----------
    mobile : str
        Mobile species.
    temperature_K, duration_ps, time_step_ps : float
        Temperature, length of the run, and time between frames.
    density : IonDensity
        Density on the grid, not smoothed.
    peak_density_per_A3 : float
        Largest number density after smoothing, ions/A^3: the zero of all free energies.
    lattice_A : numpy.ndarray, (3, 3)
        Cell of the analysis, in angstrom.
    n_cells : int
        Such cells in the simulated one.
    sites : tuple of DensitySite
        Sites, the most occupied first.
    jumps : JumpStatistics
        Rates, residence times, network.
    bottlenecks : tuple of Bottleneck
        For a, b, c, 1D, 2D, 3D.
    visible_up_to_eV : float
        Free energy at which a single ion would have been counted within the kernel: the statistical limit.
    planar_normal : tuple of int or None
        Miller indices of the plane in which the density percolates first, where it does so in a plane.
    paths : dict of str to DensityPath
        For each direction that percolates, the way through its bottleneck.
    connections : tuple of Connection
        Easiest passages between kinds of sites.
    framework : tuple of FrameworkAtom
        Mean framework.
    host : HostFit or None
        The host laid over the trajectory.
    diffusivity_cm2_per_s, diffusivity_std_cm2_per_s : float or None
        Tracer diffusivity from the mean square displacement of the same frames.
    correlation_factor, correlation_factor_std : float or None
        Tracer over jump diffusivity. 1 for independent jumps, below for back-jumps; None where the diffusivity may not
        be used or nothing jumped.
    anisotropy, anisotropy_std : float or None
        Largest over smallest diffusivity in a plane over that along its normal: D_ab / D_c with the plane named in
        `anisotropy_plane`.
    anisotropy_plane : str
        ab, ac or bc.
    settings : PathwaySettings
        What was asked.
    verdict : Verdict
        Whether to believe sites, rates and barriers.
    verdict_reason : str
        Why, in words.
    warnings : tuple of str
        What a reader should know.
    """

    mobile: str
    temperature_K: float
    duration_ps: float
    time_step_ps: float
    density: IonDensity
    peak_density_per_A3: float
    lattice_A: Array
    n_cells: int
    sites: tuple[DensitySite, ...]
    jumps: JumpStatistics
    bottlenecks: tuple[Bottleneck, ...]
    visible_up_to_eV: float
    planar_normal: Vector | None
    paths: dict[str, DensityPath]
    connections: tuple[Connection, ...]
    framework: tuple[FrameworkAtom, ...]
    host: HostFit | None
    diffusivity_cm2_per_s: float | None
    diffusivity_std_cm2_per_s: float | None
    correlation_factor: float | None
    correlation_factor_std: float | None
    anisotropy: float | None
    anisotropy_std: float | None
    anisotropy_plane: str
    settings: PathwaySettings
    verdict: Verdict
    verdict_reason: str
    warnings: tuple[str, ...]
