"""Parameters of the stand-in's toy model (NOT VASP): formal charges and ionic radii.

Radii: Shannon, Acta Cryst. A 1976, 32, 751, rounded; fourfold for Be, B, Si, P, Ge and As, else mostly sixfold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ElementData:
    """What the model knows of an element.

    Attributes
    ----------
    number : int
        Atomic number.
    mass_u : float
        Atomic mass, u.
    charge : int
        Formal charge of its usual ion.
    radius_A : float
        Radius of that ion, A.
    """

    number: int
    mass_u: float
    charge: int
    radius_A: float


_TABLE: Final = """
H 1 1.008 1 0.30
Li 3 6.94 1 0.76
Be 4 9.012 2 0.27
B 5 10.81 3 0.25
C 6 12.011 4 0.25
N 7 14.007 -3 1.46
O 8 15.999 -2 1.38
F 9 18.998 -1 1.33
Na 11 22.990 1 1.02
Mg 12 24.305 2 0.72
Al 13 26.982 3 0.54
Si 14 28.085 4 0.26
P 15 30.974 5 0.17
S 16 32.06 -2 1.84
Cl 17 35.45 -1 1.81
K 19 39.098 1 1.38
Ca 20 40.078 2 1.00
Sc 21 44.956 3 0.75
Ti 22 47.867 4 0.61
V 23 50.942 5 0.54
Cr 24 51.996 3 0.62
Mn 25 54.938 2 0.83
Fe 26 55.845 3 0.65
Co 27 58.933 2 0.75
Ni 28 58.693 2 0.69
Cu 29 63.546 2 0.73
Zn 30 65.38 2 0.74
Ga 31 69.723 3 0.62
Ge 32 72.630 4 0.39
As 33 74.922 5 0.34
Se 34 78.971 -2 1.98
Br 35 79.904 -1 1.96
Rb 37 85.468 1 1.52
Sr 38 87.62 2 1.18
Y 39 88.906 3 0.90
Zr 40 91.224 4 0.72
Nb 41 92.906 5 0.64
Mo 42 95.95 6 0.59
In 49 114.818 3 0.80
Sn 50 118.710 4 0.69
Sb 51 121.760 5 0.60
Te 52 127.60 -2 2.21
I 53 126.904 -1 2.20
Cs 55 132.905 1 1.67
Ba 56 137.327 2 1.35
La 57 138.905 3 1.03
Hf 72 178.486 4 0.71
Ta 73 180.948 5 0.64
W 74 183.84 6 0.60
"""


def _read(line: str) -> tuple[str, ElementData]:
    symbol, number, mass, charge, radius = line.split()
    return symbol, ElementData(int(number), float(mass), int(charge), float(radius))


ELEMENTS: Final[dict[str, ElementData]] = dict(map(_read, _TABLE.strip().splitlines()))
