"""ASE's CP2K calculator for one evaluation, with its input handed over in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.cp2k import CP2K


class FileInputCp2k(CP2K):
    """ASE's calculator, but cell and atoms reach CP2K in its input file alone.

    ASE sends the input, and then cell and positions once more, through the standard input of the program; under MPI
    this stalls with large structures (ASE warns of it from 100 atoms on).
    """

    def _write_file(self, fn: str, content: str) -> None:
        Path(fn).write_text(content, encoding="ascii")

    def evaluate(self, atoms: Atoms) -> dict[str, Any]:
        """Energy (eV), forces (eV/A) and stress (eV/A^3, Voigt order) of a structure, in a new calculation."""
        CP2K.calculate(self, atoms, ["energy", "forces", "stress"], ["numbers"])
        results: dict[str, Any] = self.results
        return results
