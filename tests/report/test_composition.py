"""Conductivity over the composition: numbers at a temperature, contours of the triangle, curves, planes, workflow."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from paper_sized import activation_energy, paper_sized
from training_documents import key

from superionic.documents import CompositionInfo
from superionic.report.barycentric import band_polygons, to_plane, triangles
from superionic.report.conductivity_at import Origin, common_temperature, sigma_at
from superionic.report.data import CampaignData
from superionic.report.figures_composition import composition_chart
from superionic.report.figures_map import band_levels
from superionic.report.figures_planar import planar_chart, planar_energies
from superionic.report.figures_workflow import prediction_steps, training_steps, workflow_chart
from superionic.report.gallery import draw, end_members
from superionic.report.page import render


@pytest.fixture(scope="module")
def large(campaign, synthetic):
    return paper_sized(campaign, synthetic["phase_diagram"])


def grid(step):
    n = round(1 / step)
    return np.array([[i, j, n - i - j] for i in range(n + 1) for j in range(n + 1 - i)]) / n


def area(polygon):
    x, y = to_plane(polygon).T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def test_a_run_counts_before_the_fit_and_the_fit_before_a_doubtful_run(campaign):
    first, second = campaign.conductivities
    run = sigma_at(first, 800.0)
    assert (run.origin, run.value) == (Origin.RUN, first.points[0].conductivity_S_per_cm)
    assert run.high - run.value == pytest.approx(first.points[0].conductivity_std_S_per_cm)
    fit = sigma_at(first, 850.0)
    # the synthetic numbers follow an exact Arrhenius law
    assert fit.origin is Origin.FIT
    assert fit.value == pytest.approx(5200 / 850 * np.exp(-0.31 / (8.617333262e-5 * 850)), rel=1e-6)
    assert fit.low < fit.value < fit.high
    # the run at 800 K has too few hops, so the others speak for it
    assert second.points[0].verdict == "too_few_hops"
    assert sigma_at(second, 800.0).origin is Origin.EXTRAPOLATED
    alone = second.model_copy(update={"points": second.points[:1]})
    assert sigma_at(alone, 800.0).origin is Origin.DOUBTFUL
    assert sigma_at(alone, 900.0) is None
    assert common_temperature([alone]) is None
    assert common_temperature([first, second]) == 900.0


def test_bands_of_a_linear_field_are_exact_and_fill_the_triangle():
    fractions = grid(0.25)
    values = fractions @ np.array([0.0, 1.0, 3.0])
    mesh = triangles(fractions)
    levels = [0.0, 0.5, 1.7, 3.0]
    bands = [band_polygons(fractions, values, low, high, mesh) for low, high in itertools.pairwise(levels)]
    areas = [sum(area(polygon) for polygon in band) for band in bands]
    assert sum(areas) == pytest.approx(np.sqrt(3) / 4)
    # the part of a triangle above a level, for a linear field: similar triangles
    assert areas[2] == pytest.approx(np.sqrt(3) / 4 * (1.3 / 3) * (1.3 / 2))
    for polygon in bands[1]:
        inside = polygon @ np.array([0.0, 1.0, 3.0])
        assert np.all((inside > 0.5 - 1e-9) & (inside < 1.7 + 1e-9))
        np.testing.assert_allclose(polygon.sum(axis=1), 1.0)


def test_no_mesh_without_four_points_or_on_a_line():
    fractions = grid(0.25)
    assert triangles(fractions[:3]) == []
    line = fractions[fractions[:, 0] == 0]
    assert len(line) == 5
    assert triangles(line) == []


def test_levels_are_round_numbers_between_the_ends():
    levels = band_levels(np.log10(0.3), np.log10(0.62))
    assert (levels[0], levels[-1]) == pytest.approx((np.log10(0.3), np.log10(0.62)))
    assert 3 <= len(levels) <= 8
    assert all(later > sooner for sooner, later in itertools.pairwise(levels))
    # equal numbers everywhere still make one band
    assert len(band_levels(-1.0, -1.0)) == 2


def test_the_map_has_contour_points_and_numbers(large):
    members = end_members(large)
    chart = composition_chart(large.conductivities, members, 800.0)
    bands = [trace for trace in chart.figure.data if trace.fill == "toself"]
    assert len(bands) >= 3
    (points,) = [trace for trace in chart.figure.data if trace.name == "simulated"]
    assert len(points.a) == 15
    # the colour is the activation energy, of an exact law here; ln D has the slope of ln(sigma T)
    places = [doc.composition for doc in large.conductivities]
    shift = np.array(points.marker.color) - [activation_energy(place) for place in places]
    assert np.ptp(shift) < 1e-3
    np.testing.assert_allclose(np.sum([points.a, points.b, points.c], axis=0), 1.0)
    assert "15 compositions" in chart.caption
    assert chart.columns["origin"] == ["simulated"] * 15


def test_few_compositions_get_points_and_the_reason_for_no_contour(campaign):
    chart = composition_chart(campaign.conductivities, end_members(campaign), 900.0)
    assert not [trace for trace in chart.figure.data if trace.fill]
    assert "No contour: it needs four compositions" in chart.caption
    assert "here are 2" in chart.caption


def test_doubtful_numbers_are_crosses_in_brackets_outside_of_the_contour(large):
    inner = next(i for i, doc in enumerate(large.conductivities) if doc.composition.label == "x=0.75,y=0.5")
    docs = list(large.conductivities)
    bad = [point.model_copy(update={"used": False, "verdict": "not_diffusive"}) for point in docs[inner].points]
    docs[inner] = docs[inner].model_copy(update={"points": bad})
    chart = composition_chart(docs, end_members(large), 800.0)
    (crosses,) = [trace for trace in chart.figure.data if trace.name == "doubtful"]
    assert len(crosses.a) == 1
    assert "14 compositions" in chart.caption
    assert any(str(text).startswith("(") for trace in chart.figure.data for text in (trace.text or ()))


def test_two_end_members_make_curves_with_published_values(campaign):
    def doc(index, x, formula):
        place = CompositionInfo(axes={"x": x}, label=f"x={x:g}", formula=formula)
        return campaign.conductivities[0].model_copy(update={"key": key("5b", index), "composition": place})

    series = (("NaZr2P3O12", 0.0), ("Na3Zr2Si2PO12", 2.0), ("Na4Zr2Si3O12", 3.0))
    docs = [doc(i, x, formula) for i, (formula, x) in enumerate(series)]
    members = (docs[0].composition, docs[2].composition)
    chart = composition_chart(docs, members, 573.0)
    (sigma, energy) = [trace for trace in chart.figure.data if trace.name == "extrapolated"]
    assert list(sigma.x) == [0.0, 2.0, 3.0]
    assert list(energy.y) == [0.31] * 3
    assert [trace.showlegend for trace in chart.figure.data if trace.name == "published"].count(True) == 1
    assert "x (NaZr" in chart.figure.layout.xaxis2.title.text
    assert composition_chart(docs, members[:1], 573.0) is None
    # what does not lie between the end members has no place in the figure
    other = doc(3, 4.0, "Li3InCl6")
    assert composition_chart([*docs, other], members, 573.0).columns == chart.columns
    assert composition_chart([docs[0].model_copy(update={"points": []})], members, 573.0) is None


def test_planar_energies_equal_those_in_space_where_planes_are_scaled_copies(campaign):
    doc = campaign.conductivities[0]
    energies = {item.where: item for item in planar_energies(doc)}
    assert set(energies) == {"ab", "ac", "bc", "3D"}
    for plane in ("ab", "ac", "bc"):
        assert energies[plane].energy_eV == pytest.approx(energies["3D"].energy_eV, abs=1e-6)
        assert energies[plane].std_eV > energies["3D"].std_eV
    chart = planar_chart(campaign.conductivities)
    assert "6 of 6 planar ones" in chart.caption
    # doubtful points are left out: 3 of one composition, 2 of the other, in 3 planes and in space
    assert chart.columns["quantity"].count("diffusivity_cm2_per_s") == 5 * 4
    bare = [point.model_copy(update={"diffusivity_planes_cm2_per_s": {}}) for point in doc.points]
    assert planar_chart([doc.model_copy(update={"points": bare})]) is None


def test_the_workflow_counts_what_the_documents_hold(campaign):
    steps = {step.title: dict(step.counts) for step in (*training_steps(campaign), *prediction_steps(campaign))}
    assert steps["Labels"] == {"requested": 80, "accepted": 75, "refused": 5}
    assert steps["Data set"] == {"train": 60, "valid": 8, "test": 16}
    assert steps["Orderings"]["distinct"] == sum(doc.count_distinct for doc in campaign.orderings)
    assert steps["Stability"]["on the hull"] == 4
    assert steps["Production MD"]["MD runs"] == len(campaign.trajectories)
    empty = workflow_chart(CampaignData("k" * 32))
    assert sum("not yet" in str(text) for trace in empty.figure.data for text in trace.text or ()) == 10


def test_gallery_and_page_show_the_same_figures(campaign, active, monkeypatch):
    monkeypatch.setattr("superionic.report.shell.plotly_source", lambda: "var Plotly;")
    data = replace(campaign, active=active)
    gallery = draw(data, 850.0)
    page = render(data, gallery)
    drawn = [chart.identity for chart in gallery.charts]
    assert len(set(drawn)) == len(drawn)
    assert sorted(drawn) == sorted(part.split('"')[0] for part in page.split('data-figure="')[1:])
    assert "Conductivity at 850 K" in page


def test_other_structures_of_a_composition_stand_beside_the_line(campaign):
    def doc(index, place):
        return campaign.conductivities[0].model_copy(update={"key": key("5c", index), "composition": place})

    host = [CompositionInfo(axes={"x": x}, label=f"x={x:g}", formula=f) for x, f in ((0.0, "Li3PS4"), (1.0, "Li4GeS4"))]
    gamma = host[0].model_copy(update={"label": "x=0 (gamma)", "polymorph": "gamma"})
    drawn = host[0].model_copy(update={"label": "x=0 (Monte Carlo, 900 K)"})
    chart = composition_chart([doc(i, place) for i, place in enumerate([*host, gamma, drawn])], host, 800.0)
    names = {trace.name for trace in chart.figure.data if trace.mode == "markers"}
    assert {"simulated", "gamma, simulated", "Monte Carlo, 900 K, simulated"} <= names
    line = next(trace for trace in chart.figure.data if trace.mode == "lines")
    assert list(line.x) == [0.0, 1.0]
    assert "Triangles are other structures" in chart.caption
