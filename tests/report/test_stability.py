"""Free energies, competing phases and rankings in the report."""

from dataclasses import replace

import pytest

from superionic.report.figures_free_energy import free_energy_chart
from superionic.report.notices import beyond_their_error, notices
from superionic.report.page import render
from superionic.report.tables_stability import competition_table, free_energy_table, ranking_table, stability_tables
from superionic.sampling.schemas import SamplingDoc
from superionic.stability.schemas import (
    CompetingPhase,
    CompetitionResult,
    FreeEnergyAt,
    GroundStateDoc,
    StaticRankingRecord,
)

TEMPERATURES = (300.0, 800.0)


def free_energies(formation, bounds=0.002):
    found = []
    for temperature in TEMPERATURES:
        height = formation - 2e-5 * temperature
        above = max(height, 0.0)
        found.append(
            FreeEnergyAt(
                temperature_K=temperature,
                n_host_cells=1,
                free_energy_eV_per_atom=-4.0,
                free_energy_bounds_eV_per_atom=(-4.01, -3.99),
                entropy_eV_per_K_per_atom=1e-5,
                ideal_entropy_eV_per_K_per_atom=2e-5,
                listed_fraction=0.25,
                formation_free_energy_eV_per_atom=height,
                formation_free_energy_bounds_eV_per_atom=(height - bounds, height + bounds) if bounds else None,
                e_above_hull_eV_per_atom=above,
                e_above_hull_bounds_eV_per_atom=(0.0, above + bounds) if bounds else None,
                stable=above == 0.0,
            )
        )
    return found


def competition(energy, products):
    return CompetitionResult(
        e_above_hull_eV_per_atom=max(energy, 0.0),
        e_above_hull_std_eV_per_atom=0.002,
        decomposition_energy_eV_per_atom=energy if products else None,
        decomposition_energy_std_eV_per_atom=0.003,
        probability_stable=0.75,
        reaction=f"X -> {products}" if products else "",
        products={},
        untrained_products=["InCl3"] if "InCl3" in products else [],
    )


@pytest.fixture
def diagram(campaign):
    doc = campaign.phase_diagram
    ends = {member.label for member in doc.end_members}
    entries = []
    for entry in doc.entries:
        end = entry.composition.label in ends
        update = {
            "free_energies": free_energies(0.0 if end else entry.formation_energy_eV_per_atom),
            "competition": competition(-0.012 if end else 0.0131, "3 LiCl + InCl3" if end else ""),
        }
        entries.append(entry.model_copy(update=update) if entry.lowest else entry)
    rivals = [
        CompetingPhase(
            name=f"{formula} mp-1",
            formula=formula,
            source="Materials Project",
            energy_eV_per_atom=-3.0,
            relaxed=True,
            converged=True,
            outside=outside,
        )
        for formula, outside in (("LiCl", []), ("InCl3", ["InCl4"]))
    ]
    return doc.model_copy(update={"entries": entries, "competing": rivals})


def test_free_energies_are_drawn_with_their_bounds(diagram, campaign):
    chart = free_energy_chart(diagram)
    zero, cold, hot = chart.figure.data
    assert [trace.name for trace in chart.figure.data] == ["0 K", "300 K", "800 K"]
    assert list(cold.x) == pytest.approx([x - 6.0 for x in zero.x])
    assert list(hot.error_x.array) == pytest.approx([2.0] * len(hot.x))
    assert len(set(zero.y) | set(cold.y) | set(hot.y)) == 3 * len(zero.y), "no point lies on another"
    assert len({len(column) for column in chart.columns.values()}) == 1
    assert set(chart.columns["temperature_K"]) == set(TEMPERATURES)
    assert free_energy_chart(campaign.phase_diagram) is None
    unbounded = [
        e.model_copy(update={"free_energies": free_energies(0.0, bounds=0.0)}) if e.lowest else e
        for e in diagram.entries
    ]
    loose = free_energy_chart(diagram.model_copy(update={"entries": unbounded}))
    assert loose.figure.data[1].error_x.array is None


def test_tables_have_bounds_reactions_and_what_the_model_never_saw(diagram):
    energies = str(free_energy_table(diagram))
    assert "300 K (meV/atom)" in energies
    assert "0.25" in energies
    rivals = str(competition_table(diagram))
    assert "3 LiCl + InCl<sub>3</sub>" in rivals
    assert "−12 ± 3" in rivals
    assert "no mixture of the given phases" in rivals
    assert "75%" in rivals
    assert "1 of them have elements or polyhedra" in rivals


def test_rankings_are_told_where_there_was_one(campaign):
    (state, *_) = campaign.ground_states
    ranking = StaticRankingRecord(
        candidates="screened",
        n_evaluated=40,
        n_failed=0,
        changed=True,
        rank_correlation_relaxed=0.913,
        rank_correlation_foundation=None,
    )
    ranked = state.model_copy(update={"ranking": ranking, "multiplicities": [12]})
    text = str(ranking_table([ranked, state]))
    assert all(f">{cell}<" in text for cell in ("40", "12", "0.91", "yes"))
    assert ranking_table([state]) is None
    assert isinstance(ranked, GroundStateDoc)


def test_the_page_has_these_parts_only_where_they_exist(diagram, campaign, monkeypatch):
    monkeypatch.setattr("superionic.report.shell.plotly_source", lambda: "var Plotly;")
    page = render(replace(campaign, phase_diagram=diagram))
    for text in ("Free energy of mixing", "Against all phases", "All 2 competing phases", "Free energies of mixing"):
        assert text in page
    assert str(stability_tables(replace(campaign, phase_diagram=None))) == "None"
    plain = render(campaign)
    assert "Against all phases" not in plain
    assert "Free energy of mixing" not in plain


def test_labels_beyond_the_stated_error_are_named_at_the_top(campaign):
    """The labels of the two inner compositions are 0.8 and 2.2 meV/atom away."""
    doc = campaign.phase_diagram
    assert beyond_their_error(doc) == []
    small = doc.model_copy(update={"formation_energy_std_eV_per_atom": 0.0006})
    assert beyond_their_error(small) == ["Li3In0.5Y0.5Br3Cl3"]
    (notice,) = [n for n in notices(replace(campaign, phase_diagram=small)) if "too small" in n.title]
    assert "Li3In0.5Y0.5Br3Cl3" in notice.text


def test_exploded_sampling_is_named_at_the_top(campaign):
    first, *others = campaign.samplings

    def run(exploded):
        return SamplingDoc.model_construct(exploded=exploded)

    broken = first.model_copy(update={"runs": [run(["at 1 ps"] * 5), run([]), run(["at 2 ps"])]})
    (notice,) = [n for n in notices(replace(campaign, samplings=(broken, *others))) if "cut short" in n.title]
    assert f"of {first.composition.name} exploded: 6 starts of 2 runs" in notice.text
    assert not [n for n in notices(campaign) if "cut short" in n.title]
