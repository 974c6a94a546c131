"""Files and names that the Python blocks of some pages take for granted."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write
from monty.serialization import dumpfn
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry

CIF = """data_Li3InBr6
_symmetry_space_group_name_H-M   'C 2/m'
_cell_length_a   6.90
_cell_length_b   11.93
_cell_length_c   6.84
_cell_angle_alpha   90
_cell_angle_beta    109.8
_cell_angle_gamma   90
loop_
 _atom_site_label
 _atom_site_type_symbol
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
 In1 In 0 0 0 1
 Li1 Li 0 0.335 0 0.746
 Li2 Li 0 0.163 0.5 0.754
 Br1 Br 0.246 0 0.763 1
 Br2 Br 0.244 0.160 0.241 1
"""


def halide():
    lattice = Lattice.monoclinic(6.90, 11.93, 6.84, 109.8)
    sites = [[0, 0, 0], [0, 0.335, 0], [0, 0.163, 0.5], [0.246, 0, 0.763], [0.244, 0.160, 0.241]]
    species = ["In3+", {"Li+": 0.75}, {"Li+": 0.75}, "Br-", "Br-"]
    return Structure.from_spacegroup("C2/m", lattice, species, sites)


def hopping_trajectories():
    """Runs of 24 ions that hop by 3 A on a cubic lattice, on a resting host of 8 atoms, at three temperatures."""
    rng = np.random.default_rng(1)
    for kelvin, rate in ((700, 0.02), (800, 0.03), (900, 0.04)):
        hops = rng.choice([-3.0, 3.0], (800, 24)) * (rng.random((800, 24)) < rate)
        steps = np.zeros((800, 24, 3))
        np.put_along_axis(steps, rng.integers(0, 3, (800, 24, 1)), hops[..., None], axis=2)
        ions = np.cumsum(steps, axis=0) + 12.0 * rng.random((24, 3)) + rng.normal(0, 0.1, (800, 24, 3))
        host = 6.0 * np.indices((2, 2, 2)).reshape(3, -1).T + rng.normal(0, 0.05, (800, 8, 3))
        frames = [Atoms("Li24Cl8", np.vstack(xyz), cell=[12.0] * 3, pbc=True) for xyz in zip(ions, host, strict=True)]
        write(f"{kelvin}.xyz", frames, format="extxyz")
    return {}


def crystal_file():
    Path("crystal.cif").write_text(CIF)
    return {}


def competitors():
    dumpfn([ComputedEntry("LiCl", -2.0), ComputedEntry("InCl3", -4.0)], "binaries.json")
    return {"composition": Composition("Li3InCl6"), "energy_eV": -10.1, "n_atoms": 10}


PREPARED = {
    "docs/howto/conductivity-from-trajectory.md": hopping_trajectories,
    "docs/howto/orderings.md": crystal_file,
    "docs/howto/montecarlo.md": lambda: {"structure": halide()},
    "docs/methods/orderings.md": lambda: {"structure": halide()},
    "docs/methods/stability.md": competitors,
}
