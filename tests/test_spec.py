from copy import deepcopy
from pathlib import Path

import pytest

from superionic.errors import SpecError
from superionic.ordering.composition import grid_cells
from superionic.spec import ElectrolyteSpec
from superionic.spec_io import read_yaml
from superionic.stages import OrderingSettings

WORKFLOWS = Path(__file__).parents[1] / "workflows"


@pytest.fixture
def data():
    return deepcopy(read_yaml(WORKFLOWS / "quickstart.yaml")[0])


def load(data):
    spec = ElectrolyteSpec.from_data(data, "campaign.yaml")
    return spec, grid_cells(spec)


def test_quickstart_has_the_five_compositions(data):
    _, cells = load(data)
    formulas = [cell.info.formula for cell in cells]
    assert formulas == ["Li3InCl6", "Li3InBr6", "Li3YBr6", "Li3In0.5Y0.5Br6", "Li3In0.5Y0.5Br3Cl3"]
    for cell in cells:
        assert cell.structure.composition.num_atoms == pytest.approx(20)
        assert cell.structure.charge == pytest.approx(0)


def test_lattice_follows_the_axes(data):
    _, cells = load(data)
    by_label = {cell.info.label: cell.structure.lattice.a for cell in cells}
    assert by_label["x=1,y=0"] == pytest.approx(6.43)
    assert by_label["x=0.5,y=0.5"] == pytest.approx((6.43 + 6.92) / 2)


def test_full_grid_of_the_paper_system():
    cells = grid_cells(ElectrolyteSpec.from_file(WORKFLOWS / "liybc.yaml"))
    assert len(cells) == 15
    assert all(cell.supercells for cell in cells)


def test_key_ignores_comments_and_order(tmp_path, data):
    text = (WORKFLOWS / "quickstart.yaml").read_text()
    copy = tmp_path / "copy.yaml"
    copy.write_text("# another comment\n" + text.replace("seed: 2025", "seed: 2025  # the year"))
    assert ElectrolyteSpec.from_file(copy).key == ElectrolyteSpec.from_data(data).key
    copy.write_text(text.replace("seed: 2025", "seed: 2026"))
    assert ElectrolyteSpec.from_file(copy).key != ElectrolyteSpec.from_data(data).key


def _set(path, value):
    def change(data):
        *parents, last = path
        for part in parents:
            data = data[part]
        data[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _set(["screening", "max_structure"], 3),
            r"screening\.max_structure: unknown key; did you mean 'max_structures'",
        ),
        (_set(["charges", "Xx"], 1), "unknown element Xx"),
        (_set(["sublattices", "M"], {"In": "x*y", "Y": "1 - x"}), r"sublattices\.M\.In: 'x\*y' is not linear"),
        (_set(["host", "cell", "a"], "6 + z"), r"host\.cell\.a: '6 \+ z' uses z"),
        (_set(["sublattices", "M"], {"In": "x", "Y": 1}), r"sublattices\.M: at x=1,y=0 .* = 2"),
        (_set(["charges", "Br"], -2), r"x=1,y=1 is not charge neutral: .* = -12"),
        (_set(["grid", "points"], [{"x": 0.3, "y": 1}]), "is not a grid point"),
        (_set(["grid", "points", 3], {"x": 0.25, "y": 1}), r"not realisable .*1/2 In on M.*\[1, 1, 2\]"),
        (_set(["grid", "points", 0], {"x": 0.5, "y": 0}), r"violates the constraint x \+ y >= 1"),
        (_set(["grid", "points", 0], {"x": 1.5, "y": 0}), "is outside"),
        (_set(["mobile"], "Na"), "'Na' is on no sublattice"),
        (_set(["sampling", "time_ps"], -1), r"sampling\.time_ps: -1 is not usable"),
        (_set(["grid", "step"], 0.5), "either points or step"),
        (_set(["host", "sites", 0, "sublattice"], "Q"), "two sets must be equal"),
        (_set(["orderings", "supercells"], {"upto": 2}), r"orderings\.supercells: .*is not \{up_to: n\}"),
        (_set(["orderings", "supercells"], "automatic"), r"supercells: 'automatic' is not usable.*word auto"),
        (_set(["orderings", "supercells"], [1, 1, 2]), r"orderings\.supercells: 1 is neither three positive integers"),
        (_set(["orderings", "supercells"], [[1, 1, 0]]), r"\[1, 1, 0\] is neither three positive integers nor a 3x3"),
        (_set(["orderings", "supercells"], [[[0, 1, 0], [1, 0, 0], [0, 0, 1]]]), "determinant -1.*exchange two rows"),
    ],
)
def test_mistakes_are_named_with_key_value_and_remedy(data, change, message):
    change(data)
    with pytest.raises(SpecError, match=message) as raised:
        load(data)
    assert str(raised.value).startswith("campaign.yaml")


