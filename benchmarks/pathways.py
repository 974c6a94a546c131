"""Density, sites, jumps and bottlenecks against GEMDAT, on trajectories whose answers are known.

    OMP_NUM_THREADS=1 python benchmarks/pathways.py

GEMDAT 1.8.1 caps matplotlib below the version that this project pins, so it wants an environment of its own:
python -m venv peers; peers/bin/pip install superionic gemdat==1.8.1. Without it only our own numbers are printed.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from superionic.transport import PathwaySettings, analyze_pathways, ion_density
from superionic.transport.displacement import host_frame
from superionic.transport.pathways.interchange import to_gemdat
from superionic.transport.pathways.jumps import jump_statistics
from superionic.transport.pathways.stays import find_stays

Floats = NDArray[np.float64]
HAS_GEMDAT = importlib.util.find_spec("gemdat") is not None
TEMPERATURE_K, KT_EV = 800.0, 8.617333262e-5 * 800.0
BARRIERS_EV = (0.15, 0.25, 0.35)
EDGE_A, STEP_PS = 3.0, 0.1
SITE_RADIUS_A, HOPS_PER_FRAME = 1.3, 0.01


def boltzmann(n_frames: int, n_ions: int, edge_A: float = 6.0) -> tuple[Floats, Floats, list[str]]:
    """Independent positions in a separable cosine potential whose barriers along a, b, c are known."""
    rng, kept = np.random.default_rng(0), []
    while sum(map(len, kept)) < n_frames * n_ions:
        s = rng.random((400_000, 3))
        energy = (np.array(BARRIERS_EV) * (1 - np.cos(4 * np.pi * s)) / 2).sum(axis=1)
        kept.append(s[rng.random(len(s)) < np.exp(-energy / KT_EV)])
    mobile = np.concatenate(kept)[: n_frames * n_ions].reshape(n_frames, n_ions, 3) * edge_A
    positions = np.concatenate([mobile, np.zeros((n_frames, 1, 3))], axis=1)
    return positions, edge_A * np.eye(3), ["Li"] * n_ions + ["Cl"]


def walk(n_frames: int, n_ions: int, n_host: int, rattle_A: float) -> tuple[Floats, Floats, list[str], Floats, int]:
    """Hops on a cubic lattice of sites with vibration; the sites, and how many hops there were."""
    rng, cells = np.random.default_rng(1), 4
    steps = np.concatenate([np.eye(3), -np.eye(3)])
    hops = rng.random((n_frames, n_ions)) < HOPS_PER_FRAME
    hops[0] = False
    path = np.cumsum(steps[rng.integers(6, size=hops.shape)] * hops[..., None], axis=0)
    mobile = path + rng.integers(0, cells, (n_ions, 3))
    host = rng.random((n_host, 3)) * cells
    fractional = np.concatenate([mobile, np.broadcast_to(host, (n_frames, n_host, 3))], axis=1)
    positions = EDGE_A * fractional + rattle_A * rng.normal(size=fractional.shape)
    sites = np.array(list(np.ndindex(cells, cells, cells))) / cells
    return positions, cells * EDGE_A * np.eye(3), ["Li"] * n_ions + ["Cl"] * n_host, sites, int(hops.sum())


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Result and seconds."""
    start = time.perf_counter()
    return call(), time.perf_counter() - start


def row(*cells: object) -> None:
    """Print a row of a table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def density_and_barriers() -> None:
    """Compare counts, peaks and percolating barriers."""
    positions, lattice, species = boltzmann(3000, 24)
    row("quantity", "truth", "superionic", "s", "GEMDAT", "s")
    row(*["---"] * 6)
    asked = PathwaySettings(resolution_A=0.25)
    own, own_s = timed(
        lambda: analyze_pathways(
            positions, lattice, species, "Li", STEP_PS, TEMPERATURE_K, wrapped=True, settings=asked
        )
    )
    peer, peaks = None, None
    load_s = peak_s = float("nan")
    if HAS_GEMDAT:
        trajectory = to_gemdat(positions, lattice, species, STEP_PS, TEMPERATURE_K)
        peer, load_s = timed(lambda: trajectory.filter("Li").to_volume(resolution=0.25))
        peaks, peak_s = timed(peer.find_peaks)
    same = ion_density(positions, lattice, species, "Li", resolution_A=0.25, wrapped=True)
    counts = same.number_density_per_A3 * same.voxel_volume_A3 * same.n_frames
    agree = "-" if peer is None else f"{int(np.abs(counts - peer.data).sum())} of {int(peer.data.sum())} counts differ"
    row("density, 0.25 Å", "", counts.shape, "", agree, f"{load_s:.1f}")
    row("sites", 8, len(own.sites), "", "-" if peaks is None else len(peaks), f"{peak_s:.1f}")
    for axis, name, true in zip(range(3), "xyz", BARRIERS_EV, strict=True):
        neck = own.bottlenecks[axis]
        text = f"{neck.corrected_eV:.3f} ± {neck.corrected_std_eV:.3f}"
        found, seconds = "-", float("nan")
        if peer is not None and peaks is not None:
            found, seconds = gemdat_barrier(peer, peaks, name)
        row(f"barrier along {'abc'[axis]} (eV)", true, text, f"{own_s:.1f} (all)", found, f"{seconds:.1f}")


def gemdat_barrier(volume: Any, peaks: Any, axis: str) -> tuple[str, float]:  # noqa: ANN401 (GEMDAT is optional)
    """Highest free energy on GEMDAT's best percolating path from a peak, above the lowest."""
    energy = volume.get_free_energy(temperature=TEMPERATURE_K)
    path, seconds = timed(lambda: energy.optimal_percolating_path(peaks=peaks[:1], percolate=axis))
    if path is None:
        return "no path", seconds
    return f"{max(path.energy) - energy.data[volume.data > 0].min():.3f}", seconds


