import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from superionic.cli import analyze_pathways
from superionic.cli.main import app
from superionic.errors import SuperionicError
from superionic.transport import TrajectoryWriter

RUNNER = CliRunner()
BOLTZMANN = 8.617333262e-5
BARRIER_EV = 0.2


def hopping(folder, temperature_K, *, seed=0, melts=False, told_K=None):
    """A file of ions that hop with an activation energy of 0.2 eV, D = 1e-5 cm^2/s at 800 K; 100 ps."""
    rng = np.random.default_rng([seed, int(temperature_K)])
    rate = 0.1 * np.exp(-BARRIER_EV / BOLTZMANN * (1 / temperature_K - 1 / 800.0)) * 6 * 0.2 / 9.0
    directions = 3.0 * np.concatenate([np.eye(3), -np.eye(3)])
    steps = directions[rng.integers(6, size=(500, 30))] * (rng.random((500, 30)) < rate)[..., None]
    ions = np.cumsum(steps, axis=0) + rng.uniform(0, 12, (30, 3)) + 0.3 * rng.normal(size=(500, 30, 3))
    host = 4.0 * np.argwhere(np.ones((3, 3, 3))) + 0.1 * rng.normal(size=(500, 27, 3))
    if melts:
        host[250:] += np.cumsum(0.4 * rng.normal(size=(250, 27, 3)), axis=0)
    path = folder / f"{temperature_K:g}_{seed}{'_melts' * melts}.h5"
    with TrajectoryWriter(path, 12.0 * np.eye(3), ["Li"] * 30 + ["Cl"] * 27, 0.2, told_K or temperature_K) as writer:
        for frame in np.concatenate([ions, host], axis=1):
            writer.append(frame)
    return path


def analyze(*arguments):
    return RUNNER.invoke(app, ["analyze", *map(str, arguments)])


def as_json(*arguments):
    result = analyze(*arguments, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def test_one_run_prints_every_number_with_its_error(tmp_path):
    result = analyze(hopping(tmp_path, 800.0), "-m", "Li", "--direction", "1,1,0")
    assert result.exit_code == 0, result.exception
    for words in ("S/cm", "Haven ratio", "hops", "window", "[1 1 0]", "intact", "log-log slope", "800_0.h5: ok"):
        assert words in result.stdout
    (point,) = as_json(tmp_path / "800_0.h5", "-m", "Li", "--direction", "1,1,0")["temperatures"]
    (run,) = point["runs"]
    low, high = run["diffusivity_interval95_cm2_per_s"]
    assert run["verdict"] == "ok"
    assert low <= 1e-5 <= high
    assert run["diffusivity_directions"][0]["direction"] == [1.0, 1.0, 0.0]
    assert set(run["diffusivity_planes_cm2_per_s"]) == {"ab", "ac", "bc"}
    assert run["integrity"]["species"][0]["species"] == "Cl"


def test_temperatures_are_fitted_and_a_melted_one_is_left_out(tmp_path):
    files = [hopping(tmp_path, t) for t in (700.0, 800.0, 900.0)] + [hopping(tmp_path, 1000.0, melts=True)]
    found = as_json(*files, "-m", "Li")
    fit = found["arrhenius"]
    low, high = fit["activation_energy_95_eV"]
    assert low <= BARRIER_EV <= high
    assert [point["temperature_K"] for point in fit["excluded"]] == [1000.0]
    assert "framework_unstable" in fit["excluded"][0]["reason"]
    assert found["arrhenius_unweighted"]["method"] == "unweighted"
    assert found["conductivity_at_reference_verdict"] == "extrapolated"
    cut = as_json(*files, "-m", "Li", "--cut-at-onset")
    hot = cut["temperatures"][-1]["runs"][0]
    assert hot["cut_at_ps"] == pytest.approx(45.0, abs=6.0)
    assert hot["integrity"]["state"] == "melted"
    assert "cut at" in hot["verdict_reason"]
    table = analyze(*files, "-m", "Li").stdout
    assert "left out: 1000 K" in table
    assert "unweighted" in table


def test_a_temperature_that_contradicts_the_file_is_noted(tmp_path):
    file = hopping(tmp_path, 800.0)
    result = analyze(file, "-m", "Li", "-T", "900")
    assert result.exit_code == 0, result.exception
    assert "the file tells 800 K, but 900 K was given and used" in " ".join(result.stdout.split())
    assert "the file tells" not in analyze(file, "-m", "Li", "-T", "800").stdout


def test_replicas_are_combined_and_segments_joined(tmp_path):
    files = [hopping(tmp_path, 800.0, seed=seed) for seed in range(3)]
    (point,) = as_json(*files, "-m", "Li", "--replicas")["temperatures"]
    combined = point["combined"]
    assert combined["n_runs"] == len(point["runs"]) == 3
    low, high = combined["diffusivity_interval95_cm2_per_s"]
    assert low <= 1e-5 <= high
    assert "together" in analyze(*files, "-m", "Li", "--replicas").stdout
    # three different runs are not segments of one
    with pytest.raises(SuperionicError, match="does not continue"):
        raise analyze(*files, "-m", "Li").exception


def test_the_page_stands_on_its_own(tmp_path):
    files = [hopping(tmp_path, t) for t in (700.0, 800.0)]
    page = tmp_path / "sub" / "page.html"
    assert analyze(*files, "-m", "Li", "-o", page).exit_code == 0
    text = page.read_text()
    figures = set(re.findall(r'data-figure="([^"]+)"', text))
    assert {"arrhenius", "msd-0", "exponent-1", "directions-0", "framework-1"} <= figures
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//', text)
    numbers = json.loads(re.search(r'id="data-msd-0">(.*?)</script>', text)[1])
    assert {"lag_time_ps", "msd_tracer_A2", "msd_collective_A2", "msd_host_A2"} == set(numbers)


def test_the_window_set_by_hand_is_used_and_still_judged(tmp_path):
    file = hopping(tmp_path, 800.0)
    run = as_json(file, "-m", "Li", "--window", "2,9")["temperatures"][0]["runs"][0]
    assert run["window_ps"] == pytest.approx([2.0, 9.0])
    assert run["verdict_reason"].startswith("window set by hand")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-m", "Na"], "mobile is 'Na'"),
        (["-m", "Mg"], "charge of Mg.*--charge"),
        (["-m", "Li", "--window", "5"], "--window '5' is not readable"),
        (["-m", "Li", "--window", "5,80"], "window of 5 to 80 ps cannot be used"),
        (["-m", "Li", "--direction", "1,1"], "--direction '1,1'"),
        (["-m", "Li", "-T", "700", "-T", "800"], "2 temperatures for 1 files"),
        (["-m", "Li", "--time-step-ps", "0.1", "--frame-interval-fs", "100"], "only one of"),
        (["-m", "Li", "--ignore-host", "S"], r"--ignore-host names \['S'\].*\['Cl'\]"),
        (["-m", "Li", "--discard-ps", "99.9"], "discard"),
    ],
)
def test_bad_options_are_refused_with_the_cure(tmp_path, options, words):
    result = analyze(hopping(tmp_path, 800.0), *options)
    assert result.exit_code != 0
    assert isinstance(result.exception, SuperionicError)
    assert result.exception.exit_code == 2
    assert re.search(words, str(result.exception))


