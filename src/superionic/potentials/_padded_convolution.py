"""The convolution of a scalar MACE over a padded table of neighbours.

MACE multiplies, for every edge, all channels with all spherical harmonics, writes the product out,
and sums it per atom. Where each atom owns the same number of edges (the shorter ones filled up with
edges beyond the cutoff, whose weights are zero), product and sum are one small matrix product per
atom, and the large intermediate is never made. Results are the same; on a CPU the convolution takes
about a quarter of the time. It applies to models whose hidden features are scalars only.

This module imports torch and is itself imported only where torch is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

SUPPORTED_BLOCKS = ("RealAgnosticInteractionBlock", "RealAgnosticResidualInteractionBlock")
TRIAL_ATOMS, TRIAL_NEIGHBOURS = 3, 4
TOLERANCE = 1e-5


class PaddedConvolution(torch.nn.Module):
    """Stands in for `conv_tp` and the sum over edges that follows it.

    Parameters
    ----------
    n_degrees : int
        Number of spherical degrees l = 0, 1, ... of the edges.
    """

    def __init__(self, n_degrees: int) -> None:
        super().__init__()
        self.n_degrees = n_degrees

    def forward(self, node_feats: Any, edge_attrs: Any, weights: Any, edge_index: Any) -> Any:  # noqa: ANN401
        """Messages of all atoms.

        Parameters
        ----------
        node_feats : torch.Tensor, (n_atoms, channels)
            Scalar features.
        edge_attrs : torch.Tensor, (n_atoms * n_neighbours, n_degrees ** 2)
            Spherical harmonics; edges are ordered by receiver, equally many for each.
        weights : torch.Tensor, (n_atoms * n_neighbours, n_degrees * channels)
            Radial weights.
        edge_index : torch.Tensor, (2, n_atoms * n_neighbours)
            Senders and receivers.

        Returns
        -------
        torch.Tensor, (n_atoms, channels * n_degrees ** 2)
            In e3nn's layout: one block per degree, channels before components.
        """
        return _Convolve.apply(node_feats, edge_attrs, weights, edge_index[0], self.n_degrees)  # type: ignore[no-untyped-call]


class _Convolve(torch.autograd.Function):
    """Message of atom n: sum over k of weight[n, k, l, c] * feature[sender(n, k), c] * harmonic[n, k, lm]."""

    @staticmethod
    def forward(ctx: Any, node_feats: Any, edge_attrs: Any, weights: Any, senders: Any, n_degrees: int) -> Any:  # noqa: ANN401
        n_atoms, channels = node_feats.shape
        neighbours = senders.shape[0] // n_atoms
        sent = node_feats.index_select(0, senders).view(n_atoms, neighbours, channels)
        radial = weights.view(n_atoms, neighbours, n_degrees, channels)
        harmonics = edge_attrs.view(n_atoms, neighbours, n_degrees**2)
        products = [radial[:, :, degree, :] * sent for degree in range(n_degrees)]
        blocks = [
            torch.bmm(products[degree].transpose(1, 2), harmonics[:, :, degree**2 : (degree + 1) ** 2]).flatten(1)
            for degree in range(n_degrees)
        ]
        ctx.save_for_backward(sent, harmonics, radial, senders, *products)
        return torch.cat(blocks, dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> tuple[Any, ...]:  # noqa: ANN401
        sent, harmonics, radial, senders, *products = ctx.saved_tensors
        n_atoms, neighbours, channels = sent.shape
        of_harmonics, of_radial, of_sent = torch.empty_like(harmonics), torch.empty_like(radial), None
        for degree, product in enumerate(products):
            components = slice(degree**2, (degree + 1) ** 2)
            columns = slice(channels * components.start, channels * components.stop)
            block = gradient[:, columns].view(n_atoms, channels, 2 * degree + 1)
            of_harmonics[:, :, components] = torch.bmm(product, block)
            of_product = torch.bmm(harmonics[:, :, components], block.transpose(1, 2))
            torch.mul(of_product, sent, out=of_radial[:, :, degree, :])
            of_product *= radial[:, :, degree, :]
            of_sent = of_product if of_sent is None else of_sent.add_(of_product)
        of_nodes = None
        if ctx.needs_input_grad[0] and of_sent is not None:
            of_nodes = sent.new_zeros(n_atoms, channels).index_add_(0, senders, of_sent.view(-1, channels))
        return of_nodes, of_harmonics.view(-1, harmonics.shape[2]), of_radial.view(n_atoms * neighbours, -1), None, None


def install(model: Any) -> bool:  # noqa: ANN401 (torch module)
    """Replace the convolutions of a model in place, if all of them can be replaced.

    Afterwards the model wants edges ordered by receiver and equally many for each atom.

    Parameters
    ----------
    model : torch.nn.Module
        A MACE model.

    Returns
    -------
    bool
        Whether the model now uses padded convolutions.
    """
    blocks = list(model.interactions)
    if all(isinstance(block.conv_tp, PaddedConvolution) for block in blocks):
        return True
    replacements = [_replacement(block) for block in blocks]
    if any(new is None for new in replacements):
        return False
    for block, new in zip(blocks, replacements, strict=True):
        block.conv_tp = new
        block.conv_fusion = True  # MACE's own switch: the convolution also sums over the edges
    return True


@contextmanager
def restored(model: Any) -> Iterator[None]:  # noqa: ANN401 (torch module)
    """Give a model its own convolutions back after the block, so that it can be trained or saved.

    Parameters
    ----------
    model : torch.nn.Module
        A MACE model, for whose convolutions :func:`install` may be called inside the block.
    """
    before = [(block, block.conv_tp, hasattr(block, "conv_fusion")) for block in model.interactions]
    try:
        yield
    finally:
        for block, convolution, fused in before:
            block.conv_tp = convolution
            if not fused and hasattr(block, "conv_fusion"):
                del block.conv_fusion


def _replacement(block: Any) -> PaddedConvolution | None:  # noqa: ANN401
    """Padded form of a block's convolution, or None if it has none; believed only after a numerical comparison."""
    old = block.conv_tp
    if type(block).__name__ not in SUPPORTED_BLOCKS or hasattr(block, "conv_fusion") or not hasattr(old, "irreps_in1"):
        return None
    scalars_only = len(old.irreps_in1) == 1 and old.irreps_in1.lmax == 0
    n_degrees = len(old.irreps_in2)
    if not scalars_only or [entry.mul for entry in old.irreps_in2] != [1] * n_degrees:
        return None
    if [entry.ir.l for entry in old.irreps_in2] != list(range(n_degrees)):
        return None
    new = PaddedConvolution(n_degrees)
    return new if _agree(old, new, old.irreps_in1.dim, next(block.parameters())) else None


def _agree(old: Any, new: PaddedConvolution, channels: int, like: Any) -> bool:  # noqa: ANN401
    """Compare both convolutions on random input."""
    n_edges = TRIAL_ATOMS * TRIAL_NEIGHBOURS
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Any:  # noqa: ANN401
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(like)

    features, harmonics = draw(TRIAL_ATOMS, channels), draw(n_edges, new.n_degrees**2)
    if old.weight_numel != new.n_degrees * channels:
        return False
    weights = draw(n_edges, old.weight_numel)
    receivers = torch.arange(TRIAL_ATOMS, device=like.device).repeat_interleave(TRIAL_NEIGHBOURS)
    senders = receivers.roll(1)
    with torch.no_grad():
        edges = old(features[senders], harmonics, weights)
        expected = edges.new_zeros(TRIAL_ATOMS, edges.shape[1]).index_add_(0, receivers, edges)
        got = new(features, harmonics, weights, torch.stack([senders, receivers]))
    return got.shape == expected.shape and torch.allclose(got, expected, atol=TOLERANCE)
