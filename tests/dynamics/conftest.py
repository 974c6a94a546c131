"""Crystals with known physics, and short runs of them."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from superionic.dynamics import MDSettings
from superionic.stages import Thermostat


@pytest.fixture
def crystal():
    """Eight atoms of two masses: few enough that a wrong count of degrees of freedom shows."""
    corners = 3.0 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    return Atoms("LiBrLiBrLiBrLiBr", positions=corners, cell=[6.0] * 3, pbc=True)


@pytest.fixture
def argon():
    """32 atoms for a Lennard-Jones calculator, whose list of neighbours outlives steps."""
    return bulk("Ar", "fcc", a=5.4, cubic=True) * (2, 2, 2)


@pytest.fixture
def short_run():
    """Settings of 60 steps in 13 frames, to be left after every 5 steps."""

    def make(**changes):
        options = {
            "temperature_K": 300.0,
            "time_ps": 0.12,
            "time_step_fs": 2.0,
            "thermostat": Thermostat.NOSE_HOOVER,
            "damping_fs": 20.0,
            "stride_fs": 10.0,
            "seed": 4,
            "rest_steps": 5,
        }
        return MDSettings(**(options | changes))

    return make
