"""Density and trajectory for other programs: VESTA and friends, GEMDAT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.cube import write_cube
from numpy.typing import ArrayLike
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp import Chgcar

from superionic.errors import NotConfiguredError, TransportInputError
from superionic.transport.checks import check_lattice, check_positions, check_positive
from superionic.transport.pathways.result import Pathways
from superionic.units import PS_PER_S


def write_volume(path: str | Path, found: Pathways) -> Path:
    """Write the number density in ions/A^3, not smoothed, with the mean framework, for VESTA, OVITO or VMD.

    Parameters
    ----------
    path : str or Path
        ``*.cube`` for a Gaussian cube file, a name that starts with CHGCAR for the format of VASP.
    found : Pathways
        The analysis.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TransportInputError
        If the name tells no format.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix.lower() == ".cube":
        _write_cube(target, found)
    elif target.name.upper().startswith("CHGCAR"):
        _write_chgcar(target, found)
    else:
        raise TransportInputError(f"{target} tells no format: name it *.cube, or CHGCAR*.")
    return target


def _first_symbols(found: Pathways) -> list[str]:
    return [atom.species.split("/")[0] for atom in found.framework]


def _write_cube(target: Path, found: Pathways) -> None:
    number = found.density.number_density_per_A3
    places = np.array([atom.fractional for atom in found.framework]).reshape(-1, 3)
    atoms = Atoms(_first_symbols(found), scaled_positions=places, cell=found.lattice_A, pbc=True)
    # a value belongs to the middle of its voxel, a point of a cube file to its corner
    origin = (0.5 / np.array(number.shape)) @ found.lattice_A
    words = f"{found.mobile} at {found.temperature_K:g} K, number density in ions per cubic angstrom"
    with target.open("w", encoding="utf-8") as file:
        write_cube(file, atoms, data=number, origin=origin, comment=words)


def _write_chgcar(target: Path, found: Pathways) -> None:
    number = found.density.number_density_per_A3
    half = 0.5 / np.array(number.shape)
    # points of a CHGCAR are corners of voxels: the atoms move instead
    places = np.array([atom.fractional for atom in found.framework]).reshape(-1, 3) - half
    symbols = _first_symbols(found)
    order = sorted(range(len(symbols)), key=lambda k: symbols[k])
    lattice = Lattice(found.lattice_A)
    structure = Structure(lattice, [symbols[k] for k in order], places[order])
    Chgcar(structure, {"total": number * lattice.volume}).write_file(target)


def to_gemdat(
    positions_A: ArrayLike,
    lattice_A: ArrayLike,
    species: Sequence[str],
    time_step_ps: float,
    temperature_K: float,
) -> Any:  # noqa: ANN401 (GEMDAT is optional)
    """Hand a trajectory over to GEMDAT, for its plots of shapes, orientations and collective jumps.

    Parameters
    ----------
    positions_A : array_like, (frames, atoms, 3)
        Cartesian positions in angstrom, wrapped or not.
    lattice_A : array_like, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : sequence of str
        One chemical symbol per atom.
    time_step_ps : float
        Time between frames, in ps.
    temperature_K : float
        Temperature, in K.

    Returns
    -------
    gemdat.Trajectory
        The trajectory; positions become fractional and wrapped.

    Raises
    ------
    NotConfiguredError
        If GEMDAT is not installed.
    """
    try:
        from gemdat import Trajectory
    except ImportError as error:
        raise NotConfiguredError("GEMDAT is not installed: pip install gemdat") from error
    from pymatgen.core import Species

    lattice = check_lattice(lattice_A)
    fractional = check_positions(positions_A) @ np.linalg.inv(lattice)
    return Trajectory(
        species=[Species(symbol) for symbol in species],
        coords=fractional % 1.0,
        lattice=lattice,
        constant_lattice=True,
        time_step=check_positive("time_step_ps", time_step_ps) / PS_PER_S,
        metadata={"temperature": check_positive("temperature_K", temperature_K)},
    )
