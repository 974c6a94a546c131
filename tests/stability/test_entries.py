"""Ground states as pymatgen entries: what pymatgen says of them is what we say."""

import numpy as np
import pytest
from monty.serialization import loadfn
from pymatgen.analysis.phase_diagram import CompoundPhaseDiagram, PhaseDiagram
from pymatgen.core import Composition, Lattice, Structure

from superionic.documents import CompositionInfo
from superionic.errors import InputError
from superionic.potentials.schemas import PotentialRef, RelaxedStructure
from superionic.stability.diagram import phase_diagram
from superionic.stability.entries import ground_state_entries, write_entries
from superionic.stability.schemas import GroundStateDoc
from superionic.training.schemas import ModelDoc

POTENTIAL = PotentialRef(name="test", sha256="0" * 64, level_of_theory="made up")


def state(formula, energy_eV_per_atom, z=2):
    counts = (Composition(formula) * z).as_dict()
    symbols = [f"{s}{'+' if s in 'LiNaK' else '-'}" for s, n in counts.items() for _ in range(round(n))]
    structure = Structure(Lattice.cubic(12.0), symbols, np.random.default_rng(0).random((len(symbols), 3)))
    item = RelaxedStructure(
        source_index=0,
        structure=structure,
        energy_eV=energy_eV_per_atom * len(symbols),
        energy_eV_per_atom=energy_eV_per_atom,
        max_force_eV_per_A=0.0,
        n_steps=1,
        converged=True,
    )
    return GroundStateDoc(
        key=formula,
        composition=CompositionInfo(axes={}, label=formula, formula=formula),
        potential=POTENTIAL,
        relaxed=[item],
        model_key="model",
        energies_eV_per_atom=[energy_eV_per_atom],
        multiplicities=[6],
        n_candidates=1,
    )


def written(states, path):
    write_entries(ground_state_entries(states, {s.key: {"note": s.key} for s in states}), path)
    return loadfn(path)


def ours(states, n_ends):
    model = ModelDoc.model_construct(key="model", potential=POTENTIAL, errors=[])
    doc = phase_diagram(model, states, [], [s.composition for s in states[:n_ends]])
    return [entry.e_above_hull_eV_per_atom for entry in doc.entries]


def test_elements_as_end_members_give_the_hull_of_pymatgen(tmp_path):
    states = [state(f, e) for f, e in (("Na", -1.3), ("K", -1.0), ("Na3K", -1.31), ("NaK", -1.2), ("NaK3", -1.11))]
    entries = written(states, tmp_path / "entries.json")
    assert [e.composition.reduced_formula for e in entries] == ["Na", "K", "KNa3", "KNa", "K3Na"]
    assert [(e.entry_id, e.data["degeneracy"], e.data["note"]) for e in entries[:1]] == [("Na:0", 6, "Na")]
    assert all(e.structure.is_ordered and e.data["level_of_theory"] == "made up" for e in entries)
    diagram = PhaseDiagram(entries)
    assert [diagram.get_e_above_hull(e) for e in entries] == pytest.approx(ours(states, 2), abs=1e-9)
    assert max(ours(states, 2)) > 0.01


def test_compounds_as_end_members_do_too(tmp_path):
    energies = {"Li3InCl6": -3.1, "Li3InBr6": -2.7, "Li6In2Cl9Br3": -3.03, "Li6In2Cl6Br6": -2.89}
    states = [state(f, e, z=1) for f, e in energies.items()]
    entries = written(states, tmp_path / "entries.json.gz")
    ends = [Composition(f) for f in list(energies)[:2]]
    diagram = CompoundPhaseDiagram(entries, ends, normalize_terminal_compositions=True)
    theirs = {e.original_entry.entry_id: diagram.get_e_above_hull(e) for e in diagram.entries}
    found = [theirs[e.entry_id] for e in entries]
    assert found == pytest.approx(ours(states, 2), abs=1e-9)
    assert max(found) > 0.005


def test_the_file_has_a_name_that_can_be_read_back(tmp_path):
    with pytest.raises(InputError, match=r"\.json or \.json\.gz"):
        write_entries([], tmp_path / "entries.txt")
