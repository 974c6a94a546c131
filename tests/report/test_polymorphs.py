"""Polymorphs in the report: told apart wherever their composition is named, and compared."""

from dataclasses import replace
from pathlib import Path

import pytest

from superionic.documents import CompositionInfo
from superionic.report.figures_stability import formation_chart
from superionic.report.figures_transport import arrhenius_chart
from superionic.report.markup import formula
from superionic.report.summary import summarise, summary_table
from superionic.report.tables_polymorphs import polymorph_table
from superionic.report.tables_references import transport_references
from superionic.spec import ElectrolyteSpec
from superionic.stability.polymorphs import with_polymorphs

LPGSO = Path(__file__).parents[2] / "workflows" / "lpgso.yaml"
HOST = CompositionInfo(axes={"x": 1.0}, label="x=1", formula="Li4GeO4")
CMCM = HOST.model_copy(update={"label": "x=1 (Cmcm)", "polymorph": "Cmcm"})


@pytest.fixture
def both(campaign):
    """A campaign whose first two compositions are Li4GeO4 in two structures."""
    diagram = campaign.phase_diagram
    first, second = [entry for entry in diagram.entries if entry.lowest][:2]
    entries = [
        first.model_copy(update={"composition": HOST, "formation_energy_eV_per_atom": 0.0312}),
        second.model_copy(update={"composition": CMCM, "formation_energy_eV_per_atom": 0.0}),
    ]
    rest = [entry for entry in diagram.entries if entry not in (first, second)]
    doc = with_polymorphs(diagram.model_copy(update={"entries": entries + rest}))
    sigmas = [
        doc.model_copy(update={"composition": place})
        for doc, place in zip(campaign.conductivities, (HOST, CMCM), strict=False)
    ]
    spec = ElectrolyteSpec.from_file(LPGSO)
    return replace(campaign, spec=spec, phase_diagram=doc, conductivities=tuple(sigmas))


def test_names_stand_in_legends_and_tables(both):
    chart = arrhenius_chart(both.conductivities)
    names = {trace.name for trace in chart.figure.data}
    assert {formula("Li4GeO4"), formula("Li4GeO4 (Cmcm)")} <= {name for name in names if name}
    assert {"Li4GeO4", "Li4GeO4 (Cmcm)"} <= set(chart.columns["formula"])
    of = {item.label: item for item in summarise(both)}
    assert of["x=1 (Cmcm)"].conductivity is both.conductivities[1]
    assert of["x=1"].conductivity is both.conductivities[0]
    assert f"{formula('Li4GeO4')} (Cmcm)" in summary_table(both)


def test_polymorphs_of_end_members_have_formation_energies_of_their_own(campaign):
    entries = list(campaign.phase_diagram.entries)
    end = entries[0].composition
    twin = entries[0].model_copy(update={"composition": end.model_copy(update={"polymorph": "twin"})})
    doc = campaign.phase_diagram
    charts = [formation_chart(doc.model_copy(update={"entries": found})) for found in (entries, [*entries, twin])]
    assert [f"{end.name} (twin)" in chart.columns["formula"] for chart in charts] == [False, True]


def test_the_difference_stands_beside_labels_and_publication(both):
    page = polymorph_table(both)
    assert "beta (Pnma)" in page
    assert "−31" in page, "meV/atom"
    assert "−280" in page or "−281" in page, "meV per formula unit of nine atoms"
    assert "−30" in page, "the published one"
    assert "holds no structure of Li4GeO4 (Cmcm)" in page
    elsewhere = replace(both, spec=both.spec.model_copy(update={"phase": "P-1"}))
    assert "−30" not in polymorph_table(elsewhere), "against another structure"
    assert polymorph_table(replace(both, phase_diagram=None)) is None


def test_published_numbers_stand_beside_the_structure_they_belong_to(both):
    page = transport_references(both)
    assert page.count("0.81") == 1
    host_alone = replace(both, conductivities=both.conductivities[:1])
    assert transport_references(host_alone) is None
    assert "0.81" in transport_references(replace(host_alone, spec=None)), "the host's structure is not known"


def test_subscripts_end_with_the_formula():
    assert formula("Li3PS4 (Pmn2_1)") == "Li<sub>3</sub>PS<sub>4</sub> (Pmn2_1)"
