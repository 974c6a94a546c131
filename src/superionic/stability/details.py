"""From the structures of ground states to what documents say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymatgen.core import Structure

from superionic.errors import InputError
from superionic.stability.motifs import coordination_motifs, map_to_host
from superionic.stability.schemas import GroundStateDetails, GroundStateDoc, OrbitOccupancy, PhaseDiagramDoc


def ground_state_details(structure: Structure, host: Structure, mobile: str) -> GroundStateDetails:
    """Occupancies, lattice constants and motifs of an ordering.

    Parameters
    ----------
    structure : Structure
        Relaxed ordering.
    host : Structure
        Disordered host whose species carry charges.
    mobile : str
        Mobile species; motifs are counted around the other cations.

    Raises
    ------
    InputError
        If the structure does not fit the host.
    """
    charges = {species.symbol: float(species.oxi_state or 0) for site in host for species in site.species}
    anions = sorted(symbol for symbol, charge in charges.items() if charge < 0)
    cations = sorted(symbol for symbol, charge in charges.items() if charge > 0 and symbol != mobile)
    mapping = map_to_host(structure, host)
    return GroundStateDetails(
        occupancies=[
            OrbitOccupancy(label=label, n_sites=mapping.site_counts[label], shares=shares)
            for label, shares in mapping.occupancies.items()
        ],
        lattice_constants=mapping.lattice_constants,
        motifs=coordination_motifs(structure, cations, anions),
        rms_displacement_A=mapping.rms_displacement_A,
        max_displacement_A=mapping.max_displacement_A,
    )


def with_details(
    doc: PhaseDiagramDoc, ground_states: Sequence[GroundStateDoc], hosts: Mapping[str, Structure], mobile: str
) -> PhaseDiagramDoc:
    """Fill in what the lowest orderings look like; those that do not fit their host get a warning instead.

    Parameters
    ----------
    doc : PhaseDiagramDoc
        Phase diagram.
    ground_states : sequence of GroundStateDoc
        Documents that its entries come from.
    hosts : mapping of Structure
        Hosts by key of the GroundStateDoc; compositions without one are left as they are.
    mobile : str
        Mobile species.
    """
    states = {state.key: state for state in ground_states}
    entries, warnings = [], list(doc.warnings)
    for entry in doc.entries:
        host = hosts.get(entry.source_key)
        if not entry.lowest or host is None:
            entries.append(entry)
            continue
        structure = states[entry.source_key].relaxed[entry.source_index].structure
        try:
            details = ground_state_details(structure, host, mobile)
        except InputError as error:
            warnings.append(f"ground state of {entry.composition.formula} is not described: {error}")
            details = None
        entries.append(entry.model_copy(update={"ground_state": details}))
    return doc.model_copy(update={"entries": entries, "warnings": warnings})