def test_pathways_are_printed_drawn_and_written(tmp_path, monkeypatch):
    monkeypatch.setattr(analyze_pathways, "MOST_RATES", 5)
    run = hopping(tmp_path, 800.0)
    cube, page = tmp_path / "li.cube", tmp_path / "run.html"
    result = analyze(run, "-m", "Li", "--pathways", "--cube", cube, "-o", page)
    assert result.exit_code == 0, result.exception
    for words in ("sites of Li", "residence / ps", "bottlenecks of the density", "jumps alone make D", "pathways: "):
        assert words in result.stdout
    shown = [line for line in result.stdout.splitlines() if re.search(r"s\d+ → s\d+", line)]
    pairs = as_json(run, "-m", "Li", "--pathways")["temperatures"][0]["runs"][0]["pathways"]["rates"]
    assert len(shown) == 5
    assert f"{len(pairs) - 5} rarer pairs" in result.stderr
    assert "ions per cubic angstrom" in cube.read_text().splitlines()[0]
    assert "plot-density-0" in page.read_text()


def test_pathways_as_json_hold_sites_and_rates_but_no_grid(tmp_path):
    (point,) = as_json(hopping(tmp_path, 800.0), "-m", "Li", "--pathways")["temperatures"]
    found = point["runs"][0]["pathways"]
    assert found["verdict"] == "ok"
    assert sum(rate["n_jumps"] for rate in found["rates"]) == sum(found["jumps"].values())
    assert "density_ions_per_A3" not in found


def test_a_host_that_is_no_crystal_file_is_refused(tmp_path):
    (tmp_path / "host.cif").write_text("nothing")
    result = analyze(hopping(tmp_path, 800.0), "-m", "Li", "--host", tmp_path / "host.cif")
    assert result.exit_code != 0
    assert "cannot be read" in str(result.exception)
