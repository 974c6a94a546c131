import math
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from superionic.documents import CompositionInfo
from superionic.report.figures_campaign import cost_by_stage, cost_chart, lanes, timeline_chart
from superionic.report.figures_curves import comparison_chart, learning_curve_chart
from superionic.report.figures_msd import msd_chart
from superionic.report.figures_property import property_curve_chart
from superionic.report.figures_stability import formation_chart, fractions_of, phase_diagram_chart, tie_lines
from superionic.report.figures_training import history_chart, parity_charts
from superionic.report.figures_transport import arrhenius_chart
from superionic.report.theme import GREY
from superionic.training.curve_assemble import curve_fits


def traces(chart, **wanted):
    return [t for t in chart.figure.data if all(getattr(t, key) == value for key, value in wanted.items())]


def named(chart, text):
    return [t for t in chart.figure.data if t.name and text in t.name]


def test_points_that_are_not_ok_are_hollow_grey_and_named(campaign):
    chart = arrhenius_chart(campaign.conductivities)
    doubtful, again = named(chart, "too few hops")
    assert (doubtful.showlegend, again.showlegend) == (True, False)
    assert doubtful.marker.color == GREY
    assert doubtful.marker.symbol.endswith("-open")
    assert "too few hops" in doubtful.text[0]
    assert "not in the fit" in doubtful.text[0]
    good = next(t for t in chart.figure.data if t.name == "Li<sub>3</sub>YBr<sub>6</sub>")
    assert list(good.x) == pytest.approx([1000 / 900, 1.0])
    assert chart.columns["verdict"].count("ok") == 5


def test_single_runs_stand_faint_behind_their_combined_point(synthetic):
    docs = synthetic["replicated"](synthetic["diffusions"]())
    chart = arrhenius_chart(docs)
    first, second = docs
    assert [len(point.diffusion_keys) for point in first.points] == [4, 4, 4]
    assert [point.n_used for point in first.points] == [4, 4, 3]
    blue, orange = [t for t in chart.figure.data if t.marker.size == 6][:2]
    assert (len(blue.x), blue.marker.opacity.count(0.4), blue.marker.symbol.count("x-thin-open")) == (12, 11, 1)
    assert "left out: Br melted" in blue.text[blue.marker.symbol.index("x-thin-open")]
    unfit = [point.temperature_K for point in second.points if not point.used]
    assert unfit == [800.0]
    assert orange.marker.color.count(GREY) == 4 + 1, "those at 800 K, and the melt"
    assert "3 of 4" in chart.columns["runs"]
    assert "single" in chart.columns["runs"]
    assert "combined into one point" in chart.caption
    assert (
        "combined into one point" not in arrhenius_chart(synthetic["conductivities"](synthetic["diffusions"]())).caption
    )


def test_extrapolation_meets_the_reference_value(campaign):
    doc = campaign.conductivities[0]
    chart = arrhenius_chart((doc,))
    (dashed,) = [t for t in chart.figure.data if t.line.dash == "dash"]
    assert dashed.x[-1] == pytest.approx(1000 / 300)
    assert dashed.y[-1] == pytest.approx(doc.conductivity_at_reference_S_per_cm)
    # the synthetic line is an exact Arrhenius law, so both parts meet at the coldest run
    assert dashed.y[0] == pytest.approx(doc.fit_conductivity_S_per_cm[0], rel=1e-6)


def test_error_bars_stay_on_a_logarithmic_axis(campaign):
    doc = campaign.conductivities[0]
    wide = [p.model_copy(update={"conductivity_std_S_per_cm": 50 * p.conductivity_S_per_cm}) for p in doc.points]
    chart = arrhenius_chart((doc.model_copy(update={"points": wide}),))
    points = traces(chart, mode="markers")[0]
    assert all(value - below > 0 for value, below in zip(points.y, points.error_y.arrayminus, strict=True))


@pytest.mark.parametrize("bad", [0.0, -1e-6, math.nan])
def test_conductivities_that_are_not_positive_are_left_out(campaign, bad):
    doc = campaign.conductivities[0]
    points = [p.model_copy(update={"conductivity_S_per_cm": bad}) for p in doc.points]
    assert arrhenius_chart((doc.model_copy(update={"points": points}),)) is None
    assert arrhenius_chart((doc.model_copy(update={"points": [doc.points[0], *points[1:]]}),)) is not None


