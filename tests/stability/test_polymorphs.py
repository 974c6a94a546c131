"""Hulls with polymorphs, by energies made by hand."""

from math import sqrt

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.builders.phase_diagrams import build_phase_diagrams
from superionic.documents import CompositionInfo
from superionic.potentials.schemas import PotentialRef, RelaxedStructure
from superionic.stability.jobs import PhaseDiagramMaker
from superionic.stability.polymorphs import with_polymorphs
from superionic.stability.schemas import GroundStateDoc
from superionic.training.schemas import ErrorRow, ModelDoc, Split

POTENTIAL = PotentialRef(name="test", sha256="0" * 64, level_of_theory="made up")
AXES = {"Na": 0.0, "NaK": 0.5, "K": 1.0}


def state(formula, energies_eV_per_atom, polymorph=None):
    symbols = ["Na", "K"] if formula == "NaK" else [formula]
    structure = Structure(Lattice.cubic(6.0), symbols, [[i / len(symbols)] * 3 for i in range(len(symbols))])
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
    label = f"x={AXES[formula]:g}" + (f" ({polymorph})" if polymorph else "")
    return GroundStateDoc(
        key=label,
        composition=CompositionInfo(axes={"x": AXES[formula]}, label=label, formula=formula, polymorph=polymorph),
        potential=POTENTIAL,
        relaxed=relaxed,
        model_key="model",
        energies_eV_per_atom=energies_eV_per_atom,
        n_candidates=len(relaxed),
    )


def model(error_meV_per_atom=None):
    rows = [
        ErrorRow.model_construct(model="tuned", split=Split.TEST, group="all", energy_rmse_meV_per_atom=error)
        for error in [error_meV_per_atom]
        if error is not None
    ]
    return ModelDoc.model_construct(key="model", parents=[], potential=POTENTIAL, errors=rows)


def diagram(states, error=None):
    members = [doc.composition for doc in states if doc and doc.composition.label in ("x=0", "x=1")]
    return PhaseDiagramMaker.make.original(PhaseDiagramMaker(), model(error), states, [], members)


@pytest.fixture
def states():
    """NaK is 3 meV/atom more stable as "b", which stays 4 meV/atom above the hull; "c" of K is the lower one."""
    return [
        state("Na", [-1.0, -0.99]),
        state("K", [-2.0]),
        state("NaK", [-1.497, -1.49]),
        state("NaK", [-1.5, -1.499], "b"),
        state("K", [-2.008], "c"),
    ]


def entry(doc, label, index=0):
    return next(e for e in doc.entries if e.composition.label == label and e.source_index == index)


def test_the_hull_stands_on_the_lowest_of_all_structures(states):
    doc = diagram(states)
    assert entry(doc, "x=1 (c)").stable
    assert entry(doc, "x=1 (c)").formation_energy_eV_per_atom == 0
    assert entry(doc, "x=1").e_above_hull_eV_per_atom == pytest.approx(0.008)
    assert entry(doc, "x=0.5 (b)").e_above_hull_eV_per_atom == pytest.approx(0.004)
    assert [e.composition.label for e in doc.entries if e.stable] == ["x=0", "x=1 (c)"]


def test_polymorphs_are_compared_with_the_host_at_their_composition(states):
    doc = diagram(states, error=2.0)
    b, c = doc.polymorphs
    assert (b.composition.polymorph, c.composition.polymorph) == ("b", "c")
    assert b.energy_difference_eV_per_atom == pytest.approx(-0.003)
    assert b.energy_difference_eV_per_formula_unit == pytest.approx(-0.006)
    assert c.energy_difference_eV_per_formula_unit == pytest.approx(c.energy_difference_eV_per_atom)
    assert b.energy_difference_std_eV_per_atom == pytest.approx(sqrt(2) * 0.002)
    assert b.energy_difference_std_eV_per_formula_unit == pytest.approx(2 * sqrt(2) * 0.002)
    assert (b.lowest, c.lowest) == (True, True)
    assert diagram(states).polymorphs[0].energy_difference_std_eV_per_atom is None


def test_structures_of_one_composition_are_wrong_independently(states):
    """Of two structures that differ by nothing, either is stable in half of the cases, orderings of one are not."""
    same = [state("Na", [-1.0, -1.0]), state("K", [-2.0]), state("Na", [-1.0], "twin")]
    doc = diagram(same, error=3.0)
    shares = [entry(doc, "x=0", 0), entry(doc, "x=0", 1), entry(doc, "x=0 (twin)")]
    assert [e.probability_stable for e in shares] == pytest.approx([0.5] * 3, abs=0.07)
    assert shares[0].probability_stable == shares[1].probability_stable
    assert shares[0].probability_stable + shares[2].probability_stable == pytest.approx(1.0)


def test_differences_by_labels_are_those_of_their_own_lowest_orderings(states):
    doc = diagram(states)
    by_labels = [0.01, 0.0, 0.05, -0.2, -0.3, -0.15, -0.1, 0.0]
    labelled = [
        entry.model_copy(update={"reference_formation_energy_eV_per_atom": energy})
        for entry, energy in zip(doc.entries, by_labels, strict=True)
    ]
    again = with_polymorphs(doc.model_copy(update={"entries": labelled}))
    assert [p.reference_energy_difference_eV_per_atom for p in again.polymorphs] == pytest.approx([0.15, -0.05])
    assert [p.lowest for p in again.polymorphs] == [True, True], "by the tuned model, whatever the labels say"
    assert [p.reference_energy_difference_eV_per_atom for p in doc.polymorphs] == [None, None]


def test_a_polymorph_whose_host_failed_is_on_the_hull_and_compared_with_nothing(states):
    doc = diagram([*states[:2], None, *states[3:]])
    assert [p.composition.polymorph for p in doc.polymorphs] == ["c"]
    assert doc.warnings == ["NaK (b) is compared with nothing: the host has no ground state at its composition"]


def test_without_polymorphs_nothing_changes(states):
    doc = diagram(states[:3], error=2.0)
    assert doc.polymorphs == []
    assert doc.warnings == []
    assert np.isfinite([e.probability_stable for e in doc.entries]).all()


def test_rows_count_compositions_once_and_name_the_stable_structure(states):
    doc = diagram(states, error=2.0).model_copy(update={"key": "d"})
    output = doc.model_dump(mode="json") | {"@class": "PhaseDiagramDoc"}
    (row,) = build_phase_diagrams([{"uuid": "u", "index": 1, "output": output, "completed_at": "2030-01-01T10:00:00"}])
    assert (row.n_compositions, len(row.phases), row.n_orderings) == (3, 5, 8)
    assert row.stable_formulas == ["Na", "K (c)"]
    assert row.largest_e_above_hull_eV_per_atom == pytest.approx(0.004), "of ground states, not of their polymorphs"
    b = next(phase for phase in row.phases if phase.polymorph == "b")
    assert b.energy_difference_eV_per_atom == pytest.approx(-0.003)
    assert b.energy_difference_std_eV_per_atom == pytest.approx(sqrt(2) * 0.002)
