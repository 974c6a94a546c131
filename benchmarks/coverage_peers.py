"""One peer on one walk of `coverage.py`; runs in the peer's own environment.

    python coverage_peers.py {kinisi,pymatgen} walk.npz

Prints value, standard error, and ends of the 68 % and 95 % interval of D in cm^2/s as JSON.
"""

from __future__ import annotations

import json
import sys

import numpy as np

CM2_PER_A2_PS = 1e-4
Z95 = 1.959964


def kinisi(data: dict[str, np.ndarray]) -> list[float]:
    """Kinisi with a lag list that reaches the length of the run, started at 20 ps as a user would who sees the MSD."""
    import scipp as sc
    from ase import Atoms
    from kinisi.analyze import DiffusionAnalyzer

    positions, lattice, dt = data["positions"], data["lattice"], float(data["dt"])
    images = [Atoms(list(data["species"]), positions=x, cell=lattice, pbc=True) for x in positions]
    for image in images:
        image.wrap()
    lags = np.unique(np.geomspace(1, len(positions) - 20, 100).astype(int)) * dt
    analyzer = DiffusionAnalyzer.from_ase(
        images,
        specie="Li",
        time_step=dt * sc.Unit("ps"),
        step_skip=1 * sc.Unit("dimensionless"),
        dt=sc.array(dims=["time interval"], values=lags, unit=sc.Unit("ps")),
        progress=False,
    )
    analyzer.diffusion(20.0 * sc.Unit("ps"), progress=False)
    samples = analyzer.D.to(unit="cm^2/s").values
    quantiles = np.quantile(samples, [0.15865, 0.84135, 0.025, 0.975])
    return [float(samples.mean()), float(samples.std(ddof=1)), *(float(q) for q in quantiles)]


def pymatgen(data: dict[str, np.ndarray]) -> list[float]:
    """pymatgen-analysis-diffusion with its default smoothing ("max"); the interval is its standard deviation."""
    from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer
    from pymatgen.core import Structure

    positions, lattice, dt_fs = data["positions"], data["lattice"], 1000.0 * float(data["dt"])
    structure = Structure(lattice, list(data["species"]), positions[0], coords_are_cartesian=True)
    displacements = (positions - positions[0]).transpose(1, 0, 2)
    found = DiffusionAnalyzer(structure, displacements, "Li", 800.0, time_step=dt_fs, step_skip=1, smoothed="max")
    value, std = float(found.diffusivity), float(found.diffusivity_std_dev)
    return [value, std, value - std, value + std, value - Z95 * std, value + Z95 * std]


if __name__ == "__main__":
    walk = dict(np.load(sys.argv[2]))
    print(json.dumps({"kinisi": kinisi, "pymatgen": pymatgen}[sys.argv[1]](walk)))
