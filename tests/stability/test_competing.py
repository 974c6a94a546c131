import numpy as np
import pytest
from monty.serialization import dumpfn
from pymatgen.analysis.phase_diagram import PhaseDiagram
from pymatgen.core import Composition
from pymatgen.entries.computed_entries import ComputedEntry

from superionic.errors import InputError
from superionic.stability import against_competing_phases, read_competing_phases


def competing(formula, energy_per_atom):
    composition = Composition(formula)
    return ComputedEntry(composition, energy_per_atom * composition.num_atoms)


def phase(formula, energy_per_atom):
    composition = Composition(formula)
    return composition, energy_per_atom * composition.num_atoms, round(composition.num_atoms)


def test_a_halide_against_its_binaries_by_hand():
    # 10 atoms: 3 LiCl (6 atoms at -3.0) and InCl3 (4 atoms at -2.5) make -2.8 eV/atom
    binaries = [competing("LiCl", -3.0), competing("InCl3", -2.5), competing("LiBr", -9.0)]
    stable, unstable = against_competing_phases([phase("Li3InCl6", -2.81), phase("Li6In2Cl12", -2.79)], binaries)
    assert stable.e_above_hull_eV_per_atom == pytest.approx(0.0, abs=1e-9)
    assert stable.decomposition_energy_eV_per_atom == pytest.approx(-0.01)
    assert stable.decomposition == pytest.approx({"LiCl": 0.6, "InCl3": 0.4})
    assert unstable.e_above_hull_eV_per_atom == pytest.approx(0.02)
    assert unstable.decomposition_energy_eV_per_atom == pytest.approx(0.01)


def test_a_polymorph_among_the_competitors_counts():
    (result,) = against_competing_phases([phase("Li3InCl6", -2.8)], [competing("Li3InCl6", -2.85)])
    assert result.e_above_hull_eV_per_atom == pytest.approx(0.05)
    assert result.decomposition == {"Li3InCl6": pytest.approx(1.0)}


def test_without_competitors_that_enclose_it_a_phase_has_no_decomposition():
    (result,) = against_competing_phases([phase("Li3InCl6", -2.8)], [competing("LiCl", -3.0)])
    assert result.e_above_hull_eV_per_atom == 0.0
    assert result.decomposition_energy_eV_per_atom is None
    assert result.decomposition == {}


@pytest.mark.parametrize("seed", range(3))
def test_hull_distances_are_those_of_pymatgen(seed):
    rng = np.random.default_rng(seed)
    formulas = ["Li", "In", "Cl2", "LiCl", "InCl", "InCl3", "LiIn", "Li3In2Cl9"]
    others = [competing(f, float(rng.normal(-3, 0.3))) for f in formulas]
    mine = [phase(f, float(rng.normal(-3, 0.3))) for f in ("Li3InCl6", "Li3InCl6", "LiInCl4")]
    entries = [ComputedEntry(c, e) for c, e, _ in mine]
    diagram = PhaseDiagram([*entries, *others])
    for result, entry in zip(against_competing_phases(mine, others), entries, strict=True):
        assert result.e_above_hull_eV_per_atom == pytest.approx(diagram.get_e_above_hull(entry), abs=1e-8)


def test_files_of_entries_are_read_and_others_refused(tmp_path):
    entries = [competing("LiCl", -3.0), competing("InCl3", -2.5)]
    dumpfn(entries, tmp_path / "phases.json.gz")
    assert [e.energy for e in read_competing_phases(tmp_path / "phases.json.gz")] == [-6.0, -10.0]
    (tmp_path / "other.json").write_text('{"LiCl": -3}')
    with pytest.raises(InputError, match="no list of pymatgen ComputedEntry"):
        read_competing_phases(tmp_path / "other.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_competing_phases(tmp_path / "absent.json")
    with pytest.raises(InputError, match="not finite"):
        against_competing_phases([phase("LiCl", float("nan"))], entries)
