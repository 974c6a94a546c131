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
