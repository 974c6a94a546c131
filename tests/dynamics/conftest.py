"""Crystals with known physics."""

import numpy as np
import pytest
from ase import Atoms


@pytest.fixture
def crystal():
    """Eight atoms of two masses: few enough that a wrong count of degrees of freedom shows."""
    corners = 3.0 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    return Atoms("LiBrLiBrLiBrLiBr", positions=corners, cell=[6.0] * 3, pbc=True)
