"""Tables beside the phase diagram: how ground states were found, free energies, competing phases."""

from __future__ import annotations

from collections.abc import Sequence

from superionic.report.data import CampaignData
from superionic.report.markup import Content, Html, details, formula, join, table, tag
from superionic.report.numbers import plural, with_error
from superionic.report.summary import NOTHING
from superionic.stability.schemas import (
    CompetingPhase,
    CompetitionResult,
    FreeEnergyAt,
    GroundStateDoc,
    PhaseDiagramDoc,
    PhaseEntry,
)
from superionic.units import MEV_PER_EV


def stability_tables(data: CampaignData) -> Html | None:
    """All tables of the stability section, each to be folded away; None without a phase diagram."""
    doc = data.phase_diagram
    if doc is None:
        return None
    parts = (
        ("Against all phases", competition_table(doc), True),
        (f"All {len(doc.competing)} competing phases", competitors_table(doc), False),
        ("Free energies of mixing", free_energy_table(doc), False),
        ("How the ground states were found", ranking_table(data.ground_states), False),
    )
    return join([details(title, content, open_=opened) for title, content, opened in parts if content is not None])


def ranking_table(states: Sequence[GroundStateDoc]) -> Html | None:
    """How the orderings that were relaxed were chosen; None for documents of before there was a ranking."""
    rows: list[list[Content]] = [
        [
            formula(state.composition.name if state.composition else state.key),
            str(state.ranking.n_evaluated),
            str(state.n_candidates),
            str(state.multiplicities[0]) if state.multiplicities else NOTHING,
            _number(state.ranking.rank_correlation_relaxed),
            _number(state.ranking.rank_correlation_foundation),
            "yes" if state.ranking.changed else "no",
        ]
        for state in states
        if state.ranking is not None
    ]
    if not rows:
        return None
    header = ["Composition", "evaluated", "relaxed", "degeneracy", "ρ relaxed", "ρ foundation", "choice changed"]
    note = (
        "Orderings evaluated unrelaxed with the tuned model, and the lowest of them relaxed. ρ: Spearman's rank "
        "correlation of the tuned model's energies before and after relaxation, and of foundation and tuned model. "
        "Degeneracy: equivalent raw orderings of the ground state. Last column: whether the foundation potential would "
        "have had other orderings relaxed."
    )
    return join([table(header, rows, numeric=range(1, 6)), tag("p", note, class_="note")])


def free_energy_table(doc: PhaseDiagramDoc) -> Html | None:
    """Heights above the hull of the free energies with their bounds; None without free energies."""
    entries = [entry for entry in doc.entries if entry.lowest and entry.free_energies]
    if not entries:
        return None
    temperatures = [free.temperature_K for free in entries[0].free_energies]
    groups = [("", 1), *((f"{t:g} K (meV/atom)", 2) for t in temperatures), ("Orderings", 2)]
    header = ["Composition", *["formation", "above hull"] * len(temperatures), "listed", "host cells"]
    rows = [_free_energy_row(entry) for entry in entries]
    note = "In brackets: bounds for orderings that were not relaxed or not listed. Listed: share of all raw orderings."
    return join([table(header, rows, numeric=range(1, len(header)), groups=groups), tag("p", note, class_="note")])


def _free_energy_row(entry: PhaseEntry) -> list[Content]:
    cells: list[Content] = [formula(entry.composition.name)]
    for free in entry.free_energies:
        cells += [_formation(free), _above(free)]
    first = entry.free_energies[0]
    listed = NOTHING if first.listed_fraction is None else f"{first.listed_fraction:.3g}"
    return [*cells, listed, str(first.n_host_cells)]


def _formation(free: FreeEnergyAt) -> Content:
    return _bounded(free.formation_free_energy_eV_per_atom, free.formation_free_energy_bounds_eV_per_atom)


def _above(free: FreeEnergyAt) -> Content:
    return _bounded(free.e_above_hull_eV_per_atom, free.e_above_hull_bounds_eV_per_atom)


def _bounded(value_eV: float, bounds_eV: tuple[float, float] | None) -> Content:
    middle = _in_mev(value_eV)
    if bounds_eV is None:
        return middle
    low, high = (_in_mev(bound) for bound in bounds_eV)
    return middle if low == high == middle else join([middle, tag("small", f"({low} to {high})")], " ")


def _in_mev(value_eV: float) -> str:
    text = f"{value_eV * MEV_PER_EV:.1f}"
    return "0" if float(text) == 0 else text.replace("-", "−")


def competition_table(doc: PhaseDiagramDoc) -> Html | None:
    """Compositions against all phases; None where no competing phases were given."""
    found = [(entry, entry.competition) for entry in doc.entries if entry.competition is not None]
    if not found:
        return None
    header = [
        "Composition",
        "above hull of all",
        "stable",
        "against others",
        "would decompose into",
        "untrained products",
    ]
    rows = [_competition_row(entry, result) for entry, result in found]
    strange = sum(bool(phase.outside) for phase in doc.competing)
    note = (
        f"Energies in meV/atom against {plural(len(doc.competing), 'competing phase')} and the other compositions; "
        "against others: energy less that of the best mixture of other compositions, negative by how much a stable "
        "phase is stable. ± and probability: from the model's error, which need not hold for phases that it was "
        f"never trained on; {strange} of them have elements or polyhedra that its training lacks."
    )
    return join([table(header, rows, numeric=(1, 2, 3)), tag("p", note, class_="note")])


def _competition_row(entry: PhaseEntry, result: CompetitionResult) -> list[Content]:
    _, _, products = result.reaction.partition(" -> ")
    return [
        formula(entry.composition.name),
        _energy(result.e_above_hull_eV_per_atom, result.e_above_hull_std_eV_per_atom),
        NOTHING if result.probability_stable is None else f"{result.probability_stable:.0%}",
        _energy(result.decomposition_energy_eV_per_atom, result.decomposition_energy_std_eV_per_atom),
        _reaction(products) if products else "no mixture of the given phases",
        join([formula(name) for name in result.untrained_products], ", ") or NOTHING,
    ]


def _reaction(products: str) -> Html:
    """Products with subscripts in their formulas and none in the numbers before them."""
    terms = [term.rsplit(" ", 1) for term in products.split(" + ")]
    return join([join([*(f"{number} " for number in term[:-1]), formula(term[-1])]) for term in terms], " + ")


def competitors_table(doc: PhaseDiagramDoc) -> Html | None:
    """The competing phases; None without any."""
    if not doc.competing:
        return None
    header = ["Phase", "from", "energy (eV/atom)", "structure", "not in the training"]
    return table(header, [_competitor_row(phase) for phase in doc.competing], numeric=(2,))


def _competitor_row(phase: CompetingPhase) -> list[Content]:
    state = "relaxed" if phase.converged else "relaxation not converged"
    return [
        join([formula(phase.formula), tag("small", phase.name.removeprefix(phase.formula).strip())], " "),
        phase.source,
        f"{phase.energy_eV_per_atom:.4f}".replace("-", "−"),
        state if phase.relaxed else "none: energy as stated",
        ", ".join(phase.outside) or NOTHING,
    ]


def _energy(value_eV: float | None, std_eV: float | None) -> str:
    if value_eV is None:
        return NOTHING
    if std_eV is None or value_eV == 0:
        return _in_mev(value_eV)
    return with_error(value_eV * MEV_PER_EV, std_eV * MEV_PER_EV)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}".replace("-", "−")
