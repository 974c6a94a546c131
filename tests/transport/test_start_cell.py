"""The cell that a production run starts from."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from superionic.stages import RelaxSettings, TransportSettings
from superionic.transport.jobs import ProductionMDMaker
from superionic.transport.start_cell import START_FILE, load_start, relaxed_cell, save_start


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


def test_the_key_of_a_run_knows_its_cell_and_is_that_of_before_without_one():
    makers = [ProductionMDMaker(settings=TransportSettings(cell=cell)) for cell in ("as-relaxed", "relax")]
    default, other = (maker._inputs() for maker in makers)
    assert "cell" not in default
    assert other["cell"] == "relax"
