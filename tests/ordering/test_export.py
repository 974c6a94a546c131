"""Files of orderings read back by other programs."""

import json

import ase.io
import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from superionic.errors import OrderingError
from superionic.ordering.export import FileFormat, described, prepare_folder, space_group, write_orderings
from superionic.ordering.tasks import OrderingTask
from superionic.stages import OrderingSettings


def task_of(structure, n=6, supercells=((1, 1, 1),)):
    settings = OrderingSettings(max_orderings=n)
    return OrderingTask("x=1,y=1", "Li3InBr6", {"x": "1"}, structure, list(supercells), settings, 0)


def test_cifs_hold_what_was_found(li3inbr6, tmp_path):
    task = task_of(li3inbr6, supercells=[((1, 1, 0), (0, 1, 0), (0, 0, 2))])
    found = task.run()
    summary = write_orderings(tmp_path / "a", task, found, FileFormat.CIF, 0.1)
    assert [row["file"] for row in summary["orderings"]] == [f"{n:04d}.cif" for n in range(1, 7)]
    assert summary["orderings"][0]["supercell"] == "1,1,0;0,1,0;0,0,2"
    for row, structure in zip(summary["orderings"], found.structures, strict=True):
        read = Structure.from_file(tmp_path / "a" / row["file"])
        assert read.composition == structure.composition
        assert EwaldSummation(read).total_energy == pytest.approx(row["energy_eV"], abs=1e-4)
        assert len(ase.io.read(tmp_path / "a" / row["file"])) == len(structure)


def test_extxyz_holds_what_was_found(li3inbr6, tmp_path):
    task = task_of(li3inbr6)
    found = task.run()
    write_orderings(tmp_path / "a", task, found, FileFormat.EXTXYZ, 0.1)
    frames = ase.io.read(tmp_path / "a" / "orderings.extxyz", ":")
    assert [frame.info["ewald_energy_eV"] for frame in frames] == pytest.approx(found.energies_eV.tolist())
    for frame, structure in zip(frames, found.structures, strict=True):
        assert np.allclose(frame.positions, structure.cart_coords, atol=1e-6)
        assert frame.arrays["formal_charge_e"].sum() == pytest.approx(0)
        assert frame.calc is None


def test_summary_is_exact_and_says_how(mixed_halide, tmp_path):
    task = task_of(mixed_halide, n=3, supercells=[(1, 2, 2)])
    found = task.run()
    summary = write_orderings(tmp_path / "a", task, found, FileFormat.CIF, 0.1)
    read = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert read["orderings"] == summary["orderings"]
    assert read["count_distinct"] == found.count_distinct > 2**63
    assert read["count_raw"] == found.count_raw
    assert (read["exact"], read["complete"], read["count_listed"]) == (False, False, 3)
    assert read["mode"] == found.mode
    assert read["settings"]["seed"] == 0
    assert "superionic" in read["software"]


def test_rows_know_energy_and_space_group(li3inbr6):
    described_rows = list(described(task_of(li3inbr6, n=10).run(), 10))
    rows = [row for row, _ in described_rows]
    assert rows[0].energy_above_lowest_eV_per_atom == 0
    assert rows[3].energy_above_lowest_eV_per_atom == pytest.approx((rows[3].energy_eV - rows[0].energy_eV) / 20)
    assert [row.rank for row in rows] == list(range(1, 11))
    # the operations that leave an ordering as it is: order of the group (8) over its multiplicity
    for row, structure in described_rows:
        symmetry = SpacegroupAnalyzer(structure, symprec=0.01)
        assert len(symmetry.get_symmetry_operations()) * row.multiplicity == 8
        assert row.space_group == f"{symmetry.get_space_group_symbol()} ({symmetry.get_space_group_number()})"


def test_space_group_of_a_known_crystal(li3inbr6):
    ordered = li3inbr6.copy()
    ordered.replace_species({species: species.symbol for species in ordered.composition})
    ordered.remove_sites([i for i, site in enumerate(ordered) if not site.is_ordered])
    assert space_group(ordered) == "C2/m (12)"


def test_a_second_call_replaces_the_first(li3inbr6, tmp_path):
    task = task_of(li3inbr6)
    write_orderings(tmp_path / "a", task, task.run(), FileFormat.CIF, 0.1)
    short = task_of(li3inbr6, n=2)
    write_orderings(tmp_path / "a", short, short.run(), FileFormat.EXTXYZ, 0.1)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["orderings.extxyz", "summary.json"]


def test_foreign_files_are_never_removed(li3inbr6, tmp_path):
    task = task_of(li3inbr6)
    write_orderings(tmp_path / "a", task, task.run(), FileFormat.CIF, 0.1)
    (tmp_path / "a" / "mine.txt").write_text("keep me")
    with pytest.raises(OrderingError, match=r"mine\.txt"):
        prepare_folder(tmp_path / "a")
    assert (tmp_path / "a" / "0001.cif").exists()
    with pytest.raises(OrderingError, match="is a file"):
        prepare_folder(tmp_path / "a" / "mine.txt")
