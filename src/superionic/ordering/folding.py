"""Charge patterns that one symmetry operation leaves unchanged, as a smaller problem of its own.

When an operation moves the sites in cycles of one length, a pattern that it leaves unchanged is a
pattern of the cycles, and its energy is the same quadratic form with rows and columns summed over
the cycles. Translations give the patterns of smaller cells, other operations symmetric ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from superionic.ordering.arrangements import Block
from superionic.ordering.counting import cycle_lengths
from superionic.ordering.ewald import ChargeEnergy
from superionic.ordering.lattices import IntArray, LabelArray

FOLDS_PER_LENGTH = 3


@dataclass(frozen=True, eq=False)
class Fold:
    """The problem of the patterns that one operation leaves unchanged.

    Attributes
    ----------
    blocks : list of Block
        Blocks of cycles.
    energy : ChargeEnergy
        Energy per cell as a function of the labels of the cycles.
    columns : ndarray of int, shape (n_cycles, length)
        Columns of the original label arrays in each cycle.
    """

    blocks: list[Block]
    energy: ChargeEnergy
    columns: IntArray

    @classmethod
    def of(cls, blocks: list[Block], energy: ChargeEnergy, cycles: IntArray) -> "Fold":
        """Fold a problem along cycles of active sites, shape (n_cycles, length)."""
        n_cycles, length = cycles.shape
        columns = energy.columns[cycles]
        folded = [
            Block(np.flatnonzero(np.isin(columns[:, 0], b.positions)), tuple(c // length for c in b.counts))
            for b in blocks
        ]
        coupling = energy.coupling_eV[cycles[:, None, :, None], cycles[None, :, None, :]].sum(axis=(2, 3))
        field = energy.field_eV[cycles].sum(axis=1)
        charges = energy.charges_e[cycles[:, 0]]
        return cls(folded, ChargeEnergy(np.arange(n_cycles), energy.constant_eV, field, coupling, charges), columns)

    def unfold(self, labels: LabelArray, width: int) -> LabelArray:
        """Return the full patterns, shape (n, width), of patterns of cycles, shape (n, n_cycles)."""
        full = np.zeros((len(labels), width), dtype=np.int8)
        full[:, self.columns] = labels[:, :, None]
        return full


def folds(
    blocks: list[Block], energy: ChargeEnergy, permutations: IntArray, rng: np.random.Generator
) -> Iterator[Fold]:
    """Yield some folds of a problem, a few for each length of cycles.

    Parameters
    ----------
    blocks : list of Block
        Charge-class blocks.
    energy : ChargeEnergy
        Ewald energy.
    permutations : ndarray of int, shape (order, n_columns)
        Symmetry group.
    rng : numpy Generator
        Chooses among operations of the same length.

    Yields
    ------
    Fold
        Problems with 1/length as many sites.
    """
    position = np.zeros(permutations.shape[1], dtype=np.int64)
    position[energy.columns] = np.arange(len(energy.columns))
    moves = np.unique(position[permutations[:, energy.columns]], axis=0)
    lengths = cycle_lengths(moves)
    uniform = np.flatnonzero(np.all(lengths == lengths[:, :1], axis=1) & (lengths[:, 0] > 1))
    counts = [count for block in blocks for count in block.counts]
    for length in sorted({int(n) for n in lengths[uniform, 0]}, reverse=True):
        if any(count % length for count in counts):
            continue
        alike = rng.permutation(uniform[lengths[uniform, 0] == length])
        for row in alike[:FOLDS_PER_LENGTH]:
            yield Fold.of(blocks, energy, _cycles(moves[row], length))


def _cycles(permutation: IntArray, length: int) -> IntArray:
    """Return the cycles of a permutation, all of one length, shape (n_cycles, length)."""
    powers = [np.arange(len(permutation))]
    for _ in range(length - 1):
        powers.append(permutation[powers[-1]])
    through = np.stack(powers, axis=1)
    cycles: IntArray = through[through[:, 0] == through.min(axis=1)]
    return cycles
