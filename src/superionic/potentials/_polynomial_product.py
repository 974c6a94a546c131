"""The product basis of a MACE as one polynomial for each element.

MACE forms products of up to three features of an atom by contracting large, mostly empty coupling
tensors with its weights and the features, anew for each atom and call. But the result is, for each
element and channel, a polynomial of the features with fixed coefficients. Here these are computed
once, their symmetry is used (136 pairs instead of 256 for l up to 3), and the gradient comes almost
for free: by Euler's theorem the terms of degree n give n times their share. Results are the same.

This module imports torch and is itself imported only where torch is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import torch

LARGEST_DEGREE = 3
TRIAL_ATOMS = 4
TOLERANCE = 1e-4


class PolynomialProduct(torch.nn.Module):
    """Stands in for `symmetric_contractions` of a product block whose weights do not change any more.

    Parameters
    ----------
    original : torch.nn.Module
        MACE's module; its weights are read when an element is met for the first time.
    """

    def __init__(self, original: Any) -> None:  # noqa: ANN401 (torch module)
        super().__init__()
        self.original = original
        self._known: dict[Any, list[Any]] = {}

    def forward(self, x: Any, y: Any) -> Any:  # noqa: ANN401
        """Products of the features of each atom.

        Parameters
        ----------
        x : torch.Tensor, (n_atoms, channels, n_components)
            Features.
        y : torch.Tensor, (n_atoms, n_elements)
            Element of each atom, one-hot.

        Returns
        -------
        torch.Tensor, (n_atoms, channels * n_outputs)
            In e3nn's layout.
        """
        elements = y.argmax(dim=1)
        groups = [
            ((elements == element).nonzero().flatten(), self._coefficients_of(element, x))
            for element in torch.unique(elements).tolist()
        ]
        sizes = [2 * entry.ir.l + 1 for entry in self.original.irreps_out]
        return _Product.apply(x, groups, sizes)  # type: ignore[no-untyped-call]

    def _coefficients_of(self, element: int, like: Any) -> list[Any]:  # noqa: ANN401
        """Coefficients of the gradient by degree: (channels, monomials of one degree less, outputs * components)."""
        key = element, like.dtype, like.device  # a model may be moved or change its precision
        if key not in self._known:
            parts = [_coefficients(contraction, element) for contraction in self.original.contractions]
            self._known[key] = [torch.cat(degree, dim=2).contiguous() for degree in zip(*parts, strict=True)]
        return self._known[key]


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, groups: list[tuple[Any, list[Any]]], sizes: list[int]) -> Any:  # noqa: ANN401
        n_atoms, channels, components = x.shape
        out = x.new_empty(n_atoms, channels, sum(sizes))
        slopes = x.new_empty(n_atoms, channels, sum(sizes), components)
        first, second = _pairs(components, x.device)
        for rows, coefficients in groups:
            features = x.index_select(0, rows).transpose(0, 1)
            monomials = [
                features.new_ones(channels, len(rows), 1),
                features,
                features[..., first] * features[..., second],
            ]
            shares: list[Any] = [torch.bmm(m, c) for m, c in zip(monomials, coefficients, strict=False)]
            shape = (channels, len(rows), sum(sizes), components)
            total = sum(shares).view(shape)
            slope = sum((degree + 1) * share for degree, share in enumerate(shares)).view(shape)
            out[rows] = (total * features.unsqueeze(2)).sum(dim=3).transpose(0, 1)
            slopes[rows] = slope.transpose(0, 1)
        ctx.save_for_backward(slopes)
        ctx.sizes = sizes
        return torch.cat([block.flatten(1) for block in out.split(sizes, dim=2)], dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> tuple[Any, ...]:  # noqa: ANN401
        (slopes,) = ctx.saved_tensors
        n_atoms, channels = slopes.shape[:2]
        blocks = gradient.split([channels * size for size in ctx.sizes], dim=1)
        split = zip(blocks, ctx.sizes, strict=True)
        per_output = torch.cat([block.reshape(n_atoms, channels, size) for block, size in split], dim=2)
        return (per_output.unsqueeze(3) * slopes).sum(dim=2), None, None


def _pairs(components: int, device: Any) -> Any:  # noqa: ANN401
    return torch.triu_indices(components, components, device=device)


def _coefficients(contraction: Any, element: int) -> list[Any]:  # noqa: ANN401
    """Coefficients of one output irrep, lowest degree first."""
    found = []
    for degree in range(1, contraction.correlation + 1):
        coupling = contraction.U_tensors(degree)
        if coupling.dim() == degree + 1:  # a scalar output has no index of its own
            coupling = coupling.unsqueeze(0)
        last = degree == contraction.correlation
        weights = contraction.weights_max if last else contraction.weights[contraction.correlation - 1 - degree]
        orders = [(0, *(axis + 1 for axis in order), degree + 1) for order in permutations(range(degree))]
        symmetric = sum(coupling.permute(order) for order in orders) / len(orders)
        outputs, components = symmetric.shape[:2]
        if degree == LARGEST_DEGREE:
            first, second = _pairs(components, coupling.device)
            twice = torch.where(first == second, 1.0, 2.0).to(coupling)
            symmetric = symmetric[:, :, first, second] * twice[:, None]
        symmetric = symmetric.reshape(outputs * components, -1, symmetric.shape[-1])
        found.append(torch.einsum("opk,kc->cpo", symmetric, weights[element].detach()))
    return found


def install(model: Any) -> bool:  # noqa: ANN401 (torch module)
    """Replace the product bases of third degree of a model in place where that gives the same results.

    Afterwards the weights of the model must not change.

    Parameters
    ----------
    model : torch.nn.Module
        A MACE model.

    Returns
    -------
    bool
        Whether all of them are replaced.
    """
    for block in model.products:
        old = block.symmetric_contractions
        if not isinstance(old, PolynomialProduct) and _fits(old):
            new = PolynomialProduct(old)
            if _agree(old, new):
                block.symmetric_contractions = new
    return all(isinstance(block.symmetric_contractions, PolynomialProduct) for block in model.products)


@contextmanager
def restored(model: Any) -> Iterator[None]:  # noqa: ANN401 (torch module)
    """Give a model its own product bases back after the block, so that it can be trained or saved.

    Parameters
    ----------
    model : torch.nn.Module
        A MACE model, for which :func:`install` may be called inside the block.
    """
    before = [(block, block.symmetric_contractions) for block in model.products]
    try:
        yield
    finally:
        for block, product in before:
            block.symmetric_contractions = product


def _fits(old: Any) -> bool:  # noqa: ANN401
    if type(old).__name__ != "SymmetricContraction":
        return False
    # below the third degree the coupling tensors are small, and going element by element costs more than it saves
    return all(contraction.correlation == LARGEST_DEGREE for contraction in old.contractions)


def _agree(old: Any, new: PolynomialProduct) -> bool:  # noqa: ANN401
    """Compare values and gradients of both on random input."""
    weights = old.contractions[0].weights_max
    n_elements, _, channels = weights.shape
    generator = torch.Generator().manual_seed(0)
    shape = (TRIAL_ATOMS, channels, old.irreps_in.dim // channels)
    x = torch.randn(shape, generator=generator, dtype=torch.float64).to(weights).requires_grad_()
    elements = torch.arange(TRIAL_ATOMS, device=weights.device) % n_elements
    y = torch.nn.functional.one_hot(elements, n_elements).to(weights)
    results = []
    for product in (old, new):
        value = product(x, y)
        (slope,) = torch.autograd.grad(value.square().sum(), x)
        results.append((value.detach(), slope))
    return all(
        a.shape == b.shape and bool((a - b).abs().max() <= TOLERANCE * a.abs().max())
        for a, b in zip(*results, strict=True)
    )
