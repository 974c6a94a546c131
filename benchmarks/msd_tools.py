"""One tool on one trajectory of `msd.py`; runs in the environment of the tool.

    python msd_tools.py TOOL positions.npy FRAMES

Prints seconds, peak memory in MB and the tracer MSD at lag 100 in A^2 (null where the tool uses other lags) as JSON.
The 640 x FRAMES positions are float32 on disk, unwrapped; 192 atoms are mobile. Imports and one small warm-up run are
not counted, reading the file is.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MOBILE, EDGE_A, DT_PS, LAG = 192, 25.0, 0.1, 100
MB_PER_KB = 1 / 1024


def _species(n_atoms: int) -> list[str]:
    return ["Li"] * MOBILE + ["Cl"] * (n_atoms - MOBILE)


def superionic(x: NDArray[np.float32]) -> float:
    """Tracer and collective MSD tensors, framework drift removed, input checked."""
    from superionic.transport import mean_square_displacement

    curves = mean_square_displacement(x, EDGE_A * np.eye(3), _species(x.shape[1]), "Li", DT_PS)
    return float(np.trace(curves.tracer_A2[LAG]))


def superionic_analysis(x: NDArray[np.float32]) -> float:
    """Everything: window, D and its errors, Haven ratio, hops, framework."""
    from superionic.transport import analyze_trajectory

    found = analyze_trajectory(x, EDGE_A * np.eye(3), _species(x.shape[1]), "Li", DT_PS, 800.0)
    return float(found.msd_tracer_A2[LAG])


def freud(x: NDArray[np.float32]) -> float:
    """Window (all-origin) MSD of freud, float32; no drift removed."""
    import freud.msd
    from freud.box import Box

    msd = freud.msd.MSD(Box.cube(EDGE_A), "window")
    msd.compute(np.ascontiguousarray(x[:, :MOBILE]))
    return float(msd.msd[LAG])


def pymatgen(x: NDArray[np.float32]) -> None:
    """DiffusionAnalyzer with the default smoothing "max"; drift removed, one curve per ion."""
    from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
    from pymatgen.core import Structure

    structure = Structure(EDGE_A * np.eye(3), _species(x.shape[1]), x[0], coords_are_cartesian=True)
    displacements = (x - x[0]).transpose(1, 0, 2).astype(np.float64)
    DiffusionAnalyzer(structure, displacements, "Li", 800.0, time_step=1000 * DT_PS, step_skip=1, smoothed="max")


def tidynamics(x: NDArray[np.float32]) -> float:
    """FFT per ion."""
    import tidynamics as tid

    total = sum(tid.msd(np.ascontiguousarray(x[:, i], dtype=np.float64)) for i in range(MOBILE))
    return float(total[LAG]) / MOBILE


def mdanalysis(x: NDArray[np.float32]) -> float:
    """EinsteinMSD with fft=True."""
    import MDAnalysis
    from MDAnalysis.analysis.msd import EinsteinMSD
    from MDAnalysis.coordinates.memory import MemoryReader

    universe = MDAnalysis.Universe.empty(MOBILE, trajectory=False)
    universe.load_new(np.ascontiguousarray(x[:, :MOBILE]), format=MemoryReader, order="fac")
    found = EinsteinMSD(universe, select="all", msd_type="xyz", fft=True).run()
    return float(found.results.timeseries[LAG])


def gemdat(x: NDArray[np.float32]) -> float:
    """Trajectory.mean_squared_displacement, one curve per ion."""
    from gemdat import Trajectory

    fractional = np.ascontiguousarray(x[:, :MOBILE], dtype=np.float64) / EDGE_A
    trajectory = Trajectory(
        species=["Li"] * MOBILE,
        coords=fractional,
        lattice=EDGE_A * np.eye(3),
        time_step=1e-12 * DT_PS,
        metadata={"temperature": 800.0},
    )
    return float(np.mean(trajectory.mean_squared_displacement(), axis=0)[LAG])


def kinisi(x: NDArray[np.float32]) -> None:
    """Displacements and MSD for 100 lags up to the length of the run (its default is all lags)."""
    import scipp as sc
    from ase import Atoms
    from kinisi.analyze import DiffusionAnalyzer

    images = [Atoms(_species(x.shape[1]), positions=frame % EDGE_A, cell=EDGE_A * np.eye(3), pbc=True) for frame in x]
    lags = np.unique(np.geomspace(1, len(x) - 20, 100).astype(int)) * DT_PS
    DiffusionAnalyzer.from_ase(
        images,
        specie="Li",
        time_step=DT_PS * sc.Unit("ps"),
        step_skip=1 * sc.Unit("dimensionless"),
        dt=sc.array(dims=["time interval"], values=lags, unit=sc.Unit("ps")),
        progress=False,
    )


TOOLS: dict[str, Callable[[NDArray[np.float32]], float | None]] = {
    "superionic": superionic,
    "superionic, whole analysis": superionic_analysis,
    "freud window": freud,
    "pymatgen max": pymatgen,
    "tidynamics": tidynamics,
    "MDAnalysis": mdanalysis,
    "GEMDAT": gemdat,
    "kinisi, 100 lags": kinisi,
}


def main() -> None:
    """Run one tool and print what it took."""
    name, path, frames = sys.argv[1], sys.argv[2], int(sys.argv[3])
    mapped = np.load(path, mmap_mode="r")[:frames]
    TOOLS[name](np.array(mapped[: min(600, frames)]))
    start = time.perf_counter()
    value = TOOLS[name](mapped)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MB_PER_KB
    print(json.dumps({"seconds": seconds, "peak_MB": peak, "msd_A2": value}))


if __name__ == "__main__":
    main()
