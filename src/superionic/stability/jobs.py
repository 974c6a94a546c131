"""Makers of the stability stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import Maker
from pymatgen.core import Composition, Structure

from superionic.database.fanout import fetch
from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import CompositionInfo
from superionic.errors import InsufficientDataError
from superionic.labelling.packed import Label
from superionic.labelling.schemas import LabelSetDoc
from superionic.potentials.jobs import relax_all
from superionic.potentials.registry import load_calculator
from superionic.potentials.schemas import ScreeningDoc
from superionic.stability.details import with_details
from superionic.stability.formation import Entry
from superionic.stability.hull import PhaseDiagram, build_phase_diagram
from superionic.stability.polymorphs import with_polymorphs
from superionic.stability.schemas import GroundStateDoc, PhaseDiagramDoc, PhaseEntry
from superionic.stability.uncertainty import HullUncertainty, error_covariance, hull_uncertainty
from superionic.stages import StabilitySettings
from superionic.training.schemas import ModelDoc, Split


@dataclass
class GroundStateMaker(Maker):
    """Relax the lowest screened orderings of one composition with the tuned model.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : StabilitySettings
        How many orderings, and how they are relaxed.
    device : str
        Torch device.
    spec_key : str
        What the result is filed under; by default the campaign of the screening.
    """

    name: str = "ground state"
    settings: StabilitySettings = field(default_factory=StabilitySettings)
    device: str = "cpu"
    spec_key: str = ""

    @stage_job(data=["relaxed"], output_schema=GroundStateDoc)
    def make(self, model: ModelDoc | str, screening: ScreeningDoc | str) -> GroundStateDoc:
        """Relax; both may be given by their keys.

        Raises
        ------
        InsufficientDataError
            If no ordering could be relaxed.
        """
        return self._make(fetch(model, ModelDoc), fetch(screening, ScreeningDoc))

    def _make(self, model: ModelDoc, screening: ScreeningDoc) -> GroundStateDoc:
        return produce(
            GroundStateDoc,
            lambda: self._relax(model, screening),
            parents=[model, screening],
            settings=self.settings,
            spec_key=self.spec_key or screening.spec_key,
            composition=screening.composition,
            device=self.device,
        )

    def _relax(self, model: ModelDoc, screening: ScreeningDoc) -> GroundStateDoc:
        candidates = screening.relaxed[: self.settings.max_structures]
        calculator = load_calculator(model.potential, blob=model.model_blob, device=self.device)
        relaxed, failures = relax_all([c.structure for c in candidates], calculator, self.settings.relax)
        if not relaxed:
            causes = "; ".join(failure.cause for failure in failures)
            raise InsufficientDataError(f"no ordering could be relaxed with model {model.key}: {causes}")
        unconverged = sum(not item.converged for item in relaxed)
        warning = f"{unconverged} of {len(relaxed)} relaxations did not reach the force criterion"
        return GroundStateDoc(
            potential=model.potential,
            model_key=model.key,
            relaxed=relaxed,
            energies_eV_per_atom=[item.energy_eV_per_atom for item in relaxed],
            n_candidates=len(candidates),
            failures=failures,
            warnings=[warning] if unconverged else [],
        )


@dataclass
class PhaseDiagramMaker(Maker):
    """Hull of the ground states, with the labels' own hull beside it where there are labels.

    Parameters
    ----------
    name : str
        Name of the job.
    mobile : str
        Mobile species; motifs are counted around the other cations.
    """

    name: str = "phase diagram"
    mobile: str = ""

    @stage_job(on_missing_none=True, output_schema=PhaseDiagramDoc)
    def make(
        self,
        model: ModelDoc | str,
        ground_states: list[GroundStateDoc | None],
        label_sets: list[LabelSetDoc | None],
        end_members: list[CompositionInfo],
        hosts: list[Structure] | None = None,
    ) -> PhaseDiagramDoc:
        """Build the diagram.

        Parameters
        ----------
        model : ModelDoc or str
            The tuned model, or its key.
        ground_states : list of GroundStateDoc or None
            One per composition; None where the job failed.
        label_sets : list of LabelSetDoc or None
            Labels of the same relaxed structures, in the same order; may be empty.
        end_members : list of CompositionInfo
            Compositions whose ground states are the references.
        hosts : list of Structure, optional
            Disordered, charge-decorated host of each ground state, in their order; with them the document says what
            the ground states look like.

        Raises
        ------
        InsufficientDataError
            If an end member has no ground state.
        """
        tuned = fetch(model, ModelDoc)
        found = [state for state in ground_states if state is not None]
        pairs = zip(ground_states, hosts or [], strict=bool(hosts))
        host_of = {state.key: host for state, host in pairs if state is not None}
        parents = [tuned, *found, *(labels for labels in label_sets if labels is not None)]
        return produce(
            PhaseDiagramDoc,
            lambda: with_details(
                with_polymorphs(_diagram(tuned, ground_states, label_sets, end_members)), found, host_of, self.mobile
            ),
            parents=parents,
            settings=[*(member.label for member in end_members), *([self.mobile, hosts] if hosts else [])],
            spec_key=found[0].spec_key if found else "",
        )


def _diagram(
    model: ModelDoc,
    ground_states: Sequence[GroundStateDoc | None],
    label_sets: Sequence[LabelSetDoc | None],
    end_members: list[CompositionInfo],
) -> PhaseDiagramDoc:
    found = [state for state in ground_states if state is not None]
    _require_end_members(found, end_members)
    rows = [(state, index) for state in found for index in range(len(state.relaxed))]
    members = [member.formula for member in end_members]
    phases = [_entry(state, index) for state, index in rows]
    tuned = build_phase_diagram(phases, members)
    error = _test_error(model)
    structures = [state.key for state, _ in rows]
    spread = None if error is None else _spread(phases, members, structures, error)
    reference, level = _reference(rows, label_sets, members)
    missing = len(ground_states) - len(found)
    return PhaseDiagramDoc(
        model_key=model.key,
        potential=model.potential,
        reference_level_of_theory=level,
        end_members=end_members,
        entries=[_row(position, row, tuned, reference, spread) for position, row in enumerate(rows)],
        formation_energy_std_eV_per_atom=error,
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


def _reference(
    rows: list[tuple[GroundStateDoc, int]], label_sets: Sequence[LabelSetDoc | None], members: list[str]
) -> tuple[dict[int, tuple[float, float, bool]], str | None]:
    """Formation energy, hull distance and stability from labels, by row; and their level of theory."""
    labels = {label.parent_id: label for found in label_sets if found is not None for label in found.unpack()}
    labelled = [
        (position, label)
        for position, (state, index) in enumerate(rows)
        if (label := labels.get(relaxed_id(state, index))) is not None
    ]
    present = {label.structure.composition.reduced_formula for _, label in labelled}
    if not labelled or not all(_reduced(member) in present for member in members):
        return {}, None
    diagram = build_phase_diagram([_label_entry(label) for _, label in labelled], members)
    columns = zip(diagram.formation_energy_eV_per_atom, diagram.e_above_hull_eV_per_atom, diagram.stable, strict=True)
    values = [(float(f), float(h), bool(s)) for f, h, s in columns]
    return {position: value for (position, _), value in zip(labelled, values, strict=True)}, labelled[0][
        1
    ].level_of_theory


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


def lowest_structure(state: GroundStateDoc) -> Structure:
    """Structure of the lowest relaxed ordering."""
    return state.relaxed[0].structure
