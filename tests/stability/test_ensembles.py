import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import InputError
from superionic.ordering.schemas import OrderingRecord, OrderingSetDoc
from superionic.potentials.schemas import RelaxedStructure, ScreeningDoc
from superionic.stability import mixing_free_energy, ordering_ensemble
from superionic.stability.schemas import GroundStateDoc

ONE, TWO = ([[1, 0, 0], [0, 1, 0], [0, 0, n]] for n in (1, 2))


def relaxed(*pairs):
    structure = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0] * 3, [0.5] * 3])
    return [
        RelaxedStructure.model_construct(source_index=index, structure=structure, energy_eV=energy)
        for index, energy in pairs
    ]


def documents(*supercells):
    records = [
        OrderingRecord(energy_eV=0.0, charge_pattern_id=i, multiplicity=10 + i, supercell=supercell)
        for i, supercell in enumerate(supercells)
    ]
    orderings = OrderingSetDoc.model_construct(key="o", records=records, count_raw=100)
    screening = ScreeningDoc.model_construct(key="s", parents=["o"], relaxed=relaxed((2, -3.0), (0, -2.9), (1, -2.8)))
    tuned = GroundStateDoc.model_construct(key="g", parents=["m", "s"], relaxed=relaxed((1, -5.1), (0, -5.0)))
    return orderings, screening, tuned


def test_multiplicities_follow_their_orderings_through_both_relaxations():
    orderings, screening, tuned = documents(ONE, ONE, ONE)
    first = ordering_ensemble(orderings, screening)
    assert (first.energies_eV.tolist(), first.multiplicities.tolist()) == ([-3.0, -2.9, -2.8], [12, 10, 11])
    second = ordering_ensemble(orderings, screening, tuned)
    assert (second.energies_eV.tolist(), second.multiplicities.tolist()) == ([-5.1, -5.0], [10, 12])
    assert mixing_free_energy(second, 300.0).listed_fraction == 0.22


def test_supercells_are_not_summed():
    orderings, screening, tuned = documents(ONE, TWO, TWO)
    with pytest.raises(InputError, match="of 2 supercells: choose one"):
        ordering_ensemble(orderings, screening)
    chosen = ordering_ensemble(orderings, screening, supercell=TWO)
    assert chosen.multiplicities.tolist() == [12, 11]
    assert chosen.count_raw is None
    with pytest.raises(InputError, match="no relaxed ordering has the supercell"):
        ordering_ensemble(orderings, screening, tuned, supercell=[[3, 0, 0], [0, 1, 0], [0, 0, 1]])


def test_documents_of_another_campaign_are_refused():
    orderings, screening, _ = documents(ONE, ONE, ONE)
    other = orderings.model_copy(update={"key": "x"})
    with pytest.raises(InputError, match="not of one campaign"):
        ordering_ensemble(other, screening)
