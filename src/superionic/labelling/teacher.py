"""A teacher potential that stands in for density-functional theory in rehearsals.

CHGNet's ``r2scan`` weights (Deng et al., Nat. Mach. Intell. 2023, 5, 1031) were trained on r2SCAN
calculations. Labels made here carry its name; they are no DFT results.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any, Final

import numpy as np
from pymatgen.core import Structure

from superionic.errors import NotConfiguredError
from superionic.labelling.results import SinglePoint
from superionic.potentials.process import set_up_process
from superionic.units import GPA_PER_EV_PER_A3

LEVEL_OF_THEORY: Final = "teacher: CHGNet r2SCAN"
WEIGHTS: Final = "r2scan"


def teacher_single_point(structure: Structure, device: str = "cpu") -> SinglePoint:
    """Energy, forces and stress by CHGNet r2SCAN.

    Parameters
    ----------
    structure : Structure
        Ordered structure.
    device : str
        Torch device.

    Returns
    -------
    SinglePoint
        In the units of its fields; CHGNet itself gives eV per atom and GPa.

    Raises
    ------
    NotConfiguredError
        If CHGNet is not installed.
    """
    teacher = _teacher(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # CHGNet turns a tensor into a number in a way torch dislikes
        prediction = teacher.predict_structure(structure, task="efs")
    return SinglePoint(
        energy_eV=float(prediction["e"]) * len(structure),
        forces_eV_per_A=np.asarray(prediction["f"], dtype=np.float64),
        stress_eV_per_A3=np.asarray(prediction["s"], dtype=np.float64) / GPA_PER_EV_PER_A3,
    )


@lru_cache(maxsize=2)
def _teacher(device: str) -> Any:  # noqa: ANN401 (CHGNet, untyped)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from chgnet.model.model import CHGNet

            set_up_process()
            return CHGNet.load(model_name=WEIGHTS, use_device=device, verbose=False)
    except ImportError as error:
        raise NotConfiguredError(
            f"the teacher potential is not installed ({error}): pip install 'superionic[chgnet]', or choose another "
            "`labelling: {engine: ...}`"
        ) from error
