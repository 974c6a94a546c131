"""Runs side by side give the same bits however often they are interrupted together, whatever the last bits hang on."""

import signal

import numpy as np
import pytest
from ase import Atoms

from superionic.dynamics import (
    MDGuard,
    MDSettings,
    RunRequest,
    RunStatus,
    SegmentControl,
    lockstep,
    run_segments,
    run_together,
)
from superionic.dynamics.checkpoint import CheckpointFolder
from superionic.potentials.batch import PointResult
from superionic.stages import Thermostat
from superionic.transport import read_trajectory

EVERY_LOOK = SegmentControl(checkpoint_s=0.0, progress_s=0.0)


class PowerCutError(BaseException):
    """Stands for a kill: nobody gets to save anything."""


class Fickle:
    """A potential whose last bits depend on the whole batch, as those of real ones do; with accidents on demand."""

    def __init__(self, cut_at=None, interrupt_at=None):
        self.calls, self.cut_at, self.interrupt_at = 0, cut_at, interrupt_at

    def __call__(self, structures, _calculator, **_options):
        self.calls += 1
        if self.calls == self.cut_at:
            raise PowerCutError
        if self.calls == self.interrupt_at:
            signal.raise_signal(signal.SIGINT)
        company = sum(np.abs(atoms.positions).sum() for atoms in structures)
        return [self.point(atoms, 1.0 + 1e-12 * np.sin(company)) for atoms in structures]

    @staticmethod
    def point(atoms, factor):
        moved = atoms.positions - 3.0 * np.round(atoms.positions / 3.0)
        energy = float(np.sum(moved**2) + 1.25 * np.sum(moved**4))
        return PointResult(energy * factor, (-2.0 * moved - 5.0 * moved**3) * factor, None)


@pytest.fixture
def potential(monkeypatch):
    """Puts a potential in the place of the batch."""

    def use(**plans):
        fickle = Fickle(**plans)
        monkeypatch.setattr(lockstep, "evaluate_many", fickle)
        return fickle

    return use


