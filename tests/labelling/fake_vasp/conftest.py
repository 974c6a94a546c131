"""Run folders for the stand-in, without pymatgen or atomate2."""

import io

import numpy as np
import pytest

from superionic.labelling.fake_vasp.potcars import synthetic_potcar
from superionic.labelling.fake_vasp.run import run_folder

INCAR = """ALGO = All
EDIFF = 1e-05
ENCUT = 680.0
IBRION = -1
ISMEAR = 0
ISPIN = 1
KSPACING = 0.5
LASPH = True
LREAL = False
METAGGA = Scan
NELM = 100
NELMIN = 5
NSW = 0
PREC = Accurate
SIGMA = 0.05
"""
POTENTIALS = {"Li": "Li_sv", "Cl": "Cl", "Na": "Na_pv", "Zr": "Zr_sv", "P": "P", "O": "O"}


def poscar_text(cell_A, runs, fractions):
    """A POSCAR in the form that pymatgen writes."""
    symbols = [symbol for symbol, count in runs for _ in range(count)]
    return "\n".join(
        [
            "comment",
            "1.0",
            *(" ".join(f"{value:.12f}" for value in row) for row in cell_A),
            " ".join(symbol for symbol, _ in runs),
            " ".join(str(count) for _, count in runs),
            "direct",
            *(
                " ".join(f"{v:.12f}" for v in row) + f" {symbol}"
                for row, symbol in zip(fractions, symbols, strict=True)
            ),
            "",
        ]
    )


@pytest.fixture
def rock_salt_arrays():
    """Cell, runs of species and fractional coordinates of distorted LiCl."""
    face_centres = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = np.concatenate([face_centres, face_centres + np.array([0.5, 0, 0])]) + np.random.default_rng(0).normal(
        0, 0.02, (8, 3)
    )
    cell = np.array([[5.2, 0.0, 0.0], [0.1, 5.1, 0.0], [0.0, -0.2, 5.3]])
    return cell, [("Li", 4), ("Cl", 4)], sites


@pytest.fixture
def fill():
    """Write the input files of a run."""

    def write(path, cell, runs, fractions, incar=INCAR):
        path.mkdir(exist_ok=True)
        (path / "INCAR").write_text(incar)
        (path / "POSCAR").write_text(poscar_text(cell, runs, fractions))
        (path / "POTCAR").write_text("".join(synthetic_potcar(POTENTIALS[symbol]) for symbol, _ in runs))
        return path

    return write


@pytest.fixture
def folder(tmp_path, rock_salt_arrays, fill):
    """A folder that is ready to run."""
    return fill(tmp_path / "run", *rock_salt_arrays)


@pytest.fixture
def execute():
    """Run in this process; gives exit code and standard output."""

    def run(path, **environment):
        out = io.StringIO()
        names = {f"SUPERIONIC_FAKE_VASP_{name.upper()}": str(value) for name, value in environment.items()}
        return run_folder(path, names, out), out.getvalue()

    return run
