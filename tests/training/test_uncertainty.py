"""Uncertainties with known answers: committees with known spread, environments at known distances."""

import numpy as np
import pytest

from superionic.errors import InputError
from superionic.training.calibration import (
    CalibrationVerdict,
    calibrate,
    fit_scales,
    force_errors,
    observed_coverage,
)
from superionic.training.metrics import Evaluation
from superionic.training.uncertainty import AtomicFeatures, LatentDistance, committee_disagreement, committee_mean


def evaluation(forces, n_atoms, energies=None):
    n_atoms = np.asarray(n_atoms)
    energies = np.zeros(len(n_atoms)) if energies is None else np.asarray(energies, dtype=float)
    return Evaluation(energies, np.asarray(forces, dtype=float), np.zeros((len(n_atoms), 3, 3)), n_atoms)


def normal_errors(rng, sigmas, factor, n_atoms=20):
    return [factor * sigma * rng.normal(size=(n_atoms, 3)) for sigma in sigmas]


def calibrate_lithium(sigmas, errors):
    return calibrate(sigmas, errors, [np.full(len(error), 3) for error in errors])


def test_two_members_by_hand():
    first = evaluation([[0, 0, 0], [0, 0, 0], [0.3, 0, 0]], [2, 1], energies=[1.0, 2.0])
    second = evaluation([[0.2, 0, 0], [0, 0, 0], [0, 0.4, 0]], [2, 1], energies=[1.4, 2.0])
    found = committee_disagreement([first, second])
    # variance of two numbers that differ by d is d^2 / 2
    np.testing.assert_allclose(found.forces_meV_per_A, [1000 * np.sqrt(0.02 / 6), 1000 * np.sqrt((0.045 + 0.08) / 3)])
    np.testing.assert_allclose(found.largest_force_meV_per_A[0], 1000 * np.sqrt(0.02 / 3))
    np.testing.assert_allclose(found.energy_meV_per_atom, [1000 * 0.2 / np.sqrt(2), 0.0])
    np.testing.assert_allclose(committee_mean([first, second]).forces_eV_per_A[0], [0.1, 0, 0])


def test_spread_of_many_members_is_recovered():
    rng = np.random.default_rng(0)
    sigmas = np.repeat([0.01, 0.05, 0.2], [50, 50, 50])
    members = [evaluation(sigmas[:, None] * rng.normal(size=(150, 3)), [50, 50, 50]) for _ in range(8)]
    np.testing.assert_allclose(committee_disagreement(members).forces_meV_per_A, [10, 50, 200], rtol=0.1)


def test_committee_needs_two_members_and_the_same_structures():
    one = evaluation(np.zeros((2, 3)), [2])
    with pytest.raises(InputError, match="no committee"):
        committee_disagreement([one])
    with pytest.raises(InputError, match="different structures"):
        committee_disagreement([one, evaluation(np.zeros((2, 3)), [1, 1])])


@pytest.mark.parametrize("factor", [0.2, 1.0, 4.0])
def test_scale_is_recovered_within_statistics(factor):
    rng = np.random.default_rng(1)
    sigmas = rng.uniform(5, 100, 80)
    found = calibrate_lithium(sigmas, normal_errors(rng, sigmas, factor))
    assert found.scales.overall == found.scales.elements[3] == pytest.approx(factor, rel=4 / np.sqrt(2 * 80 * 60))
    assert found.verdict is CalibrationVerdict.CALIBRATED
    assert found.coverage[0.68] == pytest.approx(0.68, abs=0.03)
    assert found.coverage[0.95] == pytest.approx(0.95, abs=0.015)
    assert found.expected_calibration_error < 0.02
    assert found.spearman > 0.9


def test_elements_with_different_errors_get_factors_of_their_own():
    """One factor for both would make the intervals too wide for one and too narrow for the other."""
    rng = np.random.default_rng(7)
    sigmas, numbers = rng.uniform(5, 20, 60), [np.repeat([3, 39], 15)] * 60
    errors = [sigma * np.repeat([1.0, 5.0], 15)[:, None] * rng.normal(size=(30, 3)) for sigma in sigmas]
    found = calibrate(sigmas, errors, numbers)
    assert found.scales.elements[3] == pytest.approx(1.0, rel=0.05)
    assert found.scales.elements[39] == pytest.approx(5.0, rel=0.05)
    assert found.verdict is CalibrationVerdict.CALIBRATED
    assert found.expected_calibration_error < 0.02
    together = calibrate_lithium(sigmas, errors)
    assert together.verdict is not CalibrationVerdict.CALIBRATED
    rms = [np.sqrt(np.mean(error**2)) for error in errors]
    np.testing.assert_allclose(found.scales.of_structures(sigmas, numbers), rms, rtol=0.5)


