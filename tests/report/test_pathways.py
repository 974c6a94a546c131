import numpy as np
import pytest

from superionic.report.figures_density import (
    drawn_links,
    enclosing_level,
    projection_chart,
    repeated,
    segments,
    smooth_grid,
)
from superionic.report.figures_pathways import closed_grid, profile_chart, surface_chart, surface_levels
from superionic.report.tables_pathways import necks_table, pathway_charts, pathway_parts, sites_table, summary_words


@pytest.fixture
def doc(campaign):
    return campaign.pathways[0]


def traces(chart, kind):
    return [trace for trace in chart.figure.data if trace.type == kind]


def test_density_levels_enclose_their_share():
    density = np.random.default_rng(0).random((9, 8, 7)) ** 4
    for share in (0.5, 0.9):
        level = enclosing_level(density, share)
        assert density[density >= level].sum() >= share * density.sum()
        assert density[density > level].sum() <= share * density.sum()


def test_the_closed_grid_holds_the_density_and_equal_opposite_faces(doc):
    density = np.array(doc.density_ions_per_A3).reshape(doc.grid_shape)
    grid = closed_grid(density, 40)
    a, b, c = np.meshgrid(*(np.linspace(0, 1, n) for n in grid.shape), indexing="ij")
    expected = np.exp(3 * np.cos(4 * np.pi * a) + 3 * np.cos(4 * np.pi * b) + 1.5 * np.cos(4 * np.pi * c))
    assert np.corrcoef(grid.ravel(), expected.ravel())[0, 1] > 0.99
    for axis in range(3):
        np.testing.assert_allclose(np.take(grid, 0, axis), np.take(grid, -1, axis))


def test_projections_hold_all_ions_in_the_true_shape_of_each_plane(doc):
    chart = projection_chart(doc, 0)
    heats = traces(chart, "heatmap")
    lattice = np.array(doc.lattice_A)
    assert len(heats) == 3
    for heat in heats:
        areal = 10.0 ** np.asarray(heat.z, dtype=float)
        cell = (heat.x[1] - heat.x[0]) * (heat.y[1] - heat.y[0])
        assert np.nansum(areal) * cell == pytest.approx(24, rel=0.08)  # points on the outline count in full
    # a and c are at an oblique angle: the panel is wider than a
    assert np.ptp(heats[1].x) > 1.2 * np.linalg.norm(lattice[0])
    assert "ions Å⁻²" in heats[2].colorbar.title.text
    named = [trace for trace in traces(chart, "scatter") if trace.showlegend]
    assert [trace.name for trace in named] == ["4g", "4h"]


def test_the_surface_has_framework_sites_and_links_and_names_its_normalisation(doc):
    chart = surface_chart(doc, 0)
    outer, inner, polyhedron = traces(chart, "mesh3d")
    assert len(outer.i) > 100
    assert len(inner.i) > 100
    # an octahedron
    assert len(polyhedron.i) == 8
    assert {"framework", "4g", "4h"} <= {trace.name for trace in traces(chart, "scatter3d")}
    low, high, words = surface_levels(doc, smooth_grid(doc))
    assert low == pytest.approx(0.02)
    assert high > low
    assert "ions/Å³ (probability" in words
    assert "percolates (1D)" in words
    closed = [part.model_copy(update={"density_ions_per_A3": None}) for part in doc.bottlenecks]
    assert "encloses 90 %" in surface_levels(doc.model_copy(update={"bottlenecks": closed}), smooth_grid(doc))[2]


def test_links_are_drawn_as_halves_that_meet_at_images_of_one_point(doc):
    for link, width in drawn_links(doc):
        (start, first), (end, second) = segments(doc, link)
        assert width > 4.0
        assert np.all((start >= 0) & (start < 1) & (end >= 0) & (end < 1))
        np.testing.assert_allclose((first - second) % 1.0, 0.0, atol=1e-12)
    rare = doc.links[0].model_copy(update={"forward": 0, "backward": 0})
    assert len(drawn_links(doc.model_copy(update={"links": [*doc.links, rare]}))) == 2


def test_places_on_faces_are_shown_on_both():
    places, numbers = repeated([(0.0, 0.5, 0.99), (0.4, 0.4, 0.4)])
    assert numbers == [0, 0, 0, 0, 1]
    assert {tuple(place) for place in places[:4].round(2)} == {
        (0, 0.5, 0.99),
        (1, 0.5, 0.99),
        (0, 0.5, -0.01),
        (1, 0.5, -0.01),
    }


def test_the_profile_names_sites_and_closed_dimensions(doc):
    chart = profile_chart(doc, 0)
    assert chart.figure.data[0].name == "along a: [1 0 0]"
    assert list(chart.figure.data[2].text) == ["4h", "4g", "4h"]
    assert "1D: 0.21 ± 0.02 eV; 2D, 3D not seen, above 0.50 eV" in chart.caption
    assert profile_chart(doc.model_copy(update={"paths": []}), 0) is None


def test_tables_give_bounds_where_nothing_was_seen(doc):
    assert "7.0 to ∞" in sites_table(doc)
    necks = necks_table(doc)
    assert "not seen" in necks
    assert "&gt; 0.50" in necks
    words = summary_words(doc)
    assert "percolates in 1 dimensions along a" in words
    assert "f = 0.80 ± 0.10" in words


def test_verdicts_stand_above_the_pictures_and_few_surfaces_are_drawn(doc):
    melted = doc.model_copy(update={"verdict": "framework_unstable", "verdict_reason": "these are not sites"})
    html = pathway_parts(docs := [doc, melted, doc], pathway_charts(docs, max_surfaces=2))
    assert html.index("framework unstable") < html.index("density-1")
    assert html.count('id="plot-surface-') == 2
    assert html.count('id="plot-density-') == 3
    assert (html.count("<details"), html.count("<details open")) == (3, 2), "sites of a melt are folded away"
    bare = pathway_parts(docs := [doc.model_copy(update={"density_ions_per_A3": []})], pathway_charts(docs))
    assert "plot-" not in bare
    assert "4g → 4h" in bare
