from math import comb, exp, log

import numpy as np
import pytest
from pymatgen.core import Composition

from superionic.errors import InputError
from superionic.stability.mixing import (
    OrderingEnsemble,
    ideal_mixing_entropy,
    mixing_free_energy,
    phase_diagram_at,
)
from superionic.units import BOLTZMANN_EV_PER_K

CELL = Composition("Na2Cl2")


def ensemble(energies_eV, multiplicities, count_raw=None, composition=CELL):
    return OrderingEnsemble(composition, np.array(energies_eV, float), np.array(multiplicities), count_raw)


@pytest.mark.parametrize("temperature_K", [50.0, 300.0, 3000.0])
def test_two_level_system(temperature_K):
    thermal_eV = BOLTZMANN_EV_PER_K * temperature_K
    result = mixing_free_energy(ensemble([-8.0, -7.9], [2, 4], 6), temperature_K)
    z = 2 + 4 * exp(-0.1 / thermal_eV)
    upper = 4 * exp(-0.1 / thermal_eV) / z
    assert result.free_energy_eV_per_atom == pytest.approx((-8.0 - thermal_eV * log(z)) / 4)
    assert result.energy_eV_per_atom == pytest.approx((-8.0 + 0.1 * upper) / 4)
    shares = np.array([(1 - upper) / 2, upper / 4])  # probability of each raw ordering
    entropy = -BOLTZMANN_EV_PER_K * np.sum([2, 4] * shares * np.log(shares + 1e-300))
    assert result.entropy_eV_per_K_per_atom == pytest.approx(entropy / 4)
    assert result.lower_bound_eV_per_atom == pytest.approx(result.free_energy_eV_per_atom)
    assert result.ground_state_probability == pytest.approx(1 - upper)


def test_orderings_of_equal_energy_are_an_ideal_solution():
    n_sites = 200
    raw = comb(n_sites, n_sites // 2)
    cell = Composition({"Na": 100, "K": 100, "Cl": 200})
    listed = OrderingEnsemble(cell, np.array([-1.0]), np.array([1]), raw)
    result = mixing_free_energy(listed, 400.0)
    assert result.ideal_entropy_eV_per_K_per_atom == pytest.approx(BOLTZMANN_EV_PER_K * log(raw) / 400)
    assert result.lower_bound_eV_per_atom == pytest.approx((-1.0 - 400 * BOLTZMANN_EV_PER_K * log(raw)) / 400)
    # the crystal's limit; a finite cell has less by Stirling's ln(pi n / 2) / 2
    ideal = ideal_mixing_entropy([[0.5, 0.5]], [n_sites], 400)
    assert ideal == pytest.approx(BOLTZMANN_EV_PER_K * log(2) / 2)
    missing = BOLTZMANN_EV_PER_K * log(np.pi * n_sites / 2) / 2 / 400
    assert ideal - result.ideal_entropy_eV_per_K_per_atom == pytest.approx(missing, rel=1e-2)


def test_a_cut_list_brackets_the_whole_sum():
    rng = np.random.default_rng(1)
    energies, multiplicities = np.sort(rng.normal(-8, 0.05, 30)), rng.integers(1, 9, 30)
    raw = int(multiplicities.sum())
    whole = mixing_free_energy(ensemble(energies, multiplicities, raw), 600.0).free_energy_eV_per_atom
    for n in (1, 5, 20):
        cut = ensemble(energies[:n], multiplicities[:n], raw)
        loose, tight = mixing_free_energy(cut, 600.0), mixing_free_energy(cut, 600.0, missing_from_eV=energies[n - 1])
        assert loose.lower_bound_eV_per_atom <= tight.lower_bound_eV_per_atom <= whole <= tight.free_energy_eV_per_atom
        assert tight.listed_fraction == multiplicities[:n].sum() / raw
    assert mixing_free_energy(ensemble(energies, multiplicities), 600.0).lower_bound_eV_per_atom is None


def test_entropy_stabilises_a_mixture_above_its_temperature():
    # the mixture lies 10 meV/atom above its end members, with 6 orderings of 4 atoms
    ends = [ensemble([-4.0], [1], 1, Composition("Na4")), ensemble([-8.0], [1], 1, Composition("Cl4"))]
    mixture = ensemble([-6.0 + 0.04], [6], 6)
    threshold_K = 0.04 / (BOLTZMANN_EV_PER_K * log(6))
    below = phase_diagram_at([*ends, mixture], ["Na", "Cl"], 0.99 * threshold_K)
    above = phase_diagram_at([*ends, mixture], ["Na", "Cl"], 1.01 * threshold_K)
    assert (below.stable[2], above.stable[2]) == (False, True)
    assert below.e_above_hull_eV_per_atom[2] == pytest.approx(0.01 * 0.01, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mixing_free_energy(ensemble([-1.0], [1]), 0.0), "positive temperature"),
        (lambda: ensemble([], []), "one ordering"),
        (lambda: ensemble([-1.0], [0]), "at least 1"),
        (lambda: ensemble([-1.0], [5], 4), "only 4 exist"),
        (lambda: ideal_mixing_entropy([[0.5, 0.4]], [1], 1), "sum to 1"),
    ],
)
def test_bad_input_is_explained(call, message):
    with pytest.raises(InputError, match=message):
        call()
