"""Edges are complete, and padding adds only edges that are out of reach."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from superionic.potentials.neighbours import find_edges

pytest.importorskip("mace")
CUTOFF_A = 4.0


def random_cell(seed, pbc):
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(3, 7, 3)) + rng.uniform(-1, 1, (3, 3))
    return Atoms("Li7", scaled_positions=rng.uniform(-1, 2, (7, 3)), cell=cell, pbc=pbc)


def vectors(atoms, edges):
    sender, receiver = edges.index
    return atoms.positions[receiver] - atoms.positions[sender] + edges.shifts_A


def canonical(senders, receivers, edge_vectors):
    rows = np.column_stack([senders, receivers, np.round(edge_vectors, 8)])
    return rows[np.lexsort(rows.T[::-1])]


@pytest.mark.parametrize("pbc", [True, (True, False, True), False])
@pytest.mark.parametrize("seed", range(5))
def test_edges_are_those_of_ase(seed, pbc):
    atoms = random_cell(seed, pbc)
    expected = canonical(*neighbor_list("ijD", atoms, CUTOFF_A))
    for padded in (False, True):
        edges = find_edges(atoms, CUTOFF_A, padded=padded)
        found = vectors(atoms, edges)
        near = np.linalg.norm(found, axis=1) < CUTOFF_A
        np.testing.assert_allclose(canonical(*edges.index[:, near], found[near]), expected, atol=1e-7)
        np.testing.assert_allclose(edges.shifts_A, edges.unit_shifts @ edges.cells_A[0], atol=1e-9)
        assert np.all(np.diff(edges.index[1]) >= 0), "ordered by receiver"
        if padded:
            assert set(np.bincount(edges.index[1], minlength=7).tolist()) == {len(near) // 7}
        else:
            assert near.all()


def test_atom_without_neighbours_gets_one_edge_out_of_reach():
    edges = find_edges(Atoms("Li", cell=[9.0] * 3, pbc=True), CUTOFF_A, padded=True)
    assert edges.index.tolist() == [[0], [0]]
    assert np.linalg.norm(edges.shifts_A) > CUTOFF_A
