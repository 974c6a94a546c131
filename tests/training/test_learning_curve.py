import numpy as np
import pytest

from superionic.training.learning_curve import Advice, advise, seed_spread, sizes_to_train
from superionic.training.power_law import fit_power_law

SIZES = (100, 250, 500, 1000, 2500)


def curve(rng, amplitude, exponent, scatter=0.05, seeds=3):
    """Errors of models on a known law, each off by a factor of its own."""
    n = np.repeat(SIZES, seeds)
    return n, amplitude * n**-exponent * np.exp(scatter * rng.normal(size=n.size))


def test_two_sizes_are_too_few():
    assert fit_power_law([32, 64], [9.0, 7.0]) is None
    advice, reason = advise(None, 64, None)
    assert advice is Advice.TOO_FEW_POINTS
    assert "3 sizes" in reason


@pytest.mark.parametrize(
    ("exponent", "scatter", "advice"),
    [(0.5, 0.02, Advice.MORE_LABELS), (0.02, 0.005, Advice.ENOUGH), (0.1, 0.1, Advice.UNDECIDED)],
)
def test_advice_follows_the_gain_of_a_doubling(exponent, scatter, advice):
    n, errors = curve(np.random.default_rng(7), 100.0, exponent, scatter=scatter, seeds=4)
    found, reason = advise(fit_power_law(n, errors), 2500, seed_spread(n, errors))
    assert found is advice
    assert "twice the labels are expected to lower the error by" in reason


def test_a_gain_within_the_scatter_over_seeds_is_enough():
    n, errors = curve(np.random.default_rng(8), 100.0, 0.12, scatter=0.2, seeds=30)
    assert seed_spread(n, errors) == pytest.approx(0.2, abs=0.03)
    assert advise(fit_power_law(n, errors), 2500, seed_spread(n, errors))[0] is Advice.ENOUGH
    assert seed_spread([1, 2, 3], [3.0, 2.0, 1.0]) is None


def test_sizes_beyond_the_training_set_are_left_out_and_named():
    assert sizes_to_train([0.5, 0.25, 1.0, 0.01], 80, 10) == (
        [20, 40],
        ["0.01 of the training set (1) structures do not fill one batch of 10"],
    )
    kept, left_out = sizes_to_train([100, 250, 500, 2500], 250, 10)
    assert kept == [100]
    assert left_out == [f"{n} structures are more than the 250 of the training set" for n in (500, 2500)]
