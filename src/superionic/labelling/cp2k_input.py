"""What CP2K is told: functional, pseudopotentials, basis sets, grids and k-points."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from pymatgen.core import Element, Species, Structure

from superionic.errors import InputError
from superionic.stages import Cp2kSettings

BASIS_FILE: Final = "BASIS_MOLOPT_UZH"
POTENTIAL_FILE: Final = "POTENTIAL_UZH"
MIXING_ALPHA: Final = 0.4
EPS_DEFAULT: Final = 1e-12

VALENCE: Final[dict[str, int]] = {
    symbol: electrons
    for electrons, symbols in {
        1: "H",
        3: "Li B Al",
        4: "Be C Si Ge Sn Pb",
        5: "N P As Sb Bi",
        6: "O S Se Te",
        7: "F Cl Br I",
        9: "Na K Rb Cs",
        10: "Mg Ca Sr Ba",
        11: "Sc Y",
        12: "Ti Zr Hf Zn Cd",
        13: "Nb Ta Ga In Tl",
    }.items()
    for symbol in symbols.split()
}
"""Electrons that the pseudopotential leaves, of elements whose ions in these materials have no open shell.

All have a GTH-SCAN potential and MOLOPT-SCAN bases with this number of electrons in CP2K 2023.1.
"""

CLOSED_SHELL_CHARGE: Final = {"Sc": 3, "Y": 3, "Ti": 4, "Zr": 4, "Hf": 4, "Nb": 5, "Ta": 5}
"""Transition metals that are closed shells in this charge only."""

TEMPLATE: Final = """&FORCE_EVAL
  &DFT
    &QS
      EPS_DEFAULT {eps_default:.1E}
    &END QS
    &MGRID
      REL_CUTOFF {rel_cutoff:g}
    &END MGRID
    &SCF
      EPS_SCF {eps_scf:.1E}
      &MIXING
        METHOD BROYDEN_MIXING
        ALPHA {alpha:g}
      &END MIXING
      &PRINT
        &RESTART OFF
        &END RESTART
      &END PRINT
    &END SCF
{k_points}    &PRINT
      &MULLIKEN OFF
      &END MULLIKEN
      &HIRSHFELD OFF
      &END HIRSHFELD
    &END PRINT
    &XC
      &XC_FUNCTIONAL
        &MGGA_X_SCAN
        &END MGGA_X_SCAN
        &MGGA_C_SCAN
        &END MGGA_C_SCAN
      &END XC_FUNCTIONAL
    &END XC
  &END DFT
  &SUBSYS
{kinds}  &END SUBSYS
&END FORCE_EVAL
"""
K_POINTS: Final = """    &KPOINTS
      SCHEME MONKHORST-PACK {0} {1} {2}
    &END KPOINTS
"""
KIND: Final = """    &KIND {symbol}
      ELEMENT {symbol}
      BASIS_SET {basis}-MOLOPT-SCAN-GTH-q{valence}
      POTENTIAL GTH-SCAN-q{valence}
    &END KIND
"""


def k_mesh(lattice_A: ArrayLike, kspacing_per_A: float | None) -> tuple[int, int, int]:
    """Divisions of a Monkhorst-Pack mesh from the largest distance of its points.

    The number along reciprocal vector ``b`` is ``max(1, ceil(|b| / spacing))``, as with VASP's KSPACING.

    Parameters
    ----------
    lattice_A : array_like, (3, 3)
        Cell vectors in rows, A.
    kspacing_per_A : float or None
        Largest distance, 1/A, with the factor 2 pi; None for the Gamma point alone.

    Returns
    -------
    tuple of int
        Divisions along the three reciprocal vectors.
    """
    if kspacing_per_A is None:
        return 1, 1, 1
    reciprocal = 2 * np.pi * np.linalg.inv(np.asarray(lattice_A, dtype=float)).T
    lengths = np.linalg.norm(reciprocal, axis=1)
    first, second, third = (max(1, math.ceil(length / kspacing_per_A - 1e-9)) for length in lengths)
    return first, second, third


def input_template(elements: Sequence[str], settings: Cp2kSettings, mesh: tuple[int, int, int]) -> str:
    """The part of CP2K's input that ASE does not write itself (cell, atoms, cutoff, stress).

    Parameters
    ----------
    elements : sequence of str
        Symbols of the structure.
    settings : Cp2kSettings
        Basis, grids and convergence.
    mesh : tuple of int
        Divisions of the k-mesh; (1, 1, 1) selects CP2K's faster code for the Gamma point.

    Returns
    -------
    str
        Input for the keyword `inp` of ASE's calculator.
    """
    kinds = [KIND.format(symbol=e, basis=settings.basis.value, valence=VALENCE[e]) for e in sorted(elements)]
    return TEMPLATE.format(
        eps_default=EPS_DEFAULT,
        rel_cutoff=settings.rel_cutoff_Ry,
        eps_scf=settings.eps_scf,
        alpha=MIXING_ALPHA,
        k_points="" if mesh == (1, 1, 1) else K_POINTS.format(*mesh),
        kinds="".join(kinds),
    )


def require_potentials(elements: Collection[str]) -> None:
    """Refuse elements that this engine has no potential for.

    Raises
    ------
    InputError
        Naming them.
    """
    unknown = sorted(set(elements) - set(VALENCE))
    if unknown:
        raise InputError(
            f"labelling.engine cp2k-scan has no closed-shell SCAN potential for {', '.join(unknown)}: use vasp-scan "
            f"for this material. It knows {', '.join(sorted(VALENCE))}"
        )


def require_closed_shell(structure: Structure) -> None:
    """Refuse what this engine has no potential for, or what would need spin.

    Parameters
    ----------
    structure : Structure
        Ordered structure, with or without charges of its ions.

    Raises
    ------
    InputError
        If the structure is disordered, holds an element without a potential here, a transition-metal ion with an open
        shell, or an odd number of electrons.
    """
    if not structure.is_ordered:
        raise InputError("CP2K labels ordered structures: enumerate the orderings of this one first")
    symbols = [site.specie.symbol for site in structure]
    require_potentials(symbols)
    electrons = sum(VALENCE[symbol] for symbol in symbols)
    if electrons % 2:
        raise InputError(
            f"{structure.composition.reduced_formula} has {electrons} valence electrons, an odd number: it has an open "
            "shell, and cp2k-scan labels closed shells only. Check the composition, or use vasp-scan with spin"
        )
    for specie in {site.specie for site in structure}:
        _require_empty_d_shell(specie)


def _require_empty_d_shell(specie: Element | Species) -> None:
    charge = specie.oxi_state if isinstance(specie, Species) else None
    allowed = CLOSED_SHELL_CHARGE.get(specie.symbol)
    if charge is not None and allowed is not None and round(charge) != allowed:
        raise InputError(
            f"{specie} has an open shell: cp2k-scan labels it as {specie.symbol}{allowed}+ only. Use vasp-scan "
            "with spin"
        )
