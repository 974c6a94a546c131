"""What a reader must know before reading any number: surrogates, and runs shorter than full scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from superionic.potentials.schemas import PotentialRef
from superionic.report.data import CampaignData
from superionic.spec import ElectrolyteSpec
from superionic.stability.schemas import PhaseDiagramDoc

STAND_IN = "superionic-mini"
FAR = 2.0
"""Labels this many stated errors away contradict the error."""
# block of the spec, field, what it means, unit
SCALE = (
    ("transport", "time_ps", "production MD", "ps"),
    ("sampling", "time_ps", "sampling MD", "ps"),
    ("sampling", "parents_per_composition", "parent orderings per composition", ""),
    ("sampling", "frames", "frames per parent", ""),
    ("orderings", "max_orderings", "orderings kept per composition", ""),
    ("training", "max_epochs", "training epochs", ""),
    ("training", "replay_structures", "replay structures", ""),
)


@dataclass(frozen=True)
class Notice:
    """One statement of the banner."""

    title: str
    text: str


def notices(data: CampaignData) -> list[Notice]:
    """Statements for the banner; empty for a full-scale campaign without surrogates."""
    found = [*_label_notices(data), *_foundation_notices(data), *_sampling_notices(data), *_error_notices(data)]
    shortened = scale_differences(data.spec) if data.spec else []
    if shortened:
        text = "; ".join(shortened) + ". The numbers show what the workflow does; they are not predictions."
        found.append(Notice("Small scale", text))
    return found


def levels_of_theory(data: CampaignData) -> list[str]:
    """Levels of theory of all labels, in order of appearance."""
    levels = [data.dataset.level_of_theory] if data.dataset else []
    levels += [labels.level_of_theory for labels in data.label_sets]
    levels += [model.label_level_of_theory for model in data.models]
    return list(dict.fromkeys(level for level in levels if level))


def scale_differences(spec: ElectrolyteSpec) -> list[str]:
    """Settings that are smaller than their defaults, the full scale, in words."""
    found = []
    for block, field, words, unit in SCALE:
        settings = getattr(spec, block)
        value, full = getattr(settings, field), type(settings).model_fields[field].default
        if value < full:
            found.append(f"{words} {value:g}{' ' * bool(unit)}{unit} (full scale {full:g})")
    return found


def _label_notices(data: CampaignData) -> Iterable[Notice]:
    for level in levels_of_theory(data):
        if level.lower().startswith("teacher"):
            text = f'All labels are by "{level}": another potential, which stands in for VASP-SCAN single points.'
            yield Notice("Surrogate labels", text)
        elif "fake" in level.lower():
            text = f"Labels are marked {level}: a stand-in program took the place of VASP; its numbers mean nothing."
            yield Notice("Surrogate labels", text)


def _error_notices(data: CampaignData) -> Iterable[Notice]:
    beyond = beyond_their_error(data.phase_diagram) if data.phase_diagram else []
    if beyond:
        text = (
            f"The labels' formation energies of {', '.join(beyond)} lie more than {FAR:g} errors from the tuned "
            "model's. Errors of energies do not tell those of differences between compositions: do not rely on ± and "
            "probabilities of the hull."
        )
        yield Notice("Errors of the hull are too small", text)


def beyond_their_error(doc: PhaseDiagramDoc) -> list[str]:
    """Compositions whose labels lie more than two stated errors from the formation energy of the tuned model."""
    general_eV = doc.formation_energy_std_eV_per_atom
    found = []
    for entry in doc.entries:
        error_eV = entry.formation_energy_std_eV_per_atom
        error_eV = general_eV if error_eV is None else error_eV
        labels_eV = entry.reference_formation_energy_eV_per_atom
        if entry.lowest and error_eV and labels_eV is not None:
            away_eV = abs(labels_eV - entry.formation_energy_eV_per_atom)
            if away_eV > FAR * error_eV:
                found.append(entry.composition.name)
    return found


def _foundation_notices(data: CampaignData) -> Iterable[Notice]:
    foundation = foundation_of(data)
    if foundation is not None and foundation.name == STAND_IN:
        text = f"{STAND_IN} ({foundation.level_of_theory}) stands in for the foundation potential MACE-MP-0a medium."
        yield Notice("Surrogate foundation", text)


def _sampling_notices(data: CampaignData) -> Iterable[Notice]:
    runs = [(doc, run) for doc in data.samplings for run in doc.runs if run.exploded]
    if runs:
        names = dict.fromkeys(doc.composition.name for doc, _ in runs if doc.composition is not None)
        starts = sum(len(run.exploded) for _, run in runs)
        text = (
            f"Sampling MD of {', '.join(names)} exploded: {starts} starts of {len(runs)} runs. Frames are of a start "
            "that lasted, or else of the time before the explosions. The foundation does not hold these structures "
            "together; look at their errors before using their energies."
        )
        yield Notice("Sampling was cut short", text)


def foundation_of(data: CampaignData) -> PotentialRef | None:
    """The foundation potential of the campaign, from the model or else from the screening."""
    if data.model is not None and data.model.foundation is not None:
        return data.model.foundation
    return data.screenings[0].potential if data.screenings else None
