"""Document of the pathway analysis."""

from pydantic import Field

from superionic.documents import BaseDoc, Document


class SiteOccupancy(Document):
    """Occupancy and residence time of one kind of site."""

    label: str = Field(description="kind of site: Wyckoff label of the host, i1, i2, ... for interstitials")
    n_sites: int = Field(description="number of such sites in the simulated cell")
    occupancy: float = Field(description="mean number of mobile ions per site")
    n_departures: int = Field(description="jumps away from such sites")
    residence_time_ps: float | None = Field(None, description="time spent there / departures, ps")
    residence_time_std_ps: float | None = Field(None, description="its standard error, ps")
    residence_low_ps: float = Field(description="low end of its 95 % interval, ps")
    residence_high_ps: float | None = Field(None, description="high end, ps; None: no departure was seen")


class DensitySitePart(Document):
    """One site in the cell of the analysis."""

    label: str = Field(description="kind of site")
    fractional: tuple[float, float, float] = Field(description="fractional coordinates in the cell of the analysis")
    occupancy: float = Field(description="mean number of mobile ions in the basin of the density maximum")
    host_distance_A: float | None = Field(None, description="distance from the nearest site of the host, A")


class RatePart(Document):
    """Jumps from one kind of site to another."""

    start: str = Field(description="kind of site that is left")
    end: str = Field(description="kind of site that is reached")
    n_jumps: int = Field(description="jumps from start to end")
    n_back: int = Field(description="jumps from end to start")
    rate_per_ps: float = Field(description="jumps / time that ions spent on sites of the first kind, 1/ps")
    rate_std_per_ps: float = Field(description="its standard error, 1/ps")
    rate_low_per_ps: float = Field(description="low end of its 95 % interval, 1/ps")
    rate_high_per_ps: float = Field(description="high end, 1/ps")
    distance_A: float = Field(description="mean distance from site to site, A")
    distance_min_A: float = Field(description="shortest, A")
    distance_max_A: float = Field(description="longest, A")


class LinkPart(Document):
    """Jumps between two sites of the network."""

    start: int = Field(description="first site, by its place in density_sites")
    end: int = Field(description="second site")
    image: tuple[int, int, int] = Field(description="cell of the second site, seen from the first")
    forward: int = Field(description="jumps from the first to the second")
    backward: int = Field(description="jumps back")
    distance_A: float = Field(description="from site to site, A")


class BottleneckPart(Document):
    """Free energy at which the density isosurface percolates in a direction."""

    direction: str = Field(description="a, b, c: along that axis; 1D, 2D, 3D: in so many dimensions")
    free_energy_eV: float | None = Field(None, description="-kT ln(rho / rho_max) there, eV; None: never seen")
    std_eV: float | None = Field(None, description="standard error from blocks of time, eV")
    smoothing_shift_eV: float | None = Field(None, description="to be added for the kernel and the voxels, eV")
    counts: float = Field(description="ions times frames counted within the kernel at the bottleneck")
    density_ions_per_A3: float | None = Field(None, description="isosurface level there, ions/A^3")
    fractional: tuple[float, float, float] | None = Field(None, description="the bottleneck, fractional")
    vector: tuple[int, int, int] | None = Field(None, description="lattice vector of the way through it, either sense")


class PathPart(Document):
    """Minimum free energy path to the next image, through the bottleneck of a direction."""

    direction: str = Field(description="a, b, c, 1D, 2D or 3D")
    vector: tuple[int, int, int] = Field(description="lattice vector from the start to the end")
    fractional: list[tuple[float, float, float]] = Field(description="unwrapped fractional coordinates")
    arc_A: list[float] = Field(description="length from the start, A")
    free_energy_eV: list[float] = Field(description="-kT ln(rho / rho_max), eV")
    stops: list[tuple[int, str]] = Field(description="points at sites, with the kind of each site")


