"""The campaign of howto/own-system.md is read from the page and planned."""

import re

import pytest
from pages import ROOT, blocks

from superionic.ordering import count_orderings
from superionic.ordering.composition import grid_cell
from superionic.spec import ElectrolyteSpec

PAGE = "docs/howto/own-system.md"


@pytest.fixture
def spec_file(tmp_path):
    text = (ROOT / PAGE).read_text()
    (tmp_path / "argyrodite.cif").write_text(re.search(r"^```text\n(data_.*?)^```", text, re.MULTILINE | re.DOTALL)[1])
    parts = [block.text for block in blocks("yaml") if block.page == ROOT / PAGE]
    (tmp_path / "argyrodite.yaml").write_text("\n".join(parts))
    return tmp_path / "argyrodite.yaml"


def test_the_campaign_is_valid_and_has_the_orderings_that_the_page_shows(spec_file):
    spec = ElectrolyteSpec.from_file(spec_file)
    assert [point.label for point in spec.points] == ["x=0", "x=0.5", "x=1"]
    assert "Li6PS5Cl         │ x=0   │ 1x1x1: 48" in (ROOT / PAGE).read_text()
    assert count_orderings(grid_cell(spec, spec.points[0]).structure, (1, 1, 1)) == 48


def test_its_profile_is_valid(spec_file):
    spec = ElectrolyteSpec.from_file(spec_file, "laptop")
    assert spec.labelling.engine == "teacher-chgnet-r2scan"
    assert len(spec.points) == 2
