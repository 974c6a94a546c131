"""Identity of orderings across supercells.

An ordering of a supercell is a periodic labelling of the sites of the infinite disordered crystal.
It is reduced to its true period; then every operation of the space group (and every translation)
is applied, and the smallest result names the ordering. All steps use integers, so orderings that
reappear in a larger supercell, or are equivalent through an operation that a supercell does not
share with the crystal, are recognised without any tolerance.
"""

from dataclasses import dataclass

import numpy as np

from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.lattices import Cosets, IntArray, LabelArray

OrderingKey = tuple[tuple[int, ...], bytes]


@dataclass(frozen=True, eq=False)
class _Images:
    """How the operations rearrange labellings of one period."""

    period: tuple[int, ...]
    sources: IntArray
    lattices: tuple[Cosets, ...]


class OrderingKeys:
    """Canonical names of orderings of one disordered crystal in any supercell.

    Parameters
    ----------
    reference : ReferenceCell
        The disordered structure; its space group defines what is equivalent.
    """

    def __init__(self, reference: ReferenceCell) -> None:
        sites = reference.disordered_sites
        position = np.full(len(reference.pools), -1, dtype=np.int64)
        position[sites] = np.arange(len(sites))
        self._n_sites = len(sites)
        self._rotations = reference.operations.rotations
        self._targets = position[reference.operations.images[:, sites]]
        self._shifts = reference.operations.shifts[:, sites]
        self._images: dict[bytes, _Images] = {}

    def key(self, cell: DisorderedCell, labels: LabelArray) -> OrderingKey:
        """Return the name of an ordering (or of a charge pattern).

        Parameters
        ----------
        cell : DisorderedCell
            A supercell of the reference.
        labels : ndarray of int, shape (n_columns,)
            Label of each column.

        Returns
        -------
        tuple
            Equal for equivalent orderings and only for these.
        """
        period, reduced = self._reduced(cell, labels)
        images = self._images_of(period)
        return images.period, min(row.tobytes() for row in reduced[images.sources])

    def multiplicity(self, cell: DisorderedCell, labels: LabelArray) -> int:
        """Return how many raw orderings of a supercell are equivalent under the operations of the crystal.

        These are the images that have the periodicity of the supercell. All lattices that the
        operations make of the ordering's period have equally many images each.

        Parameters
        ----------
        cell : DisorderedCell
            A supercell of the reference.
        labels : ndarray of int, shape (n_columns,)
            Label of each column.
        """
        period, reduced = self._reduced(cell, labels)
        images = self._images_of(period)
        per_lattice = len({row.tobytes() for row in reduced[images.sources]})
        return per_lattice * sum(bool(np.all(cosets.index(cell.matrix) == 0)) for cosets in images.lattices)

    def _reduced(self, cell: DisorderedCell, labels: LabelArray) -> tuple[Cosets, LabelArray]:
        """Return the true period of a labelling and its labels in one period."""
        table = labels.reshape(self._n_sites, cell.cosets.size)
        period = _true_period(table, cell.cosets)
        return period, table[:, cell.cosets.index(period.representatives)].ravel()

    def _images_of(self, period: Cosets) -> _Images:
        """Return (and remember) all images of labellings with a given period."""
        memory = period.hnf.tobytes()
        if memory not in self._images:
            moved = [Cosets.of(period.hnf @ rotation.T) for rotation in self._rotations]
            smallest = min(tuple(cosets.hnf.ravel().tolist()) for cosets in moved)
            sources = [
                self._sources(g, period, cosets)
                for g, cosets in enumerate(moved)
                if tuple(cosets.hnf.ravel().tolist()) == smallest
            ]
            lattices = {tuple(cosets.hnf.ravel().tolist()): cosets for cosets in moved}
            unique = np.unique(np.concatenate(sources), axis=0)
            self._images[memory] = _Images(smallest, unique, tuple(lattices.values()))
        return self._images[memory]

    def _sources(self, g: int, period: Cosets, moved: Cosets) -> IntArray:
        """Return, for operation g and every translation, where each new label comes from."""
        n_cells = period.size
        at = period.representatives @ self._rotations[g].T + self._shifts[g][:, None, :]
        translated = at[None, :, :, :] + moved.representatives[:, None, None, :]
        target = self._targets[g][None, :, None] * n_cells + moved.index(translated)
        sources = np.empty((n_cells, self._n_sites * n_cells), dtype=np.int64)
        labels = np.broadcast_to(np.arange(self._n_sites * n_cells), sources.shape)
        np.put_along_axis(sources, target.reshape(n_cells, -1), labels, axis=1)
        return sources


def _true_period(table: LabelArray, cosets: Cosets) -> Cosets:
    """Find the lattice of all reference-cell translations that keep a labelling."""
    cells = cosets.representatives
    moved = cosets.index(cells[:, None, :] + cells[None, :, :])
    kept = np.all(table[:, moved] == table[:, None, :], axis=(0, 2))
    return Cosets.of(np.concatenate([cosets.hnf, cells[kept]]))
