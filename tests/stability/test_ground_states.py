"""Re-ranking of orderings by the tuned model."""

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from pymatgen.core import Lattice, Structure

from superionic.documents import SCHEMA_VERSION, CompositionInfo
from superionic.errors import InsufficientDataError
from superionic.ordering.schemas import OrderingRecord, OrderingSetDoc
from superionic.potentials.schemas import PotentialRef, RelaxedStructure, ScreeningDoc
from superionic.provenance import content_key
from superionic.stability import jobs
from superionic.stability.jobs import GroundStateMaker
from superionic.stability.ranking import rank_correlation
from superionic.stages import Candidates, RelaxSettings, StabilitySettings
from superionic.training.schemas import ModelDoc

FOUNDATION = PotentialRef(name="foundation", sha256="0" * 64, level_of_theory="made up")
CELL = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
STEP_A = 0.1


class Table(Calculator):
    """Energy of ordering k, which its lattice constant tells; None stands for a failure. No forces."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(self, energies_eV):
        super().__init__()
        self.energies_eV = energies_eV

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy = self.energies_eV[round((atoms.cell.lengths()[0] - 6.0) / STEP_A)]
        energy = np.nan if energy is None else energy
        zero = np.zeros((len(atoms), 3))
        self.results = {"energy": energy, "free_energy": energy, "forces": zero, "stress": np.zeros(6)}


def ordering(number):
    return Structure(Lattice.cubic(6.0 + STEP_A * number), ["Na", "Cl"], [[0] * 3, [0.5] * 3])


def documents(n, n_enumerated=None):
    records = [
        OrderingRecord(energy_eV=0.0, charge_pattern_id=i, multiplicity=i + 1, supercell=CELL)
        for i in range(n_enumerated or n)
    ]
    relaxed = [
        RelaxedStructure(
            source_index=n - 1 - i,  # the foundation reverses the order of the enumeration
            structure=ordering(n - 1 - i),
            energy_eV=2.0 * i,
            energy_eV_per_atom=1.0 * i,
            max_force_eV_per_A=0.0,
            n_steps=1,
            converged=True,
        )
        for i in range(n)
    ]
    orderings = OrderingSetDoc.model_construct(
        key="o", records=records, structures=[ordering(i) for i in range(len(records))]
    )
    screening = ScreeningDoc(
        key="s",
        spec_key="spec",
        parents=["o"],
        composition=CompositionInfo(axes={}, label="x", formula="NaCl"),
        potential=FOUNDATION,
        relaxed=relaxed,
        descriptors=[],
        energies_eV_per_atom=[item.energy_eV_per_atom for item in relaxed],
    )
    return screening, orderings


def run(monkeypatch, energies_eV, n_screened=None, **settings):
    monkeypatch.setattr(jobs, "load_calculator", lambda *_args, **_kwargs: Table(energies_eV))
    screening, orderings = documents(n_screened or len(energies_eV), len(energies_eV))
    model = ModelDoc.model_construct(key="m", potential=FOUNDATION, model_blob=None)
    chosen = StabilitySettings(relax=RelaxSettings(relax_cell=False), **settings)
    return GroundStateMaker(settings=chosen).make.original(
        GroundStateMaker(settings=chosen), model, screening, orderings
    )


def key_without_ranking(max_structures):
    """What documents of before there was a ranking are filed under."""
    settings = {
        "max_structures": max_structures,
        "relax": {"fmax_eV_per_A": 0.05, "max_steps": 300, "relax_cell": False},
        "compare_with_labels": True,
    }
    return content_key(["GroundStateDoc", SCHEMA_VERSION, ["m", "s"], settings])


def test_the_tuned_model_overrules_the_foundation(monkeypatch):
    # by ordering of the enumeration; the foundation has 5 lowest, the tuned model 1, then 3
    doc = run(monkeypatch, [-1.0, -9.0, -2.0, -8.0, -3.0, -1.5], max_structures=2)
    screening, _ = documents(6)
    assert [screening.relaxed[item.source_index].source_index for item in doc.relaxed] == [1, 3]
    assert doc.energies_eV_per_atom == [-4.5, -4.0]
    assert doc.multiplicities == [2, 4]
    assert (doc.n_candidates, doc.ranking.n_evaluated, doc.ranking.changed) == (2, 6, True)
    assert [item.static_energy_eV_per_atom for item in doc.evaluated] == [-0.75, -1.5, -4.0, -1.0, -4.5, -0.5]
    assert [item.multiplicity for item in doc.evaluated] == [6, 5, 4, 3, 2, 1]
    assert doc.key != key_without_ranking(2)


def test_a_ranking_that_changes_nothing_leaves_the_key(monkeypatch):
    agreeing = run(monkeypatch, [-1.0, -2.0, -3.0, -4.0, -5.0], max_structures=3)
    assert not agreeing.ranking.changed
    assert agreeing.key == key_without_ranking(3)
    assert agreeing.ranking.rank_correlation_relaxed == pytest.approx(1.0)
    assert agreeing.ranking.rank_correlation_foundation == pytest.approx(1.0)
    everything = run(monkeypatch, [-5.0, -2.0, -3.0], max_structures=3)
    assert everything.key == key_without_ranking(3)
    assert [item.source_index for item in everything.relaxed] == [2, 0, 1]
    assert everything.ranking.rank_correlation_foundation == pytest.approx(-0.5)


def test_all_enumerated_orderings_can_be_ranked(monkeypatch):
    energies = [-1.0, -2.0, -3.0, -4.0, -9.0, -1.0]
    doc = run(monkeypatch, energies, n_screened=3, max_structures=2, candidates=Candidates.ENUMERATED)
    assert [item.source_index for item in doc.relaxed] == [4, 3]
    assert doc.multiplicities == [5, 4]
    assert (doc.ranking.candidates, doc.ranking.n_evaluated) == ("enumerated", 6)
    assert doc.ranking.rank_correlation_foundation is None


def test_orderings_on_which_the_model_fails_come_last(monkeypatch):
    doc = run(monkeypatch, [-1.0, None, -3.0], max_structures=2)
    assert [item.source_index for item in doc.relaxed] == [0, 2]
    assert doc.ranking.n_failed == 1
    with pytest.raises(InsufficientDataError, match="no ordering could be relaxed"):
        run(monkeypatch, [None, None], max_structures=2)


def test_rank_correlations_need_three_different_pairs():
    assert rank_correlation([1, 2, None], [1, 2, 3]) is None
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
    assert rank_correlation([1, 2, 3, None], [10, 30, 20, 5]) == pytest.approx(0.5)
