"""The phase diagram of a campaign out of its ground states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pymatgen.core import Composition

from superionic.documents import CompositionInfo
from superionic.errors import InsufficientDataError
from superionic.labelling.packed import Label
from superionic.labelling.schemas import LabelSetDoc
from superionic.stability.formation import Entry
from superionic.stability.hull import PhaseDiagram, build_phase_diagram
from superionic.stability.schemas import GroundStateDoc, PhaseDiagramDoc, PhaseEntry
from superionic.stability.uncertainty import HullUncertainty, error_covariance, hull_uncertainty
from superionic.training.schemas import ModelDoc, Split


def phase_diagram(
    model: ModelDoc,
    ground_states: Sequence[GroundStateDoc | None],
    label_sets: Sequence[LabelSetDoc | None],
    end_members: list[CompositionInfo],
) -> PhaseDiagramDoc:
    """Hull of the ground states, with the labels' own hull beside it where there are labels.

    Raises
    ------
    InsufficientDataError
        If an end member has no ground state.
    """
    found = [state for state in ground_states if state is not None]
    _require_end_members(found, end_members)
    rows = [(state, index) for state in found for index in range(len(state.relaxed))]
    members = [member.formula for member in end_members]
    phases = [_entry(state, index) for state, index in rows]
    tuned = build_phase_diagram(phases, members)
    labelled = _labelled(rows, label_sets)
    tested, at_ground_states = _test_error(model), _ground_state_error(rows, labelled)
    error = max((value for value in (tested, at_ground_states) if value is not None), default=None)
    structures = [state.key for state, _ in rows]
    spread = None if error is None else _spread(phases, members, structures, error)
    reference, level = _reference(labelled, members)
    missing = len(ground_states) - len(found)
    return PhaseDiagramDoc(
        model_key=model.key,
        potential=model.potential,
        reference_level_of_theory=level,
        end_members=end_members,
        entries=[_row(position, row, tuned, reference, spread) for position, row in enumerate(rows)],
        formation_energy_std_eV_per_atom=error,
        test_rmse_eV_per_atom=tested,
        ground_state_rmse_eV_per_atom=at_ground_states,
        missing=[f"{missing} compositions have no ground state: see the failures of the stability stage"]
        * bool(missing),
    )


def _require_end_members(found: Sequence[GroundStateDoc], end_members: Sequence[CompositionInfo]) -> None:
    available = {state.composition.label for state in found if state.composition is not None}
    absent = [member.formula for member in end_members if member.label not in available]
    if absent:
        raise InsufficientDataError(
            f"end members {', '.join(absent)} have no ground state, so there is no hull: see the failures of the "
            "stability stage, mend the cause and run again"
        )


def _entry(state: GroundStateDoc, index: int) -> Entry:
    item = state.relaxed[index]
    return item.structure.composition.element_composition, item.energy_eV, len(item.structure)


def _labelled(
    rows: list[tuple[GroundStateDoc, int]], label_sets: Sequence[LabelSetDoc | None]
) -> list[tuple[int, Label]]:
    """Labels of the relaxed structures, each with the position of its row."""
    labels = {label.parent_id: label for found in label_sets if found is not None for label in found.unpack()}
    return [
        (position, label)
        for position, (state, index) in enumerate(rows)
        if (label := labels.get(relaxed_id(state, index))) is not None
    ]


def _reference(
    labelled: list[tuple[int, Label]], members: list[str]
) -> tuple[dict[int, tuple[float, float, bool]], str | None]:
    """Formation energy, hull distance and stability from labels, by row; and their level of theory."""
    present = {label.structure.composition.reduced_formula for _, label in labelled}
    if not labelled or not all(_reduced(member) in present for member in members):
        return {}, None
    diagram = build_phase_diagram([_label_entry(label) for _, label in labelled], members)
    columns = zip(diagram.formation_energy_eV_per_atom, diagram.e_above_hull_eV_per_atom, diagram.stable, strict=True)
    values = [(float(f), float(h), bool(s)) for f, h, s in columns]
    level = labelled[0][1].level_of_theory
    return {position: value for (position, _), value in zip(labelled, values, strict=True)}, level


def relaxed_id(state: GroundStateDoc, index: int) -> str:
    """Identity of a relaxed ordering, by which its label finds it."""
    return f"{state.key}:{index}"


def _label_entry(label: Label) -> Entry:
    return label.structure.composition, label.energy_eV, len(label.numbers)


def _reduced(formula: str) -> str:
    return str(Composition(formula).reduced_formula)


def _row(
    position: int,
    row: tuple[GroundStateDoc, int],
    tuned: PhaseDiagram,
    reference: dict[int, tuple[float, float, bool]],
    spread: HullUncertainty | None,
) -> PhaseEntry:
    state, index = row
    item = state.relaxed[index]
    if state.composition is None:
        raise InsufficientDataError(f"ground state {state.key} names no composition: it was not made by a campaign")
    formation, above, stable = reference.get(position, (None, None, None))
    return PhaseEntry(
        composition=state.composition,
        source_key=state.key,
        source_index=index,
        n_atoms=len(item.structure),
        energy_eV=item.energy_eV,
        formation_energy_eV_per_atom=float(tuned.formation_energy_eV_per_atom[position]),
        e_above_hull_eV_per_atom=float(tuned.e_above_hull_eV_per_atom[position]),
        stable=bool(tuned.stable[position]),
        lowest=index == 0,
        degeneracy=state.multiplicities[index] if state.multiplicities else None,
        reference_formation_energy_eV_per_atom=formation,
        reference_e_above_hull_eV_per_atom=above,
        reference_stable=stable,
        **({} if spread is None else _spread_fields(spread, position)),
    )


def _spread(
    phases: list[Entry], members: list[str], structures: list[str], error_eV_per_atom: float
) -> HullUncertainty:
    """Spread of the hull where compositions and polymorphs are wrong independently, and the orderings of each alike."""
    groups = [structures.index(name) for name in structures]
    covariance = error_covariance([error_eV_per_atom] * len(phases), groups)
    return hull_uncertainty(phases, members, covariance)


def _spread_fields(spread: HullUncertainty, position: int) -> dict[str, Any]:
    return {
        "formation_energy_std_eV_per_atom": float(spread.formation_energy_std_eV_per_atom[position]),
        "e_above_hull_std_eV_per_atom": float(spread.e_above_hull_std_eV_per_atom[position]),
        "e_above_hull_interval_eV_per_atom": tuple(spread.e_above_hull_interval_eV_per_atom[position].tolist()),
        "probability_stable": float(spread.probability_stable[position]),
    }


def _test_error(model: ModelDoc) -> float | None:
    rows = [row for row in model.errors if row.model == "tuned" and row.split == Split.TEST and row.group == "all"]
    return rows[0].energy_rmse_meV_per_atom / 1000 if rows else None


def _ground_state_error(rows: list[tuple[GroundStateDoc, int]], labelled: list[tuple[int, Label]]) -> float | None:
    """RMSE of the energies of the labelled lowest orderings, eV/atom; these are cold and relaxed, tests are not."""
    errors = [
        rows[position][0].relaxed[0].energy_eV_per_atom - label.energy_eV / len(label.numbers)
        for position, label in labelled
        if rows[position][1] == 0
    ]
    return float(np.sqrt(np.mean(np.square(errors)))) if errors else None
