"""Whether a calculation is spin-polarised, decided from the elements and never silently.

Closed-shell ions need no spin: twice the speed, and no wrong magnetic state. Elements whose ions may or may not
carry a moment are not guessed: the error says what to write into the spec.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from superionic.errors import InputError

_CLOSED: Final = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Zn Ga Ge As Se Br Kr Rb Sr Y Zr Cd In Sn Sb Te I Xe Cs Ba La Lu
Hf Ta Hg Tl Pb Bi
"""
CLOSED_SHELL: Final = frozenset(_CLOSED.split())
"""Elements whose ions in insulators have only full or empty shells (s2p6, d0, d10)."""

START_MOMENTS_MU_B: Final = {"V": 5.0, "Cr": 5.0, "Mn": 5.0, "Fe": 5.0, "Co": 5.0, "Ni": 5.0, "Eu": 10.0}
"""Elements with open shells and the moment to start from, as in the Materials Project's inputs (but Co high spin)."""

_UNPAIRED: Final = {
    0: "He Be Mg Ca Sr Ba Zn Cd Hg Ne Ar Kr Xe",
    1: "H Li Na K Rb Cs B Al Ga In Tl F Cl Br I Sc Y La Lu Ag Cu",
    2: "C Si Ge Sn Pb O S Se Te Ti Zr Hf Ni",
    3: "N P As Sb Bi V Ta Co",
    4: "Fe W",
    5: "Mn Nb",
    6: "Cr Mo",
}
ISOLATED_UNPAIRED: Final = {symbol: number for number, symbols in _UNPAIRED.items() for symbol in symbols.split()}
"""Unpaired electrons of free atoms in their ground state (NIST Atomic Spectra Database; Hund's rules)."""


@dataclass(frozen=True)
class SpinChoice:
    """How the spin is treated, and why.

    Attributes
    ----------
    incar : dict
        ISPIN and, with spin, MAGMOM per element (mu_B).
    statement : str
        The choice in words, for the label.
    """

    incar: dict[str, Any]
    statement: str

    @property
    def polarised(self) -> bool:
        """Whether the calculation has two spin channels."""
        return bool(self.incar["ISPIN"] == 2)  # noqa: PLR2004 (VASP's number)


def choose_spin(symbols: Collection[str], setting: Literal["auto", "off"] | Mapping[str, float]) -> SpinChoice:
    """Choose the treatment of the spin.

    Parameters
    ----------
    symbols : collection of str
        Elements of the structure.
    setting : str or mapping
        ``auto``, ``off``, or the initial moment (mu_B) of elements that ``auto`` cannot decide; 0 is closed shell.

    Raises
    ------
    InputError
        If an element is neither known nor decided by the setting.
    """
    elements = sorted(set(symbols))
    if setting == "off":
        return SpinChoice({"ISPIN": 1}, "no spin polarisation (labelling.vasp.spin: off)")
    given = dict(setting) if isinstance(setting, Mapping) else {}
    unclear = [e for e in elements if e not in given and e not in CLOSED_SHELL and e not in START_MOMENTS_MU_B]
    if unclear:
        raise InputError(
            f"whether {', '.join(unclear)} carries a magnetic moment depends on its oxidation state. Say so in the "
            f"spec: `labelling: {{vasp: {{spin: {{{unclear[0]}: 0}}}}}}` for closed shells, or a moment in mu_B"
        )
    moments = {e: given.get(e, START_MOMENTS_MU_B.get(e, 0.0)) for e in elements}
    if not any(moments.values()):
        return SpinChoice({"ISPIN": 1}, f"no spin polarisation: closed shells ({', '.join(elements)})")
    started = ", ".join(f"{e} {moment:g}" for e, moment in moments.items() if moment)
    return SpinChoice({"ISPIN": 2, "MAGMOM": moments}, f"spin-polarised, ferromagnetic start, mu_B: {started}")


def atom_spin(symbol: str) -> SpinChoice:
    """Spin of a free atom after Hund's first rule.

    Raises
    ------
    InputError
        If the ground state of the element is not in the table.
    """
    if symbol not in ISOLATED_UNPAIRED:
        raise InputError(
            f"the ground state of the free {symbol} atom is not in the table ISOLATED_UNPAIRED (superionic.labelling."
            "spin): give its energy in training.e0s_eV"
        )
    unpaired = ISOLATED_UNPAIRED[symbol]
    if unpaired == 0:
        return SpinChoice({"ISPIN": 1}, f"free {symbol} atom, closed shell")
    incar = {"ISPIN": 2, "MAGMOM": {symbol: float(unpaired)}, "NUPDOWN": unpaired}
    return SpinChoice(incar, f"free {symbol} atom with {unpaired} unpaired electrons (Hund)")
