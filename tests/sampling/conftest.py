"""A small crystal, and sampling that is short."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.stages import SamplingSettings


@pytest.fixture
def rock_salt():
    face_centres = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Structure(Lattice.cubic(5.2), ["Li"] * 4 + ["Cl"] * 4, np.concatenate([face_centres, face_centres + 0.5]))


@pytest.fixture
def short_sampling():
    return SamplingSettings(
        parents_per_composition=2, time_ps=0.06, discard_ps=0.02, frames=4, time_step_fs=2.0, temperature_K=600.0
    )
