import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.transport import PathwaySettings, Verdict, analyze_pathways, analyze_trajectory, ion_density
from superionic.transport.pathway_documents import pathway_document
from superionic.transport.pathways import symmetry_averaged

CELL = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 5.0]])
SITES = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
AROUND = [(0, 1, (i, j, 0), 0.1) for i in (0, -1) for j in (0, -1)] + [
    (1, 0, (i, j, 0), 0.1) for i in (0, 1) for j in (0, 1)
]
HOST = Structure(
    Lattice(CELL),
    [{"Li": 0.5}, {"Li": 0.5}, "Cl", "Cl"],
    [*SITES, (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)],
    labels=["4g", "4h", "Cl", "Cl"],
)
FRAMEWORK = ((0.5, 0.0, 0.5), (0.0, 0.5, 0.5))


@pytest.fixture
def walk(make_walk):
    return make_walk(1, SITES, AROUND, CELL, supercell=(3, 3, 2), n_ions=30, duration_ps=120.0, framework=FRAMEWORK)


def test_a_run_with_a_host_is_folded_named_and_judged(walk):
    diffusion = analyze_trajectory(*walk.arguments, 800.0)
    found = analyze_pathways(*walk.arguments, 800.0, host=HOST, diffusion=diffusion)
    assert found.n_cells == 18
    assert sorted(site.label for site in found.sites) == ["4g", "4h"]
    assert found.verdict is Verdict.OK
    assert found.jumps.percolation.dimension == 2
    assert found.anisotropy_plane == "ab"
    assert found.anisotropy > 10
    assert found.correlation_factor == pytest.approx(1.0, abs=3.5 * found.correlation_factor_std)
    assert {kind.n_sites for kind in found.jumps.kinds} == {18}
    assert len(found.framework) == 2


def test_without_folding_every_copy_is_a_site_of_the_same_kind(walk):
    asked = PathwaySettings(fold=False, n_blocks=2, resolution_A=0.3)
    found = analyze_pathways(*walk.arguments, 800.0, host=HOST, settings=asked)
    assert len(found.sites) == 36
    assert sorted({site.label for site in found.sites}) == ["4g", "4h"]
    folded = analyze_pathways(*walk.arguments, 800.0, host=HOST)
    assert found.jumps.n_jumps == pytest.approx(folded.jumps.n_jumps, rel=0.02)
    alone = analyze_pathways(*walk.arguments, 800.0, settings=asked)
    # symmetry of the framework alone cannot tell g from h
    assert {site.label for site in alone.sites} == {"s1"}
    assert "not checked" in alone.verdict_reason


def test_folding_keeps_the_number_density(walk):
    positions, lattice, species, mobile, _ = walk.arguments
    whole = ion_density(positions, lattice, species, mobile, resolution_A=0.5)
    folded = ion_density(positions, lattice, species, mobile, resolution_A=0.5, supercell=(3, 3, 2))
    assert folded.n_cells == 18
    assert whole.number_density_per_A3.mean() == pytest.approx(folded.number_density_per_A3.mean())
    shape = folded.number_density_per_A3.shape
    tiles = whole.number_density_per_A3.reshape(3, shape[0], 3, shape[1], 2, shape[2]).mean(axis=(0, 2, 4))
    np.testing.assert_allclose(tiles, folded.number_density_per_A3, atol=1e-9)
    assert folded.probability_density_per_A3.sum() * folded.voxel_volume_A3 == pytest.approx(1.0)
    assert folded.averaged_over == "18 translations of the unit cell"


def test_symmetry_averaging_is_invariant_and_conserves_ions(walk):
    positions, lattice, species, mobile, _ = walk.arguments
    density = ion_density(positions, lattice, species, mobile, resolution_A=0.5, supercell=(3, 3, 2))
    turn = np.array(
        [
            np.eye(3),
            [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
            [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
            [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
        ]
    )
    average = symmetry_averaged(density, turn, np.zeros((4, 3)), "P4")
    number = average.number_density_per_A3
    np.testing.assert_allclose(number, np.rot90(number, axes=(0, 1)), atol=1e-12)
    assert number.sum() == pytest.approx(density.number_density_per_A3.sum())
    assert average.averaged_over.endswith("space group P4")
    assert average.count_density_per_A3 == density.count_density_per_A3 / 4


def test_too_few_jumps_and_molten_frameworks_are_said(make_walk):
    slow = [(a, b, image, 1e-4) for a, b, image, _ in AROUND]
    quick = PathwaySettings(resolution_A=0.4, n_blocks=2)
    walk = make_walk(0, SITES, slow, CELL, supercell=(3, 3, 2), n_ions=20, duration_ps=50.0, framework=FRAMEWORK)
    found = analyze_pathways(*walk.arguments, 800.0, host=HOST)
    assert found.verdict is Verdict.TOO_FEW_HOPS
    assert found.correlation_factor is None
    positions, lattice, species, mobile, step = walk.arguments
    rng = np.random.default_rng(0)
    molten = positions.copy()
    molten[:, 20:] += np.cumsum(rng.normal(size=molten[:, 20:].shape), axis=0) * 0.15
    diffusion = analyze_trajectory(molten, lattice, species, mobile, step, 800.0)
    melted = analyze_pathways(molten, lattice, species, mobile, step, 800.0, diffusion=diffusion, settings=quick)
    assert melted.verdict is Verdict.FRAMEWORK_UNSTABLE
    assert "not sites of the crystal" in melted.verdict_reason


def test_the_document_holds_what_the_analysis_found(walk):
    found = analyze_pathways(*walk.arguments, 800.0, host=HOST)
    doc = pathway_document(found, "model")
    assert doc.model_key == "model"
    assert doc.jumps["4g->4h"] == next(rate.n_jumps for rate in found.jumps.rates if rate.start == "4g")
    density = np.array(doc.density_ions_per_A3).reshape(doc.grid_shape)
    np.testing.assert_allclose(
        density, found.density.number_density_per_A3, atol=0.01 * found.density.count_density_per_A3
    )
    assert density.sum() * found.density.voxel_volume_A3 == pytest.approx(30 / 18, rel=1e-3)
    assert [neck.direction for neck in doc.bottlenecks] == ["a", "b", "c", "1D", "2D", "3D"]
    assert doc.percolation_axes == "ab"
    again = type(doc).model_validate_json(doc.model_dump_json())
    assert again == doc
