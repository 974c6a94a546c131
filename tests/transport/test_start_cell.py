"""The cell that a production run starts from."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from superionic.dynamics import EquilibratedCell, MDSettings
from superionic.stages import RelaxSettings, TransportSettings
from superionic.transport.jobs import ProductionMDMaker
from superionic.transport.start_cell import START_FILE, expanded_cell, load_start, relaxed_cell, save_start


def test_a_supercell_is_relaxed_and_comes_back_bit_for_bit(tmp_path):
    atoms = bulk("Cu", a=3.7, cubic=True).repeat(2)
    atoms.rattle(0.05, seed=1)
    start = relaxed_cell(atoms, EMT(), TransportSettings(cell="relax", cell_relax={"fmax_eV_per_A": 0.01}))
    edge = start.atoms.get_volume() ** (1 / 3) / 2
    assert edge == pytest.approx(3.59, abs=0.02), "the lattice parameter of EMT copper"
    assert start.volume_change == pytest.approx((edge / 3.7) ** 3 - 1)
    assert start.notes == ()
    save_start(tmp_path, start)
    again = load_start(tmp_path, atoms)
    assert np.array_equal(again.atoms.positions, start.atoms.positions)
    assert np.array_equal(again.atoms.cell.array, start.atoms.cell.array)
    assert list(again.atoms.numbers) == list(atoms.numbers)


def test_a_relaxation_that_did_not_arrive_is_noted_and_a_damaged_file_is_made_anew(tmp_path):
    atoms = bulk("Cu", a=3.7, cubic=True)
    start = relaxed_cell(atoms, EMT(), TransportSettings(cell="relax", cell_relax=RelaxSettings(max_steps=1)))
    assert "not relaxed in 1 steps" in start.notes[0]
    assert load_start(tmp_path, atoms) is None
    save_start(tmp_path, start)
    (tmp_path / START_FILE).write_bytes(b"half a fi")
    assert load_start(tmp_path, atoms) is None


def test_copper_expands_with_the_temperature():
    atoms = bulk("Cu", a=3.59, cubic=True).repeat(2)
    md = MDSettings(800.0, 1.0, 5.0, seed=1)
    warm = expanded_cell(atoms, EMT(), TransportSettings(cell="npt", npt_ps=1.0), md)
    assert 0.01 < warm.volume_change < 0.08, "some 1.8e-5 / K along each edge"
    assert warm.atoms.get_volume() / atoms.get_volume() - 1 == pytest.approx(warm.volume_change, abs=0.01)


@pytest.mark.parametrize(("drift", "noted"), [(0.03, True), (-0.03, True), (0.004, False)])
def test_a_volume_that_still_drifts_is_noted(monkeypatch, drift, noted):
    atoms = bulk("Cu", a=3.59, cubic=True)
    found = EquilibratedCell(atoms, 47.0, 0.5, 46.0, drift, 0.001, 800.0)
    monkeypatch.setattr("superionic.transport.start_cell.equilibrate_cell", lambda *_: found)
    start = expanded_cell(atoms, EMT(), TransportSettings(cell="npt"), MDSettings(800.0, 1.0))
    assert any("raise npt_ps" in note for note in start.notes) is noted
    assert start.volume_change == pytest.approx(1 / 46)


def test_the_key_of_a_run_knows_its_cell_and_is_that_of_before_without_one():
    makers = [ProductionMDMaker(settings=TransportSettings(cell=cell)) for cell in ("as-relaxed", "relax", "npt")]
    default, relaxed, warm = (maker._inputs() for maker in makers)
    assert not any(name.startswith(("cell", "npt")) for name in default)
    assert (relaxed["cell"], warm["cell"], warm["npt_ps"]) == ("relax", "npt", 20.0)
    assert "npt_ps" not in relaxed
