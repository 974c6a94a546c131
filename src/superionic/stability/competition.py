"""A campaign's compositions against the phases outside of it, in documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pymatgen.core import Composition

from superionic.stability.competing import (
    LEAST_FRACTION,
    Competition,
    CompetitionSpread,
    against_competing_phases,
    competition_spread,
)
from superionic.stability.coverage import TrainedEnvironments, environments
from superionic.stability.formation import Entry
from superionic.stability.schemas import (
    CompetingPhase,
    CompetingPhasesDoc,
    CompetitionResult,
    GroundStateDoc,
    PhaseDiagramDoc,
    PhaseEntry,
)

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedEntry

ORDERINGS_LOOKED_AT = 5
"""Relaxed orderings per composition whose polyhedra count as trained."""


def trained_environments(
    elements: Sequence[str], ground_states: Sequence[GroundStateDoc], charges: Mapping[str, float]
) -> TrainedEnvironments:
    """Elements and polyhedra that the tuned model knows.

    The training frames are of MD that began from orderings of the same crystals, so the polyhedra are taken from the
    relaxed orderings.

    Parameters
    ----------
    elements : sequence of str
        Elements with labels.
    ground_states : sequence of GroundStateDoc
        Relaxed orderings of all compositions.
    charges : mapping
        Formal charges by element.
    """
    cations = [symbol for symbol, charge in charges.items() if charge > 0]
    anions = [symbol for symbol, charge in charges.items() if charge < 0]
    crystals = [item.structure for state in ground_states for item in state.relaxed[:ORDERINGS_LOOKED_AT]]
    motifs = {motif for crystal in crystals for motif in environments(crystal, cations, anions)}
    return TrainedEnvironments(elements, motifs)


def with_competition(
    doc: PhaseDiagramDoc, competing: CompetingPhasesDoc, trained: TrainedEnvironments
) -> PhaseDiagramDoc:
    """Fill in how the compositions stand against all phases, and warn of what the model was never trained on.

    Parameters
    ----------
    doc : PhaseDiagramDoc
        Phase diagram.
    competing : CompetingPhasesDoc
        Phases outside of the campaign.
    trained : TrainedEnvironments
        What the model knows.
    """
    rivals = [_judged(phase, trained) for phase in competing.phases]
    lowest = [entry for entry in doc.entries if entry.lowest]
    phases = [_entry(entry) for entry in lowest]
    others = [_computed(rival) for rival in rivals]
    results, error = against_competing_phases(phases, others), doc.formation_energy_std_eV_per_atom
    spread = None
    if error is not None:
        std = [error] * len(phases) + [error if rival.relaxed else 0.0 for rival in rivals]
        spread = competition_spread(phases, others, std)
    untrained = {rival.formula for rival in rivals if rival.outside}
    found = {
        (entry.source_key, entry.source_index): _result(entry, k, result, spread, untrained)
        for k, (entry, result) in enumerate(zip(lowest, results, strict=True))
    }
    entries = [e.model_copy(update={"competition": found.get((e.source_key, e.source_index))}) for e in doc.entries]
    warnings = [*doc.warnings, *_warnings(rivals, competing)]
    return doc.model_copy(update={"entries": entries, "competing": rivals, "warnings": warnings})


def _judged(phase: CompetingPhase, trained: TrainedEnvironments) -> CompetingPhase:
    if not phase.relaxed:
        return phase
    symbols = [element.symbol for element in Composition(phase.formula).elements]
    return phase.model_copy(update={"outside": trained.outside(symbols, phase.motifs)})


def _entry(entry: PhaseEntry) -> Entry:
    formula = Composition(entry.composition.formula)
    return formula * (entry.n_atoms / formula.num_atoms), entry.energy_eV, entry.n_atoms


def _computed(phase: CompetingPhase) -> ComputedEntry:
    from pymatgen.entries.computed_entries import ComputedEntry

    formula = Composition(phase.formula)
    return ComputedEntry(formula, phase.energy_eV_per_atom * formula.num_atoms, entry_id=phase.name)


def _result(
    entry: PhaseEntry, position: int, result: Competition, spread: CompetitionSpread | None, untrained: set[str]
) -> CompetitionResult:
    decomposes = result.decomposition_energy_eV_per_atom is not None
    std = spread.decomposition_std_eV_per_atom[position] if spread and decomposes else None
    return CompetitionResult(
        e_above_hull_eV_per_atom=result.e_above_hull_eV_per_atom,
        e_above_hull_std_eV_per_atom=float(spread.e_above_hull_std_eV_per_atom[position]) if spread else None,
        decomposition_energy_eV_per_atom=result.decomposition_energy_eV_per_atom,
        decomposition_energy_std_eV_per_atom=None if std is None else float(std),
        probability_stable=float(spread.probability_stable[position]) if spread else None,
        reaction=reaction_text(entry.composition.formula, result.decomposition),
        products=result.decomposition,
        untrained_products=sorted(untrained & set(result.decomposition)),
    )


def reaction_text(formula: str, products: Mapping[str, float]) -> str:
    """A decomposition per formula unit, e.g. ``Li3InCl6 -> 3 LiCl + InCl3``.

    Parameters
    ----------
    formula : str
        What decomposes.
    products : mapping of float
        Share of its atoms in each product, by reduced formula.
    """
    n_atoms = Composition(formula).num_atoms
    units = {name: share * n_atoms / Composition(name).num_atoms for name, share in products.items()}
    terms = [
        name if abs(number - 1) < LEAST_FRACTION else f"{number:.3g} {name}"
        for name, number in sorted(units.items(), key=lambda item: -products[item[0]])
    ]
    return f"{formula} -> {' + '.join(terms)}" if terms else ""


def _warnings(rivals: Sequence[CompetingPhase], competing: CompetingPhasesDoc) -> list[str]:
    relaxed = [rival for rival in rivals if rival.relaxed]
    strange = [rival for rival in relaxed if rival.outside]
    loose = sum(rival.converged is False for rival in relaxed)
    notes = []
    if relaxed:
        notes.append(
            f"the model was trained on none of the {len(relaxed)} competing phases that it relaxed; its test error, "
            "which the uncertainty of the comparison rests on, need not hold for them"
        )
    if strange:
        named = ", ".join(f"{rival.name} ({', '.join(rival.outside)})" for rival in strange)
        notes.append(f"{len(strange)} competing phases have elements or polyhedra that its training lacks: {named}")
    notes += [f"{loose} of {len(relaxed)} competing phases did not reach the force criterion"] * bool(loose)
    failed = [f"competing phase {item.item} is left out: {item.cause}" for item in competing.failures]
    return [*notes, *failed]