def jumps() -> None:
    """Compare jumps between given sites."""
    print()
    row(
        "640 atoms x 5000 frames, vibration",
        "truth",
        "superionic",
        "s",
        "GEMDAT, same radius",
        "s",
        "GEMDAT, inner 0.6",
        "s",
    )
    row(*["---"] * 8)
    for rattle in (0.2, 0.35):
        positions, lattice, species, sites, true = walk(5000, 48, 592, rattle)
        own, seconds = timed(lambda p=positions, m=lattice, e=species, q=sites: own_jumps(p, m, e, q))
        peers: list[object] = []
        for inner in (1.0, 0.6):
            peers += gemdat_jumps(positions, lattice, species, sites, inner) if HAS_GEMDAT else ["-", "-"]
        row(f"{rattle} Å", true, own, f"{seconds:.1f}", *peers)


def own_jumps(positions: Floats, lattice: Floats, species: list[str], sites: Floats) -> int:
    """Jumps by superionic."""
    frame = host_frame(positions, lattice, species, "Li", STEP_PS)
    stays = find_stays(frame, lattice, sites, core_radius_A=SITE_RADIUS_A, min_residence_ps=0.0)
    return jump_statistics(stays, sites, ["s"] * len(sites), lattice).n_jumps


def gemdat_jumps(positions: Floats, lattice: Floats, species: list[str], sites: Floats, inner: float) -> list[object]:
    """Jumps by GEMDAT, and its seconds."""
    trajectory = to_gemdat(positions, lattice, species, STEP_PS, TEMPERATURE_K)
    places = Structure(Lattice(lattice), ["Li"] * len(sites), sites, labels=["s"] * len(sites))

    def count() -> int:
        found = trajectory.transitions_between_sites(
            sites=places, floating_specie="Li", site_radius=SITE_RADIUS_A, site_inner_fraction=inner
        )
        return int(found.jumps().n_jumps)

    n_jumps, seconds = timed(count)
    return [n_jumps, f"{seconds:.1f}"]


def whole_analysis() -> None:
    """Time the whole analysis of 640 atoms, folded into a unit cell and as it is."""
    print()
    row("whole analysis, 640 atoms (192 Li) x 5000 frames", "voxels", "sites", "s")
    row(*["---"] * 4)
    positions, lattice, species, _, _ = walk(5000, 192, 448, 0.25)
    positions = positions.astype(np.float32)
    # the host of the walk is random: its sites in the simulated cell stand for one, taken four by four by four
    for name, cells in (("folded", 4), ("not folded", 1)):
        asked = PathwaySettings(resolution_A=0.2 if cells > 1 else 0.25)
        frame = {"positions": positions, "lattice": lattice, "species": species}
        if cells > 1:
            frame = folded_host(frame, cells)
        host = frame.pop("host", None)
        found, seconds = timed(
            lambda f=frame, h=host, a=asked: analyze_pathways(
                f["positions"], f["lattice"], f["species"], "Li", STEP_PS, TEMPERATURE_K, host=h, settings=a
            )
        )
        voxels = found.density.number_density_per_A3.size
        row(name, voxels, len(found.sites), f"{seconds:.1f}")


def folded_host(frame: dict[str, Any], cells: int) -> dict[str, Any]:
    """Give the walk a framework that repeats, and the host that it repeats."""
    unit = np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5], [0.5, 0.5, 0.5], *np.eye(3) / 2])
    host = Structure(Lattice(EDGE_A * np.eye(3)), ["Li", *["Cl"] * 7], [[0, 0, 0], *unit])
    places = np.array([cell + f for cell in np.ndindex(cells, cells, cells) for f in unit])
    positions = frame["positions"].copy()
    positions[:, 192:] = EDGE_A * places
    return frame | {"positions": positions, "host": host}


if __name__ == "__main__":
    whole_analysis()
    density_and_barriers()
    jumps()
