"""Energies of isolated atoms at the level of the labels, for a potential's E0s."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from jobflow import Flow, Maker
from pydantic import Field
from pymatgen.core import Lattice, Structure

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import BaseDoc
from superionic.errors import CalculationError
from superionic.labelling.ordering import for_vasp
from superionic.labelling.scan import level_of_theory, settings_hash
from superionic.labelling.schemas import CalculationInfo
from superionic.labelling.spin import SpinChoice, atom_spin
from superionic.labelling.vasp import single_point
from superionic.stages import LabellingSettings

BOX_A: Final = (14.0, 14.5, 15.0)
"""Cell vectors of different length, A: an open-shell atom is not spherical, a cubic box would force it to be."""
ATOM_INCAR: Final[dict[str, Any]] = {"KSPACING": 10.0, "SIGMA": 0.01, "ISYM": 0, "ALGO": "Normal", "NELM": 200}
"""What differs from a label: the Gamma point alone, sharper occupations, no symmetry."""


class IsolatedAtomDoc(BaseDoc):
    """Energy of a free atom at the level of theory of the labels."""

    symbol: str = Field(description="element")
    energy_eV: float = Field(description="free energy of the atom in its box, eV; the E0 of the element")
    level_of_theory: str = Field(description="method")
    settings_hash: str = Field(description="hash of the label-defining settings of the labels that it belongs to")
    calculation: CalculationInfo = Field(description="how it was calculated")


@dataclass
class IsolatedAtomMaker(Maker):
    """Energy of one free atom with VASP-SCAN; put the energies into ``training.e0s_eV``.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : LabellingSettings
        Those of the labels.

    Examples
    --------
    >>> flow = IsolatedAtomMaker().make_all(["Li", "Y", "Cl"])  # doctest: +SKIP
    """

    name: str = "isolated atom"
    settings: LabellingSettings = field(default_factory=LabellingSettings)

    @stage_job(output_schema=IsolatedAtomDoc)
    def make(self, symbol: str) -> IsolatedAtomDoc:
        """Energy of one atom.

        Raises
        ------
        CalculationError
            If VASP failed or the gate refuses the result.
        InputError
            If the ground state of the element is not known.
        """
        level, defining = level_of_theory(self.settings.vasp), settings_hash(self.settings.vasp)
        return produce(
            IsolatedAtomDoc,
            lambda: self._calculate(symbol),
            parents=[],
            settings=[symbol, level, defining, self.settings.rehearsal, BOX_A, ATOM_INCAR],
        )

    def make_all(self, symbols: list[str]) -> Flow:
        """One job per element."""
        jobs = [IsolatedAtomMaker(f"{self.name}: {symbol}", self.settings).make(symbol) for symbol in symbols]
        return Flow(jobs, output={symbol: job.output for symbol, job in zip(symbols, jobs, strict=True)})

    def _calculate(self, symbol: str) -> IsolatedAtomDoc:
        structure = Structure(Lattice.orthorhombic(*BOX_A), [symbol], [[0.0, 0.0, 0.0]])
        settings, spin = atom_settings(self.settings, symbol)
        result = single_point(for_vasp(structure), settings, spin)
        if result.calculation is None or result.level_of_theory is None:
            raise CalculationError(f"the free {symbol} atom gave no account of its calculation")
        return IsolatedAtomDoc(
            symbol=symbol,
            energy_eV=result.energy_eV,
            level_of_theory=result.level_of_theory,
            settings_hash=settings_hash(self.settings.vasp),
            calculation=result.calculation,
        )


def atom_settings(settings: LabellingSettings, symbol: str) -> tuple[LabellingSettings, SpinChoice]:
    """Settings and spin of a free atom, from those of the labels.

    Parameters
    ----------
    settings : LabellingSettings
        Those of the labels.
    symbol : str
        Element.

    Raises
    ------
    InputError
        If the ground state of the element is not known.
    """
    spin = atom_spin(symbol)
    fixed = {tag: value for tag, value in spin.incar.items() if tag not in {"ISPIN", "MAGMOM"}}
    moments = spin.incar.get("MAGMOM", {symbol: 0.0})
    incar = {**settings.vasp.incar, **ATOM_INCAR, **fixed}
    vasp = settings.vasp.model_copy(update={"incar": incar, "spin": moments, "two_step": False})
    return settings.model_copy(update={"vasp": vasp}), spin
