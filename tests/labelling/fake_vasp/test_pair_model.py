"""The toy model is consistent: forces and stress are the derivatives of its energy."""

import numpy as np
import pytest

from superionic.labelling.fake_vasp.elements import ELEMENTS
from superionic.labelling.fake_vasp.pair_model import CUTOFF_A, REFERENCE_EV_PER_PROTON, evaluate

STEP = 1e-4


def crystal(symbols, seed, scale=2.6):
    """A skewed cell with atoms that keep a distance."""
    rng = np.random.default_rng(seed)
    n = int(np.ceil(len(symbols) ** (1 / 3)))
    grid = np.array([[i, j, k] for i in range(n) for j in range(n) for k in range(n)])[: len(symbols)] / n
    cell = scale * n * (np.eye(3) + rng.uniform(-0.15, 0.15, (3, 3)))
    positions = (grid + rng.uniform(-0.08, 0.08, grid.shape) / n) @ cell
    return cell, positions, list(rng.permutation(symbols))


CRYSTALS = [
    crystal(["Li"] * 3 + ["In"] + ["Cl"] * 4 + ["Br"] * 2, 0),
    crystal(["Na", "Zr", "Zr", "P", "Si", "P"] + ["O"] * 12, 1),
    crystal(["Li"] * 4 + ["Ge"] + ["S"] * 3 + ["O"], 2),
    crystal(["Li", "Li"], 3),
    crystal(["Li", "Cl"], 4, scale=1.9),
]


@pytest.mark.parametrize("case", CRYSTALS)
def test_forces_are_the_slope_of_the_energy(case):
    cell, positions, symbols = case
    forces = evaluate(cell, positions, symbols).forces_eV_per_A
    numerical = np.zeros_like(forces)
    for index in np.ndindex(*forces.shape):
        moved = [positions.copy(), positions.copy()]
        for sign, place in zip((1, -1), moved, strict=True):
            place[index] += sign * STEP
        first, second = (evaluate(cell, place, symbols).energy_eV for place in moved)
        numerical[index] = -(first - second) / (2 * STEP)
    assert np.allclose(forces, numerical, rtol=0, atol=1e-5)
    assert np.allclose(forces.sum(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize("case", CRYSTALS)
def test_stress_is_the_slope_with_strain(case):
    cell, positions, symbols = case
    volume = abs(np.linalg.det(cell))
    stress = evaluate(cell, positions, symbols).stress_eV_per_A3
    numerical = np.zeros((3, 3))
    for index in np.ndindex(3, 3):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[index] += sign * STEP
            energies.append(evaluate(cell @ strain, positions @ strain, symbols).energy_eV)
        numerical[index] = (energies[0] - energies[1]) / (2 * STEP * volume)
    assert np.allclose(stress, numerical, rtol=0, atol=1e-6)
    assert np.allclose(stress, stress.T, atol=1e-12)


@pytest.mark.parametrize("case", CRYSTALS)
def test_another_choice_of_cell_gives_the_same_crystal(case):
    cell, positions, symbols = case
    one = evaluate(cell, positions, symbols)
    shifted = positions + np.arange(len(symbols))[:, None] * (cell[0] - cell[2]) + [0.3, -7.0, 1.1]
    sheared = np.array([[1, 0, 0], [2, 1, 0], [-1, 0, 1]]) @ cell
    other = evaluate(sheared, shifted, symbols)
    assert other.energy_eV == pytest.approx(one.energy_eV, abs=1e-9)
    assert np.allclose(other.forces_eV_per_A, one.forces_eV_per_A, atol=1e-9)
    doubled = evaluate(np.diag([2, 1, 1]) @ cell, np.concatenate([positions, positions + cell[0]]), symbols * 2)
    assert doubled.energy_eV == pytest.approx(2 * one.energy_eV, abs=1e-8)
    assert np.allclose(doubled.stress_eV_per_A3, one.stress_eV_per_A3, atol=1e-10)


def test_energy_and_force_fade_at_the_cutoff():
    cell = np.eye(3) * 40.0
    apart = {}
    for distance in (CUTOFF_A - 1e-3, CUTOFF_A + 1e-3):
        apart[distance] = evaluate(cell, np.array([[0.0, 0, 0], [distance, 0, 0]]), ["Na", "Cl"])
    inside, outside = apart.values()
    assert inside.energy_eV == pytest.approx(outside.energy_eV, abs=1e-7)
    assert np.abs(inside.forces_eV_per_A).max() < 1e-4
    assert np.abs(outside.forces_eV_per_A).max() == 0


def test_lone_atom_has_its_reference_energy():
    alone = evaluate(np.eye(3) * 12.0, np.zeros((1, 3)), ["Y"])
    assert alone.energy_eV == pytest.approx(REFERENCE_EV_PER_PROTON * ELEMENTS["Y"].number, abs=1e-3)
    assert not alone.forces_eV_per_A.any()


def test_salt_binds_and_resists_compression():
    sites = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
    pressures = []
    for length in (4.4, 5.1, 6.4):
        positions = np.concatenate([sites, sites + np.array([0.5, 0, 0])]) * length
        found = evaluate(np.eye(3) * length, positions, ["Li"] * 4 + ["Cl"] * 4)
        pressures.append(-found.stress_eV_per_A3.trace() / 3)
    assert pressures[0] > pressures[1] > pressures[2]
    assert pressures[0] > 0 > pressures[2]
