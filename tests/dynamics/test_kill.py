"""Runs killed by SIGKILL, in real processes, end as the run that nobody disturbed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.lj import LennardJones

from superionic.dynamics import SegmentControl, run_segments
from superionic.stages import Thermostat
from superionic.transport import read_trajectory

EAGER = SegmentControl(checkpoint_s=0.0, most_saving=1e9)
FAILING = ("pwrite", "fsync", "replace", "unlink")


def lennard_jones():
    return LennardJones(sigma=3.4, epsilon=0.0104, rc=6.0, smooth=True)


def in_a_child(work):
    """Identifier of a process that does some work; its exit code is 0 if it comes to the end of it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def killed_at_call(number, work):
    """Do some work in a child that dies at the numbered call of the system that changes files; half-done writes too."""
    count = 0

    def fatal(original, name):
        def call(*arguments, **options):
            nonlocal count
            count += 1
            if count == number:
                if name == "pwrite":
                    original(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], arguments[2])
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **options)

        return call

    def doomed():
        for name in FAILING:
            setattr(os, name, fatal(getattr(os, name), name))
        work()

    _, status = os.waitpid(in_a_child(doomed), 0)
    return os.WIFSIGNALED(status)


def newest_step(folder):
    return max((int(path.stem.split("-")[1]) for path in folder.glob("step-*.checkpoint")), default=-1)


def assert_same(folder, other):
    ours, theirs = (read_trajectory(path / "trajectory.h5") for path in (folder, other))
    np.testing.assert_array_equal(ours.positions_A, theirs.positions_A)
    np.testing.assert_array_equal(ours.energies_eV, theirs.energies_eV)
    np.testing.assert_array_equal(ours.temperatures_K, theirs.temperatures_K)
    assert ours.complete
    assert theirs.complete
    assert ours.ended_early == theirs.ended_early


def check_kills(numbers, crystal, potential, settings, path):
    """Kill a run at some of its changes of files, and again when it is taken up; False if one number was too high."""

    def work(folder):
        run_segments(crystal, potential(crystal.positions, quartic=20.0), settings, folder, control=EAGER)

    work(path / "whole")
    for number in numbers:
        folder = path / f"{number}"
        if not killed_at_call(number, lambda folder=folder: work(folder)):
            return False
        killed_at_call(number // 2 + 1, lambda folder=folder: work(folder))
        work(folder)
        assert_same(folder, path / "whole")
        assert not list(folder.glob("*.tmp"))
    return True


def test_killed_while_files_change(crystal, springs, short_run, tmp_path):
    assert check_kills((1, 2, 4, 7, 11, 16, 22), crystal, springs, short_run(time_ps=0.05), tmp_path)


@pytest.mark.integration
def test_killed_at_every_change_of_a_file(crystal, springs, short_run, tmp_path):
    settings = short_run(thermostat=Thermostat.CSVR, time_ps=0.03)
    assert not check_kills(range(1, 1000), crystal, springs, settings, tmp_path)
    assert len(list(tmp_path.iterdir())) > 25


@pytest.mark.integration
@pytest.mark.parametrize("thermostat", list(Thermostat))
def test_killed_at_twenty_random_times(argon, short_run, tmp_path, thermostat):
    atoms = argon * (2, 2, 1)
    settings = short_run(thermostat=thermostat, temperature_K=60.0, time_ps=2.5, time_step_fs=5.0, stride_fs=25.0)

    def work(folder):
        run_segments(atoms, lennard_jones(), settings, folder, control=EAGER)

    rng = np.random.default_rng(sum(thermostat.encode()))
    for _ in range(20):
        # a clock would kill a slow machine's run always in its first step
        reached = newest_step(tmp_path / "killed") + int(rng.integers(0, 4)) * settings.rest_steps
        child = in_a_child(lambda: work(tmp_path / "killed"))
        while newest_step(tmp_path / "killed") < reached:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.05))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the run is too short for so many kills"
    last = run_segments(atoms, lennard_jones(), settings, tmp_path / "killed", control=EAGER)
    assert len(set(last.resumed_at)) > 3
    work(tmp_path / "whole")
    assert_same(tmp_path / "killed", tmp_path / "whole")


MACE_RUN = """
import sys
from ase.build import bulk
from pathlib import Path
from superionic.dynamics import MDSettings, SegmentControl, run_segments
from superionic.potentials.registry import foundation_ref, load_calculator
from superionic.stages import Thermostat
atoms = bulk("LiCl", "rocksalt", a=5.2, cubic=True) * (1, 1, 2)
settings = MDSettings(900.0, 0.6, 2.0, Thermostat(sys.argv[2]), 50.0, 10.0, seed=2, rest_steps=10)
calculator = load_calculator(foundation_ref("superionic-mini"))
control = SegmentControl(checkpoint_s=0.0, most_saving=1e9)
run_segments(atoms, calculator, settings, Path(sys.argv[1]), control=control, on_progress=None)
"""


@pytest.mark.integration
@pytest.mark.parametrize("thermostat", [Thermostat.NOSE_HOOVER, Thermostat.CSVR])
def test_a_killed_run_with_mace_is_the_same_run(tmp_path, thermostat):
    def started(folder):
        return subprocess.Popen([sys.executable, "-W", "ignore", "-c", MACE_RUN, str(folder), thermostat.value])

    whole = started(tmp_path / "whole")
    for least in (20, 110):
        process = started(folder := tmp_path / "killed")
        while newest_step(folder) < least:
            time.sleep(0.01)
            assert process.poll() is None
        process.kill()
        process.wait()
    assert started(folder).wait() == 0
    assert whole.wait() == 0
    assert_same(folder, Path(tmp_path / "whole"))
