"""The polynomial is MACE's product basis, with its gradient, and is only used where it is."""

import pytest

pytest.importorskip("mace")

import torch
from e3nn import o3
from mace.modules.symmetric_contraction import SymmetricContraction

from superionic.potentials._polynomial_product import PolynomialProduct, install, restored


@pytest.mark.parametrize("correlation", [1, 2, 3])
@pytest.mark.parametrize("outputs", ["4x0e", "4x0e + 4x1o", "4x1o + 4x2e"])
def test_values_and_gradients_are_those_of_mace(correlation, outputs):
    torch.manual_seed(correlation)
    irreps = (o3.Irreps("4x0e + 4x1o + 4x2e"), o3.Irreps(outputs))
    mace = SymmetricContraction(*irreps, correlation=correlation, shared_weights=True, num_elements=3).double()
    x = torch.randn(7, 4, 9, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.one_hot(torch.tensor([2, 0, 0, 2, 0, 2, 2]), 3).double()
    expected, found = mace(x, y), PolynomialProduct(mace)(x, y)
    torch.testing.assert_close(found, expected)
    weight = torch.randn_like(expected)
    torch.testing.assert_close(torch.autograd.grad(found, x, weight), torch.autograd.grad(expected, x, weight))


def test_installed_where_it_agrees_and_taken_out_again(vector_model_file, scalar_model_file):
    assert not install(torch.load(scalar_model_file, weights_only=False)), "it would not pay at the second degree"
    model = torch.load(vector_model_file, weights_only=False)
    own = [block.symmetric_contractions for block in model.products]
    with restored(model):
        assert install(model)
        assert install(model), "twice is once"
    assert [block.symmetric_contractions for block in model.products] == own

    class Doubled(SymmetricContraction):
        def forward(self, x, y):
            return 2 * super().forward(x, y)

    Doubled.__name__ = "SymmetricContraction"
    own[1].__class__ = Doubled
    assert not install(model)
    assert model.products[1].symmetric_contractions is own[1]
