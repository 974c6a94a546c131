"""What the figures over the composition share: places, words and numbers of their points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition

from superionic.documents import CompositionInfo
from superionic.errors import InputError
from superionic.report.conductivity_at import Origin, SigmaAt
from superionic.report.numbers import significant, with_error
from superionic.report.theme import label
from superionic.stability.formation import atom_fractions

Floats = NDArray[np.float64]
BINARY, TERNARY = 2, 3
"""Numbers of end members that have a figure."""
SHAPES = {Origin.RUN: "circle", Origin.FIT: "square", Origin.EXTRAPOLATED: "diamond"}
SAME_PLACE = 1e-6
"""Fractions and composition variables that differ by less are the same."""


def fractions_at(items: Sequence[SigmaAt], members: Sequence[CompositionInfo]) -> Floats:
    """Atom fractions of the end members, shape (n_items, n_members)."""
    ends = [Composition(member.formula) for member in members]
    return np.array([atom_fractions(Composition(item.composition.formula), ends) for item in items])


def is_mixture(item: SigmaAt, members: Sequence[CompositionInfo]) -> bool:
    """Whether a composition lies between the end members; a campaign may hold others."""
    try:
        fractions_at([item], members)
    except InputError:
        return False
    return True


def point_text(item: SigmaAt) -> str:
    """What appears under the pointer."""
    lines = [label(item.composition.name), f"σ = {_sigma_text(item)} S/cm ({item.origin.value})"]
    if item.activation_energy_eV is not None:
        lines.append(f"E<sub>a</sub> = {with_error(item.activation_energy_eV, item.activation_energy_std_eV)} eV")
    return "<br>".join(lines)


def _sigma_text(item: SigmaAt) -> str:
    return f"{significant(item.value)}, 68 %: {significant(max(item.low, 0.0))} to {significant(item.high)}"


def point_columns(
    items: Sequence[SigmaAt], fractions: Floats, members: Sequence[CompositionInfo], temperature_K: float
) -> dict[str, Sequence[Any]]:
    """The numbers behind a figure over the composition."""
    shares = {f"atom_fraction_{m.formula}": fractions[:, i].tolist() for i, m in enumerate(members)}
    return (
        {"label": [i.composition.label for i in items], "formula": [i.composition.name for i in items]}
        | shares
        | {
            "temperature_K": [temperature_K] * len(items),
            "conductivity_S_per_cm": [i.value for i in items],
            "low_68_S_per_cm": [i.low for i in items],
            "high_68_S_per_cm": [i.high for i in items],
            "origin": [i.origin.value for i in items],
            "remark": [i.remark for i in items],
            "activation_energy_eV": [i.activation_energy_eV for i in items],
            "activation_energy_std_eV": [i.activation_energy_std_eV for i in items],
        }
    )
