"""Polymorphs of a spec: what is checked, and what the grid makes of them."""

from copy import deepcopy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from superionic.errors import SpecError
from superionic.ordering.composition import grid_cells
from superionic.ordering.tasks import spec_tasks
from superionic.spec import ElectrolyteSpec
from superionic.spec_io import read_yaml

WORKFLOWS = Path(__file__).parents[1] / "workflows"
QUICKSTART_KEY = "220b13e3416305a11e6b25f5850ab837"
CMCM = "x=1 (Cmcm)"


@pytest.fixture
def data():
    """The shipped file of LPGSO on its two end members."""
    found = deepcopy(read_yaml(WORKFLOWS / "lpgso.yaml")[0])
    del found["profiles"]
    return found | {"grid": {"points": [{"x": 0}, {"x": 1}]}}


def load(data):
    return ElectrolyteSpec.from_data(data, "campaign.yaml")


def test_polymorphs_follow_the_grid_points_as_cells_of_their_own(data):
    cells = {cell.info.label: cell for cell in grid_cells(load(data))}
    assert list(cells) == ["x=0", "x=1", "x=0 (gamma)", CMCM]
    host, found = cells["x=1"], cells[CMCM]
    assert found.point == host.point
    assert (found.info.formula, found.info.name) == (host.info.formula, "Li4GeO4 (Cmcm)")
    assert found.structure.composition.reduced_composition == host.structure.composition.reduced_composition
    assert found.structure.get_space_group_info()[0] == "Cmcm"
    assert found.structure.charge == pytest.approx(0)
    assert found.supercells == [(1, 1, 1)]
    assert len(cells["x=0"].supercells) > 1, "the host keeps the campaign's supercells"


def test_one_structure_can_stand_at_several_points_with_occupancies_that_follow_the_axes(data):
    host = {key: data[key] for key in ("host", "sublattices")}
    data["polymorphs"] = {"again": {**host, "at": [{"x": 0}, {"x": 1}, {"x": 0}]}}
    cells = {cell.info.label: cell for cell in grid_cells(load(data))}
    assert list(cells) == ["x=0", "x=1", "x=0 (again)", "x=1 (again)"]
    assert cells["x=1 (again)"].structure.composition == cells["x=1"].structure.composition


def test_enumeration_takes_the_polymorphs_of_the_points_asked_for(data):
    spec = load(data)
    tasks = spec_tasks(spec, [spec.point({"x": 1})])
    assert [task.label for task in tasks] == ["x=1", CMCM]
    assert len(tasks[1].run()) == 1
    assert len({task.seed for task in spec_tasks(spec)}) == 4


def _changed(**changes):
    def change(data):
        data["polymorphs"]["gamma"] |= changes

    return change


def _renamed(name):
    def change(data):
        data["polymorphs"] = {name: data["polymorphs"]["gamma"]}

    return change


def _with(path, value):
    def change(data):
        *parents, last = path
        for part in parents:
            data = data[part]
        data[last] = value

    return change