def test_over_and_under_confident_committees_are_told_apart():
    rng = np.random.default_rng(2)
    sigmas = rng.uniform(5, 100, 60)
    over = calibrate_lithium(sigmas, normal_errors(rng, sigmas, 3.0))
    under = calibrate_lithium(sigmas, normal_errors(rng, sigmas, 0.3))
    assert over.raw_verdict is CalibrationVerdict.OVER_CONFIDENT
    assert over.raw_coverage[0.68] < 0.35
    assert under.raw_verdict is CalibrationVerdict.UNDER_CONFIDENT
    assert over.verdict is under.verdict is CalibrationVerdict.CALIBRATED, "one factor mends both"


def test_an_uncertainty_that_knows_nothing_is_not_calibrated():
    """Errors that differ by orders of magnitude between structures, and a measure that does not see it."""
    rng = np.random.default_rng(3)
    true = np.where(np.arange(40) % 4 < 2, 1.0, 200.0)
    found = calibrate_lithium(np.full(40, 10.0), normal_errors(rng, true, 1.0))
    assert found.verdict is CalibrationVerdict.MISSHAPEN
    assert found.spearman is None
    assert found.expected_calibration_error > 0.1


def test_factor_is_judged_on_structures_that_did_not_set_it():
    errors = [np.full((10, 3), 1.0 if index % 2 else 100.0) for index in range(20)]
    found = calibrate_lithium(np.ones(20), errors)
    assert found.coverage[0.68] == 0.5
    assert found.verdict is CalibrationVerdict.OVER_CONFIDENT


def test_few_structures_get_no_verdict():
    rng = np.random.default_rng(4)
    found = calibrate_lithium(np.ones(5), normal_errors(rng, np.ones(5), 1.0))
    assert found.verdict is found.raw_verdict is CalibrationVerdict.TOO_FEW


def test_bad_uncertainties_are_refused():
    for values in ([], [1.0, 0.0], [1.0, np.inf], [1.0]):
        with pytest.raises(InputError):
            calibrate_lithium(np.array(values), [np.ones((1, 3)), np.ones((1, 3))])


def test_small_helpers_by_hand():
    scales = fit_scales([np.full((2, 3), 2.0), np.full((1, 3), 8.0)], [np.array([3, 17]), np.array([17])])
    assert scales.elements == {3: 2.0, 17: pytest.approx(np.sqrt((4 + 64) / 2))}
    assert scales.overall == pytest.approx(np.sqrt((4 + 4 + 64) / 3))
    np.testing.assert_allclose(scales.of_structures([10.0], [np.array([3, 3, 35])]), 10 * np.sqrt((8 + 24) / 3))
    assert observed_coverage([np.array([0.0, 0.99, -1.01, 3.0])], 0.6827) == 0.5
    errors = force_errors(evaluation(np.zeros((3, 3)), [1, 2]), evaluation(np.ones((3, 3)), [1, 2]))
    assert [error.tolist() for error in errors] == [[[1000.0] * 3], [[1000.0] * 3] * 2]


def features(values, numbers, n_atoms):
    return AtomicFeatures(np.asarray(values, dtype=float), np.asarray(numbers), np.asarray(n_atoms))


def test_distances_by_hand():
    """One feature; lithium environments of the training set at 0, 1, 2, 3 in four structures: unit 1."""
    training = features([[0.0], [1.0], [2.0], [3.0], [7.0], [9.0]], [3, 3, 3, 3, 17, 17], [1, 1, 1, 1, 1, 1])
    latent = LatentDistance(training)
    new = features([[1.5], [6.0], [11.0], [0.0]], [3, 3, 17, 35], [2, 1, 1])
    np.testing.assert_allclose(latent.of_atoms(new), [0.5, 3.0, 1.0, np.inf])
    np.testing.assert_allclose(latent.of_structures(new), [np.sqrt((0.25 + 9) / 2), 1.0, np.inf])


def test_distance_does_not_depend_on_units_and_grows_with_distance():
    rng = np.random.default_rng(5)
    values, numbers, n_atoms = rng.normal(size=(60, 5)), np.tile([3, 17], 30), [6] * 10
    shifts = np.linspace(0, 5, 20)
    moved = values[:2] + np.repeat(shifts, 2)[:, None].reshape(20, 2, 1)
    query = moved.reshape(-1, 5), np.tile([3, 17], 20), [2] * 20
    found = LatentDistance(features(values, numbers, n_atoms)).of_structures(features(*query))
    scale = np.array([1, 10, 100, 0.1, 3.0])
    scaled = LatentDistance(features(values * scale + 7, numbers, n_atoms))
    np.testing.assert_allclose(scaled.of_structures(features(query[0] * scale + 7, *query[1:])), found, atol=1e-9)
    assert found[0] == pytest.approx(0, abs=1e-9)
    assert (np.diff(found[8:]) > 0).all()


def test_unit_is_the_distance_between_training_structures():
    """Ten copies of one environment inside each structure must not make the unit zero."""
    values = np.repeat(np.array([0.0, 1.0, 2.0]), 10)[:, None]
    latent = LatentDistance(features(values, [3] * 30, [10, 10, 10]))
    np.testing.assert_allclose(latent.of_atoms(features([[3.0]], [3], [1])), [1.0])
