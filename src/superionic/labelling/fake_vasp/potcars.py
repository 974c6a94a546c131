"""Synthetic POTCAR files for the stand-in (NOT VASP): the layout that pymatgen reads, and no data of VASP.

Numbers of valence electrons and cutoffs are those that VASP's manual lists, where the stand-in's cost and checks depend
on them; cutoffs of elements outside the paper's systems are a placeholder of 300 eV.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from superionic.errors import InputError
from superionic.labelling.fake_vasp.elements import ELEMENTS

FOLDERS: Final = ("POT_GGA_PAW_PBE_54", "POT_PAW_PBE_64")
"""Where pymatgen looks for PBE_54 and PBE_64 below PMG_VASP_PSP_DIR."""
DATE: Final = "01Jan2000"
PLACEHOLDER_ENMAX_EV: Final = 300.0


@dataclass(frozen=True)
class _Potential:
    zval: int
    enmax_eV: float


_KNOWN: Final = """
Li_sv 3 499.034
Na_pv 7 259.561
Y_sv 11 202.626
In_d 13 239.211
Cl 7 262.472
Br 7 216.285
O 6 400.0
P 5 255.04
S 6 258.689
Si 4 245.345
Zr_sv 12 229.898
Ti_pv 10 222.335
Ti_sv 12 274.61
"""
_OTHERS: Final = (
    "Ge_d:14 Ge:4 K_sv:9 Mg_pv:8 Mg:2 Ca_sv:10 Al:3 Sc_sv:11 In:3 Ga_d:13 Hf_pv:10 Sn_d:14 As:5 Sb:5 Se:6 Te:6 F:7 "
    "I:7 La:11 Ta_pv:11 Nb_pv:11 Zn:12 V_pv:11 Cr_pv:12 Mn_pv:13 Fe_pv:14 Co:9 Ni_pv:16 Cu_pv:17 Mo_pv:12 W_sv:14 "
    "H:1 Be_sv:4 B:3 C:4 N:5 Li:1 Na:1 Rb_sv:9 Sr_sv:10 Cs_sv:9 Ba_sv:10"
)


def _potentials() -> dict[str, _Potential]:
    table = {}
    for line in _KNOWN.strip().splitlines():
        symbol, zval, enmax = line.split()
        table[symbol] = _Potential(int(zval), float(enmax))
    for item in _OTHERS.split():
        symbol, zval = item.split(":")
        table[symbol] = _Potential(int(zval), PLACEHOLDER_ENMAX_EV)
    return table


POTENTIALS: Final = _potentials()
"""Every symbol that can be written; all that atomate2's base set takes for the elements of the paper are there."""

_TEXT: Final = """  PAW_PBE {symbol} {date}
   {zval:.8f}
 parameters from PSCTR are:
   VRHFIN ={element}: FAKE
   LEXCH  = PE
   EATOM  = {eatom:12.4f} eV

   TITEL  = PAW_PBE {symbol} {date}
   LULTRA =        F    use ultrasoft PP ?
   IUNSCR =        1    unscreen: 0-lin 1-nonlin 2-no
   RPACOR =    1.500    partial core radius
   POMASS = {mass:8.3f}; ZVAL   = {zval:8.3f}    mass and valenz
   RCORE  =    1.500    outmost cutoff radius
   RWIGS  =    1.500; RWIGS  =    1.500    wigner-seitz radius (au A)
   ENMAX  = {enmax:8.3f}; ENMIN  = {enmin:8.3f} eV
   LCOR   =        T    correct aug charges
   LPAW   =        T    paw PP
   EAUG   =  500.000
   RMAX   =    1.500    core radius for proj-oper
   RAUG   =    1.000    factor for augmentation sphere
   RDEP   =    1.500    radius for radial grids
   RDEPT  =    1.500    core radius for aug-charge

   Atomic configuration
    1 entries
     n  l   j            E        occ.
     1  0  0.50        -1.0000   2.0000
   Description
     l       E           TYP  RCUT    TYP  RCUT
     0      0.0000000     23  1.500
   Error from kinetic energy argument (eV)
   NDATA  =        1
   STEP   =   20.000   1.050
     1.0
END of PSCTR-controll parameters
 synthetic data of superionic, no potential
   {zval:.8E}  {mass:.8E}  {enmax:.8E}
 End of Dataset
"""


def synthetic_potcar(symbol: str) -> str:
    """Text of one synthetic POTCAR.

    Parameters
    ----------
    symbol : str
        Name of the potential, e.g. ``Li_sv``.

    Returns
    -------
    str
        What stands in the file; it holds no potential.

    Raises
    ------
    InputError
        If the symbol is not known.
    """
    potential = POTENTIALS.get(symbol)
    if potential is None:
        raise InputError(f"no synthetic POTCAR for {symbol!r}: choose from {', '.join(sorted(POTENTIALS))}")
    element = symbol.partition("_")[0]
    return _TEXT.format(
        symbol=symbol,
        date=DATE,
        element=element,
        zval=potential.zval,
        eatom=10.0 * potential.zval,
        mass=ELEMENTS[element].mass_u,
        enmax=potential.enmax_eV,
        enmin=0.75 * potential.enmax_eV,
    )


def write_synthetic_potcars(folder: Path, symbols: Iterable[str] = ()) -> list[Path]:
    """Write synthetic POTCARs in the layout that ``PMG_VASP_PSP_DIR`` needs.

    Parameters
    ----------
    folder : pathlib.Path
        What PMG_VASP_PSP_DIR is to be set to; made if it is not there.
    symbols : iterable of str
        Names of potentials; all that are known if left out.

    Returns
    -------
    list of pathlib.Path
        The files, two for each symbol (PBE_54 and PBE_64).

    Raises
    ------
    InputError
        If a symbol is not known; nothing is written then.
    """
    texts = {symbol: synthetic_potcar(symbol) for symbol in (tuple(symbols) or sorted(POTENTIALS))}
    written = []
    for name in FOLDERS:
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for symbol, text in texts.items():
            path = place / f"POTCAR.{symbol}"
            path.write_text(text, encoding="ascii")
            written.append(path)
    return written
