"""A crystal that is heated until it melts, in real dynamics, through the analysis and the command line."""

import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from typer.testing import CliRunner

from superionic.cli.main import app
from superionic.transport import FrameworkState, Verdict, analyze_trajectory

EPSILON_EV, SIGMA_A, KB_EV_PER_K = 0.010324, 3.405, 8.617333e-5
EV_PER_A_AMU, MASS_AMU = 9648.533, 39.948
EDGE_A, CELLS, FRAME_PS, STEP_PS = 5.5, 3, 0.1, 0.01
COLD_K, HOT_K, HEATED_AT_PS, FRAMES = 60.0, 400.0, 6.0, 120
MOBILE = 4


def forces(x, box):
    """Lennard-Jones forces of argon, cut at 2.5 sigma, in eV/A."""
    apart = x[:, None] - x
    apart -= box * np.rint(apart / box)
    inverse = SIGMA_A**2 / np.maximum((apart**2).sum(axis=-1) + np.eye(len(x)) * 1e6, 4.0)
    inverse[inverse < 1 / 6.25] = 0.0
    return (24 * EPSILON_EV / SIGMA_A**2 * (2 * inverse**7 - inverse**4)[..., None] * apart).sum(axis=1)


@pytest.fixture(scope="module")
def heated():
    """Langevin dynamics (BAOAB) of 108 atoms of argon, far below its melting point, then far above."""
    rng, box = np.random.default_rng(0), CELLS * EDGE_A
    sites = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    x = EDGE_A * (np.argwhere(np.ones((CELLS,) * 3))[:, None] + sites).reshape(-1, 3)
    drag, kick = np.exp(-2.0 * STEP_PS), 0.5 * STEP_PS * EV_PER_A_AMU / MASS_AMU
    v, f, kept = np.sqrt(KB_EV_PER_K * COLD_K * EV_PER_A_AMU / MASS_AMU) * rng.normal(size=x.shape), forces(x, box), []
    for k in range(round(FRAMES * FRAME_PS / STEP_PS)):
        if k % round(FRAME_PS / STEP_PS) == 0:
            kept.append(x)
        kelvin = COLD_K if k * STEP_PS < HEATED_AT_PS else HOT_K
        thermal = np.sqrt((1 - drag**2) * KB_EV_PER_K * kelvin * EV_PER_A_AMU / MASS_AMU)
        v += kick * f
        x = x + 0.5 * STEP_PS * v
        v = drag * v + thermal * rng.normal(size=x.shape)
        x = x + 0.5 * STEP_PS * v
        f = forces(x, box)
        v += kick * f
    return np.array(kept), box * np.eye(3), ["Ar"] * (len(x) - MOBILE) + ["Li"] * MOBILE


def test_the_melt_is_found_with_its_time_and_the_time_before_is_sound(heated):
    arguments = (*heated, "Li", FRAME_PS, HOT_K)
    found = analyze_trajectory(*arguments)
    assert found.verdict is Verdict.FRAMEWORK_UNSTABLE
    assert found.integrity.state is FrameworkState.MELTED
    assert HEATED_AT_PS < found.integrity.onset_ps < HEATED_AT_PS + 2.0
    assert f"from {found.integrity.onset_ps:.3g} ps on" in found.verdict_reason
    cut = analyze_trajectory(*arguments, cut_at_onset=True)
    assert cut.integrity.state is FrameworkState.INTACT
    assert cut.cut is not None
    assert HEATED_AT_PS - 1.0 < cut.cut.at_ps < HEATED_AT_PS + 1.0


def test_a_run_that_melts_from_the_start_is_refused_whole_and_says_why(heated):
    positions, lattice, symbols = heated
    late = positions[round(HEATED_AT_PS / FRAME_PS) :]
    found = analyze_trajectory(late, lattice, symbols, "Li", FRAME_PS, HOT_K, cut_at_onset=True)
    assert found.verdict is Verdict.FRAMEWORK_UNSTABLE
    assert found.cut is None
    assert "; not cut: only" in found.verdict_reason


@pytest.mark.parametrize("name", ["melts.xyz", "melts.traj"])
def test_the_command_line_refuses_the_number_and_names_the_time(tmp_path, heated, name):
    positions, lattice, symbols = heated
    images = [Atoms(symbols, positions=x, cell=lattice, pbc=True) for x in positions]
    ase.io.write(tmp_path / name, images)
    command = ["analyze", str(tmp_path / name), "--mobile", "Li", "-T", "400", "--time-step-ps", str(FRAME_PS)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.exception
    assert "framework_unstable" in result.stdout
    assert "melted" in result.stdout
    told = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    (run,) = told["temperatures"][0]["runs"]
    assert run["verdict"] == "framework_unstable"
    assert HEATED_AT_PS < run["integrity"]["onset_ps"] < HEATED_AT_PS + 2.0
