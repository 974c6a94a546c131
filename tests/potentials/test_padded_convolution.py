"""The padded convolution is the one of e3nn, with its gradients, and is only used where it is."""

import pytest

pytest.importorskip("mace")

import torch

from superionic.potentials._padded_convolution import PaddedConvolution, install


def load(path):
    return torch.load(path, weights_only=False)


def test_values_and_gradients_are_those_of_e3nn(scalar_model_file):
    block = load(scalar_model_file).interactions[1]
    atoms, neighbours, channels = 5, 6, 8
    torch.manual_seed(1)

    def draw(*shape):
        return torch.randn(shape, dtype=torch.float64, requires_grad=True)

    inputs = [draw(atoms, channels), draw(atoms * neighbours, 9), draw(atoms * neighbours, 3 * channels)]
    receivers = torch.arange(atoms).repeat_interleave(neighbours)
    senders = torch.randint(0, atoms, (atoms * neighbours,))
    edges = block.conv_tp(inputs[0][senders], *inputs[1:])
    expected = edges.new_zeros(atoms, edges.shape[1]).index_add(0, receivers, edges)
    got = PaddedConvolution(3)(*inputs, torch.stack([senders, receivers]))
    torch.testing.assert_close(got, expected)
    weight = torch.randn_like(got)
    torch.testing.assert_close(torch.autograd.grad(got, inputs, weight), torch.autograd.grad(expected, inputs, weight))


def test_installed_in_scalar_models_only(scalar_model_file, vector_model_file):
    scalar, vector = load(scalar_model_file), load(vector_model_file)
    assert install(scalar)
    assert install(scalar), "a second time changes nothing"
    assert all(isinstance(block.conv_tp, PaddedConvolution) for block in scalar.interactions)
    assert not install(vector)
    assert not any(isinstance(block.conv_tp, PaddedConvolution) for block in vector.interactions)


def test_a_convolution_that_differs_is_not_replaced(scalar_model_file):
    model = load(scalar_model_file)

    class Doubled(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner
            self.irreps_in1, self.irreps_in2, self.weight_numel = inner.irreps_in1, inner.irreps_in2, inner.weight_numel

        def forward(self, *inputs):
            return 2 * self.inner(*inputs)

    model.interactions[1].conv_tp = Doubled(model.interactions[1].conv_tp)
    assert not install(model)
    assert not hasattr(model.interactions[0], "conv_fusion"), "all or nothing"
