"""Simple binaries in common prototypes: the `glue` of the distillation of `superionic-mini`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pymatgen.core import Composition, Lattice, Structure

# formula: (prototype, lattice parameter a in angstrom)
BINARIES: dict[str, tuple[str, float]] = {
    "LiCl": ("rocksalt", 5.14),
    "LiBr": ("rocksalt", 5.50),
    "NaCl": ("rocksalt", 5.64),
    "NaBr": ("rocksalt", 5.97),
    "YS": ("rocksalt", 5.48),
    "InCl": ("rocksalt", 5.90),
    "Li2O": ("antifluorite", 4.62),
    "Li2S": ("antifluorite", 5.71),
    "Na2O": ("antifluorite", 5.55),
    "Na2S": ("antifluorite", 6.53),
    "ZrO2": ("fluorite", 5.08),
    "SiO2": ("rutile", 4.18),
    "GeO2": ("rutile", 4.40),
    "SiO2b": ("cristobalite", 7.16),
    "GeO2b": ("cristobalite", 7.55),
    "GeS2": ("cristobalite", 9.20),
    "YCl3": ("chloride", 6.92),
    "YBr3": ("chloride", 7.25),
    "InCl3": ("chloride", 6.41),
    "InBr3": ("chloride", 6.75),
    "Y2O3": ("corundum", 5.60),
    "In2O3": ("corundum", 5.49),
    "LiInS2": ("ordered rocksalt", 5.40),
    "LiYO2": ("ordered rocksalt", 4.85),
}


def binary_structure(formula: str, prototype: str, a: float) -> Structure:
    """Build one binary prototype."""
    names = _symbols(formula)
    if prototype in CUBIC:
        group, sites = CUBIC[prototype]
        cell = Structure.from_spacegroup(group, Lattice.cubic(a), names, sites)
        return cell.get_primitive_structure() if prototype == "cristobalite" else cell
    return OTHER[prototype](names, a)


def _rutile(names: list[str], a: float) -> Structure:
    """Build the rutile structure."""
    lattice = Lattice.tetragonal(a, 0.64 * a)
    return Structure.from_spacegroup("P4_2/mnm", lattice, names, [(0, 0, 0), (0.306, 0.306, 0)])


def _corundum(names: list[str], a: float) -> Structure:
    """Build the corundum structure, primitive cell."""
    lattice = Lattice.hexagonal(a, 2.73 * a)
    sites = [(0, 0, 0.352), (0.306, 0, 0.25)]
    return Structure.from_spacegroup("R-3c", lattice, names, sites).get_primitive_structure()


def _ordered_rocksalt(names: list[str], a: float) -> Structure:
    """Build a rock salt with two cations in alternating layers."""
    lattice = Lattice.tetragonal(a / np.sqrt(2), a)
    sites = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0, 0, 0.5)]
    return Structure(lattice, [*names, names[-1]], sites)


def _chloride(names: list[str], a: float) -> Structure:
    """Build the monoclinic AlCl3-type layer structure."""
    return Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(a, 1.73 * a, 0.99 * a, 109.8),
        [names[0], names[1], names[1]],
        [(0, 0.167, 0), (0.22, 0, 0.22), (0.25, 0.32, 0.22)],
    ).get_primitive_structure()


def _symbols(formula: str) -> list[str]:
    """List the element symbols of a simple formula, without counts or suffix."""
    return [element.symbol for element in Composition(formula.rstrip("b")).elements]


CUBIC: dict[str, tuple[str, list[tuple[float, float, float]]]] = {
    "rocksalt": ("Fm-3m", [(0, 0, 0), (0.5, 0.5, 0.5)]),
    "antifluorite": ("Fm-3m", [(0.25, 0.25, 0.25), (0, 0, 0)]),
    "fluorite": ("Fm-3m", [(0, 0, 0), (0.25, 0.25, 0.25)]),
    "cristobalite": ("Fd-3m", [(0, 0, 0), (0.125, 0.125, 0.125)]),
}
OTHER: dict[str, Callable[[list[str], float], Structure]] = {
    "rutile": _rutile,
    "corundum": _corundum,
    "ordered rocksalt": _ordered_rocksalt,
    "chloride": _chloride,
}
