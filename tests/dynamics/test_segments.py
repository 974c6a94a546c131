"""Runs that are left and taken up equal runs that are not, and say clearly what they cannot do."""

import threading

import numpy as np
import pytest
from ase.calculators.lj import LennardJones

from superionic.dynamics import MDGuard, RunStatus, SegmentControl, run_md, run_segments
from superionic.errors import CalculationError, InputError, NotConfiguredError, RunBusyError
from superionic.stages import Thermostat
from superionic.transport import read_trajectory

EAGER = SegmentControl(checkpoint_s=0.0, most_saving=1e9)


def lennard_jones():
    return LennardJones(sigma=3.4, epsilon=0.0104, rc=6.0, smooth=True)


def in_memory(atoms, calculator, settings):
    frames = []
    names = ("temperature_K", "time_ps", "time_step_fs", "thermostat", "damping_fs", "stride_fs", "seed", "guard")
    return run_md(
        atoms, calculator, on_frame=frames.append, **{name: getattr(settings, name) for name in names}
    ), frames


def until_over(call, at_most=100):
    for _ in range(at_most):
        outcome = call()
        if outcome.status is not RunStatus.PAUSED:
            return outcome
    raise AssertionError("the run does not end")


def same(outcome, other):
    ours, theirs = read_trajectory(outcome.trajectory), read_trajectory(other.trajectory)
    np.testing.assert_array_equal(ours.positions_A, theirs.positions_A)
    np.testing.assert_array_equal(ours.energies_eV, theirs.energies_eV)
    np.testing.assert_array_equal(ours.temperatures_K, theirs.temperatures_K)
    np.testing.assert_array_equal(outcome.result.final.positions, other.result.final.positions)
    np.testing.assert_array_equal(outcome.result.final.get_momenta(), other.result.final.get_momenta())
    assert (outcome.status, outcome.result.ended_early) == (other.status, other.result.ended_early)
    return True


@pytest.mark.parametrize("thermostat", list(Thermostat))
def test_a_run_that_is_left_at_every_chance_is_the_same_run(argon, short_run, tmp_path, thermostat):
    # at 400 K atoms leave the skin of the list of neighbours, so the list of a fresh process differs from an old one
    settings = short_run(thermostat=thermostat, temperature_K=400.0, time_ps=0.4, time_step_fs=5.0, rest_steps=10)
    whole = run_segments(argon, lennard_jones(), settings, tmp_path / "whole")
    parts = until_over(
        lambda: run_segments(argon, lennard_jones(), settings, tmp_path / "parts", stop=lambda: True, control=EAGER)
    )
    assert same(parts, whole)
    assert parts.resumed_at == (10, 20, 30, 40, 50, 60, 70)
    assert whole.resumed_at == ()


def test_frames_are_those_of_a_run_in_memory(crystal, springs, short_run, tmp_path):
    settings = short_run(rest_steps=50)
    outcome = run_segments(crystal, springs(crystal.positions), settings, tmp_path, model_key="key")
    expected, frames = in_memory(crystal, springs(crystal.positions), settings)
    found = read_trajectory(outcome.trajectory)
    np.testing.assert_array_equal(found.positions_A, np.array([f.positions_A for f in frames], dtype=np.float32))
    np.testing.assert_array_equal(outcome.result.frame_times_ps, expected.frame_times_ps)
    np.testing.assert_array_equal(outcome.result.temperatures_K, expected.temperatures_K)
    np.testing.assert_array_equal(outcome.result.potential_energies_eV, expected.potential_energies_eV)
    assert (outcome.status, outcome.result.n_steps, found.complete) == (RunStatus.FINISHED, 60, True)
    assert (found.model_key, found.seed) == ("key", 4)


def test_a_finished_run_is_not_run_again(crystal, springs, short_run, tmp_path):
    first = run_segments(crystal, springs(crystal.positions), short_run(), tmp_path)
    calculator = springs(crystal.positions)
    again = run_segments(crystal, calculator, short_run(), tmp_path)
    assert same(again, first)
    assert calculator.calls == 0
    assert again.resumed_at == ()


def test_an_explosion_is_the_same_in_parts_and_final(crystal, springs, short_run, tmp_path):
    settings = short_run(time_ps=2.0, guard=MDGuard(max_move_A=0.08))
    runaway = {"repulsion": 4.0}
    whole = run_segments(crystal, springs(crystal.positions, **runaway), settings, tmp_path / "whole")
    parts = until_over(
        lambda: run_segments(
            crystal, springs(crystal.positions, **runaway), settings, tmp_path / "parts", stop=lambda: True
        )
    )
    assert same(parts, whole)
    assert whole.status is RunStatus.ENDED_EARLY
    assert "an atom moved" in whole.result.ended_early
    run = read_trajectory(whole.trajectory)
    assert run.ended_early == whole.result.ended_early
    assert len(run.positions_A) == whole.result.n_steps // settings.stride + 1 > 3
    assert np.isfinite(run.positions_A).all()
    calculator = springs(crystal.positions, **runaway)
    assert same(run_segments(crystal, calculator, settings, tmp_path / "whole"), whole)
    assert calculator.calls == 0


