"""Free energies of mixing of a campaign, from what its ground states know about their orderings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure

from superionic.ordering import count_raw_orderings
from superionic.ordering.supercells import supercell_size
from superionic.stability.formation import Entry
from superionic.stability.hull import PhaseDiagram, build_phase_diagram
from superionic.stability.mixing import OrderingEnsemble
from superionic.stability.mixing_bounds import BoundedFreeEnergy, PartlyRelaxed, bounded_free_energy
from superionic.stability.schemas import EvaluatedOrdering, FreeEnergyAt, GroundStateDoc, PhaseDiagramDoc

Shape = tuple[tuple[int, ...], ...]
Bounds = tuple[float, float]
HullBounds = tuple[Bounds, Bounds]
Hull = Callable[[Callable[[str], float]], PhaseDiagram]
"""Hull of given heights in eV/atom, which are asked for by composition."""


@dataclass(frozen=True, eq=False)
class SupercellOrderings:
    """Orderings of one composition in one supercell of the host.

    Attributes
    ----------
    n_host_cells : int
        Size of the supercell.
    orderings : PartlyRelaxed
        What is known about them.
    """

    n_host_cells: int
    orderings: PartlyRelaxed

    @property
    def completeness(self) -> float:
        """Share of the raw orderings that is listed; 0 if unknown."""
        return self.orderings.listed_fraction or 0.0


def orderings_by_supercell(
    state: GroundStateDoc, host: Structure | None, merge_equal_orbits: bool = True
) -> list[SupercellOrderings]:
    """What a ground state knows about the orderings of its composition, one supercell at a time.

    Parameters
    ----------
    state : GroundStateDoc
        Ranked and relaxed orderings.
    host : Structure, optional
        Their disordered host; without it the number of orderings that are not listed is unknown.
    merge_equal_orbits : bool
        As in the enumeration.

    Returns
    -------
    list of SupercellOrderings
        Supercells with a relaxed ordering; empty for documents that hold no multiplicities.
    """
    groups: dict[Shape, list[EvaluatedOrdering]] = defaultdict(list)
    for item in state.evaluated:
        if item.supercell is not None and item.multiplicity is not None:
            groups[tuple(map(tuple, item.supercell))].append(item)
    found = []
    for shape, items in groups.items():
        known = _partly_relaxed(state, items, _total(host, shape, merge_equal_orbits))
        if known is not None:
            found.append(SupercellOrderings(supercell_size(shape), known))
    return found


def _total(host: Structure | None, shape: Shape, merge_equal_orbits: bool) -> int | None:
    return None if host is None else count_raw_orderings(host, shape, merge_equal_orbits)


def _partly_relaxed(
    state: GroundStateDoc, items: Sequence[EvaluatedOrdering], total: int | None
) -> PartlyRelaxed | None:
    energies = {item.source_index: item for item in state.relaxed}
    relaxed = [item for item in items if item.index in energies]
    if not relaxed:
        return None
    static = [item for item in items if item.index not in energies and item.static_energy_eV_per_atom is not None]
    cell = energies[relaxed[0].index].structure.composition.element_composition
    return PartlyRelaxed(
        relaxed=OrderingEnsemble(
            composition=cell,
            energies_eV=np.array([energies[item.index].energy_eV for item in relaxed]),
            multiplicities=_multiplicities(relaxed),
            count_raw=total,
        ),
        static_eV=np.array([(item.static_energy_eV_per_atom or 0.0) * item.n_atoms for item in static]),
        static_multiplicities=_multiplicities(static),
        gain_eV_per_atom=_mean_gain(state),
        lowest_eV_per_atom=min(item.energy_eV_per_atom for item in state.relaxed),
    )


def _multiplicities(items: Sequence[EvaluatedOrdering]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([item.multiplicity for item in items], dtype=np.int64)


def _mean_gain(state: GroundStateDoc) -> float:
    """Energy per atom that relaxation has gained on average, eV/atom."""
    before = {item.index: item.static_energy_eV_per_atom for item in state.evaluated}
    gains = [
        height - item.energy_eV_per_atom
        for item in state.relaxed
        if (height := before.get(item.source_index)) is not None
    ]
    return float(np.mean(gains)) if gains else 0.0


def comparable(choices: Mapping[str, Sequence[SupercellOrderings]]) -> tuple[dict[str, SupercellOrderings], bool]:
    """One supercell per composition: all of the size at which the least complete list is most complete.

    Entropies of small cells depend on their size, so compositions are to be compared at one size.

    Parameters
    ----------
    choices : mapping of list of SupercellOrderings
        Supercells of each composition, none empty.

    Returns
    -------
    chosen : dict of SupercellOrderings
        The most complete list of each composition at that size, or at any size where they have none in common.
    common : bool
        Whether there is a common size.
    """

    def best(found: Sequence[SupercellOrderings]) -> SupercellOrderings:
        return max(found, key=lambda item: (item.completeness, item.n_host_cells))

    common = set.intersection(*({item.n_host_cells for item in found} for found in choices.values()))
    if not common:
        return {label: best(found) for label, found in choices.items()}, False
    by_size = {
        size: {label: best([item for item in found if item.n_host_cells == size]) for label, found in choices.items()}
        for size in common
    }
    size = max(common, key=lambda n: (min(item.completeness for item in by_size[n].values()), n))
    return by_size[size], True


def free_energies_at(
    chosen: Mapping[str, SupercellOrderings], end_members: Sequence[str], temperature_K: float
) -> dict[str, FreeEnergyAt]:
    """Free energies, formation free energies and hull at one temperature.

    Parameters
    ----------
    chosen : mapping of SupercellOrderings
        Orderings of each composition, by its label.
    end_members : sequence of str
        Formulas of the references.
    temperature_K : float
        Temperature.
    """
    free = {label: bounded_free_energy(item.orderings, temperature_K) for label, item in chosen.items()}
    cells = {label: item.orderings.relaxed for label, item in chosen.items()}

    def hull(height: Callable[[str], float]) -> PhaseDiagram:
        entries: list[Entry] = [(c.composition, height(label) * c.n_atoms, c.n_atoms) for label, c in cells.items()]
        return build_phase_diagram(entries, end_members)

    middle = hull(lambda label: free[label].estimate.free_energy_eV_per_atom)
    bounds = [_hull_bounds(position, label, free, hull) for position, label in enumerate(free)]
    return {
        label: _row(chosen[label], free[label], middle, position, bounds[position])
        for position, label in enumerate(free)
    }


def _hull_bounds(
    position: int,
    label: str,
    free: Mapping[str, BoundedFreeEnergy],
    hull: Callable[[Callable[[str], float]], PhaseDiagram],
) -> tuple[Bounds, Bounds] | None:
    """Bounds of formation free energy and height above the hull: itself at one bound, everything else at the other."""
    if any(item.lower_eV_per_atom is None for item in free.values()):
        return None

    def extreme(low: bool) -> tuple[float, float]:
        def height(other: str) -> float:
            item = free[other]
            return float(item.lower_eV_per_atom or 0.0) if (other == label) == low else item.upper_eV_per_atom

        found = hull(height)
        return float(found.formation_energy_eV_per_atom[position]), float(found.e_above_hull_eV_per_atom[position])

    (formation_low, above_low), (formation_high, above_high) = extreme(low=True), extreme(low=False)
    return (formation_low, formation_high), (above_low, above_high)


def _row(
    chosen: SupercellOrderings,
    free: BoundedFreeEnergy,
    hull: PhaseDiagram,
    position: int,
    bounds: HullBounds | None,
) -> FreeEnergyAt:
    low = free.lower_eV_per_atom
    return FreeEnergyAt(
        temperature_K=free.estimate.temperature_K,
        n_host_cells=chosen.n_host_cells,
        free_energy_eV_per_atom=free.estimate.free_energy_eV_per_atom,
        free_energy_bounds_eV_per_atom=None if low is None else (low, free.upper_eV_per_atom),
        entropy_eV_per_K_per_atom=free.estimate.entropy_eV_per_K_per_atom,
        ideal_entropy_eV_per_K_per_atom=free.estimate.ideal_entropy_eV_per_K_per_atom,
        listed_fraction=chosen.orderings.listed_fraction,
        formation_free_energy_eV_per_atom=float(hull.formation_energy_eV_per_atom[position]),
        formation_free_energy_bounds_eV_per_atom=bounds[0] if bounds else None,
        e_above_hull_eV_per_atom=float(hull.e_above_hull_eV_per_atom[position]),
        e_above_hull_bounds_eV_per_atom=bounds[1] if bounds else None,
        stable=bool(hull.stable[position]),
    )


def with_free_energies(
    doc: PhaseDiagramDoc,
    ground_states: Sequence[GroundStateDoc],
    hosts: Mapping[str, Structure],
    temperatures_K: Sequence[float],
    merge_equal_orbits: bool = True,
) -> PhaseDiagramDoc:
    """Fill in the free energies of mixing; where they cannot be had a warning says why.

    Parameters
    ----------
    doc : PhaseDiagramDoc
        Phase diagram.
    ground_states : sequence of GroundStateDoc
        Documents that its entries come from.
    hosts : mapping of Structure
        Hosts by key of the GroundStateDoc.
    temperatures_K : sequence of float
        Temperatures.
    merge_equal_orbits : bool
        As in the enumeration.
    """
    if not temperatures_K:
        return doc
    choices = {s.key: orderings_by_supercell(s, hosts.get(s.key), merge_equal_orbits) for s in ground_states}
    names = {entry.source_key: entry.composition.formula for entry in doc.entries}
    if unknown := [names[key] for key, found in choices.items() if not found]:
        return _warned(doc, f"no free energies of mixing: the multiplicities of {', '.join(unknown)} are unknown")
    chosen, common = comparable(choices)
    members = [member.formula for member in doc.end_members]
    rows = [free_energies_at(chosen, members, temperature) for temperature in temperatures_K]
    entries = [
        entry.model_copy(update={"free_energies": [row[entry.source_key] for row in rows]}) if entry.lowest else entry
        for entry in doc.entries
    ]
    found = doc.model_copy(update={"entries": entries})
    note = "free energies of mixing are of supercells of several sizes, so that their entropies do not compare exactly"
    return found if common else _warned(found, note)


def _warned(doc: PhaseDiagramDoc, text: str) -> PhaseDiagramDoc:
    return doc.model_copy(update={"warnings": [*doc.warnings, text]})
