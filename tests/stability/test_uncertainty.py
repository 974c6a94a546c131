import numpy as np
import pytest
from pymatgen.core import Composition
from scipy.stats import norm

from superionic.errors import InputError
from superionic.stability import build_phase_diagram
from superionic.stability.uncertainty import (
    committee_covariance,
    composition_indices,
    error_covariance,
    hull_uncertainty,
    sampled_hull,
)

SIGMA_EV = 0.004


def entry(formula, energy_per_atom, units=1):
    composition = Composition(formula) * units
    return composition, energy_per_atom * composition.num_atoms, round(composition.num_atoms)


def binary(formation_eV, *more):
    return [entry("Na", -1.0), entry("Cl", -2.0), entry("NaCl", -1.5 + formation_eV), *more]


@pytest.mark.parametrize("formation_eV", [-0.01, -0.002, 0.0, 0.005])
def test_one_compound_between_two_end_members_is_analytic(formation_eV):
    entries = binary(formation_eV)
    covariance = error_covariance([SIGMA_EV] * 3, [0, 1, 2])
    result = hull_uncertainty(entries, ["Na", "Cl"], covariance, n_samples=5000)
    std = SIGMA_EV * np.sqrt(1 + 2 * 0.25)
    ratio = formation_eV / std
    assert result.formation_energy_std_eV_per_atom == pytest.approx([0, 0, std], rel=0.05)
    assert result.probability_stable == pytest.approx([1, 1, norm.cdf(-ratio)], abs=0.025)
    # mean of the positive part of a Gaussian
    mean = formation_eV * norm.cdf(ratio) + std * norm.pdf(ratio)
    assert result.e_above_hull_mean_eV_per_atom[2] == pytest.approx(mean, abs=4 * std / np.sqrt(5000))
    low, high = result.e_above_hull_interval_eV_per_atom[2]
    assert high == pytest.approx(max(0.0, formation_eV + 1.96 * std), abs=0.15 * std)
    assert low == pytest.approx(max(0.0, formation_eV - 1.96 * std), abs=0.15 * std)


def test_what_all_energies_share_cancels():
    entries = binary(0.003)
    shared = error_covariance([0.05] * 3, [0, 1, 2], between_compositions=1.0)
    result = hull_uncertainty(entries, ["Na", "Cl"], shared)
    assert np.allclose(result.formation_energy_std_eV_per_atom, 0, atol=1e-9)
    assert np.allclose(result.e_above_hull_mean_eV_per_atom, [0, 0, 0.003])
    half = hull_uncertainty(entries, ["Na", "Cl"], error_covariance([0.05] * 3, [0, 1, 2], between_compositions=0.75))
    none = hull_uncertainty(entries, ["Na", "Cl"], error_covariance([0.05] * 3, [0, 1, 2]))
    ratio = half.formation_energy_std_eV_per_atom[2] / none.formation_energy_std_eV_per_atom[2]
    assert ratio == pytest.approx(0.5, rel=0.05)


def test_many_orderings_gain_stability_only_where_their_errors_are_independent():
    entries = binary(0.0, *[entry("NaCl", -1.5, units) for units in range(2, 12)])
    groups = composition_indices([composition for composition, _, _ in entries])
    assert groups.tolist() == [0, 1, *[2] * 11]
    joint = hull_uncertainty(entries, ["Na", "Cl"], error_covariance([SIGMA_EV] * 13, groups))
    alone = hull_uncertainty(entries, ["Na", "Cl"], error_covariance([SIGMA_EV] * 13, groups, within_composition=0.0))
    assert joint.composition_probability_stable == pytest.approx([1, 1, 0.5], abs=0.05)
    assert alone.composition_probability_stable[2] > 0.95


def test_hulls_of_samples_equal_those_of_the_phase_diagram():
    rng = np.random.default_rng(3)
    members = [Composition(f) for f in ("Li3InCl6", "Li3InBr6", "Li3YBr6")]
    weights = np.vstack([np.eye(3), rng.multinomial(6, [1 / 3] * 3, size=15) / 6])
    cells = [sum((m * w for m, w in zip(members, row, strict=True)), Composition()) * 6 for row in weights]
    samples = rng.normal(-3, 0.01, size=(5, len(cells)))
    samples[0] = -3.0
    result = sampled_hull([(c, -180.0, 60) for c in cells], members, samples)
    single = [
        build_phase_diagram([(c, 60 * e, 60) for c, e in zip(cells, row, strict=True)], members) for row in samples
    ]
    above = np.array([diagram.e_above_hull_eV_per_atom for diagram in single])
    assert np.allclose(result.e_above_hull_mean_eV_per_atom, above.mean(axis=0), atol=1e-9)
    assert np.allclose(result.probability_stable, np.mean([diagram.stable for diagram in single], axis=0))


def test_committee_members_that_differ_by_a_shift_agree_on_formation_energies():
    energies = np.array([-1.0, -2.0, -1.51])
    members = energies + np.array([[0.0], [0.3], [-0.1], [0.05]])
    result = hull_uncertainty(binary(-0.01), ["Na", "Cl"], committee_covariance(members))
    assert np.allclose(result.formation_energy_std_eV_per_atom, 0, atol=1e-7)
    assert result.probability_stable.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: error_covariance([-1.0], [0]), "not negative"),
        (lambda: error_covariance([1.0], [0], between_compositions=2.0), "0 <= between <= within <= 1"),
        (lambda: committee_covariance([[1.0, 2.0]]), "at least two members"),
        (lambda: hull_uncertainty(binary(0), ["Na", "Cl"], np.eye(2)), r"shape \(3, 3\)"),
        (lambda: hull_uncertainty(binary(0), ["Na", "Cl"], -np.eye(3)), "negative eigenvalue"),
        (lambda: sampled_hull(binary(0), ["Na", "Cl"], [[1, 2, 3]]), "at least two samples"),
        (lambda: sampled_hull(binary(0), ["Na", "Cl"], [[1, 2, 3], [1, 2, np.nan]]), "not finite"),
    ],
)
def test_bad_input_is_explained(call, message):
    with pytest.raises(InputError, match=message):
        call()
