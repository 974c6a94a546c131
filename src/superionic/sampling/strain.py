"""Random strain of frames, so that the training set spans cells near the relaxed one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from superionic.errors import CalculationError, InputError
from superionic.potentials.atoms import closest_approach, to_atoms
from superionic.stages import StrainMode

MIN_DISTANCE_RATIO = 0.7
"""Frames whose atoms come closer than this fraction of the sum of their covalent radii are drawn again."""
MAX_DRAWS = 100


@dataclass(frozen=True, eq=False)
class StrainedFrame:
    """A strained structure.

    Attributes
    ----------
    structure : Structure
        The structure after the strain.
    strain : numpy.ndarray, (3, 3)
        The symmetric strain tensor that was applied.
    rejected : int
        Draws before it that brought atoms too close together.
    """

    structure: Structure
    strain: NDArray[np.float64]
    rejected: int


def random_strain(rng: np.random.Generator, max_strain: float, mode: StrainMode) -> NDArray[np.float64]:
    """Symmetric tensor with independent components from U(-max_strain, max_strain).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    max_strain : float
        Bound of each component.
    mode : StrainMode
        ``symmetric`` draws all six components, ``diagonal`` leaves the shears at zero.

    Returns
    -------
    numpy.ndarray, (3, 3)
        The strain.
    """
    strain = np.diag(rng.uniform(-max_strain, max_strain, 3))
    if mode is StrainMode.SYMMETRIC:
        upper = np.triu_indices(3, 1)
        strain[upper] = strain.T[upper] = rng.uniform(-max_strain, max_strain, 3)
    return strain


def apply_strain(structure: Structure, strain: NDArray[np.float64]) -> Structure:
    """Deform cell and positions together: every vector x becomes x (1 + strain), fractional coordinates stay.

    Raises
    ------
    InputError
        If `strain` is no symmetric (3, 3) tensor.
    """
    strain = np.asarray(strain, dtype=np.float64)
    if strain.shape != (3, 3) or not np.allclose(strain, strain.T):
        raise InputError(f"a strain is a symmetric (3, 3) tensor, this is not: {strain.tolist()}")
    lattice = Lattice(structure.lattice.matrix @ (np.eye(3) + strain))
    return Structure(lattice, structure.species, structure.frac_coords)


def strained_frame(
    structure: Structure, rng: np.random.Generator, max_strain: float, mode: StrainMode = StrainMode.SYMMETRIC
) -> StrainedFrame:
    """Strain a structure at random, drawing again while atoms come too close together.

    Parameters
    ----------
    structure : Structure
        The frame; not changed.
    rng : numpy.random.Generator
        Source of randomness.
    max_strain : float
        Bound of each component.
    mode : StrainMode
        Form of the tensor.

    Raises
    ------
    CalculationError
        If 100 draws in a row are rejected: the frame itself is broken.
    """
    for rejected in range(MAX_DRAWS):
        strain = random_strain(rng, max_strain, mode)
        strained = apply_strain(structure, strain)
        if closest_approach(to_atoms(strained)) >= MIN_DISTANCE_RATIO:
            return StrainedFrame(strained, strain, rejected)
    raise CalculationError(
        f"no strain within {max_strain:g} keeps the atoms of {structure.composition.formula} apart: the MD has brought "
        f"two of them within {MIN_DISTANCE_RATIO} of the sum of their covalent radii. Lower the temperature or change "
        "the potential"
    )
