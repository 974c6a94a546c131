"""How much polymorphs of one composition differ in energy."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from pymatgen.core import Composition

from superionic.stability.schemas import PhaseDiagramDoc, PhaseEntry, PolymorphEnergy


def with_polymorphs(doc: PhaseDiagramDoc) -> PhaseDiagramDoc:
    """Fill in the energies of polymorphs against the host's structure; what cannot be compared gets a warning."""
    energies, warnings = [], list(doc.warnings)
    for polymorph in (entry for entry in doc.entries if entry.lowest and entry.composition.polymorph):
        others = [entry for entry in doc.entries if entry.composition.axes == polymorph.composition.axes]
        if any(entry.composition.polymorph is None for entry in others):
            energies.append(_energy(polymorph, others, doc.formation_energy_std_eV_per_atom))
        else:
            name = polymorph.composition.name
            warnings.append(f"{name} is compared with nothing: the host has no ground state at its composition")
    return doc.model_copy(update={"polymorphs": energies, "warnings": warnings})


def _energy(polymorph: PhaseEntry, others: Sequence[PhaseEntry], error_eV_per_atom: float | None) -> PolymorphEnergy:
    """Compare one polymorph with all structures of its composition, of which it is one.

    Formation energies of one composition have the same references, so their differences are those of the energies.
    """
    own = [entry for entry in others if entry.composition.label == polymorph.composition.label]
    host = [entry for entry in others if entry.composition.polymorph is None]
    difference = _lowest(own) - _lowest(host)
    per_formula = Composition(polymorph.composition.formula).num_atoms
    labels, host_labels = _lowest_label(own), _lowest_label(host)
    # structures are wrong independently of each other, as in the spread of the hull
    std = None if error_eV_per_atom is None else sqrt(2) * error_eV_per_atom
    return PolymorphEnergy(
        composition=polymorph.composition,
        energy_difference_eV_per_atom=difference,
        energy_difference_eV_per_formula_unit=difference * per_formula,
        energy_difference_std_eV_per_atom=std,
        energy_difference_std_eV_per_formula_unit=None if std is None else std * per_formula,
        reference_energy_difference_eV_per_atom=(
            None if labels is None or host_labels is None else labels - host_labels
        ),
        lowest=_lowest(own) == _lowest(others),
    )


def _lowest(entries: Sequence[PhaseEntry]) -> float:
    return min(entry.formation_energy_eV_per_atom for entry in entries)


def _lowest_label(entries: Sequence[PhaseEntry]) -> float | None:
    labels = [entry.reference_formation_energy_eV_per_atom for entry in entries]
    return min((label for label in labels if label is not None), default=None)
