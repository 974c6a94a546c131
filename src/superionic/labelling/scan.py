"""The VASP settings of a SCAN label: what defines it, what only leads to it, and its name.

Closest to MatPES (Kaplan et al., arXiv 2503.04070), which was made for forces and stresses, with SCAN (Sun et al.,
Phys. Rev. Lett. 2015, 115, 036402) in place of r2SCAN. The reasons for each tag are in docs/methods/labels.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from superionic.errors import InputError
from superionic.labelling.spin import SpinChoice, choose_spin
from superionic.provenance import content_key
from superionic.stages import VaspSettings

DEFINING_INCAR: Final[dict[str, Any]] = {
    "METAGGA": "SCAN",
    "GGA": None,
    "LASPH": True,
    "LMIXTAU": True,
    "LMAXMIX": 6,
    "LDAU": False,
    "ADDGRID": False,
    "PREC": "Accurate",
    "ENCUT": 680,
    "LREAL": False,
    "EDIFF": 1e-5,
    "ISMEAR": 0,
    "SIGMA": 0.05,
    "KSPACING": 0.22,
    "KGAMMA": True,
    "NSW": 0,
    "IBRION": -1,
    "ISIF": 2,
}
"""Tags that define the label: one value for a whole data set."""

LEADING_INCAR: Final[dict[str, Any]] = {
    "ALGO": "All",
    "NELM": 100,
    "NELMIN": 5,
    "LWAVE": False,
    "LCHARG": False,
    "LAECHG": False,
    "LVTOT": False,
    "LELF": False,
    "LORBIT": None,
}
"""How VASP gets there, and what it leaves on disk."""

_OTHER_LEADING_TAGS: Final = """
SYSTEM ISTART ICHARG INIWAV NELMDL NBANDS ISYM SYMPREC NCORE NPAR KPAR NSIM LPLANE LSCALAPACK LSCALU LASYNC AMIX BMIX
AMIX_MAG BMIX_MAG AMIN IMIX MAXMIX WC INIMIX MIXPRE MREMOVE TIME ISEARCH WEIMIN EBREAK DEPER NRMM LDIAG LSUBROT POTIM
NWRITE LVHAR LOPTICS NEDOS EMIN EMAX LPARD NBLOCK KBLOCK EDIFFG NCORE_IN_IMAGE1 LUSE_GPU
"""
LEADING_TAGS: Final = frozenset(LEADING_INCAR) | set(_OTHER_LEADING_TAGS.split())
"""Tags that must not change a converged label, so that custodian or a retry may set them."""

_POTCARS: Final = """
Ag Al As B Ba_sv Be Bi_d Br C Ca_sv Cd Ce Cl Co Cr_pv Cs_sv Cu Dy_3 Er_3 Eu_2 F Fe Ga_d Gd_3 Ge_d H Hf_pv Hg Ho_3 I
In_d K_sv La Li_sv Lu_3 Mg Mn_pv Mo_sv N Na_pv Nb_sv Nd_3 Ni O P Pb_d Pr_3 Rb_sv S Sb Sc_sv Se Si Sm_3 Sn_d Sr_sv
Ta_pv Tb_3 Te Ti_sv Tl_d Tm_3 V_sv W_sv Y_sv Yb_3 Zn Zr_sv
"""
DEFAULT_POTCARS: Final = {symbol.split("_")[0]: symbol for symbol in _POTCARS.split()}
"""POTCAR per element: the choice of the Materials Project and atomate2 0.1.5 (MPScanRelaxSet, with Ti_sv)."""

NAMES: Final = {"SCAN": "SCAN", "R2SCAN": "r2SCAN", "RSCAN": "rSCAN"}
"""Meta-GGAs that may be asked for, and how they are written."""
RUN_TYPES: Final = {"SCAN": "SCAN", "r2SCAN": "r2SCAN", "rSCAN": "rSCAN"}
FIXED: Final = {"NSW": 0, "IBRION": -1, "LHFCALC": False, "LSORBIT": False, "LNONCOLLINEAR": False}
STAND_IN: Final = "fake-vasp"
CODE: Final = "VASP"


def functional(settings: VaspSettings) -> str:
    """Name of the functional that the settings ask for, e.g. ``SCAN``.

    Raises
    ------
    InputError
        If the INCAR asks for something that the engine cannot name.
    """
    asked = {**DEFINING_INCAR, **settings.incar}["METAGGA"]
    name = NAMES.get(str(asked).upper())
    if name is None:
        raise InputError(
            f"labelling.vasp.incar: METAGGA is {asked!r}; the engine makes labels with {', '.join(NAMES)} only"
        )
    wrong = [tag for tag, value in FIXED.items() if settings.incar.get(tag, value) != value]
    if wrong:
        raise InputError(f"labelling.vasp.incar: {', '.join(wrong)} cannot be changed: a label is one single point")
    return name


def level_of_theory(settings: VaspSettings | None = None, *, stand_in: bool = False) -> str:
    """Name of the method of the labels.

    Parameters
    ----------
    settings : VaspSettings, optional
        The defaults if left out.
    stand_in : bool
        Whether the stand-in made them and not VASP.

    Returns
    -------
    str
        ``SCAN (VASP)``, or ``fake-vasp stand-in for SCAN (VASP)``.
    """
    name = f"{functional(settings or VaspSettings())} ({CODE})"
    return f"{STAND_IN} stand-in for {name}" if stand_in else name


def requested_incar(settings: VaspSettings, spin: SpinChoice) -> dict[str, Any]:
    """All tags as they are asked for; None for a tag that must be absent."""
    return {**DEFINING_INCAR, **LEADING_INCAR, **spin.incar, **settings.incar}


def defining_incar(settings: VaspSettings, spin: SpinChoice) -> dict[str, Any]:
    """The label-defining part of :func:`requested_incar`; MAGMOM only starts the search."""
    wanted = requested_incar(settings, spin)
    return {tag: value for tag, value in wanted.items() if is_defining(tag) and tag != "MAGMOM"}


def is_defining(tag: str) -> bool:
    """Whether a tag can change a converged label; one that is not known counts as such."""
    return tag not in LEADING_TAGS


def settings_hash(settings: VaspSettings) -> str:
    """Hash of everything in the settings that can change a label; equal for all labels of a data set."""
    tags = {**DEFINING_INCAR, **{tag: value for tag, value in settings.incar.items() if is_defining(tag)}}
    return content_key(["vasp", 1, tags, settings.potcar_functional, settings.potcar, settings.spin])


def without_defining(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Tags for a retry, checked.

    Raises
    ------
    InputError
        If one of them defines the label: its value would differ from that of the other labels.
    """
    defining = sorted(tag for tag in changes if is_defining(tag))
    if defining:
        raise InputError(
            f"{', '.join(defining)} would change what the labels mean, so the retried ones would not fit the others. "
            "Change such tags in the spec (labelling.vasp.incar) and run it as a new campaign; a retry may set "
            f"{', '.join(sorted(LEADING_TAGS)[:12])} and the like"
        )
    return dict(changes)


def spin_of(settings: VaspSettings, symbols: Collection[str]) -> SpinChoice:
    """The spin treatment of a structure of these elements.

    Raises
    ------
    InputError
        If the settings leave it open; the message says what to write.
    """
    return choose_spin(symbols, settings.spin)


def potcar_symbols(settings: VaspSettings, elements: Sequence[str]) -> list[str]:
    """Symbol of the POTCAR of each element, in the order given.

    Raises
    ------
    InputError
        If an element has no default and the settings name none.
    """
    table = DEFAULT_POTCARS | settings.potcar
    unknown = [element for element in elements if element not in table]
    if unknown:
        raise InputError(
            f"no POTCAR is known for {', '.join(unknown)}; name one: `labelling: {{vasp: {{potcar: "
            f"{{{unknown[0]}: ...}}}}}}`"
        )
    return [table[element] for element in elements]
