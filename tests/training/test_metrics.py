import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.errors import InputError
from superionic.training.metrics import (
    MAX_PARITY_FORCES,
    Evaluation,
    errors_between,
    errors_by_group,
    fit_element_offsets,
    force_errors_by_element,
    parity_sample,
)


def evaluation(rng, n_atoms):
    n_atoms = np.asarray(n_atoms)
    return Evaluation(
        energies_eV=rng.normal(size=len(n_atoms)),
        forces_eV_per_A=rng.normal(size=(n_atoms.sum(), 3)),
        stresses_eV_per_A3=rng.normal(size=(len(n_atoms), 3, 3)),
        n_atoms=n_atoms,
    )


def moved(reference, energies, forces, stresses):
    return Evaluation(
        reference.energies_eV + energies,
        reference.forces_eV_per_A + forces,
        reference.stresses_eV_per_A3 + stresses,
        reference.n_atoms,
    )


def test_errors_of_a_known_difference():
    reference = evaluation(np.random.default_rng(0), [2, 4])
    # +2 meV/atom and -4 meV/atom: RMSE sqrt(10), MAE 3
    predicted = moved(reference, np.array([0.004, -0.016]), 0.05, -0.002)
    errors = errors_between(reference, predicted)
    assert errors.n_structures == 2
    assert errors.energy_rmse_meV_per_atom == pytest.approx(np.sqrt(10))
    assert errors.energy_mae_meV_per_atom == pytest.approx(3)
    assert errors.force_rmse_meV_per_A == pytest.approx(50)
    assert errors.force_mae_meV_per_A == pytest.approx(50)
    assert errors.stress_rmse_meV_per_A3 == pytest.approx(2)


def test_groups_add_up_to_all():
    rng = np.random.default_rng(1)
    reference = evaluation(rng, [3, 1, 4, 1, 5])
    predicted = moved(reference, rng.normal(size=5), rng.normal(size=(14, 3)), rng.normal(size=(5, 3, 3)))
    found = errors_by_group(reference, predicted, ["b", "a", "b", "a", "a"])
    assert list(found) == ["all", "a", "b"]
    weights = {"a": 7, "b": 7}
    squares = sum(weights[name] * found[name].force_rmse_meV_per_A ** 2 for name in weights)
    assert found["all"].force_rmse_meV_per_A ** 2 == pytest.approx(squares / 14)
    assert found["a"].n_structures + found["b"].n_structures == found["all"].n_structures


def test_predictions_of_other_structures_are_refused():
    rng = np.random.default_rng(2)
    with pytest.raises(InputError, match="other structures"):
        errors_between(evaluation(rng, [2, 4]), evaluation(rng, [4, 2]))


@given(seed=st.integers(0, 10_000), n_structures=st.integers(6, 20))
@settings(max_examples=50, deadline=None)
def test_offsets_are_recovered_when_compositions_determine_them(seed, n_structures):
    rng = np.random.default_rng(seed)
    true = {3: -1.9, 17: -3.3, 35: 250.0}
    numbers = [rng.choice([3, 17, 35], size=rng.integers(4, 30)) for _ in range(n_structures)]
    numbers += [np.array([z]) for z in true]
    energies = np.array([sum(true[int(z)] for z in atoms) for atoms in numbers])
    offsets = fit_element_offsets(numbers, energies)
    assert not offsets.deficient
    assert offsets.eV_per_atom == pytest.approx(true)
    np.testing.assert_allclose(offsets.energies_of(numbers), energies)


def test_offsets_of_one_composition_family_are_deficient_but_add_up():
    # Li3 M X6 with M = In, Y and X = Cl, Br: rank 3 of 5
    true = {3: -2.0, 49: -1.0, 39: -6.0, 17: -3.0, 35: -2.5}
    cells = [[3] * 6 + [49] * m + [39] * (2 - m) + [17] * x + [35] * (12 - x) for m in (0, 1, 2) for x in (0, 6, 12)]
    numbers = [np.array(cell) for cell in cells]
    energies = np.array([sum(true[z] for z in cell) for cell in cells])
    offsets = fit_element_offsets(numbers, energies)
    assert (offsets.rank, offsets.deficient) == (3, True)
    np.testing.assert_allclose(offsets.energies_of(numbers), energies, atol=1e-9)


def test_infinite_energies_are_refused():
    with pytest.raises(InputError, match="finite"):
        fit_element_offsets([np.array([3])], np.array([np.inf]))