def test_fit_that_failed_still_shows_points(campaign):
    empty = dict.fromkeys(("activation_energy_eV", "conductivity_at_reference_S_per_cm"))
    lists = {"fit_temperatures_K": [], "fit_conductivity_S_per_cm": [], "fit_low_S_per_cm": [], "fit_high_S_per_cm": []}
    doc = campaign.conductivities[0].model_copy(update=empty | lists)
    chart = arrhenius_chart((doc,))
    assert not traces(chart, mode="lines")
    assert traces(chart, mode="markers")


def test_only_reached_temperatures_are_drawn_without_a_reference(campaign):
    empty = {"conductivity_at_reference_S_per_cm": None, "conductivity_at_reference_95_S_per_cm": None}
    doc = campaign.conductivities[0].model_copy(update=empty)
    assert "Right:" in arrhenius_chart(campaign.conductivities).caption
    chart = arrhenius_chart((doc,))
    assert "Right:" not in chart.caption
    assert chart.figure.layout.xaxis.range[1] < 1000 / 700


def test_many_references_share_a_name(campaign):
    chart = arrhenius_chart(campaign.conductivities * 3)
    shown = [t.name for t in chart.figure.data if t.marker.symbol == "diamond-open" and t.showlegend]
    assert shown == ["at 300 K: extrapolated"]


def test_long_runs_are_thinned_evenly_on_the_logarithmic_axis(campaign):
    lag = np.arange(1, 5001) * 0.1
    long = {"msd_time_ps": lag.tolist(), "msd_tracer_A2": lag.tolist(), "msd_host_A2": [0.1] * 5000}
    chart = msd_chart((campaign.diffusions[0].model_copy(update=long),))
    x = chart.columns["lag_time_ps"]
    assert 100 < len(x) <= 200
    assert (x[0], x[-1]) == pytest.approx((0.1, 500))
    assert max(later / sooner for sooner, later in pairwise(x)) <= 2.01


def test_msd_marks_the_fit_window_and_greys_doubtful_runs(campaign):
    chart = msd_chart(campaign.diffusions)
    windows = [t for t in chart.figure.data if t.line.width == 4 and len(t.x)]
    assert len(windows) == 5
    assert all(min(t.x) >= 1.0 and max(t.x) <= 3.0 for t in windows)
    assert {t.line.color for t in named(chart, "too few hops")} == {GREY}
    assert msd_chart(()) is None


@pytest.mark.parametrize("n_panels", [1, 2, 3, 5])
def test_only_the_lowest_panel_of_a_column_names_the_lag_time(campaign, n_panels):
    place = campaign.diffusions[0].composition
    names = [place.model_copy(update={"polymorph": f"form {k}"}) for k in range(n_panels)]
    chart = msd_chart([campaign.diffusions[0].model_copy(update={"composition": name}) for name in names])
    axes = list(chart.figure.select_xaxes())[:n_panels]
    bottoms = [axis.title.text == "lag time (ps)" for axis in axes]
    n_columns = {1: 1, 2: 2, 3: 2, 5: 3}[n_panels]
    assert bottoms == [False] * (n_panels - n_columns) + [True] * n_columns


def test_ternary_positions_are_barycentric(campaign):
    doc = campaign.phase_diagram
    lowest = [entry for entry in doc.entries if entry.lowest]
    fractions = fractions_of(lowest, doc)
    assert fractions[:3] == pytest.approx(np.eye(3))
    assert fractions[3] == pytest.approx([0, 0.5, 0.5])
    assert fractions[4] == pytest.approx([0.5, 0, 0.5])
    chart = phase_diagram_chart(doc)
    (stable,) = named(chart, "on the hull")
    (unstable,) = named(chart, "above the hull")
    assert (len(stable.a), len(unstable.a)) == (4, 1)
    assert "meV/atom" in unstable.text[0]


