"""The comparisons of the closed-loop test, against answers known by hand."""

import math
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Composition

ROOMS = Path(__file__).parents[2] / "benchmarks" / "loop"
MODULES = ("names", "compare", "summary", "page")


@pytest.fixture(scope="module")
def rooms():
    """The modules without potentials and databases; their short names are free again afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOMS)
        for name in MODULES:
            patch.delitem(sys.modules, name, raising=False)
        yield {name: __import__(name) for name in MODULES}
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture
def compare(rooms):
    return rooms["compare"]


ENDS = ("Na", "Cl")
ROWS = (  # composition, cell, energy per atom of teacher and of model, eV
    ("x=0", "Na", -1.0, -3.0),
    ("x=0.5", "NaCl", -2.500, -4.490),
    ("x=0.5", "NaCl", -2.490, -4.500),
    ("x=0.5", "NaCl", -2.4895, -4.300),
    ("x=0.75", "NaCl3", -2.500, -4.700),
    ("x=1", "Cl", -2.0, -4.0),
)


@pytest.fixture
def table(compare):
    """Na and Cl are references; NaCl forms by 1 eV/atom; NaCl3 lies off the teacher's hull and on the model's."""
    cells = tuple(Composition(row[1]) for row in ROWS)
    sizes = np.array([cell.num_atoms for cell in cells])
    teacher, model = (sizes * np.array([row[column] for row in ROWS]) for column in (2, 3))
    return compare.EnergyTable(tuple(row[0] for row in ROWS), cells, teacher, model, ENDS)


def test_hull_errors_are_those_found_by_hand(compare, table):
    found = compare.compare_hulls(table)
    half, most = (point for point in found.points if not point.end_member)
    # teacher: NaCl forms by -1000; NaCl3: -2.5 against -1.75, -750, and the line from NaCl to Cl is at -500
    assert (half.formation, half.model_formation) == pytest.approx((-1000, -1000))
    assert (most.formation, most.model_formation) == pytest.approx((-750, -950))
    assert found.formation_mae == pytest.approx(100)
    assert found.formation_max == pytest.approx(200)
    assert found.above_hull_mae == pytest.approx(0, abs=1e-6)
    assert found.orderings_mae == pytest.approx((0 + 10 + 10 + 189.5 + 200 + 0) / 6)
    assert found.confusion == (2, 0, 0, 0)


def test_distance_from_the_hull_of_the_others_by_hand(compare, table):
    # NaCl3 over the line from NaCl to Cl, at half of NaCl; NaCl over the line from Na to NaCl3, at two thirds of NaCl3
    found = table.distances(table.teacher_eV)
    assert found == pytest.approx({"x=0.5": -1000 + 500, "x=0.75": -750 + 500})
    assert table.distances(table.model_eV) == pytest.approx({"x=0.5": -1000 + 2 / 3 * 950, "x=0.75": -950 + 500})
    assert compare.compare_hulls(table).distance_mae == pytest.approx((1900 / 3 - 500 + 200) / 2)


def test_energy_above_hull_and_confusion_by_hand(compare, table):
    model = table.model_eV.copy()
    model[4] = 4 * (-3.75 - 0.450)  # formation -450: 50 above the line of 500 between NaCl and Cl
    found = compare.compare_hulls(replace(table, model_eV=model))
    assert found.confusion == (1, 0, 1, 0)
    assert found.above_hull_mae == pytest.approx((0 + 50) / 2)
    assert found.above_hull_max == pytest.approx(50)


def test_wrong_lowest_ordering_costs_what_the_teacher_says(compare, table):
    half = compare.compare_hulls(table).points[1]
    assert not half.same_lowest
    assert half.regret == pytest.approx(10)


def test_pairs_that_the_teacher_does_not_set_apart_are_not_ranked(compare, table):
    # of three NaCl the second and the third are 0.5 meV/atom apart; the first two are ranked the wrong way round
    assert compare.ranked_alike(table) == (1, 2)


def test_a_model_that_differs_by_constants_per_element_is_perfect(compare, table):
    shift = {"Na": 3.7, "Cl": -12.0}
    shifts = [sum(shift[e.symbol] * n for e, n in cell.items()) for cell in table.compositions]
    found = compare.compare_hulls(replace(table, model_eV=table.teacher_eV + shifts))
    assert found.formation_mae == pytest.approx(0, abs=1e-9)
    assert found.above_hull_max == pytest.approx(0, abs=1e-9)
    assert found.pairs_right == found.pairs == 2
    assert all(point.same_lowest for point in found.points)


def test_joint_error(compare):
    assert compare.joint_sigmas(1.0, 0.3, 2.0, 0.4) == pytest.approx(2.0)
    assert compare.joint_sigmas(1.0, 0.0, 1.0, 0.0) == 0.0
    assert compare.joint_sigmas(1.0, 0.0, 2.0, 0.0) == math.inf


def test_joint_error_of_logarithms_does_not_depend_on_the_order_or_the_unit(compare):
    pair = (1.0, 0.2, 3.0, 0.9)
    found = compare.joint_sigmas_of_logs(*pair)
    assert found == pytest.approx(math.log(3) / math.hypot(0.2, 0.3))
    assert compare.joint_sigmas_of_logs(*(1e-5 * x for x in (*pair[2:], *pair[:2]))) == pytest.approx(found)
    assert compare.joint_sigmas_of_logs(0.0, 0.1, 1.0, 0.1) is None


def test_joint_error_of_counts_is_that_of_poisson(compare):
    assert compare.joint_sigmas_of_counts(9, 16) == pytest.approx(7 / 5)
    assert compare.joint_sigmas_of_counts(0, 0) == 0


def test_identical_maps_overlap_fully_and_disjoint_ones_not_at_all(compare):
    density = np.random.default_rng(1).random((4, 5, 6))
    assert compare.overlap(density, 7 * density) == pytest.approx(1)
    assert compare.correlation(density, 7 * density) == pytest.approx(1)
    left, right = np.eye(2)
    assert compare.overlap(left, right) == 0
    assert compare.correlation(left, right) == pytest.approx(-1)


def test_a_perfect_model_reaches_the_noise_of_the_teacher(compare):
    rng = np.random.default_rng(2)
    truth = rng.gamma(0.3, size=200)
    halves = [rng.poisson(50 * truth) for _ in range(4)]
    found = compare.compare_maps(halves[:2], halves[2:])
    assert found.overlap == pytest.approx(found.noise_overlap, abs=0.02)
    assert found.noise_overlap < 0.97
    wrong = [rng.poisson(50 * truth[::-1]) for _ in range(2)]
    assert compare.compare_maps(halves[:2], wrong).overlap < 0.6 * found.noise_overlap


def test_soft_forces_show_as_a_slope_and_offsets_of_energies_do_not_count(compare):
    forces = np.random.default_rng(3).normal(size=(5, 8, 3))
    energies = np.linspace(-3, -2.9, 5)
    found = compare.compare_forces(forces, 0.8 * forces, energies, energies + 11)
    assert found.force_slope == pytest.approx(0.8)
    assert found.force_rmse_meV_per_A == pytest.approx(200 * np.sqrt((forces**2).mean()))
    assert found.energy_rmse_meV_per_atom == pytest.approx(0, abs=1e-9)


@pytest.fixture
def results(rooms, table):
    """Results of a system as the tables get them: scratch is the better model of the hull, tuned of the MD."""
    compare, names = rooms["compare"], rooms["names"]
    good = asdict(compare.compare_hulls(replace(table, model_eV=table.teacher_eV)))
    model = table.model_eV.copy()
    model[4] = 4 * (-3.75 - 0.450)
    bad = asdict(compare.compare_hulls(replace(table, model_eV=model)))
    hulls = {name: dict.fromkeys(names.VIEWS, good if name == names.SCRATCH else bad) for name in names.MODELS}
    run = {"composition": "x=0.5", "temperature_K": 900.0, "diffusivity_cm2_per_s": 1e-5, "n_hops": 9, "verdict": "ok"}
    run |= {"diffusivity_std_cm2_per_s": 2e-6}
    maps = {"overlap": 0.4, "correlation": 0.5, "noise_overlap": 0.8, "noise_correlation": 0.9}
    frames = {"force_rmse_meV_per_A": 90.0, "force_slope": 0.9, "energy_rmse_meV_per_atom": 2.0}
    against = {"map": maps, "frames": frames, "jump_sigmas": 1.0}
    return {
        "hulls": hulls,
        "runs": [
            run | {"potential": names.TEACHER},
            run | {"potential": names.TUNED, "sigmas": 0.5} | against,
            run | {"potential": names.SCRATCH} | against | {"sigmas": 4.2, "jump_sigmas": 3.0},
            run | {"potential": names.NAIVE, "sigmas": 0.1, "verdict": "framework_unstable"} | against,
        ],
        "activation_energies": [
            {"potential": names.TEACHER, "composition": "x=0.5", "value_eV": 0.30, "std_eV": 0.06, "sigmas": None},
            {"potential": names.TUNED, "composition": "x=0.5", "value_eV": 0.40, "std_eV": 0.08, "sigmas": 1.0},
        ],
    }


def test_statements_name_every_failure(rooms, results):
    said = rooms["summary"].statements(results)
    assert "25.00 meV/atom with the tuned model (foundation 25.00, naive 25.00, scratch 0.00); the goal of 1 is" in said
    assert "is **missed**." in said
    assert "1 of 2 compositions between the end members right; wrong: x=0.75" in said
    assert "**not the best** at that distance: scratch is" in said
    assert "scratch: of 1 runs 0 within 2 joint standard deviations of the teacher, 1 apart, 0 undecided" in said
    assert "apart: x=0.5 at 900 K (4.2); other numbers of jumps: x=0.5 at 900 K (3.0)" in said
    assert "naive: of 1 runs 0 within 2 joint standard deviations of the teacher, 0 apart, 1 undecided" in said
    assert "the host does not hold: x=0.5 at 900 K" in said
    assert "+0.10 ± 0.10 eV, within the joint error; such runs cannot test a goal of 0.02 eV" in said


def test_an_exploded_run_has_no_numbers_but_errors_on_the_frames_of_the_teacher(rooms, results):
    tuned = next(row for row in results["runs"] if row["potential"] == rooms["names"].TUNED)
    kept = {key: tuned[key] for key in ("potential", "composition", "temperature_K", "frames")}
    results["runs"] = [results["runs"][0], kept | {"verdict": "exploded", "exploded_at_ps": 1.24}]
    (row,) = [line for line in rooms["summary"].run_table(results).splitlines() if "exploded" in line]
    assert row == "| x=0.5 | 900 | tuned | – | – | – | exploded at 1.2 ps | – | – | 90 (0.90) | 2.0 |"
    said = rooms["summary"].statements(results)
    assert "tuned: of 1 runs 0 within 2 joint standard deviations of the teacher, 0 apart, 1 undecided" in said
    assert "want of a sound value; exploded: x=0.5 at 900 K." in said


def test_a_goal_that_is_met_by_zeros_alone_is_no_success(rooms, results):
    names = rooms["names"]
    results["hulls"][names.TUNED] = results["hulls"][names.SCRATCH]
    assert "is met, **but tests nothing**" in rooms["summary"].statements(results)


def test_no_agreement_is_claimed_where_the_teacher_has_no_sound_value(rooms, results):
    results["runs"][0]["verdict"] = "too_few_hops"
    results["activation_energies"] = []
    said = rooms["summary"].statements(results)
    assert "tuned: of 1 runs 0 within 2 joint standard deviations of the teacher, 0 apart, 1 undecided" in said
    assert "The teacher's own runs give no diffusivity at x=0.5 at 900 K (too few hops)." in said
    assert "Activation energy of x=0.5: no comparison" in said


def test_tables_have_a_row_per_run_and_a_cell_per_column(rooms, results):
    for make, rows in (("run_table", 4), ("energy_table", 2), ("hull_table", 12), ("composition_table", 2)):
        lines = getattr(rooms["summary"], make)(results).splitlines()
        assert len(lines) == rows + 2
        assert len({line.count("|") for line in lines}) == 1


def test_a_report_replaces_the_section_of_its_system_alone(rooms, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("top\n% begin a\nold\n% end a\nmiddle\n% begin b\nkept\n% end b\n", encoding="utf-8")
    for _ in range(2):
        rooms["page"].put(page, "a", "new\n")
    assert page.read_text() == "top\n% begin a\n\nnew\n\n% end a\nmiddle\n% begin b\nkept\n% end b\n"
    with pytest.raises(ValueError, match="% begin c"):
        rooms["page"].put(page, "c", "new")


def test_a_figure_is_found_from_its_page(rooms):
    block = rooms["page"].figure_block(Path("docs/methods/a.md"), Path("docs/_static/b.svg"))
    assert block.startswith("```{figure} ../_static/b.svg\n")
