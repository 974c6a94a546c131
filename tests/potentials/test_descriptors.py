"""Pooled descriptors tell orderings apart and nothing else."""

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pymatgen.core import Structure

from superionic.errors import InputError
from superionic.potentials.descriptors import descriptor_matrix, pooled_descriptor
from superionic.potentials.registry import foundation_ref, load_calculator, trust_file


@pytest.fixture
def calculator(own_cache, scalar_model_file):
    trust_file(scalar_model_file)
    return load_calculator(foundation_ref(str(scalar_model_file)))


def test_independent_of_order_and_cell(calculator, halide):
    reference = pooled_descriptor(halide, calculator)
    assert len(reference) == 4 * 16, "four elements, eight channels in each of two layers"
    shuffled = Structure.from_sites([halide[index] for index in np.random.default_rng(0).permutation(len(halide))])
    np.testing.assert_allclose(pooled_descriptor(shuffled, calculator), reference, atol=1e-10)
    np.testing.assert_allclose(pooled_descriptor(halide * (1, 1, 2), calculator), reference, atol=1e-10)


def test_other_ordering_differs(calculator, halide):
    other = halide.copy()
    chlorine, bromine = (next(i for i, s in enumerate(halide) if s.specie.symbol == x) for x in ("Cl", "Br"))
    other[chlorine], other[bromine] = "Br", "Cl"
    rows = descriptor_matrix([halide, other], calculator)
    assert rows.shape == (2, 64)
    assert np.abs(rows[0] - rows[1]).max() > 1e-4


def test_calculator_without_features():
    with pytest.raises(InputError, match="no atomic features"):
        pooled_descriptor(Structure([[3, 0, 0], [0, 3, 0], [0, 0, 3]], ["Cu"], [[0, 0, 0]]), EMT())