def test_message_names_file_and_line(tmp_path):
    file = tmp_path / "campaign.yaml"
    text = (WORKFLOWS / "quickstart.yaml").read_text()
    file.write_text(text.replace("foundation:", "fundation:"))
    line = text[: text.index("foundation:")].count("\n") + 1
    with pytest.raises(SpecError, match=rf"campaign\.yaml:{line}: fundation: unknown key; did you mean 'foundation'"):
        ElectrolyteSpec.from_file(file)


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "name: [unclosed\n", "name: a\nname: b\n"])
def test_files_that_are_no_spec(tmp_path, content):
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(SpecError, match=r"bad\.yaml"):
        ElectrolyteSpec.from_file(file)


def test_missing_file():
    with pytest.raises(SpecError, match="cannot be read"):
        ElectrolyteSpec.from_file("nowhere.yaml")


def test_cif_host(tmp_path, data):
    _, cells = load(data)
    ordered = cells[0].structure.copy()
    for index in range(len(ordered)):
        ordered[index] = ["In", "Li", "Li", "Cl", "Cl"][["2a", "4g", "4h", "8j", "4i"].index(ordered[index].label)]
    ordered.to(filename=str(tmp_path / "host.cif"))
    data["host"] = {"cif": "host.cif", "assign": {"In": "M", "Li": "Li", "Cl": "X"}, "formula_units": 2}
    from ruamel.yaml import YAML

    YAML().dump(data, tmp_path / "spec.yaml")
    spec = ElectrolyteSpec.from_file(tmp_path / "spec.yaml")
    assert grid_cells(spec)[0].info.formula == "Li3InCl6"
    data["host"]["assign"].pop("Cl")
    data["host"]["cif_text"] = spec.host.cif_text
    with pytest.raises(SpecError, match=r"two sets must be equal|is on no sublattice"):
        load(data)


def test_supercells_can_be_listed_chosen_or_bounded():
    assert OrderingSettings().supercells == [(1, 1, 1), (1, 1, 2), (1, 2, 2)]
    matrix = [[1, 1, 0], [0, 1, 0], [0, 0, 2]]
    for given in ([[1, 1, 2], matrix], "auto", {"up_to": 3}):
        settings = OrderingSettings(supercells=given)
        assert settings.model_dump(mode="json")["supercells"] == given
        assert OrderingSettings.from_dict(settings.as_dict()) == settings


def test_queue_settings_do_not_make_another_campaign(data):
    plain, _ = load(data)
    asking, _ = load({**data, "queue": {"labelling": {"priority": 3, "adapter": {"nodes": 2}}}})
    assert asking.key == plain.key
    assert asking.queue["labelling"].adapter == {"nodes": 2}
    with pytest.raises(SpecError, match="queue"):
        load({**data, "queue": {"labeling": {}}})


def _with_profile(tmp_path, text):
    file = tmp_path / "campaign.yaml"
    file.write_text((WORKFLOWS / "quickstart.yaml").read_text() + text)
    return file


PROFILE = """
profiles:
  small:
    name: small one
    grid: {points: [{x: 1, y: 0}, {x: 1, y: 1}, {x: 0, y: 1}]}
    screening: {relax: {max_steps: 7}}
    orderings: {supercells: auto}
"""


def test_a_profile_changes_what_it_names_and_nothing_else(tmp_path):
    file = _with_profile(tmp_path, PROFILE)
    plain, small = ElectrolyteSpec.from_file(file), ElectrolyteSpec.from_file(file, "small")
    assert plain.key == ElectrolyteSpec.from_file(WORKFLOWS / "quickstart.yaml").key
    assert (plain.profile, small.profile) == (None, "small")
    assert small.screening.relax == plain.screening.relax.model_copy(update={"max_steps": 7})
    assert small.screening.max_structures == plain.screening.max_structures
    assert len(small.points) == 3
    same = ("sampling", "labelling", "training", "stability", "transport", "host", "end_members", "seed")
    assert all(getattr(small, name) == getattr(plain, name) for name in same)
    # the key is that of the settings, whatever the profile is called, and survives the database
    assert small.key != plain.key
    assert small.key == small.model_copy(update={"profile": None}).key
    stored = ElectrolyteSpec.from_data(small.model_dump(mode="json"))
    assert (stored.key, stored.profile) == (small.key, "small")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PROFILE.replace("max_steps", "max_step"), r"campaign\.yaml:75: screening\.relax\.max_step: .* 'max_steps'"),
        (PROFILE.replace("orderings:", "ordering:"), r"campaign\.yaml:76: ordering: unknown key; .* 'orderings'"),
        (PROFILE.replace("small:", "tiny:"), r"no profile 'small': it has tiny"),
        ("", r"no profile 'small': it has none"),
        ("profiles: [small]\n", r"profiles: maps names to settings"),
        (PROFILE + "    profile: small\n", r"profiles\.small\.profile: unknown key"),
        (PROFILE + "profile: small\n", r"profile: a profile is chosen with --profile"),
    ],
)
def test_errors_in_profiles_name_line_and_key(tmp_path, text, message):
    with pytest.raises(SpecError, match=message):
        ElectrolyteSpec.from_file(_with_profile(tmp_path, text), "small")