def test_parity_sample_is_seeded_and_bounded():
    rng = np.random.default_rng(3)
    reference = evaluation(rng, [700, 600])
    predicted = moved(reference, 0.0, 1.0, 0.0)
    sample, again, other = (parity_sample(reference, predicted, seed) for seed in (1, 1, 2))
    assert len(sample["force_reference_eV_per_A"]) == MAX_PARITY_FORCES
    assert sample == again
    assert sample["force_reference_eV_per_A"] != other["force_reference_eV_per_A"]
    difference = np.subtract(sample["force_predicted_eV_per_A"], sample["force_reference_eV_per_A"])
    np.testing.assert_allclose(difference, 1.0)


@given(scale=st.floats(0.3, 1.5), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_scaled_values_have_the_scale_as_their_slope(scale, seed):
    """A potential that is softer by a factor has exactly that slope, whatever the compositions' own energies are."""
    rng = np.random.default_rng(seed)
    reference = evaluation(rng, [3, 1, 4, 1, 5, 9])
    groups = ["a", "a", "b", "b", "b", "a"]
    per_atom = reference.energies_eV / reference.n_atoms
    means = np.array([per_atom[[g == name for g in groups]].mean() for name in groups])
    soft = Evaluation(
        (scale * (per_atom - means) + means + np.where(np.array(groups) == "a", 7.0, -3.0)) * reference.n_atoms,
        scale * reference.forces_eV_per_A,
        reference.stresses_eV_per_A3,
        reference.n_atoms,
    )
    found = errors_between(reference, soft, groups)
    assert found.energy_slope == pytest.approx(scale)
    assert found.force_slope == pytest.approx(scale)
    assert (found.energy_slope_std, found.force_slope_std) == pytest.approx((0, 0), abs=1e-12)


def test_error_of_a_slope_covers_the_truth_though_components_of_a_structure_are_correlated():
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(400):
        n_atoms = np.full(25, 8)
        true = evaluation(rng, n_atoms)
        # each structure is too soft or too hard as a whole
        factor = np.repeat(0.8 + 0.1 * rng.normal(size=25), n_atoms)[:, None]
        soft = Evaluation(true.energies_eV, factor * true.forces_eV_per_A, true.stresses_eV_per_A3, n_atoms)
        found = errors_between(true, soft)
        inside.append(abs(found.force_slope - 0.8) < 1.96 * found.force_slope_std)
    assert 0.90 < np.mean(inside) < 0.98


def test_errors_of_each_element_and_largest_errors():
    reference = Evaluation(np.zeros(2), np.ones((4, 3)) * [[1], [2], [-1], [-2]], np.zeros((2, 3, 3)), np.array([2, 2]))
    predicted = moved(reference, np.array([0.0, -0.008]), np.array([[0.03], [0.0], [-0.01], [0.0]]), 0.0)
    numbers = [np.array([3, 17]), np.array([3, 17])]
    found = force_errors_by_element(reference, predicted, numbers)
    assert list(found) == ["Li", "Cl"]
    assert found["Li"].n_atoms == 2
    assert found["Li"].force_rmse_meV_per_A == pytest.approx(np.sqrt(500))
    assert found["Li"].force_max_meV_per_A == pytest.approx(30)
    assert found["Li"].force_r2 == pytest.approx(1 - 0.0005)
    assert found["Li"].force_slope == pytest.approx(1.02)
    assert found["Cl"].force_slope == pytest.approx(1.0)
    errors = errors_between(reference, predicted)
    assert (errors.energy_max_meV_per_atom, errors.force_max_meV_per_A) == pytest.approx((4, 30))
    # references that do not vary have neither R2 nor slope
    assert (errors.energy_r2, errors.energy_slope, errors.stress_r2) == (None, None, None)


def test_r2_of_energies_does_not_profit_from_different_compositions():
    reference = Evaluation(np.array([0.0, 0.1, 50.0, 50.1]), np.zeros((4, 3)), np.zeros((4, 3, 3)), np.ones(4, int))
    predicted = moved(reference, np.array([0.1, -0.1, 0.1, -0.1]), 0.0, 0.0)
    # by composition: errors 0.1 about a spread of 0.05
    assert errors_between(reference, predicted, ["a", "a", "b", "b"]).energy_r2 == pytest.approx(1 - 4)
    assert errors_between(reference, predicted).energy_r2 > 0.99
