"""The stand-in's toy model (NOT VASP): Coulomb and Born-Mayer pairs, smooth, cheap and without meaning.

Energy, forces and stress belong together exactly, which is all that a rehearsal needs. The Coulomb part is the damped
shifted-force sum of Fennell and Gezelter (J. Chem. Phys. 2006, 124, 234104); the repulsion of Born and Mayer is shifted
in the same way, so that energy and forces go to zero at the cutoff.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from superionic.labelling.fake_vasp.elements import ELEMENTS
from superionic.units import COULOMB_EV_A

CUTOFF_A: Final = 9.0
DAMPING_PER_A: Final = 0.2
CHARGE_SCALE: Final = 0.6
"""Formal charges times this, as in many empirical force fields."""
HARDNESS_A: Final = 0.32
BALANCE: Final = 0.38
"""Repulsion over attraction of two opposite ions that touch."""
SAME_SIGN_EV: Final = 0.1
REFERENCE_EV_PER_PROTON: Final = -0.1
"""Energy of an isolated atom over its atomic number."""
HIGHEST_IMAGES: Final = 40

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ModelResult:
    """What the model gives for one structure.

    Attributes
    ----------
    energy_eV : float
        Energy of the cell, eV.
    forces_eV_per_A : numpy.ndarray, (n_atoms, 3)
        Its negative derivatives, eV/A.
    stress_eV_per_A3 : numpy.ndarray, (3, 3)
        Its derivative with respect to strain over the volume (ASE's sign), eV/A^3.
    """

    energy_eV: float
    forces_eV_per_A: FloatArray
    stress_eV_per_A3: FloatArray


@dataclass(frozen=True, eq=False)
class _Ions:
    charge: FloatArray
    radius_A: FloatArray


def evaluate(cell_A: FloatArray, positions_A: FloatArray, symbols: list[str]) -> ModelResult:
    """Energy, forces and stress of a periodic structure.

    Parameters
    ----------
    cell_A : numpy.ndarray, (3, 3)
        Cell vectors in rows, A.
    positions_A : numpy.ndarray, (n_atoms, 3)
        Positions, A.
    symbols : list of str
        Element of each atom.

    Returns
    -------
    ModelResult
        An element alone has no charge, so that an isolated atom has its reference energy.
    """
    ions = _ions(symbols)
    self_term = math.erfc(DAMPING_PER_A * CUTOFF_A) / (2 * CUTOFF_A) + DAMPING_PER_A / math.sqrt(math.pi)
    energy = REFERENCE_EV_PER_PROTON * sum(ELEMENTS[symbol].number for symbol in symbols)
    energy -= COULOMB_EV_A * self_term * float((ions.charge**2).sum())
    forces = np.zeros_like(positions_A)
    virial = np.zeros((3, 3))
    fractions = positions_A @ np.linalg.inv(cell_A)
    difference = fractions[None, :, :] - fractions[:, None, :]
    nearest = (difference - np.round(difference)) @ cell_A
    for shift in _shifts(cell_A):
        first, second, vectors, distances = _neighbours(nearest + shift @ cell_A)
        values, slopes = _pairs(ions, first, second, distances)
        pull = (slopes / distances)[:, None] * vectors
        energy += 0.5 * float(values.sum())
        np.add.at(forces, first, pull)  # every pair is there in both directions, so each gives half to both ends
        virial += 0.5 * vectors.T @ pull
    return ModelResult(energy, forces, virial / abs(float(np.linalg.det(cell_A))))


def _ions(symbols: list[str]) -> _Ions:
    scale = CHARGE_SCALE if len(set(symbols)) > 1 else 0.0
    charges = [scale * ELEMENTS[symbol].charge for symbol in symbols]
    return _Ions(np.array(charges), np.array([ELEMENTS[symbol].radius_A for symbol in symbols]))


def _shifts(cell_A: FloatArray) -> FloatArray:
    """Lattice translations that can bring a nearest image within the cutoff."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell_A), axis=0)
    counts = np.minimum(np.floor(CUTOFF_A / heights + 0.5).astype(int), HIGHEST_IMAGES)
    return np.array(list(product(*(range(-n, n + 1) for n in counts))), dtype=float)


def _neighbours(vectors: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray, FloatArray]:
    """Pairs within the cutoff among all vectors from atom to atom; an atom is no neighbour of itself."""
    squares = np.einsum("ijk,ijk->ij", vectors, vectors)
    first, second = np.nonzero((squares < CUTOFF_A**2) & (squares > 0.0))
    return first, second, vectors[first, second], np.sqrt(squares[first, second])


def _pairs(
    ions: _Ions, first: NDArray[np.intp], second: NDArray[np.intp], r: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Energy of each pair (eV) and its derivative (eV/A)."""
    product_of_charges = COULOMB_EV_A * ions.charge[first] * ions.charge[second]
    contact = ions.radius_A[first] + ions.radius_A[second]
    attracts = product_of_charges < 0.0
    strength = np.where(attracts, -product_of_charges * BALANCE * HARDNESS_A / contact**2, SAME_SIGN_EV)
    coulomb, coulomb_slope = _coulomb(r)
    repulsion, repulsion_slope = _repulsion(r, contact)
    return (
        product_of_charges * coulomb + strength * repulsion,
        product_of_charges * coulomb_slope + strength * repulsion_slope,
    )


def _coulomb(r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Damped shifted-force form of 1 / r, and its derivative."""
    edge, edge_slope = _damped(np.array([CUTOFF_A]))
    value, slope = _damped(r)
    return value - edge - edge_slope * (r - CUTOFF_A), slope - edge_slope


def _damped(r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """erfc(a r) / r and its derivative."""
    error = np.array([math.erfc(DAMPING_PER_A * distance) for distance in r])
    gauss = 2 * DAMPING_PER_A / math.sqrt(math.pi) * np.exp(-((DAMPING_PER_A * r) ** 2))
    return error / r, -error / r**2 - gauss / r


def _repulsion(r: FloatArray, contact: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shifted-force form of exp((contact - r) / hardness), and its derivative."""
    value, edge = np.exp((contact - r) / HARDNESS_A), np.exp((contact - CUTOFF_A) / HARDNESS_A)
    return value - edge + edge * (r - CUTOFF_A) / HARDNESS_A, (edge - value) / HARDNESS_A
