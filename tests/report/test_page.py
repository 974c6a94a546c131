import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from superionic.report import CampaignData, write_report
from superionic.report.page import render
from superionic.report.shell import plotly_source
from superionic.spec import ElectrolyteSpec

SECTIONS = ("results", "stability", "transport", "model", "data", "cost", "failures", "provenance")
CHARTS = (
    *("phase-diagram", "formation", "arrhenius", "msd", "density-0", "surface-0"),
    *("parity-energy", "parity-force", "history", "learning-curve", "timeline", "cost"),
)


class Page(HTMLParser):
    """Elements, ids, text and loaded resources of a page; scripts are kept apart."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.resources, self.links, self.scripts, self.words = set(), [], [], [], []
        self.stack = []
        self.feed(text)
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, name, attributes):
        found = dict(attributes)
        self.stack.append(name)
        if "id" in found:
            self.ids.add(found["id"])
        if "src" in found:
            self.resources.append(found["src"])
        if name == "link":
            self.resources.append(found["href"])
        if name == "a":
            self.links.append(found["href"])
        if name == "script":
            self.scripts.append("")

    def handle_endtag(self, name):
        while self.stack and self.stack.pop() != name:
            pass

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "script":
            self.scripts[-1] += data
        elif not self.stack or self.stack[-1] != "style":
            self.words.append(data)


@pytest.fixture(autouse=True, scope="module")
def _short_plotly():
    """5 MB of JavaScript need not be parsed by every test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("superionic.report.shell.plotly_source", lambda: "var Plotly;")
        yield


@pytest.fixture(scope="module")
def page(campaign):
    return Page(render(campaign))


def test_every_section_and_figure_is_there(page):
    assert set(SECTIONS) <= page.ids
    assert {f"plot-{name}" for name in CHARTS} <= page.ids
    assert {f"figure-{name}" for name in CHARTS} <= page.ids


def test_nothing_is_loaded_from_elsewhere(page):
    assert page.resources == ["data:,"]
    assert [link for link in page.links if link.startswith("http")] == ["https://doi.org/10.1039/d5ta05321h"]
    targets = {link[1:] for link in page.links if link.startswith("#") and len(link) > 1}
    assert targets <= page.ids


def test_plotly_is_inlined_once_and_the_page_is_small(campaign, tmp_path, monkeypatch):
    monkeypatch.setattr("superionic.report.shell.plotly_source", plotly_source)
    path = write_report(campaign, tmp_path / "new folder" / "report.html")
    text = path.read_text(encoding="utf-8")
    assert len(re.findall(r"plotly\.js v\d", text)) == 1
    assert path.stat().st_size < 8e6
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]


def test_numbers_behind_figures_are_in_the_page(campaign):
    text = render(campaign)
    raw = re.search(r'<script type="application/json" id="data-arrhenius">(.*?)</script>', text)[1]
    columns = json.loads(raw)
    assert columns["temperature_K"] == [800, 900, 1000] * 2
    assert "too_few_hops" in columns["verdict"]


def test_banner_names_surrogates_and_scale(page, campaign):
    assert "teacher: synthetic numbers" in page.text
    assert "superionic-mini" in page.text
    assert "stands in for VASP-SCAN" in page.text
    assert f"production MD {campaign.spec.transport.time_ps:g} ps (full scale 500)" in page.text


def test_verdicts_are_marked_and_digits_follow_errors(page):
    assert "! too few hops" in page.text
    assert "! extrapolated" in page.text
    assert "0.31 ± 0.04" in page.text
    assert "−8 ± 6" in page.text
    assert "not run" in page.text


def test_speed_of_md_says_how_many_ran_side_by_side_and_in_which_engine(page):
    assert "side by side" in page.text
    assert page.text.count("3 in torch-sim") == 1


def test_failures_are_counted_by_cause(page):
    assert "force_too_large" in page.text
    assert "relaxation exploded" in page.text
    assert "MD exploded at 0.3 ps" in page.text


def test_hyperparameters_that_differ_are_marked(page):
    rows = re.findall(r"(learning_rate|batch_size|max_epochs|weights\.energy)\s*(\S+?)(same|differs|–)", page.text)
    assert ("learning_rate", "0.010.01", "same") in rows
    assert ("max_epochs", "4041", "differs") in rows


def test_provenance_reaches_the_labels(page):
    assert "5 label sets" in page.text
    assert "ase 3.26, superionic 0.1.0" in page.text
    assert "transport.temperatures_K" in page.text


def test_empty_campaign_says_what_is_missing_and_why():
    page = Page(render(CampaignData("k" * 32)))
    assert set(SECTIONS) <= page.ids
    assert page.text.count("Not available:") == 6
    assert "no potential was trained" in page.text


@pytest.mark.parametrize(
    "part",
    ["model", "phase_diagram", "learning_curve", "dataset", "spec"],
)
def test_each_missing_document_leaves_the_rest(campaign, part):
    page = Page(render(replace(campaign, **{part: None})))
    assert set(SECTIONS) <= page.ids


@pytest.mark.parametrize(
    "part",
    ["orderings", "screenings", "label_sets", "ground_states", "diffusions", "conductivities", "pathways", "jobs"],
)
def test_each_missing_group_leaves_the_rest(campaign, part):
    page = Page(render(replace(campaign, **{part: ()})))
    assert set(SECTIONS) <= page.ids


def test_learning_curve_says_why_it_is_missing(campaign):
    training = campaign.spec.training.model_copy(update={"learning_curve": []})
    spec = campaign.spec.model_copy(update={"training": training})
    text = Page(render(replace(campaign, spec=spec, learning_curve=None))).text
    assert "training.learning_curve of the spec asks for none" in text


def test_names_cannot_inject_markup(campaign):
    evil = '</title><script>alert("x")</script>'
    spec = ElectrolyteSpec.model_validate(campaign.spec.model_dump() | {"name": evil})
    page = Page(render(replace(campaign, spec=spec)))
    assert not [script for script in page.scripts if script.startswith("alert")]
    assert evil in page.text


def test_document_of_unknown_parents_is_said_not_hidden(campaign):
    documents = dict(campaign.documents)
    del documents[campaign.phase_diagram.key]
    assert "document not found in the store" in Page(render(replace(campaign, documents=documents))).text


def test_many_temperatures_share_one_column(campaign):
    doc = campaign.conductivities[0]
    points = [doc.points[0].model_copy(update={"temperature_K": 600.0 + 50 * n}) for n in range(8)]
    page = Page(render(replace(campaign, conductivities=(doc.model_copy(update={"points": points}),))))
    assert "600 K: 0.072 ± 0.015" in page.text
    assert "each run" in page.text
