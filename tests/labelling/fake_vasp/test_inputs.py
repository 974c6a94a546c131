"""Input files are read as VASP reads them, and refused where VASP would."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp import Poscar, PotcarSingle

from superionic.errors import InputError
from superionic.labelling.fake_vasp import write_synthetic_potcars
from superionic.labelling.fake_vasp.inputs import InputFileError, read_incar, read_inputs, read_poscar
from superionic.labelling.fake_vasp.potcars import FOLDERS, POTENTIALS, synthetic_potcar


def test_incar_comments_and_several_tags_per_line():
    text = "  encut = 680 ! high\nISMEAR=0;SIGMA = 0.05\n# NELM = 3\nMAGMOM = 4*0.6 2*5.0\nSYSTEM\n"
    assert read_incar(text) == {"ENCUT": "680", "ISMEAR": "0", "SIGMA": "0.05", "MAGMOM": "4*0.6 2*5.0"}


@pytest.mark.parametrize("cartesian", [True, False])
@pytest.mark.parametrize("scale", [1.0, 1.7, -500.0])
def test_poscar_agrees_with_pymatgen(rock_salt_arrays, cartesian, scale):
    cell, runs, fractions = rock_salt_arrays
    symbols = [symbol for symbol, count in runs for _ in range(count)]
    poscar = Poscar(Structure(cell, symbols, fractions), selective_dynamics=np.ones((8, 3), dtype=bool))
    lines = poscar.get_str(direct=not cartesian, significant_figures=12).splitlines()
    lines[1] = str(scale)
    text = "\n".join(lines)
    wanted, found = Structure.from_str(text, fmt="poscar"), read_poscar(text)
    if not (cartesian and scale < 0):  # VASP and pymatgen differ on scaling cartesian places by a volume
        assert np.allclose(found.fractions, wanted.frac_coords)
    assert np.allclose(found.cell_A, wanted.lattice.matrix)
    assert found.symbols == [site.specie.symbol for site in wanted]


def test_other_order_of_species_is_refused(folder, rock_salt_arrays):
    (folder / "POTCAR").write_text(synthetic_potcar("Cl") + synthetic_potcar("Li_sv"))
    with pytest.raises(InputFileError, match=r"POSCAR are Li Cl, POTCAR holds Cl Li"):
        read_inputs(folder)


def test_interleaved_species_need_a_potcar_for_each_run(tmp_path, rock_salt_arrays, fill):
    cell, _, fractions = rock_salt_arrays
    runs = [("Li", 2), ("Cl", 4), ("Li", 2)]
    folder = fill(tmp_path / "run", cell, runs, fractions)
    assert len(read_inputs(folder).potcar) == 3
    (folder / "POTCAR").write_text(synthetic_potcar("Li_sv") + synthetic_potcar("Cl"))
    with pytest.raises(InputFileError, match="do not match"):
        read_inputs(folder)


def test_kpoints_file_wins_over_spacing(folder):
    assert read_inputs(folder).mesh == (3, 3, 3)
    (folder / "KPOINTS").write_text("comment\n0\nGamma\n2 1 4\n0 0 0\n")
    assert read_inputs(folder).mesh == (2, 1, 4)


@pytest.mark.parametrize("name", ["INCAR", "POSCAR", "POTCAR"])
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputFileError, match=name):
        read_inputs(folder)


def test_program_says_why_it_refuses(folder):
    (folder / "POTCAR").write_text(synthetic_potcar("Cl"))
    done = subprocess.run(
        [sys.executable, "-m", "superionic.labelling.fake_vasp"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "ERROR: POSCAR and POTCAR do not match" in done.stdout
    assert not (folder / "vasprun.xml").exists()


@pytest.mark.filterwarnings("ignore")  # that pymatgen does not know these potentials is the point
@pytest.mark.parametrize("symbol", sorted(POTENTIALS))
def test_pymatgen_reads_every_synthetic_potcar(symbol):
    potcar = PotcarSingle(synthetic_potcar(symbol))
    assert potcar.symbol == symbol
    assert potcar.element == symbol.split("_")[0]
    assert potcar.zval == POTENTIALS[symbol].zval
    assert potcar.functional == "PBE"
    assert potcar.potential_type == "PAW"
    assert not potcar.is_valid


def test_base_set_of_atomate2_is_covered(tmp_path):
    import yaml
    from pymatgen.io.vasp import sets

    base = yaml.safe_load((Path(sets.MODULE_DIR) / "PBE54Base.yaml").read_text())["POTCAR"]
    elements = {
        "Li",
        "Na",
        "K",
        "Mg",
        "Al",
        "Y",
        "In",
        "Ga",
        "Zr",
        "Ti",
        "Si",
        "Ge",
        "Sn",
        "P",
        "O",
        "S",
        "Cl",
        "Br",
        "I",
    }
    files = write_synthetic_potcars(tmp_path, [base[element] for element in elements])
    assert len(files) == 2 * len(elements)
    assert {path.parent.name for path in files} == set(FOLDERS)


def test_unknown_symbol_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="'Xx'"):
        write_synthetic_potcars(tmp_path / "new", ["Li_sv", "Xx"])
    assert not (tmp_path / "new").exists()
