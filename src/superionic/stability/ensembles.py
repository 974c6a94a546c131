"""Ensembles of orderings from the documents of a campaign."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from superionic.errors import InputError
from superionic.ordering.schemas import OrderingSetDoc
from superionic.potentials.schemas import ScreeningDoc
from superionic.stability.mixing import OrderingEnsemble
from superionic.stability.schemas import GroundStateDoc


def ordering_ensemble(
    orderings: OrderingSetDoc,
    screening: ScreeningDoc,
    ground_state: GroundStateDoc | None = None,
    *,
    supercell: Sequence[Sequence[int]] | None = None,
) -> OrderingEnsemble:
    """Energies and multiplicities of the relaxed orderings of one composition in one supercell.

    Parameters
    ----------
    orderings : OrderingSetDoc
        Enumeration, which knows the multiplicities.
    screening : ScreeningDoc
        The same orderings relaxed with the foundation potential.
    ground_state : GroundStateDoc, optional
        The lowest of these relaxed with the tuned model; with it, its energies are used.
    supercell : sequence of 3 rows of int, optional
        Which supercell, where the enumeration has several. Their orderings cannot be summed: each is a sum over
        states of its own.

    Returns
    -------
    OrderingEnsemble
        Orderings that were relaxed; the others are missing, which `count_raw` shows where it is known: for
        enumerations of one supercell.

    Raises
    ------
    InputError
        If the documents do not belong together, there are several supercells and none is chosen, or the one chosen
        has no relaxed ordering.
    """
    if orderings.key not in screening.parents or (ground_state and screening.key not in ground_state.parents):
        raise InputError(f"orderings {orderings.key}, screening and ground state are not of one campaign's composition")
    shapes = {tuple(map(tuple, record.supercell)) for record in orderings.records}
    if supercell is None and len(shapes) > 1:
        names = "; ".join(str([list(row) for row in shape]) for shape in sorted(shapes))
        raise InputError(f"the orderings are of {len(shapes)} supercells: choose one with supercell=: {names}")
    chosen = next(iter(shapes)) if supercell is None else tuple(map(tuple, supercell))
    relaxed = screening.relaxed if ground_state is None else ground_state.relaxed
    kept = []
    for item in relaxed:
        source = item if ground_state is None else screening.relaxed[item.source_index]
        record = orderings.records[source.source_index]
        if tuple(map(tuple, record.supercell)) == chosen:
            kept.append((item, record.multiplicity))
    if not kept:
        raise InputError(f"no relaxed ordering has the supercell {[list(row) for row in chosen]}")
    return OrderingEnsemble(
        composition=kept[0][0].structure.composition.element_composition,
        energies_eV=np.array([item.energy_eV for item, _ in kept]),
        multiplicities=np.array([multiplicity for _, multiplicity in kept], dtype=np.int64),
        count_raw=orderings.count_raw if len(shapes) == 1 else None,
    )