def test_tie_lines_follow_the_lower_hull():
    fractions = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]])
    assert tie_lines(fractions, np.array([0, 0, 0, -1.0])) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    # a stable phase on an edge splits that edge
    edge = np.vstack([np.eye(3), [[0.5, 0.5, 0]]])
    assert (0, 1) not in tie_lines(edge, np.array([0, 0, 0, -1.0]))
    assert tie_lines(np.eye(3), np.zeros(3)) == [(0, 1), (0, 2), (1, 2)]


def test_binary_hull(synthetic):
    places = synthetic["places"]
    doc = synthetic["phase_diagram"](places=[places[0], places[1]], members=(places[0], places[1]))
    chart = phase_diagram_chart(doc)
    assert "formation energy" in chart.figure.layout.yaxis.title.text
    assert list(named(chart, "on the hull")[0].x) == pytest.approx([0, 1])
    assert formation_chart(doc) is None


def test_other_numbers_of_end_members_have_no_figure(synthetic):
    doc = synthetic["phase_diagram"]()
    assert phase_diagram_chart(doc.model_copy(update={"end_members": doc.end_members[:1]})) is None
    assert phase_diagram_chart(doc.model_copy(update={"entries": []})) is None


def test_formation_energies_show_both_sources(campaign):
    chart = formation_chart(campaign.phase_diagram)
    tuned, labels = chart.figure.data
    assert list(tuned.x) == pytest.approx([-8.3, 2.1])
    assert list(labels.x) == pytest.approx([-6.1, 1.3])
    assert list(tuned.error_x.array) == pytest.approx([6.47] * len(tuned.x))


def test_parity_says_the_errors_of_the_whole_set(campaign):
    energy, force, stress = parity_charts(campaign.model)
    assert "stress" in stress.title
    assert [t.name for t in energy.figure.data if t.showlegend is not False] == [
        "foundation: RMSE 31 meV/atom",
        "tuned: RMSE 6.5 meV/atom",
    ]
    assert "offsets were fitted" in energy.caption
    assert "offsets" not in force.caption
    # the lower panel is the difference, in the smaller unit
    upper, lower = named(force, "tuned")[0], [t for t in force.figure.data if t.legendgroup == "tuned"][1]
    assert lower.y == pytest.approx(1000 * (np.asarray(upper.y) - np.asarray(upper.x)))
    assert parity_charts(campaign.model.model_copy(update={"parity_foundation": None, "parity_tuned": None})) == []


def test_history(campaign):
    history = history_chart(campaign.model)
    assert {t.name for t in history.figure.data} == {"teacher (labels)", "pt_head (replay of the foundation)"}
    assert "stopped early" in history.caption
    assert history_chart(campaign.model.model_copy(update={"history": []})) is None


def test_learning_curve_shows_seeds_means_fit_and_what_comes_next(campaign):
    doc = campaign.learning_curve
    chart = learning_curve_chart(doc)
    means = [t for t in chart.figure.data if t.name == "naive" and t.xaxis == "x2"]
    forces = [p.force_rmse_meV_per_A for p in doc.points if (p.mode, p.n_train) == ("naive", 60)]
    assert list(means[0].x) == [60, 120, 250, 500, 1000]
    assert means[0].y[0] == pytest.approx(np.mean(forces))
    assert len(named(chart, "naive, one seed")[0].x) == 15
    fit = next(fit for fit in doc.fits if (fit.mode, fit.quantity) == ("naive", "force"))
    (expected,) = [t for t in named(chart, "naive, expected") if t.xaxis == "x2"]
    assert (list(expected.x), expected.y[0]) == ([2000], pytest.approx(fit.next_error))
    assert "more labels of this kind pay" in chart.caption
    assert "Left out: 2500 structures" in chart.caption
    kinds = chart.columns["kind"]
    assert (kinds.count("model"), kinds.count("expected")) == (3 * len(doc.points), len(doc.fits))
    assert learning_curve_chart(doc.model_copy(update={"points": []})) is None


