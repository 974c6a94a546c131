"""Labels in other units or of the opposite sign, told by comparison with a foundation potential."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from superionic.training.metrics import Evaluation

CORRELATION = 0.7
"""Labels and foundation must agree this well about directions before their ratio says anything about units."""
RATIO_TOLERANCE = 1.6
FORCE_UNITS = {
    "Hartree/Bohr (multiply by 51.42)": 1 / 51.422,
    "Rydberg/Bohr (multiply by 25.71)": 1 / 25.711,
    "kcal/mol/A (divide by 23.06)": 23.0605,
    "kJ/mol/A (divide by 96.49)": 96.4853,
}
STRESS_UNITS = {"GPa (divide by 160.22)": 160.2177, "kbar (divide by 1602.2)": 1602.177}


def unit_suspicions(labels: Evaluation, foundation: Evaluation) -> list[str]:
    """What the ratio of labels and foundation says about units and signs.

    A potential and the labels that it is tuned to differ, but not by a factor of twenty where both agree about the
    directions. Nothing is said where they do not agree.

    Parameters
    ----------
    labels, foundation : Evaluation
        Labels and predictions of the foundation for the same structures.

    Returns
    -------
    list of str
        One sentence per suspicion; empty where nothing is wrong or nothing can be said.
    """
    labelled = ~np.isnan(labels.stresses_eV_per_A3).any(axis=(1, 2))
    forces = _suspicion("forces", "eV/A", labels.forces_eV_per_A, foundation.forces_eV_per_A, FORCE_UNITS)
    stresses = _suspicion(
        "stresses",
        "eV/A^3 and positive in tension",
        labels.stresses_eV_per_A3[labelled],
        foundation.stresses_eV_per_A3[labelled],
        STRESS_UNITS,
    )
    return forces + stresses


def _suspicion(
    what: str, wanted: str, labels: NDArray[np.float64], found: NDArray[np.float64], units: dict[str, float]
) -> list[str]:
    own, other = float(np.sum(labels * labels)), float(np.sum(found * found))
    if own <= 0.0 or other <= 0.0:
        return []
    product = float(np.sum(labels * found))
    if abs(product) < CORRELATION * np.sqrt(own * other):
        return []
    ratio = product / other
    signs = ", with the opposite sign" if ratio < 0 else ""
    fitting = [name for name, factor in units.items() if _close(abs(ratio), factor)]
    if not fitting and not signs:
        return []
    units_text = f"look like {' or '.join(fitting)}{signs}" if fitting else "have the opposite sign"
    return [
        (
            f"the {what} are {ratio:.3g} times those of the foundation on the training set and {units_text}; "
            f"{wanted} is wanted"
        )
    ]


def _close(ratio: float, factor: float) -> bool:
    return factor / RATIO_TOLERANCE < ratio < factor * RATIO_TOLERANCE
