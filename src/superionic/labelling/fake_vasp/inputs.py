"""Reading of VASP's input files by the stand-in (NOT VASP)."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DEFAULT_KSPACING_PER_A: Final = 0.5
TRUE: Final = ("T", ".T")
HASH_DIGITS: Final = 6
"""Decimals of coordinates that count for the hash of a structure."""


class InputFileError(Exception):
    """The stand-in refuses its input, as VASP would."""


@dataclass(frozen=True, eq=False)
class Poscar:
    """A structure as POSCAR gives it.

    Attributes
    ----------
    cell_A : numpy.ndarray, (3, 3)
        Cell vectors in rows, A.
    fractions : numpy.ndarray, (n_atoms, 3)
        Fractional coordinates.
    runs : list of tuple
        Runs of equal species in the order of the file: symbol and number of atoms.
    """

    cell_A: FloatArray
    fractions: FloatArray
    runs: list[tuple[str, int]]

    @property
    def symbols(self) -> list[str]:
        """Element of each atom."""
        return [symbol for symbol, count in self.runs for _ in range(count)]

    @property
    def content_hash(self) -> str:
        """Hash of cell, species and coordinates, whatever the comment line says."""
        numbers = np.round(np.vstack([self.cell_A, self.fractions % 1.0]), HASH_DIGITS) + 0.0
        text = f"{self.runs} {[[f'{value:.{HASH_DIGITS}f}' for value in row] for row in numbers]}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class PotcarEntry:
    """One data set of a POTCAR.

    Attributes
    ----------
    header : str
        Its first line, which vasprun.xml repeats.
    title : str
        Its TITEL.
    element : str
        The element it is made for.
    zval, mass_u, enmax_eV : float
        Valence electrons, mass (u) and cutoff (eV).
    """

    header: str
    title: str
    element: str
    zval: float
    mass_u: float
    enmax_eV: float


@dataclass(frozen=True, eq=False)
class Inputs:
    """All that a run is told.

    Attributes
    ----------
    incar : dict
        Tags, upper case, as text.
    poscar : Poscar
        The structure.
    potcar : list of PotcarEntry
        One data set per run of species.
    mesh : tuple of int
        Divisions of the k-mesh.
    """

    incar: dict[str, str]
    poscar: Poscar
    potcar: list[PotcarEntry]
    mesh: tuple[int, int, int]

    @property
    def n_electrons(self) -> float:
        """Number of valence electrons of the cell."""
        return sum(entry.zval * count for entry, (_, count) in zip(self.potcar, self.poscar.runs, strict=True))

    def number(self, tag: str, default: float) -> float:
        """Value of a numerical tag."""
        return float(self.incar[tag].split()[0]) if tag in self.incar else default


def read_inputs(folder: Path) -> Inputs:
    """Read and check the input files of a folder.

    Raises
    ------
    InputFileError
        If one is missing or unreadable, or if POTCAR does not hold the species of POSCAR in the same order.
    """
    incar = read_incar(_text(folder, "INCAR"))
    poscar = read_poscar(_text(folder, "POSCAR"))
    potcar = read_potcar(_text(folder, "POTCAR"))
    _check_order(poscar, potcar)
    return Inputs(incar, poscar, potcar, _mesh(folder, incar, poscar.cell_A))


def _text(folder: Path, name: str) -> str:
    path = folder / name
    if not path.is_file():
        raise InputFileError(f"the file {name} is missing")
    return path.read_text(encoding="utf-8")


def read_incar(text: str) -> dict[str, str]:
    """Tags of an INCAR; comments are dropped, several tags may share a line."""
    tags = {}
    for line in text.splitlines():
        for item in re.split("[!#]", line, maxsplit=1)[0].split(";"):
            name, equals, value = item.partition("=")
            if equals:
                tags[name.strip().upper()] = value.strip()
    return tags


def is_true(value: str) -> bool:
    """Whether a logical tag is switched on."""
    return value.strip().upper().startswith(TRUE)


def read_poscar(text: str) -> Poscar:
    """A POSCAR of VASP 5 or later.

    Raises
    ------
    InputFileError
        If it cannot be read, e.g. because it lacks the line of species.
    """
    try:
        return _poscar(text.splitlines())
    except (IndexError, ValueError) as error:
        raise InputFileError(f"POSCAR is not readable: {error}") from error


def _poscar(lines: list[str]) -> Poscar:
    scale = float(lines[1].split()[0])
    cell = np.array([[float(word) for word in line.split()[:3]] for line in lines[2:5]])
    cell *= scale if scale > 0 else (-scale / abs(float(np.linalg.det(cell)))) ** (1 / 3)
    symbols = [re.split("[_/]", word)[0] for word in lines[5].split()]
    counts = [int(word) for word in lines[6].split()]
    runs = list(zip(symbols, counts, strict=True))
    start = 8 if lines[7].strip()[:1] in "sS" else 7
    rows = [[float(word) for word in line.split()[:3]] for line in lines[start + 1 : start + 1 + sum(counts)]]
    coordinates = np.array(rows).reshape(sum(counts), 3)
    if lines[start].strip()[:1] in "cCkK":
        coordinates = coordinates * abs(scale) @ np.linalg.inv(cell)
    return Poscar(cell, coordinates, runs)


def read_potcar(text: str) -> list[PotcarEntry]:
    """Data sets of a POTCAR, in order.

    Raises
    ------
    InputFileError
        If one lacks what a run needs.
    """
    parts = [part.strip("\n") for part in text.split("End of Dataset")]
    return [_potcar_entry(part) for part in parts if part.strip()]


def _potcar_entry(text: str) -> PotcarEntry:
    title = _keyword(text, "TITEL")
    return PotcarEntry(
        header=text.strip().splitlines()[0].strip(),
        title=title,
        element=_keyword(text, "VRHFIN").split(":")[0].strip(),
        zval=float(_keyword(text, "ZVAL").split()[0]),
        mass_u=float(_keyword(text, "POMASS").split()[0]),
        enmax_eV=float(_keyword(text, "ENMAX").split()[0]),
    )


def _keyword(text: str, name: str) -> str:
    match = re.search(rf"\b{name}\s*=\s*([^;\n]*)", text)
    if match is None:
        raise InputFileError(f"a data set of POTCAR has no {name}")
    return match.group(1).strip()


def _check_order(poscar: Poscar, potcar: list[PotcarEntry]) -> None:
    wanted, found = [symbol for symbol, _ in poscar.runs], [entry.element for entry in potcar]
    if wanted != found:
        raise InputFileError(
            f"POSCAR and POTCAR do not match: the species of POSCAR are {' '.join(wanted)}, POTCAR holds "
            f"{' '.join(found)}"
        )


def _mesh(folder: Path, incar: dict[str, str], cell_A: FloatArray) -> tuple[int, int, int]:
    """The mesh of KPOINTS if there is one, else of KSPACING as in VASP's manual: max(1, ceil(|b| / KSPACING))."""
    if (folder / "KPOINTS").is_file():
        return _kpoints((folder / "KPOINTS").read_text(encoding="utf-8"))
    spacing = float(incar.get("KSPACING", DEFAULT_KSPACING_PER_A))
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell_A), axis=0)
    first, second, third = (max(1, math.ceil(length / spacing - 1e-9)) for length in lengths)
    return first, second, third


def _kpoints(text: str) -> tuple[int, int, int]:
    lines = text.splitlines()
    try:
        if int(lines[1].split()[0]) != 0:
            raise InputFileError("the stand-in reads automatic k-meshes only")
        first, second, third = (int(float(word)) for word in lines[3].split()[:3])
    except (IndexError, ValueError) as error:
        raise InputFileError(f"KPOINTS is not readable: {error}") from error
    return first, second, third