def test_curve_of_two_points_has_no_fit_and_labels_without_stresses_no_panel_of_them(campaign):
    points = [p for p in campaign.learning_curve.points if (p.mode, p.seed) == ("multihead", 0)][:2]
    points = [p.model_copy(update={"stress_rmse_meV_per_A3": None}) for p in points]
    doc = campaign.learning_curve.model_copy(update={"points": points, "fits": curve_fits(points), "left_out": []})
    chart = learning_curve_chart(doc)
    assert {t.name for t in chart.figure.data} == {"multihead"}
    assert {t.xaxis for t in chart.figure.data} == {"x", "x2"}
    assert "too few sizes for a fit" in chart.caption


def test_a_band_from_three_models_does_not_flatten_the_curve(campaign):
    doc = campaign.learning_curve
    points = [p for p in doc.points if (p.mode, p.seed) == ("multihead", 0)][:3]
    fits = curve_fits(points)
    chart = learning_curve_chart(doc.model_copy(update={"points": points, "fits": fits}))
    assert all(np.isfinite([fit.next_error, fit.next_low, fit.next_high, fit.gain]).all() for fit in fits)
    low, high = chart.figure.layout.yaxis2.range
    assert high - low < 2


def test_modes_stand_side_by_side(campaign):
    chart = comparison_chart(campaign.learning_curve)
    slopes = [t for t in named(chart, "forces") if t.xaxis == "x3"]
    assert dict(zip(slopes[0].y, slopes[0].x, strict=True))["foundation"] == pytest.approx(0.78)
    assert "12 for multihead" in chart.caption
    assert "No drift for scratch" in chart.caption
    assert comparison_chart(campaign.learning_curve.model_copy(update={"comparison": []})) is None


def test_property_curve_names_the_model_whose_crystal_melts(campaign):
    chart = property_curve_chart(campaign.property_curve)
    assert (
        "Framework unstable in at least one run with the model on 60 structures (force RMSE 85 meV/Å)" in chart.caption
    )
    crosses = [t for t in chart.figure.data if t.xaxis == "x3" and "x" in (t.marker.symbol or ())]
    assert [t.name for t in crosses] == ["Li<sub>3</sub>YBr<sub>6</sub>"]
    assert "no phase diagram" in chart.caption
    assert property_curve_chart(campaign.property_curve.model_copy(update={"points": []})) is None


def test_property_curve_has_no_empty_panels_and_no_end_members(campaign):
    doc = campaign.property_curve
    points = [point.model_copy(update={"conductivities": []}) for point in doc.points]
    chart = property_curve_chart(doc.model_copy(update={"points": points}))
    assert {trace.xaxis for trace in chart.figure.data} == {"x"}
    # the composition in the middle has the formation energy zero
    assert len(chart.figure.data) == 4
    assert all(trace.showlegend for trace in chart.figure.data)


def test_lanes_never_overlap(campaign):
    jobs = sorted((job for job in campaign.jobs if job.started), key=lambda job: job.started)
    chosen = lanes(jobs)
    assert max(chosen) == 1
    for lane in set(chosen):
        mine = [job for job, row in zip(jobs, chosen, strict=True) if row == lane]
        assert all(first.ended <= second.started for first, second in pairwise(mine))


def test_timeline_and_cost(campaign):
    chart = timeline_chart(campaign.jobs)
    assert {t.name for t in chart.figure.data} == {"completed", "failed"}
    assert "1 result taken over" in chart.caption
    costs = cost_by_stage(campaign.jobs)
    assert costs["training"] == (1, 130.0, pytest.approx(117.0))
    assert list(costs) == ["ordering", "screening", "sampling", "labelling", "training", "stability", "transport"]
    assert cost_chart(campaign.jobs).columns["jobs"][3] == 40
    assert timeline_chart(()) is None
    assert cost_chart(()) is None
    long = [replace(job, ended=job.started + timedelta(days=9)) for job in campaign.jobs if job.started]
    assert "(d)" in timeline_chart(long).figure.layout.xaxis.title.text


def test_names_are_escaped_in_figures(campaign):
    doc = campaign.conductivities[0]
    place = CompositionInfo(axes={}, label="<b>", formula="<img src=x>")
    chart = arrhenius_chart((doc.model_copy(update={"composition": place}),))
    assert "<img" not in str(chart.figure.to_json())
