from types import SimpleNamespace

import numpy as np
import pytest
from pymatgen.analysis.phase_diagram import PhaseDiagram as ElementalPhaseDiagram
from pymatgen.core import Lattice, Species, Structure

from superionic.documents import CompositionInfo
from superionic.potentials.schemas import PotentialRef, RelaxedStructure
from superionic.stability import phase_diagram_entries
from superionic.stability.details import with_details
from superionic.stability.diagram import phase_diagram, relaxed_id
from superionic.stability.schemas import GroundStateDoc
from superionic.training.schemas import ErrorRow, ModelDoc, Split

POTENTIAL = PotentialRef(name="test", sha256="0" * 64, level_of_theory="made up")


def ground_state(symbols, energies_eV_per_atom):
    lattice = Lattice.cubic(6.0)
    structure = Structure(lattice, symbols, [[i / len(symbols)] * 3 for i in range(len(symbols))])
    formula = structure.composition.reduced_formula
    relaxed = [
        RelaxedStructure(
            source_index=index,
            structure=structure,
            energy_eV=energy * len(symbols),
            energy_eV_per_atom=energy,
            max_force_eV_per_A=0.01,
            n_steps=3,
            converged=True,
        )
        for index, energy in enumerate(energies_eV_per_atom)
    ]
    return GroundStateDoc(
        key=formula,
        composition=CompositionInfo(axes={}, label=formula, formula=formula),
        potential=POTENTIAL,
        relaxed=relaxed,
        model_key="model",
        energies_eV_per_atom=energies_eV_per_atom,
        n_candidates=len(relaxed),
    )


@pytest.fixture
def states():
    return [ground_state(["Na"], [-1.0]), ground_state(["K"], [-2.0]), ground_state(["Na", "K"], [-1.503, -1.501])]


def model(*errors):
    return ModelDoc.model_construct(key="model", potential=POTENTIAL, errors=list(errors))


def test_phase_diagrams_carry_the_spread_of_the_models_test_error(states):
    row = ErrorRow.model_construct(model="tuned", split=Split.TEST, group="all", energy_rmse_meV_per_atom=4.0)
    doc = phase_diagram(model(row), states, [], [state.composition for state in (states[0], states[1])])
    assert [entry.probability_stable for entry in doc.entries[:2]] == [1.0, 1.0]
    lowest, higher = doc.entries[2:]
    assert lowest.formation_energy_std_eV_per_atom == pytest.approx(0.004 * 1.5**0.5, rel=0.1)
    assert 0.6 < lowest.probability_stable < 0.85  # the normal distribution gives 0.73
    assert higher.probability_stable == 0.0
    assert lowest.e_above_hull_interval_eV_per_atom[0] == 0.0


def labelled(state, error_eV_per_atom):
    """A set with the label of the lowest ordering, from which the model is away by so much."""
    lowest = state.relaxed[0]
    energy = lowest.energy_eV - error_eV_per_atom * len(lowest.structure)
    label = SimpleNamespace(
        parent_id=relaxed_id(state, 0),
        structure=lowest.structure,
        energy_eV=energy,
        numbers=lowest.structure.atomic_numbers,
        level_of_theory="made up",
    )
    return SimpleNamespace(unpack=lambda: [label])


@pytest.mark.parametrize(("errors", "stated"), [((0.01, -0.01, 0.01), 0.01), ((0.001, 0.0, 0.0), 0.004)])
def test_the_larger_of_the_errors_on_test_set_and_ground_states_is_stated(states, errors, stated):
    row = ErrorRow.model_construct(model="tuned", split=Split.TEST, group="all", energy_rmse_meV_per_atom=4.0)
    labels = [labelled(state, error) for state, error in zip(states, errors, strict=True)]
    members = [state.composition for state in states[:2]]
    doc = phase_diagram(model(row), states, labels, members)
    assert doc.formation_energy_std_eV_per_atom == pytest.approx(stated)
    assert doc.test_rmse_eV_per_atom == pytest.approx(0.004)
    assert doc.ground_state_rmse_eV_per_atom == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert doc.entries[2].formation_energy_std_eV_per_atom == pytest.approx(stated * 1.5**0.5, rel=0.1)
    untested = phase_diagram(model(), states, labels, members)
    assert untested.formation_energy_std_eV_per_atom == doc.ground_state_rmse_eV_per_atom


def test_without_a_test_error_there_is_no_spread(states):
    doc = phase_diagram(model(), states, [], [state.composition for state in (states[0], states[1])])
    assert [entry.probability_stable for entry in doc.entries] == [None] * 4


def test_ground_states_are_described_and_misfits_warned_of(states):
    doc = phase_diagram(model(), states, [], [state.composition for state in (states[0], states[1])])
    charged = {"Na": Species("Na", 1), "K": Species("K", -1)}
    host = Structure(
        Lattice.cubic(6.0), [dict.fromkeys(charged.values(), 0.5)] * 2, [[0] * 3, [0.5] * 3], labels=["1a", "1b"]
    )
    wrong = Structure(Lattice.cubic(4.1), [charged["Na"]], [[0] * 3])
    described = with_details(doc, states, {"Na": wrong, "NaK": host, "KNa": host}, "Na")
    assert [entry.ground_state is None for entry in described.entries] == [True, True, False, True]
    assert [place.shares for place in described.entries[2].ground_state.occupancies] == [{"Na": 1.0}, {"K": 1.0}]
    assert described.entries[2].ground_state.lattice_constants == pytest.approx((6, 6, 6, 90, 90, 90))
    assert "no supercell of the host" in described.warnings[0]


def test_phase_diagrams_become_entries_of_pymatgen(states):
    doc = phase_diagram(model(), states, [], [state.composition for state in (states[0], states[1])])
    entries = phase_diagram_entries(doc)
    assert [entry.composition.formula for entry in entries] == ["Na1", "K1", "K1 Na1", "K1 Na1"]
    assert ElementalPhaseDiagram(entries).get_e_above_hull(entries[3]) == pytest.approx(0.002)
    assert entries[3].entry_id.endswith(":1")