@pytest.mark.parametrize("what", ["temperature", "seed", "atoms", "potential"])
def test_another_run_is_refused(crystal, springs, short_run, tmp_path, what):
    run_segments(crystal, springs(crystal.positions), short_run(), tmp_path, model_key="one", stop=lambda: True)
    before = (tmp_path / "trajectory.h5").read_bytes()
    changes = {"temperature": {"temperature_K": 310.0}, "seed": {"seed": 5}}.get(what, {})
    atoms = crystal.copy()
    atoms.positions[0] += 0.01 * (what == "atoms")
    with pytest.raises(InputError, match=f"differs in {what}"):
        run_segments(
            atoms,
            springs(crystal.positions),
            short_run(**changes),
            tmp_path,
            model_key="two" if what == "potential" else "one",
        )
    assert (tmp_path / "trajectory.h5").read_bytes() == before


def test_damaged_files_cost_time_only(crystal, springs, short_run, tmp_path):
    def call(name, **options):
        return run_segments(crystal, springs(crystal.positions), short_run(), tmp_path / name, **options)

    whole = call("whole")
    for _ in range(3):
        call("checkpoint", stop=lambda: True)
    newest = tmp_path / "checkpoint" / "step-15.checkpoint"
    newest.write_bytes(newest.read_bytes()[:-20])
    parts = call("checkpoint")
    assert same(parts, whole)
    assert parts.resumed_at == (5, 10)
    assert parts.notes == ("step-15.checkpoint could not be used (its SHA-256 is wrong)",)
    call("trajectory", stop=lambda: True)
    (tmp_path / "trajectory" / "trajectory.h5").write_bytes(b"no HDF5")
    began_again = call("trajectory")
    assert same(began_again, whole)
    assert "began again" in began_again.notes[0]


def test_two_at_one_run_are_refused(crystal, springs, short_run, tmp_path):
    inside, go_on = threading.Event(), threading.Event()

    def hold():
        inside.set()
        go_on.wait(20)
        return False

    run = (crystal, springs(crystal.positions), short_run(), tmp_path)
    thread = threading.Thread(target=run_segments, args=run, kwargs={"stop": hold})
    thread.start()
    assert inside.wait(20)
    with pytest.raises(RunBusyError, match="advanced by another"):
        run_segments(*run)
    go_on.set()
    thread.join()
    assert run_segments(*run).status is RunStatus.FINISHED


class Timed:
    """A potential whose evaluations take a time, on a clock of its own."""

    def __init__(self, calculator, seconds):
        self.calculator, self.seconds, self.now = calculator, seconds, 100.0

    def clock(self):
        return self.now

    def get_forces(self, atoms):
        self.now += self.seconds
        return self.calculator.get_forces(atoms)

    def get_potential_energy(self, atoms):
        return self.calculator.get_potential_energy(atoms)


def test_a_run_is_on_the_disk_before_its_deadline(crystal, springs, short_run, tmp_path):
    timed = Timed(springs(crystal.positions), 2.0)  # 10 s between looks
    control = SegmentControl(clock=timed.clock, deadline=148.0)
    outcome = run_segments(crystal, timed, short_run(), tmp_path / "parts", control=control)
    # at 132 s the next look and half as much again still fit, at 142 s they do not
    assert (outcome.status, outcome.result.n_steps) == (RunStatus.PAUSED, 20)
    assert timed.now < control.deadline
    assert len(outcome.result.temperatures_K) == 5
    outcome = run_segments(crystal, springs(crystal.positions), short_run(), tmp_path / "parts")
    assert same(outcome, run_segments(crystal, springs(crystal.positions), short_run(), tmp_path / "whole"))


def test_progress_counts_and_forecasts(crystal, springs, short_run, tmp_path):
    reports = []
    timed = Timed(springs(crystal.positions), 2.0)
    control = SegmentControl(progress_s=25.0, clock=timed.clock)
    run_segments(crystal, timed, short_run(), tmp_path, on_progress=reports.append, control=control)
    assert [report.step for report in reports] == [15, 30, 45, 60]
    last, first = reports[-1], reports[0]
    assert (last.step, last.n_steps, last.time_ps, last.eta_s) == (60, 60, pytest.approx(0.12), 0.0)
    assert first.seconds_per_step == pytest.approx(2.0)
    assert first.ns_per_day == pytest.approx(2e-6 * 86400 / 2.0)
    assert first.eta_s == pytest.approx(90.0)


def test_a_full_disk_is_named_and_nothing_before_is_lost(crystal, springs, short_run, tmp_path, monkeypatch):
    written = []

    def full(path, content):
        written.append(path)
        if len(written) > 3:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    with monkeypatch.context() as patch:
        patch.setattr("superionic.durable.write_whole", full)
        with pytest.raises(NotConfiguredError, match=r"No space left on device.*make room"):
            run_segments(crystal, springs(crystal.positions), short_run(), tmp_path / "full", control=EAGER)
    resumed = run_segments(crystal, springs(crystal.positions), short_run(), tmp_path / "full")
    assert resumed.resumed_at[0] > 0
    assert same(resumed, run_segments(crystal, springs(crystal.positions), short_run(), tmp_path / "whole"))


def test_a_potential_that_cannot_start_is_an_error(crystal, springs, short_run, tmp_path):
    class Fails(springs):
        def calculate(self, *_):
            raise CalculationError("no finite energy")

    with pytest.raises(CalculationError, match="no finite"):
        run_segments(crystal, Fails(crystal.positions), short_run(), tmp_path)


@pytest.mark.parametrize("change", [{"rest_steps": 0}, {"temperature_K": 0.0}, {"damping_fs": float("nan")}])
def test_settings_that_make_no_run(short_run, change):
    with pytest.raises(InputError):
        short_run(**change)
