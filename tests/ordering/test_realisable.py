"""Which supercells a spec's grid points get."""

from copy import deepcopy
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from superionic.errors import SpecError
from superionic.ordering import count_orderings
from superionic.ordering.composition import grid_cell, grid_cells
from superionic.ordering.supercells import supercell_size
from superionic.spec import ElectrolyteSpec
from superionic.spec_io import read_yaml

WORKFLOWS = Path(__file__).parents[2] / "workflows"


def settings_of(name):
    """The settings of a campaign file, without its profiles and polymorphs."""
    data = deepcopy(read_yaml(WORKFLOWS / f"{name}.yaml")[0])
    del data["profiles"]
    return data | {"polymorphs": {}}


@pytest.fixture
def spec_of():
    def load(name, **orderings):
        data = settings_of(name)
        data["orderings"] = data["orderings"] | orderings
        return ElectrolyteSpec.from_data(data, f"{name}.yaml")

    return load


def test_auto_finds_eight_formula_units_for_every_eighth(spec_of):
    sizes = [
        [supercell_size(cell) for cell in point.supercells] for point in grid_cells(spec_of("lpgso", supercells="auto"))
    ]
    assert sizes == [[1], [2], [1], [2], [1], [2], [1], [2], [1]]


def test_up_to_offers_every_distinct_cell_that_fits(spec_of):
    cells = grid_cells(spec_of("lpgso", supercells={"up_to": 2}))
    assert [len(cell.supercells) for cell in cells] == [8, 7, 8, 7, 8, 7, 8, 7, 8]


def test_matrices_in_the_list_are_kept(spec_of):
    matrix = ((1, 1, 0), (0, 1, 0), (0, 0, 2))
    spec = spec_of("lpgso", supercells=[[1, 1, 1], [list(row) for row in matrix]])
    assert grid_cell(spec, spec.point({"x": "1/8"})).supercells == [matrix]
    assert grid_cell(spec, spec.point({"x": "1/4"})).supercells == [(1, 1, 1), matrix]
    cell = grid_cell(spec, spec.point({"x": "7/8"}))
    assert count_orderings(cell.structure, matrix) == count_orderings(cell.structure, (1, 1, 2))


def test_the_primitive_host_has_two_formula_units_and_the_known_orderings(spec_of):
    spec = spec_of("nasicon")
    cell = grid_cell(spec, spec.point({"x": 2}))
    assert cell.info.formula == "Na3Zr2Si2PO12"
    assert len(cell.structure) == 2 * 21
    assert cell.structure.lattice.angles == pytest.approx([cell.structure.lattice.alpha] * 3)
    assert count_orderings(cell.structure) == 42
    assert sorted(set(cell.structure.labels)) == ["Na1 6b", "Na2 18e", "O1 36f", "O2 36f", "T 18e", "Zr 12c"]


def test_a_primitive_cell_repeats_to_the_conventional_one(spec_of):
    data = settings_of("nasicon")
    data["host"]["primitive"] = False
    data["orderings"]["supercells"] = "auto"
    conventional = grid_cell(ElectrolyteSpec.from_data(data), ElectrolyteSpec.from_data(data).point({"x": 2}))
    spec = spec_of("nasicon")
    small = grid_cell(spec, spec.point({"x": 2}))
    assert conventional.info.formula == small.info.formula
    matrix = np.rint(conventional.structure.lattice.matrix @ np.linalg.inv(small.structure.lattice.matrix)).astype(int)
    assert round(np.linalg.det(matrix)) == 3
    assert count_orderings(small.structure, matrix.tolist()) == count_orderings(conventional.structure)


def test_the_primitive_cell_of_a_primitive_host_is_itself(spec_of):
    data = settings_of("lpgso")
    data["host"]["primitive"] = True
    spec = ElectrolyteSpec.from_data(data)
    cells = [grid_cell(each, each.point({"x": "1/2"})).structure for each in (spec, spec_of("lpgso"))]
    assert cells[0].lattice == cells[1].lattice
    assert np.allclose(cells[0].frac_coords, cells[1].frac_coords % 1)


def test_refusals_name_the_nearest_points_and_these_work(spec_of):
    spec = spec_of("nasicon")
    with pytest.raises(
        SpecError, match=r"8/3 Na on Na.*multiple of 3.*nearest realisable .* x=1/4 or x=1/2"
    ) as refusal:
        grid_cell(spec, spec.allowed_point({"x": "1/3"}))
    assert "up to 2 host cells" in str(refusal.value)
    assert grid_cell(spec, spec.allowed_point({"x": "1/4"})).supercells
    automatic = spec_of("nasicon", supercells="auto")
    assert supercell_size(grid_cell(automatic, automatic.allowed_point({"x": "1/3"})).supercells[0]) == 3


def test_atoms_max_leaves_out_large_cells_and_refuses_when_none_is_left(spec_of):
    spec = spec_of("lpgso", atoms_max=50)
    assert grid_cell(spec, spec.point({"x": 0.25})).supercells == [(1, 1, 1)]
    with pytest.raises(SpecError, match=r"x=0\.125 needs at least 65 atoms .*atoms_max = 50"):
        grid_cell(spec, spec.point({"x": 0.125}))


def test_orbits_that_keep_their_own_count_need_larger_cells(spec_of):
    merged, separate = (spec_of("nasicon", supercells="auto", merge_equal_orbits=merge) for merge in (True, False))
    sizes = [supercell_size(grid_cell(s, s.point({"x": 1})).supercells[0]) for s in (merged, separate)]
    assert sizes == [1, 1]
    sizes = [supercell_size(grid_cell(s, s.point({"x": 0.5})).supercells[0]) for s in (merged, separate)]
    assert sizes == [1, 4]
    listed = spec_of("nasicon", supercells=[[1, 1, 1]], merge_equal_orbits=False)
    with pytest.raises(SpecError, match=r"3/4 Na on Na \(Na1 6b, site 1\)"):
        grid_cell(listed, listed.point({"x": 0.5}))


def test_points_between_grid_points_keep_exact_values(spec_of):
    spec = spec_of("liybc")
    point = spec.allowed_point({"x": "1/3", "y": "0.9"})
    assert point.axes == {"x": Fraction(1, 3), "y": Fraction(9, 10)}
    assert point.exact_label == "x=1/3,y=9/10"
    for axes, complaint in [({"x": 0.1, "y": 0.1}, "violates"), ({"x": 2, "y": 1}, "outside"), ({"x": 1}, "axes x, y")]:
        with pytest.raises(SpecError, match=complaint):
            spec.allowed_point(axes)