class ConnectionPart(Document):
    """The easiest passage between two kinds of sites that touch."""

    start: str = Field(description="kind of site")
    end: str = Field(description="kind of site")
    free_energy_eV: float = Field(description="-kT ln(rho / rho_max) at the saddle, eV")
    distance_A: float = Field(description="from site to site, A")
    n_passages: int = Field(description="passages between such sites in the cell of the analysis")


class FrameworkPart(Document):
    """Mean position of the host atoms on one site."""

    species: str = Field(description="symbol, or symbols joined by a slash where several share the site")
    fractional: tuple[float, float, float] = Field(description="mean position in the cell of the analysis")
    rms_A: float = Field(description="root mean square distance from it, A")


class PathwayDoc(BaseDoc):
    """Where the mobile ions are and how they get on: density, sites, jumps, network, bottlenecks.

    The cell of the analysis is the unit cell of the host where the trajectory could be folded into it.
    """

    model_key: str = Field(description="key of the ModelDoc")
    temperature_K: float = Field(description="temperature of the run, K")
    mobile: str = Field(description="mobile species")
    verdict: str = Field(description="ok, framework_unstable or too_few_hops")
    verdict_reason: str = Field(description="why, in plain words")
    duration_ps: float = Field(description="length that was analysed, ps")
    n_frames: int = Field(description="frames that were analysed")
    grid_shape: tuple[int, int, int] = Field(description="voxels along a, b, c")
    lattice_A: list[list[float]] = Field(description="cell of the analysis, A")
    n_cells: int = Field(description="such cells in the simulated one, over which was averaged")
    averaged_over: str = Field("", description="symmetry that the density was averaged over")
    density_ions_per_A3: list[float] = Field(description="ion density, C order, not smoothed, ions/A^3 (store: data)")
    n_mobile: int = Field(
        description="mobile ions in the simulated cell; density * n_cells / n_mobile is the probability density per A^3"
    )
    smoothing_A: float = Field(description="kernel on the density behind sites, barriers and isosurfaces, A")
    sites: list[SiteOccupancy] = Field(description="occupancy and residence by kind of site")
    jumps: dict[str, int] = Field(description="jumps between kinds of sites, e.g. '4g->4h'")
    rates: list[RatePart] = Field(description="jump rates by pair of kinds")
    density_sites: list[DensitySitePart] = Field(description="the sites themselves")
    links: list[LinkPart] = Field(description="network of jumps between these sites")
    percolation_dimension: int = Field(description="dimensions in which the network of jumps percolates")
    percolation_axes: str = Field(description="axes along which it advances, e.g. ab")
    bottlenecks: list[BottleneckPart] = Field(description="bottleneck free energies of the density")
    visible_up_to_eV: float = Field(description="free energy of a single count in the kernel; nothing above is seen")
    planar_normal: tuple[int, int, int] | None = Field(None, description="plane (hkl) of its first 2D percolation")
    paths: list[PathPart] = Field(description="minimum free energy paths along a, b, c")
    connections: list[ConnectionPart] = Field(description="passages between kinds of sites")
    framework: list[FrameworkPart] = Field(description="mean framework")
    space_group: str | None = Field(None, description="space group of the host")
    host_misfit_A: float | None = Field(None, description="rms distance of the mean framework from the host, A")
    jump_diffusivity_cm2_per_s: float = Field(description="sum d^2 / (6 N t) over the jumps, cm^2/s")
    jump_diffusivity_std_cm2_per_s: float | None = Field(None, description="its standard error, cm^2/s")
    correlation_factor: float | None = Field(None, description="tracer over jump diffusivity")
    correlation_factor_std: float | None = Field(None, description="its standard error")
    return_fraction: float | None = Field(None, description="share of jumps that the next jump of the ion undoes")
    anisotropy: float | None = Field(None, description="diffusivity in anisotropy_plane over that along its normal")
    anisotropy_std: float | None = Field(None, description="its standard error")
    anisotropy_plane: str = Field("", description="ab, ac or bc")
