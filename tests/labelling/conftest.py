"""Structures and labels."""

import sys
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.labelling.schemas import LabelDoc

HERE = str(Path(__file__).parent)
if HERE not in sys.path:  # the tests share vasp_files
    sys.path.insert(0, HERE)


@pytest.fixture
def rock_salt():
    """Eight atoms of distorted LiCl."""
    face_centres = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = np.concatenate([face_centres, face_centres + 0.5])
    shifts = np.random.default_rng(0).normal(0, 0.02, (8, 3))
    return Structure(Lattice.cubic(5.2), ["Li"] * 4 + ["Cl"] * 4, sites + shifts)


@pytest.fixture
def good_label(rock_salt):
    rng = np.random.default_rng(1)
    return LabelDoc(
        structure=rock_salt,
        energy_eV=-30.0,
        forces_eV_per_A=rng.normal(0, 1, (8, 3)).tolist(),
        stress_eV_per_A3=(0.01 * np.eye(3)).tolist(),
        level_of_theory="SCAN (VASP)",
        accepted=True,
    )
