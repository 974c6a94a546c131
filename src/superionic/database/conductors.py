"""Conductivities next to energies above hull, which are in two collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.collection import Collection

from superionic.database.filters import Row, parse_conditions
from superionic.errors import InputError


@dataclass(frozen=True)
class Conductor:
    """The conductivity of one composition by one model, and its place above the hull of the same model.

    Attributes
    ----------
    formula, composition : str
        Formula per formula unit, and axis values as text.
    polymorph : str or None
        Name of the crystal structure if it is not the host's.
    model_key, level_of_theory : str
        The model, and the level of theory of its labels.
    e_above_hull_eV_per_atom : float or None
        Energy above hull by the same model, eV/atom; None without a phase diagram of that model.
    conductivity_at_reference_S_per_cm : float or None
        Conductivity at the reference temperature, S/cm, None without a fit.
    conductivity_95_low_S_per_cm, conductivity_95_high_S_per_cm : float or None
        Its 95 % interval, S/cm.
    reference_temperature_K : float
        That temperature, K.
    activation_energy_eV, activation_energy_std_eV : float or None
        Activation energy and its standard error, eV.
    verdict : str
        Verdict on the conductivity.
    key, phase_diagram_key : str
        Keys of the two documents, for their lineage.
    """

    formula: str
    composition: str
    polymorph: str | None
    model_key: str
    level_of_theory: str
    e_above_hull_eV_per_atom: float | None
    conductivity_at_reference_S_per_cm: float | None
    conductivity_95_low_S_per_cm: float | None
    conductivity_95_high_S_per_cm: float | None
    reference_temperature_K: float
    activation_energy_eV: float | None
    activation_energy_std_eV: float | None
    verdict: str
    key: str
    phase_diagram_key: str


def best_conductors(
    conductivities: Collection[Row],
    phase_diagrams: Collection[Row],
    largest_e_above_hull_eV_per_atom: float = 0.05,
    conditions: Sequence[str] = (),
) -> list[Conductor]:
    """Compositions that are stable enough, the best conductor first.

    Conductivity and energy above hull come from the same model. Compositions without a fitted conductivity, or without
    a phase diagram of that model, are left out.

    Parameters
    ----------
    conductivities, phase_diagrams : pymongo collections
        The query collections.
    largest_e_above_hull_eV_per_atom : float
        Largest energy above hull, eV/atom.
    conditions : sequence of str
        Further filters of the conductivities, such as ``verdict=ok``.
    """
    found = _conductors(conductivities, phase_diagrams, parse_conditions(conditions))
    stable = [
        (row.conductivity_at_reference_S_per_cm, row)
        for row in found
        if row.conductivity_at_reference_S_per_cm is not None
        and row.e_above_hull_eV_per_atom is not None
        and row.e_above_hull_eV_per_atom <= largest_e_above_hull_eV_per_atom
    ]
    return [row for _, row in sorted(stable, key=lambda pair: (-pair[0], pair[1].key))]


def conductivities_of(
    conductivities: Collection[Row], phase_diagrams: Collection[Row], formula: str, conditions: Sequence[str] = ()
) -> list[Conductor]:
    """All conductivities of a composition, by level of theory and model.

    Parameters
    ----------
    conductivities, phase_diagrams : pymongo collections
        The query collections.
    formula : str
        Formula in any order and multiple, e.g. ``Li6In2Cl12``.
    conditions : sequence of str
        Further filters of the conductivities, such as ``verdict=ok``.

    Raises
    ------
    InputError
        If it is no formula, or no conductivity of that composition is there.
    """
    known: list[str] = [name for name in conductivities.distinct("formula") if name]
    wanted = _fractions(formula)
    same = [name for name in known if _fractions(name) == wanted]
    if not same:
        raise InputError(f"no conductivity of {formula}; there are {', '.join(sorted(known)) or 'none at all'}")
    found = _conductors(conductivities, phase_diagrams, parse_conditions(conditions) | {"formula": {"$in": same}})
    return sorted(found, key=lambda row: (row.level_of_theory, row.model_key, row.key))


def _fractions(formula: str) -> dict[str, float]:
    from pymatgen.core import Composition

    try:
        fractions = Composition(formula).fractional_composition.as_dict()
    except ValueError as error:
        raise InputError(f"{formula!r} is no formula: write e.g. Li3InCl6") from error
    return {element: round(share, 6) for element, share in fractions.items()}


def _conductors(
    conductivities: Collection[Row], phase_diagrams: Collection[Row], criteria: Mapping[str, Any]
) -> list[Conductor]:
    rows = list(conductivities.find({"state": "successful", **criteria}))
    models = list({row["model_key"] for row in rows})
    hulls: dict[tuple[str | None, ...], tuple[float, str]] = {}
    fields = ("key", "model_key", "phases.formula", "phases.polymorph", "phases.e_above_hull_eV_per_atom")
    for diagram in phase_diagrams.find({"model_key": {"$in": models}}, dict.fromkeys(fields, 1)).sort(
        "last_updated", 1
    ):
        for phase in diagram["phases"]:
            place = diagram["model_key"], phase["formula"], phase.get("polymorph")
            hulls[place] = phase["e_above_hull_eV_per_atom"], diagram["key"]
    places = [(row["model_key"], row["formula"], row.get("polymorph")) for row in rows]
    return [_conductor(row, *hulls.get(place, (None, ""))) for row, place in zip(rows, places, strict=True)]


def _conductor(row: Row, e_above_hull: float | None, phase_diagram: str) -> Conductor:
    return Conductor(
        formula=row["formula"] or "",
        composition=row["composition"] or "",
        polymorph=row.get("polymorph"),
        model_key=row["model_key"],
        level_of_theory=row["level_of_theory"],
        e_above_hull_eV_per_atom=e_above_hull,
        conductivity_at_reference_S_per_cm=row["conductivity_at_reference_S_per_cm"],
        conductivity_95_low_S_per_cm=row["conductivity_at_reference_95_low_S_per_cm"],
        conductivity_95_high_S_per_cm=row["conductivity_at_reference_95_high_S_per_cm"],
        reference_temperature_K=row["reference_temperature_K"],
        activation_energy_eV=row["activation_energy_eV"],
        activation_energy_std_eV=row["activation_energy_std_eV"],
        verdict=row["verdict"],
        key=row["key"],
        phase_diagram_key=phase_diagram,
    )
