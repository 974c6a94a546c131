"""Runs that share the potential go as they go alone, and what happens to one is no business of the others."""

import sys
import threading

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from superionic.dynamics import run_md
from superionic.dynamics.lockstep import RunCancelledError, in_lockstep
from superionic.errors import CalculationError, NotFiniteError
from superionic.stages import Thermostat

RUN = {"time_ps": 0.1, "time_step_fs": 2.0, "damping_fs": 20.0, "stride_fs": 10.0}


class Anharmonic(Calculator):
    """Atoms bound to the nearest corners of a grid of 3 A; far out the forces are not finite."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(self):
        super().__init__()
        self.threads, self.calls = set(), []

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.threads.add(threading.current_thread())
        self.calls.append((len(atoms), "stress" in properties))
        moved = atoms.positions - 3.0 * np.round(atoms.positions / 3.0)
        forces = -2.0 * moved - 5.0 * moved**3
        if np.abs(atoms.positions).max() > 1e3:
            forces *= np.nan
        energy = float(np.sum(moved**2) + 1.25 * np.sum(moved**4))
        self.results = {"energy": energy, "free_energy": energy, "forces": forces, "stress": np.arange(6.0)}


def crystal(n_cells=1):
    corners = 3.0 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in range(2 * n_cells)])
    return Atoms("LiBr" * (len(corners) // 2), positions=corners, cell=[6, 6, 6 * n_cells], pbc=True)


def task(frames=None, atoms=None, **changes):
    options = RUN | {"temperature_K": 600.0, "thermostat": Thermostat.BERENDSEN, "seed": 1} | changes
    on_frame = None if frames is None else frames.append
    return lambda calculator: run_md(atoms or crystal(), calculator, on_frame=on_frame, **options)


@pytest.mark.parametrize("thermostat", list(Thermostat))
def test_replicas_of_all_kinds_go_as_they_go_alone(thermostat):
    kinds = [
        {"seed": 1},
        {"seed": 2, "temperature_K": 900.0},
        {"seed": 3, "atoms": crystal(2), "time_ps": 0.04},
        {"seed": 4, "time_step_fs": 1.0, "stride_fs": 5.0},
    ]
    together, alone = [[] for _ in kinds], [[] for _ in kinds]
    shared = Anharmonic()
    results = in_lockstep(
        [task(frames, thermostat=thermostat, **kind) for frames, kind in zip(together, kinds, strict=True)], shared
    )
    for frames, kind in zip(alone, kinds, strict=True):
        task(frames, thermostat=thermostat, **kind)(Anharmonic())
    for ours, theirs, result in zip(together, alone, results, strict=True):
        np.testing.assert_array_equal([f.positions_A for f in ours], [f.positions_A for f in theirs])
        assert [f.potential_energy_eV for f in ours] == [f.potential_energy_eV for f in theirs]
        assert result.n_steps * (ours[1].time_ps / ours[1].step) == pytest.approx(result.time_ps)
    assert shared.threads == {threading.current_thread()}
    assert len(shared.calls) == 51 + 51 + 21 + 101, "one evaluation per step of each, and none at the end"
    assert not any(stress for _, stress in shared.calls)


def test_one_explodes_and_one_breaks_while_the_others_go_on():
    def breaks(calculator):
        atoms = crystal()
        atoms.calc = calculator
        atoms.get_forces()
        raise KeyError("a bug in this run")

    frames = []
    hot, broken, sound, other = in_lockstep(
        [task(seed=1, temperature_K=1e9), breaks, task(frames, seed=2), task(seed=3)], Anharmonic()
    )
    assert "exploded" in hot.ended_early
    assert hot.n_steps < 50
    assert isinstance(broken, KeyError)
    assert (sound.n_steps, sound.ended_early, other.ended_early) == (50, None, None)
    alone = []
    task(alone, seed=2)(Anharmonic())
    np.testing.assert_array_equal([f.positions_A for f in frames], [f.positions_A for f in alone])


def test_what_the_potential_raises_reaches_the_run_that_asked():
    def leaves(calculator):
        atoms = crystal()
        atoms.calc = calculator
        atoms.get_forces()
        atoms.positions[0] = 2e3
        try:
            atoms.get_forces()
        except NotFiniteError as error:
            atoms.positions[0] = 0.1
            return str(error), atoms.get_forces().shape
        return None

    seen, sound = in_lockstep([leaves, task()], Anharmonic())
    assert "no finite numbers for" in seen[0]
    assert seen[1] == (8, 3), "a run may go on after the error"
    assert sound.ended_early is None


def test_a_bug_of_the_potential_ends_all_runs_with_its_cause():
    class Buggy(Anharmonic):
        def calculate(self, *arguments):
            super().calculate(*arguments)
            if len(self.calls) > 10:
                raise AttributeError("a bug in the potential")

    outcomes = in_lockstep([task(seed=1), task(seed=2)], Buggy())
    assert [str(outcome) for outcome in outcomes] == ["a bug in the potential"] * 2


@pytest.mark.parametrize("where", ["potential", "run"])
def test_an_interruption_ends_all_runs_after_they_have_closed_their_files(where):
    closed = []

    def careful(calculator):
        atoms = crystal()
        atoms.calc = calculator
        try:
            while True:
                atoms.positions += 1e-4
                atoms.get_forces()
        finally:
            closed.append((threading.current_thread(), sys.exception()))
            atoms.positions += 1e-4
            atoms.get_forces()  # even now does nobody wait for anybody

    def interrupted(calculator):
        atoms = crystal()
        atoms.calc = calculator
        atoms.get_forces()
        raise KeyboardInterrupt

    class Interrupted(Anharmonic):
        def calculate(self, *arguments):
            super().calculate(*arguments)
            if len(self.calls) > 10:
                raise KeyboardInterrupt

    tasks, calculator = ([careful, interrupted, careful], Anharmonic())
    if where == "potential":
        tasks, calculator = [careful, careful], Interrupted()
    with pytest.raises(KeyboardInterrupt):
        in_lockstep(tasks, calculator)
    assert len(closed) == 2
    for thread, error in closed:
        assert isinstance(error, RunCancelledError)
        assert not isinstance(error, Exception), "a run must not take it for a failure of the potential"
        assert not thread.is_alive()


def test_runs_need_not_ask_for_anything():
    def asks_for_stress(calculator):
        atoms = crystal()
        atoms.calc = calculator
        return atoms.get_stress()

    def fails(_):
        raise CalculationError("no structure")

    number, error, stress = in_lockstep([lambda _: 3, fails, asks_for_stress], Anharmonic())
    assert number == 3
    assert isinstance(error, CalculationError)
    np.testing.assert_array_equal(stress, np.arange(6.0))
    assert in_lockstep([], Anharmonic()) == []


def test_settings_of_numpy_are_those_of_the_caller():
    def divides(_):
        return np.float64(1) / np.float64(0)

    with np.errstate(divide="raise"):
        (outcome,) = in_lockstep([divides], Anharmonic())
    assert isinstance(outcome, FloatingPointError)
