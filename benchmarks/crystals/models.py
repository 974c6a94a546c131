"""Crystals whose behaviour is known, and their pair potentials: the independent truth of `framework.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
COULOMB_EV_A = 14.399645
KJ_PER_MOL = 0.010364270
KCAL_PER_MOL = 4.184 * KJ_PER_MOL
CH_A = 1.09


@dataclass(frozen=True)
class Model:
    """A crystal and its pair potential.

    Attributes
    ----------
    name : str
        What it is.
    source : str
        Where the potential and the behaviour come from.
    sites : dict of str to list
        Fractional coordinates in the cubic cell, per element.
    edge_A : float
        Edge of the cubic cell in angstrom.
    charges_e : dict of str to float
        Charges in elementary charges.
    pair : callable
        Short-range energy in eV of two elements at distances in angstrom.
    mobile : str
        The species that counts as mobile.
    cutoff_A : float
        Cut-off in angstrom.
    molecule_A : float
        Atoms that start closer than this are one molecule: springs hold their distances, and nothing else acts there.
    """

    name: str
    source: str
    sites: dict[str, list[tuple[float, float, float]]]
    edge_A: float
    charges_e: dict[str, float]
    pair: Callable[[str, str, Array], Array]
    mobile: str
    cutoff_A: float
    molecule_A: float = 0.0


def _lennard_jones(_a: str, _b: str, r: Array) -> Array:
    x = (3.405 / r) ** 6
    return np.asarray(4 * 0.010324 * (x * x - x), dtype=np.float64)


def _tosi_fumi(a: str, b: str, r: Array) -> Array:
    scale, sigma, c6, d8 = {
        "NaNa": (25.4435, 2.340, 101.1719, 48.1771),
        "ClNa": (20.3548, 2.755, 674.4793, 837.0770),
        "ClCl": (15.2661, 3.170, 6985.6786, 14031.5785),
    }["".join(sorted((a, b), key=("Cl", "Na").index))]
    return np.asarray(KJ_PER_MOL * (scale * np.exp((sigma - r) / 0.317) - c6 / r**6 - d8 / r**8), dtype=np.float64)


def _vashishta_rahman(a: str, b: str, r: Array) -> Array:
    height, power, charge_dipole, dispersion = {
        "AgAg": (0.014804, 11, 0.0, 0.0),
        "AgI": (114.48, 9, 1.1736, 0.0),
        "II": (446.64, 7, 2.3472, 6.9331),
    }["".join(sorted((a, b)))]
    return np.asarray(COULOMB_EV_A * (height / r**power - charge_dipole / r**4 - dispersion / r**6), dtype=np.float64)


def _fluorite(a: str, b: str, r: Array) -> Array:
    scale, rho, c6 = {"CaCa": (0.0, 1.0, 0.0), "CaF": (674.3, 0.336, 0.0), "FF": (1808.0, 0.293, 109.1)}[
        "".join(sorted((a, b)))
    ]
    return np.asarray(scale * np.exp(-r / rho) - c6 / r**6, dtype=np.float64)


def _opls(a: str, b: str, r: Array) -> Array:
    sigma, height = {"C": 3.50, "H": 2.50}, {"C": 0.066, "H": 0.030}
    x = (np.sqrt(sigma[a] * sigma[b]) / r) ** 6
    return np.asarray(4 * KCAL_PER_MOL * np.sqrt(height[a] * height[b]) * (x * x - x), dtype=np.float64)


FCC = [(0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0)]
METHANE_EDGE_A = 5.87
CORNERS = CH_A / np.sqrt(3) / METHANE_EDGE_A * np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
MODELS = {
    "CH4": Model(
        "CH4",
        "Jorgensen, Maxwell and Tirado-Rives, J. Am. Chem. Soc. 118, 11225 (1996), with springs for bonds and angles; "
        "the molecules rotate in an fcc crystal from 20 K to the melting point, 91 K (Press, J. Chem. Phys. 56, 2597 "
        "(1972))",
        {"C": FCC, "H": [tuple(np.add(centre, corner).tolist()) for centre in FCC for corner in CORNERS]},
        METHANE_EDGE_A,
        {"C": -0.24, "H": 0.06},
        _opls,
        "none",
        5.85,
        molecule_A=2.0,
    ),
    "argon": Model(
        "argon",
        "Lennard-Jones, 3.405 A, 119.8 K (Rahman, Phys. Rev. 136, A405 (1964)); melts at 0.69 epsilon, 83 K, at zero "
        "pressure (Mastny and de Pablo, J. Chem. Phys. 127, 104504 (2007))",
        {"Ar": FCC},
        5.40,
        {"Ar": 0.0},
        _lennard_jones,
        "none",
        8.0,
    ),
    "NaCl": Model(
        "NaCl",
        "Fumi and Tosi, J. Phys. Chem. Solids 25, 31 and 45 (1964); melts at 1064 K (Anwar, Frenkel and Noro, "
        "J. Chem. Phys. 118, 728 (2003))",
        {"Na": FCC, "Cl": [(x + 0.5, y, z) for x, y, z in FCC]},
        5.80,
        {"Na": 1.0, "Cl": -1.0},
        _tosi_fumi,
        "Na",
        8.5,
    ),
    "AgI": Model(
        "AgI",
        "Vashishta and Rahman, Phys. Rev. Lett. 40, 1337 (1978); Parrinello, Rahman, Vashishta, ibid. 50, "
        "1073 (1983): Ag diffuses in a bcc lattice of I from about 420 K to above 900 K",
        {
            "I": [(0.0, 0.0, 0.0), (0.5, 0.5, 0.5)],
            "Ag": [(0.5, 0.0, 0.25), (0.0, 0.5, 0.75)],
        },
        5.08,
        {"Ag": 0.6, "I": -0.6},
        _vashishta_rahman,
        "Ag",
        10.0,
    ),
    "CaF2": Model(
        "CaF2",
        "Dixon and Gillan, J. Phys. C 11, L165 (1978): F diffuses in a sound fcc lattice of Ca above about 1400 K",
        {"Ca": FCC, "F": [(x, y, z) for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75)]},
        5.55,
        {"Ca": 2.0, "F": -1.0},
        _fluorite,
        "F",
        8.3,
    ),
}
