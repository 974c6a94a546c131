"""Units that differ by known factors are recognised, and nothing is said where nothing can be known."""

import re

import numpy as np
import pytest

from superionic.training.label_units import unit_suspicions
from superionic.training.metrics import Evaluation


def evaluation(forces, stresses):
    n = len(stresses)
    return Evaluation(np.zeros(n), forces, stresses, np.full(n, len(forces) // n))


@pytest.fixture
def labels_and_foundation():
    """Function that scales the labels; the foundation is 20 % too soft and noisy."""
    rng = np.random.default_rng(0)
    forces, stresses = rng.normal(0, 0.5, (80, 3)), rng.normal(0, 0.02, (10, 3, 3))
    soft = evaluation(0.8 * forces + rng.normal(0, 0.15, (80, 3)), 0.8 * stresses + rng.normal(0, 0.005, (10, 3, 3)))

    def scaled(force=1.0, stress=1.0):
        return evaluation(force * forces, stress * stresses), soft

    return scaled


def test_softening_is_no_matter_of_units(labels_and_foundation):
    assert unit_suspicions(*labels_and_foundation()) == []


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        ({"force": 1 / 51.4}, "forces .* Hartree/Bohr"),
        ({"force": 1 / 25.7}, "forces .* Rydberg/Bohr"),
        ({"force": 23.06}, "forces .* kcal/mol/A"),
        ({"force": -1.0}, "forces .* have the opposite sign"),
        ({"stress": 160.2}, "stresses .* GPa"),
        ({"stress": -1602.0}, "stresses .* kbar .*, with the opposite sign"),
        ({"stress": -1.0}, "stresses .* have the opposite sign; .* positive in tension"),
    ],
)
def test_known_factors_are_named(labels_and_foundation, scale, words):
    (note,) = unit_suspicions(*labels_and_foundation(**scale))
    assert re.search(words, note)


def test_nothing_is_said_without_agreement_or_labels():
    rng = np.random.default_rng(1)
    forces, stresses = rng.normal(size=(80, 3)), rng.normal(size=(10, 3, 3))
    other = evaluation(100 * rng.normal(size=(80, 3)), 100 * rng.normal(size=(10, 3, 3)))
    assert unit_suspicions(evaluation(forces, stresses), other) == []
    assert unit_suspicions(evaluation(0 * forces, np.full((10, 3, 3), np.nan)), other) == []
