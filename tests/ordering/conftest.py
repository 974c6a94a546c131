"""Disordered reference crystals (approximate literature coordinates)."""

import sys
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

HERE = str(Path(__file__).parent)
if HERE not in sys.path:  # the tests share brute_force and random_crystals
    sys.path.insert(0, HERE)


def halide(metal, anion, li_g=0.75, li_h=0.75):
    """Li3MX6 in C2/m with Li on 4g and 4h."""
    return Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(6.90, 11.93, 6.84, 109.8),
        [metal, {"Li+": li_g}, {"Li+": li_h}, anion, anion],
        [[0, 0, 0], [0, 0.335, 0], [0, 0.163, 0.5], [0.246, 0, 0.763], [0.244, 0.160, 0.241]],
    )


@pytest.fixture(scope="session")
def li3inbr6():
    return halide({"In3+": 1}, {"Br-": 1})


@pytest.fixture(scope="session")
def mixed_halide():
    """Li3In0.5Y0.5Br3Cl3: isovalent species on two sublattices."""
    return halide({"In3+": 0.5, "Y3+": 0.5}, {"Br-": 0.5, "Cl-": 0.5})


@pytest.fixture(scope="session")
def mixed_bromide():
    """Li3In0.5Y0.5Br6: isovalent species on one sublattice."""
    return halide({"In3+": 0.5, "Y3+": 0.5}, {"Br-": 1})


@pytest.fixture(scope="session")
def mixed_halide_4g_full():
    return halide({"In3+": 0.5, "Y3+": 0.5}, {"Br-": 0.5, "Cl-": 0.5}, li_g=1.0, li_h=0.5)


@pytest.fixture(scope="session")
def nasicon():
    """Na3Zr2Si2PO12 in R-3c, hexagonal cell, Na1 and Na2 with one occupancy."""
    return Structure.from_spacegroup(
        "R-3c",
        Lattice.hexagonal(9.05, 22.80),
        [{"Na+": 0.75}, {"Na+": 0.75}, "Zr4+", {"Si4+": 2 / 3, "P5+": 1 / 3}, "O2-", "O2-"],
        [
            [0, 0, 0],
            [0.638, 0, 0.25],
            [0, 0, 0.147],
            [0.294, 0, 0.25],
            [0.180, -0.030, 0.1925],
            [0.192, 0.168, 0.0868],
        ],
    )
