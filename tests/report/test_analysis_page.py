import re
from pathlib import Path

import numpy as np
import pytest

from superionic.report.analysis_page import write_analysis_page
from superionic.report.figures_analysis import framework_chart, local_exponent, msd_chart
from superionic.transport import analyze_trajectory
from superionic.transport.study import AnalysedRun, build_study


def analysed(hop_probability=0.02, *, seed=0, host=True, temperature_K=800.0):
    rng = np.random.default_rng(seed)
    directions = 3.0 * np.concatenate([np.eye(3), -np.eye(3)])
    steps = directions[rng.integers(6, size=(400, 20))] * (rng.random((400, 20, 1)) < hop_probability)
    ions = np.cumsum(steps, axis=0) + rng.uniform(0, 12, (20, 3)) + 0.3 * rng.normal(size=(400, 20, 3))
    crystal = 4.0 * np.argwhere(np.ones((3, 3, 3))) + 0.1 * rng.normal(size=(400, 27, 3))
    positions = np.concatenate([ions, crystal], axis=1) if host else ions
    species = ["Li"] * 20 + ["Cl"] * 27 * host
    found = analyze_trajectory(positions, 12.0 * np.eye(3), species, "Li", 0.2, temperature_K)
    return AnalysedRun((Path(f"run<{seed}>.h5"),), "Li20Cl27", ("a <note>",), found)


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr("superionic.report.shell.plotly_source", lambda: "var Plotly;")

    def write(groups, **options):
        return write_analysis_page(build_study(groups), tmp_path / "page.html", **options).read_text()

    return write


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_local_exponent_of_a_power_law_is_its_power(power):
    time = np.geomspace(0.1, 100.0, 150)
    middle, exponent = local_exponent(time, 3.0 * time**power)
    np.testing.assert_allclose(exponent, power, atol=1e-9)
    assert time[0] < middle[0] < middle[-1] < time[-1]


def test_the_line_of_the_fit_has_the_slope_of_the_diffusivity():
    run = analysed()
    chart = msd_chart(run.diffusion, "0")
    (fit,) = [trace for trace in chart.figure.data if trace.name == "fit in the window"]
    slope = (fit.y[1] - fit.y[0]) / (fit.x[1] - fit.x[0]) / 6 * 1e-4
    assert slope == pytest.approx(run.diffusion.diffusivity_cm2_per_s, rel=0.05)


def test_a_run_without_host_says_so(page):
    run = analysed(host=False)
    assert framework_chart(run.diffusion.integrity, "0") is None
    assert "not checked" in page([[run]])


def test_bounds_verdicts_and_notes_are_on_the_page_and_escaped(page):
    text = page([[analysed(0.0)]], directions=[(1.0, 1.0, 0.0)])
    assert "below" in text
    assert "too few hops" in text
    assert "[1 1 0]" in text
    assert "a &lt;note&gt;" in text
    assert "run<0>" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def test_replicas_and_temperatures_have_their_rows(page):
    pairs = [[analysed(p, seed=s, temperature_K=t) for s in range(2)] for p, t in ((0.02, 700.0), (0.03, 800.0))]
    text = page(pairs)
    assert text.count("runs together") == 2
    assert 'id="data-arrhenius"' in text
    assert "unweighted" not in text, "a line through two points has no scatter"
    assert "Weighted: by the errors" in text
