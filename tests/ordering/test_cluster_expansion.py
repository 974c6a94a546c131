"""Cluster expansions of energies that are sums over pairs, so that the right answer is known."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import InsufficientDataError, OrderingError
from superionic.ordering.cell import DisorderedCell
from superionic.ordering.cluster_expansion import TrainingSet, expansion_energy, fit_cluster_expansion
from superionic.ordering.cluster_space import ClusterEnergy, ClusterFeatures
from superionic.ordering.montecarlo import random_labels
from superionic.ordering.montecarlo_energy import EwaldEnergy
from superionic.ordering.ridge import centred_rank, cross_validate, fit_ridge
from superionic.ordering.training_orderings import labels_of, training_orderings

pytest.importorskip("icet", reason="pip install 'superionic[montecarlo]'")
RANGE_A = 5.0
SHAPES = [(1, 1, 2), (2, 2, 2), (3, 2, 2)]


def pair_energy(structure):
    """A sum over pairs of Li and Al closer than RANGE_A; eV."""
    kept = Structure.from_sites([site for site in structure if site.specie.symbol in {"Li", "Al"}])
    charge = np.array([{"Li": 1.0, "Al": -0.7}[site.specie.symbol] for site in kept])
    first, second, _, distance_A = kept.get_neighbor_list(RANGE_A)
    return float(0.5 * np.sum(charge[first] * charge[second] * np.exp(-distance_A / 2.0))) + 0.2 * len(kept)


@pytest.fixture(scope="module")
def host():
    """Li and vacancies, Al and Zn on two interleaved lattices."""
    species = [{"Li+": 0.5}, {"Al3+": 0.5, "Zn2+": 0.5}, "O2-", "F-"]
    return Structure(Lattice.cubic(4.2), species, [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5]])


@pytest.fixture(scope="module")
def features(host):
    return ClusterFeatures.of(host, [6.1])


@pytest.fixture(scope="module")
def drawn(host):
    return training_orderings(host, SHAPES, 90, seed=3)


def training_set(features, drawn, energy):
    cells = {shape: DisorderedCell.of(features.reference, shape) for shape in SHAPES}
    chosen = tuple(cells[shape] for shape in drawn.supercells)
    labels = tuple(labels_of(cell, structure) for cell, structure in zip(chosen, drawn.structures, strict=True))
    return TrainingSet(chosen, labels, np.array([energy(s) for s in drawn.structures]))


@pytest.fixture(scope="module")
def target(features):
    return DisorderedCell.of(features.reference, (3, 2, 4))


def test_pair_energy_is_reproduced_exactly_in_larger_cells(features, drawn, target):
    found = fit_cluster_expansion(features, training_set(features, drawn, pair_energy), target)
    assert found.spread_eV > 0.05
    assert found.cv_rmse_eV < 1e-4 * found.spread_eV
    model = expansion_energy(found, features, target)
    rng = np.random.default_rng(1)
    for _ in range(3):
        labels = random_labels(target, rng)
        assert model.start(labels) == pytest.approx(pair_energy(target.structure(labels)), abs=2e-3 * found.spread_eV)


def test_ewald_term_finds_its_weight(features, drawn, target):
    cells = {}

    def energy(structure):
        key = structure.lattice.abc
        cell = cells.setdefault(key, DisorderedCell.of(features.reference, shape_of(features, structure)))
        return pair_energy(structure) + 0.05 * EwaldEnergy(cell).start(labels_of(cell, structure))

    training = training_set(features, drawn, energy)
    without = fit_cluster_expansion(features, training, target)
    found = fit_cluster_expansion(features, training, target, ewald=True)
    assert found.ewald_weight == pytest.approx(0.05, rel=1e-3)
    assert found.cv_rmse_eV < 0.01 * without.cv_rmse_eV
    model = expansion_energy(found, features, target)
    labels = random_labels(target, np.random.default_rng(4))
    exact = pair_energy(target.structure(labels)) + 0.05 * EwaldEnergy(target).start(labels)
    assert model.start(labels) == pytest.approx(exact, abs=0.01 * without.cv_rmse_eV)


def shape_of(features, structure):
    ratio = np.array(structure.lattice.abc) / features.reference.structure.lattice.abc
    return tuple(round(x) for x in ratio)


@pytest.mark.parametrize("supercell", [(1, 1, 2), (1, 2, 2), (3, 2, 4)])
def test_energy_changes_are_differences_of_energies(host, supercell):
    """Also where clusters meet their own images."""
    features = ClusterFeatures.of(host, [8.6, 6.1])
    cell = DisorderedCell.of(features.reference, supercell)
    rng = np.random.default_rng(0)
    parameters_eV = rng.normal(size=len(features.orbits))
    model, fresh = (ClusterEnergy(features, cell, parameters_eV) for _ in range(2))
    labels = random_labels(cell, rng)
    energy_eV = model.start(labels)
    for _ in range(40):
        sublattice = cell.sublattices[rng.integers(len(cell.sublattices))]
        i, j = (int(x) for x in rng.choice(sublattice.positions, size=2, replace=False))
        energy_eV += model.swap_delta(i, j)
        model.swap(i, j)
        labels[[i, j]] = labels[[j, i]]
        assert energy_eV == pytest.approx(fresh.start(labels), abs=1e-8)
    vector = np.concatenate([[1.0], features.vector(cell, labels)])
    assert energy_eV == pytest.approx(cell.cosets.size * vector @ parameters_eV, abs=1e-8)


def test_features_do_not_depend_on_the_cell(features, host):
    small = DisorderedCell.of(features.reference, (1, 1, 2))
    large = DisorderedCell.of(features.reference, (1, 2, 2))
    labels = random_labels(small, np.random.default_rng(0))
    again = labels_of(large, small.structure(labels) * (1, 2, 1))
    np.testing.assert_allclose(features.vector(large, again), features.vector(small, labels), atol=1e-12)


def test_clusters_that_small_cells_cannot_tell_apart_are_refused(host):
    """Cross validation is blind to this: pairs of 9 A fall onto shorter ones in all training cells."""
    features = ClusterFeatures.of(host, [9.0])
    drawn = training_orderings(host, SHAPES[1:], 120, seed=0)
    training = training_set(features, drawn, pair_energy)
    with pytest.raises(InsufficientDataError, match="combinations of the cluster functions"):
        fit_cluster_expansion(features, training, DisorderedCell.of(features.reference, (4, 4, 3)))


def test_too_few_orderings_are_refused(host, target):
    features = ClusterFeatures.of(host, [6.1])
    drawn = training_orderings(host, SHAPES, 9, seed=0)
    with pytest.raises(InsufficientDataError, match="too few"):
        fit_cluster_expansion(features, training_set(features, drawn, pair_energy), target)


def test_an_expansion_of_other_clusters_is_refused(features, drawn, target, host):
    found = fit_cluster_expansion(features, training_set(features, drawn, pair_energy), target)
    with pytest.raises(OrderingError, match="other clusters"):
        expansion_energy(found, ClusterFeatures.of(host, [4.5]), target)


def test_charge_states_of_one_element_are_different_species():
    host = Structure(
        Lattice.cubic(4.2), [{"Fe2+": 0.5, "Fe3+": 0.5}, {"Li+": 0.5}, "O2-"], [[0] * 3, [0.5] * 3, [0.5, 0.5, 0]]
    )
    features = ClusterFeatures.of(host, [4.5])
    assert len(set(features.symbols.values())) == len(features.symbols) == 5
    cell = DisorderedCell.of(features.reference, (2, 2, 2))
    rng = np.random.default_rng(0)
    rows = np.array([features.vector(cell, random_labels(cell, rng)) for _ in range(30)])
    # point functions are fixed by the composition; Fe-Fe, Li-Li and Fe-Li pairs vary
    assert np.count_nonzero(rows.std(axis=0) > 1e-6) >= 3


def test_training_orderings_are_distinct_and_of_both_kinds(features, drawn):
    assert set(drawn.origins) == {"lowest", "random"}
    assert drawn.supercells.count((2, 2, 2)) == 30
    training = training_set(features, drawn, len)
    codes = {
        (cell.cosets.size, min(row.tobytes() for row in labels[cell.permutations]))
        for cell, labels in zip(training.cells, training.labels, strict=True)
    }
    assert len(codes) == len(drawn.structures)


def test_ridge_finds_a_linear_law_and_cross_validation_its_noise():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 6))
    features[:, 5] = 3.0
    law = np.array([1.0, -2.0, 0.0, 0.5, 3.0, 0.0])
    exact = fit_ridge(features, features @ law + 4.0)
    np.testing.assert_allclose(exact.predict(features), features @ law + 4.0, atol=1e-8)
    assert exact.coefficients[5] == 0.0
    noisy = features @ law + 0.1 * rng.normal(size=200)
    predicted = cross_validate(features, noisy, np.arange(200), 10, seed=0)
    assert np.sqrt(np.mean((predicted - noisy) ** 2)) == pytest.approx(0.1, rel=0.2)
    assert centred_rank(features) == 5


def test_equal_features_are_left_out_together():
    """A fold that keeps the twin of a left-out value would predict it for free."""
    rng = np.random.default_rng(1)
    features = np.repeat(rng.normal(size=(15, 12)), 2, axis=0)
    target = np.repeat(rng.normal(size=15), 2)
    honest = cross_validate(features, target, np.arange(30) // 2, 10, seed=0)
    naive = cross_validate(features, target, np.arange(30), 10, seed=0)
    assert np.mean((honest - target) ** 2) > 2 * np.mean((naive - target) ** 2)
