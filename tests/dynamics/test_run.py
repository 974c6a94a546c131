"""Thermostats reach the set temperature, seeds fix a run, and broken runs end with a reason."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.lj import LennardJones

from superionic.dynamics import MDGuard, MDSettings, run_md
from superionic.dynamics.run import MDRun
from superionic.errors import CalculationError, InputError
from superionic.stages import Thermostat

TEMPERATURE_K = 600.0


def run(atoms, calculator, **changes):
    options = {
        "temperature_K": TEMPERATURE_K,
        "time_ps": 0.2,
        "time_step_fs": 2.0,
        "thermostat": Thermostat.LANGEVIN,
        "damping_fs": 30.0,
        "stride_fs": 2.0,
        "seed": 3,
    }
    return run_md(atoms, calculator, **(options | changes))


@pytest.mark.parametrize("thermostat", list(Thermostat))
def test_temperature_is_reached(thermostat, crystal, springs):
    anharmonic = springs(crystal.positions, quartic=20.0)  # harmonic ones would not exchange energy with each other
    result = run(crystal, anharmonic, thermostat=thermostat, time_ps=24.0)
    assert result.ended_early is None
    # 8 atoms have 21 free degrees of freedom: one run of this length knows the mean to about 2 %, while counting 24
    # would be off by 14 %
    assert result.mean_temperature_K(discard_ps=1.0) == pytest.approx(TEMPERATURE_K, rel=0.06)
    variance = np.var(result.temperatures_K[result.frame_times_ps > 1.0])
    canonical = 2 * TEMPERATURE_K**2 / 21
    if thermostat is Thermostat.BERENDSEN:
        assert variance < 0.8 * canonical
    else:
        assert variance == pytest.approx(canonical, rel=0.3)


@pytest.mark.parametrize("thermostat", list(Thermostat))
def test_the_centre_of_mass_rests(thermostat, crystal, springs):
    result = run(crystal, springs(crystal.positions, quartic=20.0), thermostat=thermostat, time_ps=1.0)
    np.testing.assert_allclose(result.final.get_momenta().sum(axis=0), 0.0, atol=1e-10)
    drift = result.final.get_center_of_mass() - crystal.get_center_of_mass()
    np.testing.assert_allclose(drift, 0.0, atol=1e-10)


def test_csvr_conserves_energy_but_for_what_it_exchanges(crystal, springs):
    settings = MDSettings(TEMPERATURE_K, 2.0, 0.5, Thermostat.CSVR, 30.0, 100.0)
    simulation = MDRun(crystal, springs(crystal.positions, quartic=20.0), settings)
    conserved, exchanged = [], []
    while not simulation.over:
        simulation.advance()
        exchanged.append(simulation.state.thermostat["transferred_energy"][0])
        conserved.append(simulation.atoms.get_total_energy() - exchanged[-1])
    assert np.std(conserved) < 0.02 * np.std(exchanged)


def test_equipartition(crystal, springs):
    result = run(crystal, springs(crystal.positions), time_ps=24.0)
    energies = result.potential_energies_eV[result.frame_times_ps > 1.0]
    assert energies.mean() == pytest.approx(21 / 2 * units.kB * TEMPERATURE_K, rel=0.08)


def test_interacting_solid_keeps_its_temperature():
    atoms = bulk("Ar", "fcc", a=5.26, cubic=True) * (2, 2, 2)
    calculator = LennardJones(sigma=3.4, epsilon=0.0104, rc=6.5, smooth=True)
    result = run(atoms, calculator, temperature_K=30.0, time_ps=2.0, time_step_fs=5.0, damping_fs=100.0, stride_fs=5.0)
    assert result.mean_temperature_K(discard_ps=0.7) == pytest.approx(30.0, rel=0.15)
    drift = result.final.get_center_of_mass() - atoms.get_center_of_mass()
    np.testing.assert_allclose(drift, 0.0, atol=1e-9)


@pytest.mark.parametrize("thermostat", list(Thermostat))
def test_seed_fixes_the_run(thermostat, crystal, springs):
    paths = {}
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        frames = []
        run(crystal, springs(crystal.positions), thermostat=thermostat, seed=seed, on_frame=frames.append)
        paths[name] = np.array([frame.positions_A for frame in frames])
    np.testing.assert_array_equal(paths["first"], paths["again"])
    assert np.abs(paths["first"] - paths["other"]).max() > 1e-3


def test_frames_come_at_the_stride_and_match_the_result(crystal, springs):
    frames = []
    start = crystal.positions.copy()
    result = run(crystal, springs(crystal.positions), time_ps=0.1, stride_fs=10.0, on_frame=frames.append)
    assert [frame.step for frame in frames] == list(range(0, 51, 5))
    assert [frame.time_ps for frame in frames] == pytest.approx(result.frame_times_ps.tolist())
    assert [frame.temperature_K for frame in frames] == result.temperatures_K.tolist()
    assert [frame.potential_energy_eV for frame in frames] == result.potential_energies_eV.tolist()
    np.testing.assert_array_equal(frames[0].positions_A, start)
    np.testing.assert_array_equal(frames[-1].positions_A, result.final.positions)
    np.testing.assert_array_equal(crystal.positions, start)
    assert (result.n_steps, result.time_ps) == (50, pytest.approx(0.1))


def test_one_force_call_per_step(crystal, springs):
    for thermostat in Thermostat:
        calculator = springs(crystal.positions)
        run(crystal, calculator, thermostat=thermostat, time_ps=0.1)
        assert calculator.calls == 51


def test_positions_are_unwrapped(springs):
    gas = Atoms("Li2", positions=[[0, 0, 0], [3, 0, 0]], cell=[6.0] * 3, pbc=True)
    free = springs(gas.positions, stiffness=0.0)
    result = run(gas, free, time_ps=3.0, damping_fs=1e5, guard=MDGuard(min_distance_ratio=0.0))
    assert np.abs(result.final.positions).max() > 12.0


@pytest.mark.parametrize(
    ("guard", "message"),
    [
        ({"max_move_A": 1e-4}, "moved"),
        ({"max_temperature_ratio": 0.1}, "temperature is"),
        ({"max_force_eV_per_A": 1e-3}, "largest force"),
        ({"min_distance_ratio": 5.0}, "covalent radii"),
    ],
)
def test_each_bound_of_the_guard_ends_a_run(crystal, springs, guard, message):
    crystal.set_cell([3.0 * 2 * 0.6] * 3, scale_atoms=True)
    result = run(crystal, springs(crystal.positions), time_ps=1.0, guard=MDGuard(**guard))
    assert result.ended_early is not None
    assert message in result.ended_early
    assert result.n_steps < 500


def test_a_runaway_ends_early_with_finite_frames(crystal, springs):
    result = run(crystal, springs(crystal.positions, repulsion=60.0), time_ps=10.0)
    assert "exploded at" in result.ended_early
    assert result.time_ps < 1.0
    assert np.isfinite(result.temperatures_K).all()


def test_a_failing_potential_ends_the_run(crystal, springs):
    class Fails(springs):
        def calculate(self, *args):
            if self.calls > 20:
                raise CalculationError("no finite energy")
            super().calculate(*args)

    result = run(crystal, Fails(crystal.positions))
    assert result.ended_early == "exploded at 0.042 ps: no finite energy"
    assert result.n_steps == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [({"stride_fs": 3.0}, "no multiple"), ({"stride_fs": 1.0}, "no multiple"), ({"time_step_fs": 0.0}, "above zero")],
)
def test_lengths_that_do_not_fit(crystal, springs, change, message):
    with pytest.raises(InputError, match=message):
        run(crystal, springs(crystal.positions), **change)


def test_one_atom_cannot_move(springs):
    with pytest.raises(InputError, match="at least 2 atoms"):
        run(Atoms("Li", cell=[3.0] * 3, pbc=True), springs([[0, 0, 0]]))
