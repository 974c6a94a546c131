"""The pathway document of the synthetic campaign; every number is made up."""

import numpy as np
from training_documents import PLACES, key

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

CORNERS = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]


def make_density():
    """Grid, lattice in A and ions per A^3 of a cell with columns along c."""
    shape = (26, 22, 26)
    a, b, c = np.meshgrid(*((np.arange(n) + 0.5) / n for n in shape), indexing="ij")
    density = np.exp(3 * np.cos(4 * np.pi * a) + 3 * np.cos(4 * np.pi * b) + 1.5 * np.cos(4 * np.pi * c))
    lattice = np.array([[12.9, 0, 0], [0, 11.1, 0], [-4.3, 0, 12.0]])
    density *= 24 / (density.mean() * abs(np.linalg.det(lattice)))
    return shape, lattice.tolist(), density.ravel().tolist()


def make_network():
    """Sites, links and ways of the mobile ions, and what is around them."""
    corners = list(np.ndindex(2, 2, 2))
    names = ["4g" if sum(corner) % 2 else "4h" for corner in corners]
    along = np.linspace(0.0, 1.0, 21)
    seen = {"free_energy_eV": 0.21, "std_eV": 0.02, "smoothing_shift_eV": 0.01, "density_ions_per_A3": 0.02}
    return {
        "density_sites": [
            DensitySitePart(label=name, fractional=tuple(x / 2 for x in corner), occupancy=3.0, host_distance_A=0.1)
            for name, corner in zip(names, corners, strict=True)
        ],
        "links": [
            LinkPart(start=0, end=4, image=(0, 0, 0), forward=16, backward=15, distance_A=6.45),
            LinkPart(start=0, end=4, image=(-1, 0, 0), forward=15, backward=14, distance_A=6.45),
        ],
        "percolation_dimension": 1,
        "percolation_axes": "a",
        "bottlenecks": [
            BottleneckPart(direction=name, counts=40, fractional=(0.25, 0, 0), vector=(1, 0, 0), **seen)
            for name in ("a", "1D")
        ]
        + [BottleneckPart(direction=name, counts=0) for name in ("b", "c", "2D", "3D")],
        "visible_up_to_eV": 0.5,
        "paths": [
            PathPart(
                direction="a",
                vector=(1, 0, 0),
                fractional=[(float(x), 0.0, 0.0) for x in along],
                arc_A=(12.9 * along).tolist(),
                free_energy_eV=(0.105 * (1 - np.cos(4 * np.pi * along))).tolist(),
                stops=[(0, "4h"), (10, "4g"), (20, "4h")],
            )
        ],
        "connections": [ConnectionPart(start="4g", end="4h", free_energy_eV=0.21, distance_A=6.4, n_passages=8)],
        "framework": [
            FrameworkPart(species=species, fractional=place, rms_A=0.3)
            for species, place in (
                ("In/Y", (0.25, 0.25, 0.25)),
                *(("Cl", (0.25 + x, 0.25 + y, 0.25 + z)) for x, y, z in 0.2 * np.array(CORNERS)),
            )
        ],
    }


def make_pathway():
    shape, lattice, density = make_density()
    residence = {"residence_time_ps": 4.1, "residence_time_std_ps": 0.5, "residence_low_ps": 3.2}
    jump = {"rate_per_ps": 0.2, "rate_std_per_ps": 0.03, "rate_low_per_ps": 0.15, "rate_high_per_ps": 0.27}
    lengths = {"distance_A": 6.4, "distance_min_A": 6.3, "distance_max_A": 6.5}
    return PathwayDoc(
        key=key("4"),
        parents=[key("60")],
        composition=PLACES[0],
        model_key=key("f"),
        temperature_K=800.0,
        mobile="Li",
        verdict="ok",
        verdict_reason="60 jumps between sites",
        duration_ps=16.0,
        n_frames=400,
        grid_shape=shape,
        lattice_A=lattice,
        n_cells=1,
        density_ions_per_A3=density,
        n_mobile=24,
        smoothing_A=0.2,
        sites=[
            SiteOccupancy(label="4g", n_sites=16, occupancy=0.71, n_departures=31, residence_high_ps=5.6, **residence),
            SiteOccupancy(label="4h", n_sites=16, occupancy=0.79, n_departures=0, residence_low_ps=7.0),
        ],
        jumps={"4g->4h": 31, "4h->4g": 29},
        rates=[RatePart(start="4g", end="4h", n_jumps=31, n_back=29, **jump, **lengths)],
        **make_network(),
        jump_diffusivity_cm2_per_s=2.1e-5,
        jump_diffusivity_std_cm2_per_s=3e-6,
        correlation_factor=0.8,
        correlation_factor_std=0.1,
        return_fraction=0.2,
        anisotropy=3.0,
        anisotropy_std=0.7,
        anisotropy_plane="ab",
    )