GAMMA = ["polymorphs", "gamma"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_changed(at={"x": 1}), r"polymorphs\.gamma: its formula is Li3PS4, but x=1 is Li4GeO4"),
        (_with([*GAMMA, "host", "formula_units"], 1), r"its formula is Li6P2S8, but x=0 is Li3PS4.*formula_units"),
        (_with([*GAMMA, "sublattices", "Li"], {"Li": 0.5}), r"polymorphs\.gamma: grid: x=0 is not charge neutral"),
        (_with([*GAMMA, "sublattices", "P"], {"As": 1}), r"polymorphs\.gamma: charges: no formal charge for As"),
        (_with([*GAMMA, "sublattices", "P"], {"P": 2}), r"polymorphs\.gamma: sublattices\.P: at x=0 .* = 2"),
        (_with([*GAMMA, "sublattices", "Q"], {"P": 1}), r"polymorphs\.gamma: host sites use the sublattices Li, P, S"),
        (_changed(at={"x": 0.5}), r"polymorphs\.gamma\.at: x=0.5 is not a grid point"),
        (_changed(at={}), r"polymorphs\.gamma\.at: point \{\} must give exactly the axes x"),
        (_changed(md_supercel=[1, 1, 1]), r"gamma\.md_supercel: unknown key; did you mean 'md_supercell'"),
        (_changed(transport=False, md_supercell=[1, 1, 1]), "no MD is run for this polymorph"),
        (_renamed("C2/m"), r"polymorphs\.C2/m: not usable as a name"),
        (_renamed("beta (Pnma)"), "not usable as a name"),
        (_with(["phase"], "gamma"), "not that of phase"),
        (_with([*GAMMA, "supercells"], [[1, 1, 0]]), r"gamma\.supercells.*three positive integers"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(data, change, message):
    change(data)
    with pytest.raises(SpecError, match=message):
        grid_cells(load(data))


def test_the_same_name_twice_is_refused_with_its_line(tmp_path):
    text = (WORKFLOWS / "lpgso.yaml").read_text()
    file = tmp_path / "twice.yaml"
    file.write_text(text.replace("  Cmcm:\n", "  gamma:\n", 1))
    with pytest.raises(SpecError, match='duplicate key "gamma"'):
        ElectrolyteSpec.from_file(file)


def test_specs_without_polymorphs_keep_their_key_and_what_shapes_no_result_is_not_in_it(data):
    quickstart = ElectrolyteSpec.from_file(WORKFLOWS / "quickstart.yaml")
    assert quickstart.key == QUICKSTART_KEY, "campaigns that were run before there were polymorphs"
    plain = quickstart.model_dump()
    assert ElectrolyteSpec.from_data(plain | {"polymorphs": {}, "phase": "monoclinic"}).key == QUICKSTART_KEY
    backwards = data | {"polymorphs": dict(reversed(data["polymorphs"].items()))}
    assert load(backwards).key == load(data).key != load(data | {"polymorphs": {}}).key
    assert load(load(data).model_dump(mode="json")).key == load(data).key, "a stored spec is the same campaign"


def test_profiles_change_polymorphs_key_by_key_and_remove_them(tmp_path):
    text = (WORKFLOWS / "lpgso.yaml").read_text()
    changes = "polymorphs: {Cmcm: {md_supercell: [1, 1, 2]}}"
    assert changes in text
    laptop = ElectrolyteSpec.from_file(WORKFLOWS / "lpgso.yaml", "laptop")
    assert laptop.polymorphs["Cmcm"].md_supercell == (1, 1, 2)
    assert laptop.polymorphs["Cmcm"].host == ElectrolyteSpec.from_file(WORKFLOWS / "lpgso.yaml").polymorphs["Cmcm"].host
    file = tmp_path / "less.yaml"
    file.write_text(text.replace(changes, "polymorphs: {gamma: null}"))
    assert list(ElectrolyteSpec.from_file(file, "laptop").polymorphs) == ["Cmcm"]


def test_a_polymorph_can_come_from_a_cif_beside_the_file(data, tmp_path):
    cell = next(cell for cell in grid_cells(load(data)) if cell.info.label == CMCM)
    cell.structure.copy().remove_oxidation_states().to(filename=str(tmp_path / "ordered.cif"))
    host = {"cif": "ordered.cif", "assign": {"Li": "Li", "Ge": "Ge", "O": "O"}, "formula_units": 4}
    data["polymorphs"] = {"Cmcm": data["polymorphs"]["Cmcm"] | {"host": host}}
    file = tmp_path / "campaign.yaml"
    YAML().dump(data, file)
    spec = ElectrolyteSpec.from_file(file)
    assert grid_cells(spec)[-1].structure.composition == cell.structure.composition
    (tmp_path / "ordered.cif").rename(tmp_path / "other.cif")
    with pytest.raises(SpecError, match=r"polymorphs\.Cmcm\.host\.cif: cannot read"):
        ElectrolyteSpec.from_file(file)
    data["polymorphs"]["Cmcm"]["host"]["cif"] = "other.cif"
    YAML().dump(data, file)
    assert ElectrolyteSpec.from_file(file).key == spec.key, "the name of a file shapes no result"


def test_formulas_are_written_in_the_usual_order_whatever_the_order_of_the_charges(data):
    data["charges"] = dict(sorted(data["charges"].items()))
    assert [cell.info.formula for cell in grid_cells(load(data))] == ["Li3PS4", "Li4GeO4"] * 2
