"""Runs in lockstep with a real MACE: the batch changes the last bits and no more, and a stop changes nothing."""

import numpy as np
import pytest
from ase import Atoms

from superionic.dynamics import MDSettings, RunRequest, RunStatus, run_segments, run_together
from superionic.potentials.registry import foundation_ref, load_calculator
from superionic.stages import Thermostat
from superionic.transport import read_trajectory

pytest.importorskip("mace")
pytestmark = pytest.mark.integration


def rock_salt(anion, n_cells):
    corners = 2.6 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in range(2 * n_cells)])
    kinds = [("Li", anion)[round(corner.sum() / 2.6) % 2] for corner in corners]
    return Atoms(kinds, positions=corners, cell=[5.2, 5.2, 5.2 * n_cells], pbc=True)


def requests(folder):
    shared = {"time_ps": 0.04, "damping_fs": 50.0, "stride_fs": 5.0, "rest_steps": 10}
    kinds = [
        (rock_salt("Cl", 1), MDSettings(600.0, thermostat=Thermostat.BERENDSEN, seed=1, **shared)),
        (rock_salt("Br", 2), MDSettings(900.0, thermostat=Thermostat.CSVR, seed=2, **shared)),
        (rock_salt("Cl", 1), MDSettings(300.0, thermostat=Thermostat.LANGEVIN, seed=3, **(shared | {"time_ps": 0.03}))),
    ]
    return [RunRequest(atoms, settings, folder / str(n)) for n, (atoms, settings) in enumerate(kinds)]


def test_lockstep_with_mace(tmp_path):
    calculator = load_calculator(foundation_ref("superionic-mini"))
    whole = run_together(requests(tmp_path / "whole"), calculator)
    parts = requests(tmp_path / "parts")
    paused = run_together(parts, calculator, stop=lambda: True)
    assert {(outcome.status, outcome.result.n_steps) for outcome in paused} == {(RunStatus.PAUSED, 10)}
    parted = run_together(parts, calculator)
    for run, ours, theirs in zip(requests(tmp_path / "alone"), parted, whole, strict=True):
        assert ours.status is RunStatus.FINISHED
        np.testing.assert_array_equal(ours.result.final.positions, theirs.result.final.positions)
        np.testing.assert_array_equal(ours.result.final.get_momenta(), theirs.result.final.get_momenta())
        frames = read_trajectory(ours.trajectory).positions_A
        np.testing.assert_array_equal(frames, read_trajectory(theirs.trajectory).positions_A)
        alone = run_segments(run.atoms, calculator, run.settings, run.folder).result
        np.testing.assert_allclose(ours.result.final.positions, alone.final.positions, atol=1e-9)
        assert np.abs(frames[-1] - frames[0]).max() > 0.01