def crystal(n_cells=1):
    corners = 3.0 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in range(2 * n_cells)])
    return Atoms("LiBr" * (len(corners) // 2), positions=corners, cell=[6, 6, 6 * n_cells], pbc=True)


def settings(**changes):
    options = {"temperature_K": 600.0, "time_ps": 0.2, "time_step_fs": 1.0, "damping_fs": 20.0, "stride_fs": 5.0}
    return MDSettings(**(options | {"rest_steps": 10} | changes))


def requests(folder):
    """All thermostats, two sizes, two temperatures, two lengths."""
    kinds = [
        {"thermostat": Thermostat.BERENDSEN, "seed": 1},
        {"thermostat": Thermostat.LANGEVIN, "seed": 2, "temperature_K": 900.0},
        {"thermostat": Thermostat.NOSE_HOOVER, "seed": 3, "time_ps": 0.123},
        {"thermostat": Thermostat.CSVR, "seed": 4},
    ]
    return [RunRequest(crystal(1 + n % 2), settings(**kind), folder / str(n)) for n, kind in enumerate(kinds)]


def frames_of(outcomes):
    return [read_trajectory(outcome.trajectory).positions_A for outcome in outcomes]


def energies_of(outcomes):
    return [outcome.result.potential_energies_eV for outcome in outcomes]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lockstep, "evaluate_many", Fickle())
        return run_together(requests(tmp_path_factory.mktemp("reference")), None)


def assert_same(found, expected):
    assert [outcome.status for outcome in found] == [outcome.status for outcome in expected]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.result.potential_energies_eV, theirs.result.potential_energies_eV)
        np.testing.assert_array_equal(ours.result.final.positions, theirs.result.final.positions)
        np.testing.assert_array_equal(ours.result.final.get_momenta(), theirs.result.final.get_momenta())
    for ours, theirs in zip(frames_of(found), frames_of(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_runs_go_as_they_go_alone_up_to_rounding(reference, tmp_path):
    class Alone:
        """Not in lockstep, so without company."""

        def get_forces(self, atoms):
            return Fickle.point(atoms, 1.0).forces_eV_per_A

        def get_potential_energy(self, atoms):
            return Fickle.point(atoms, 1.0).energy_eV

    for run, together in zip(requests(tmp_path / "alone"), reference, strict=True):
        alone = run_segments(run.atoms, Alone(), run.settings, run.folder)
        assert alone.result.n_steps == together.result.n_steps
        np.testing.assert_allclose(
            together.result.potential_energies_eV, alone.result.potential_energies_eV, rtol=1e-7, atol=1e-9
        )
        assert np.any(together.result.potential_energies_eV != alone.result.potential_energies_eV), (
            "or nothing is shown"
        )


def test_kills_at_any_moment_leave_no_trace(reference, tmp_path, potential, monkeypatch):
    write, rng = CheckpointFolder.write, np.random.default_rng(0)
    runs, left = requests(tmp_path / "killed"), [0]

    def cut_in_writing(self, *arguments):
        left[0] -= 1
        if left[0] == 0:
            raise PowerCutError
        write(self, *arguments)

    monkeypatch.setattr(CheckpointFolder, "write", cut_in_writing)
    kills, different, outcomes = 0, 0, None
    while outcomes is None:
        left[0] = int(rng.integers(1, 12)) if kills % 2 else 0  # while the runs are being saved, or while they step
        potential(cut_at=None if kills % 2 else int(rng.integers(1, 25)))
        try:
            outcomes = run_together(runs, None, control=EVERY_LOOK)
        except PowerCutError:
            kills += 1
            newest = {max((int(f.stem[5:]) for f in run.folder.glob("*.checkpoint")), default=0) for run in runs}
            different += len(newest) > 1
    assert_same(outcomes, reference)
    assert kills >= 15
    assert different >= 5, "the test must provoke checkpoints at different steps"


def test_a_kill_while_the_last_states_are_saved_leaves_no_trace(reference, tmp_path, potential, monkeypatch):
    write, runs = CheckpointFolder.write, requests(tmp_path / "end")

    def cut_in_writing(self, checkpoint, atoms):
        if checkpoint.state.step == 123 and self.path.name == "2":
            write(self, checkpoint, atoms)
            raise PowerCutError  # the short run has ended, the others are at their step 120 on the disk
        write(self, checkpoint, atoms)

    monkeypatch.setattr(CheckpointFolder, "write", cut_in_writing)
    potential()
    with pytest.raises(PowerCutError):
        run_together(runs, None, control=EVERY_LOOK)
    monkeypatch.setattr(CheckpointFolder, "write", write)
    outcomes = run_together(runs, None)
    assert_same(outcomes, reference)
    assert {outcome.resumed_at for outcome in outcomes} == {(120,)}


def test_a_request_stops_all_at_one_step_with_checkpoints(reference, tmp_path, potential):
    runs = requests(tmp_path / "stopped")
    fickle = potential()
    paused = run_together(runs, None, stop=lambda: fickle.calls > 60)
    assert [outcome.status for outcome in paused] == [RunStatus.PAUSED] * 4
    assert {outcome.result.n_steps for outcome in paused} == {60}
    assert all((run.folder / "step-60.checkpoint").exists() for run in runs)
    assert_same(run_together(runs, None), reference)


def test_the_clock_is_one_for_all_and_the_deadline_stops_them_together(tmp_path, potential):
    runs = requests(tmp_path)
    potential()
    outcomes = run_together(runs, None, control=SegmentControl(deadline=0.0))
    assert {(outcome.status, outcome.result.n_steps) for outcome in outcomes} == {(RunStatus.PAUSED, 10)}


@pytest.fixture
def interruptible():
    """The usual handler of Ctrl-C: a shell starts background processes without one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_saves_before_it_is_raised(reference, tmp_path, potential):
    runs = requests(tmp_path / "interrupted")
    potential(interrupt_at=55)
    with pytest.raises(KeyboardInterrupt):
        run_together(runs, None)
    assert all((run.folder / "step-60.checkpoint").exists() for run in runs)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    potential()
    assert_same(run_together(runs, None), reference)


def test_one_that_explodes_or_cannot_be_run_does_not_stop_the_others(tmp_path, potential):
    potential()
    sound, other = (settings(seed=seed, time_ps=0.05) for seed in (1, 2))
    wild = settings(seed=3, time_ps=0.05, guard=MDGuard(max_temperature_ratio=0.01))
    run_together([RunRequest(crystal(), other, tmp_path / "other")], None, model_key="another potential")
    kinds = {"sound": sound, "wild": wild, "other": other}
    runs = [RunRequest(crystal(), kind, tmp_path / name) for name, kind in kinds.items()]
    for _ in range(2):
        first, second, third = run_together(runs, None, model_key="potential")
        assert first.status is RunStatus.FINISHED
        assert second.status is RunStatus.ENDED_EARLY
        assert "the temperature is" in second.result.ended_early
        assert "it differs in potential" in str(third)


def test_progress_is_reported_for_each(tmp_path, potential):
    potential()
    seen = {}
    runs = [
        RunRequest(crystal(), settings(seed=seed), tmp_path / str(seed), seen.setdefault(seed, []).append)
        for seed in (1, 2)
    ]
    run_together(runs, None)
    assert [reports[-1].step for reports in seen.values()] == [200, 200]
    assert run_together([], None) == []
