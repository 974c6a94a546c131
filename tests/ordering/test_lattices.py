"""Integer lattices and their cosets."""

import numpy as np
import pytest

from superionic.errors import OrderingError
from superionic.ordering.lattices import Cosets, hermite_normal_form, supercell_matrix


def random_matrix(rng):
    while True:
        matrix = rng.integers(-3, 4, size=(3, 3))
        if abs(np.linalg.det(matrix)) > 0.5:
            return matrix


@pytest.mark.parametrize("seed", range(10))
def test_hermite_form_names_the_lattice(seed):
    rng = np.random.default_rng(seed)
    matrix = random_matrix(rng)
    unimodular = np.array([[1, 2, 0], [0, 1, 0], [0, 0, 1]]) @ np.array([[0, 1, 0], [0, 0, 1], [1, -3, 2]])
    form = hermite_normal_form(matrix)
    assert np.array_equal(form, hermite_normal_form(np.concatenate([unimodular @ matrix, matrix[:1]])))
    steps = matrix @ np.linalg.inv(form)
    assert np.allclose(steps, np.round(steps))
    assert np.prod(np.diag(form)) == round(abs(np.linalg.det(matrix)))
    assert np.all(np.triu(form) == form)


@pytest.mark.parametrize("seed", range(5))
def test_cosets_are_numbered_one_to_one(seed):
    rng = np.random.default_rng(seed)
    matrix = random_matrix(rng)
    cosets = Cosets.of(matrix)
    assert np.array_equal(cosets.index(cosets.representatives), np.arange(cosets.size))
    vectors = rng.integers(-9, 10, size=(50, 3))
    moved = vectors + rng.integers(-4, 5, size=(50, 3)) @ matrix
    assert np.array_equal(cosets.index(vectors), cosets.index(moved))


@pytest.mark.parametrize(
    ("supercell", "complaint"),
    [
        ((1, 2), "shape"),
        ((1, 1, 0), "empty"),
        ((1, 1, -2), "empty"),
        ((-1, -1, 2), "empty"),
        ((1, 1, 1.5), "not integers"),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], "left-handed"),
        ("abc", "not numeric"),
    ],
)
def test_bad_supercells_are_refused(supercell, complaint):
    with pytest.raises(OrderingError, match=complaint):
        supercell_matrix(supercell)
