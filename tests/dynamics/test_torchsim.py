"""Runs in torch-sim: refusals need nothing; the physics is tested where torch-sim is installed."""

import importlib.util
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from ase import Atoms

from superionic.dynamics import MDGuard, MDSettings, RunRequest, RunStatus, SegmentControl, torchsim
from superionic.dynamics.torchsim import check_settings, require_torchsim, run_in_torchsim
from superionic.errors import InputError, NotConfiguredError
from superionic.stages import Thermostat
from superionic.transport import read_trajectory

needs_torchsim = pytest.mark.skipif(importlib.util.find_spec("torch_sim") is None, reason="torch-sim is not installed")
OURS = [Thermostat.LANGEVIN, Thermostat.NOSE_HOOVER, Thermostat.CSVR]


def settings(**changes):
    options = {"temperature_K": 600.0, "time_ps": 0.2, "time_step_fs": 2.0, "damping_fs": 20.0, "stride_fs": 10.0}
    return MDSettings(**(options | {"thermostat": Thermostat.LANGEVIN, "rest_steps": 10} | changes))


def crystal(n_cells=1):
    corners = 3.0 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in range(2 * n_cells)])
    return Atoms("LiBr" * (len(corners) // 2), positions=corners, cell=[6, 6, 6 * n_cells], pbc=True)


def test_berendsen_is_refused_with_the_way_out():
    with pytest.raises(InputError, match=r"no Berendsen thermostat, only langevin, nose-hoover, csvr.*run_together"):
        check_settings([settings(thermostat=Thermostat.BERENDSEN)])


def test_settings_that_must_be_equal():
    check_settings([settings(seed=1), settings(seed=2, temperature_K=900.0, time_ps=1.0, stride_fs=20.0)])
    with pytest.raises(InputError, match=r"time_step_fs is 1\.0, 2\.0"):
        check_settings([settings(), settings(time_step_fs=1.0)])


@pytest.mark.parametrize(("found", "message"), [(None, r"pip install 'superionic\[torchsim\]'"), ("0.3.0", "0.6 only")])
def test_missing_and_untested_versions(found, message, monkeypatch):
    def version(_):
        if found is None:
            raise PackageNotFoundError
        return found

    monkeypatch.setattr(torchsim, "version", version)
    with pytest.raises(NotConfiguredError, match=message):
        require_torchsim()


@pytest.fixture
def springs():
    """Quartic springs to the corners of a grid; the forces of all are undefined if one atom flies off."""
    import torch
    from torch_sim.models.interface import ModelInterface

    class Springs(ModelInterface):
        def __init__(self):
            super().__init__()
            self._device, self._dtype = torch.device("cpu"), torch.float64
            self._compute_forces, self._compute_stress = True, False
            self.calls, self.fails_at = 0, None

        def forward(self, state):
            self.calls += 1
            if self.calls == self.fails_at:
                raise KeyboardInterrupt
            moved = state.positions - 3.0 * torch.round(state.positions / 3.0)
            energies = (moved**2 + 1.25 * moved**4).sum(dim=1)
            total = torch.zeros(state.n_systems, dtype=moved.dtype).index_add_(0, state.system_idx, energies)
            forces = -2.0 * moved - 5.0 * moved**3
            if state.positions.abs().max() > 100:
                forces = forces * torch.nan
            return {"energy": total, "forces": forces}

    return Springs()


def requests(folder, thermostat, **changes):
    kinds = [{"seed": 1}, {"seed": 2, "temperature_K": 900.0}, {"seed": 3, "time_ps": 0.106}]
    return [
        RunRequest(crystal(1 + n % 2), settings(thermostat=thermostat, **(kind | changes)), folder / str(n))
        for n, kind in enumerate(kinds)
    ]


@needs_torchsim
@pytest.mark.parametrize("thermostat", OURS)
def test_temperatures_are_reached_and_the_centre_of_mass_rests(thermostat, tmp_path, springs):
    outcomes = run_in_torchsim(requests(tmp_path, thermostat, time_ps=12.0, rest_steps=50), springs)
    for outcome, run in zip(outcomes, requests(tmp_path, thermostat), strict=True):
        assert outcome.status is RunStatus.FINISHED
        free = 3 * len(run.atoms) - 3
        found = outcome.result.mean_temperature_K(discard_ps=1.0)
        assert found == pytest.approx(run.settings.temperature_K, rel=0.1)
        kinetic = outcome.result.temperatures_K[outcome.result.frame_times_ps > 1.0]
        assert np.var(kinetic) == pytest.approx(2 * found**2 / free, rel=0.35)
        np.testing.assert_allclose(outcome.result.final.get_momenta().sum(axis=0), 0.0, atol=1e-9)


@needs_torchsim
@pytest.mark.parametrize("thermostat", OURS)
def test_interruptions_leave_no_trace(thermostat, tmp_path, springs):
    expected = run_in_torchsim(requests(tmp_path / "whole", thermostat), springs)
    runs, looks = requests(tmp_path / "parts", thermostat), [0]

    def stop():
        looks[0] += 1
        return looks[0] % 3 == 0

    springs.calls = 0
    for fails_at in (17, 41):
        springs.fails_at = springs.calls + fails_at
        with pytest.raises(KeyboardInterrupt):
            run_in_torchsim(runs, springs, control=SegmentControl(checkpoint_s=0.0))
    springs.fails_at = None
    outcomes = run_in_torchsim(runs, springs, stop=stop)
    assert RunStatus.PAUSED in {outcome.status for outcome in outcomes}
    while RunStatus.PAUSED in {outcome.status for outcome in outcomes}:
        outcomes = run_in_torchsim(runs, springs, stop=stop)
    for ours, theirs in zip(outcomes, expected, strict=True):
        np.testing.assert_array_equal(ours.result.final.positions, theirs.result.final.positions)
        np.testing.assert_array_equal(ours.result.potential_energies_eV, theirs.result.potential_energies_eV)
        np.testing.assert_array_equal(
            read_trajectory(ours.trajectory).positions_A, read_trajectory(theirs.trajectory).positions_A
        )
    assert [outcome.result.n_steps for outcome in outcomes] == [100, 100, 53]


@needs_torchsim
@pytest.mark.parametrize("guard", [MDGuard(max_move_A=0.01), MDGuard(max_temperature_ratio=0.1), None])
def test_one_explodes_and_the_others_go_on(guard, tmp_path, springs):
    runs = requests(tmp_path, Thermostat.LANGEVIN)
    wild = settings(seed=4, guard=guard or MDGuard(), temperature_K=600.0 if guard else 1e8)
    outcomes = run_in_torchsim([runs[0], RunRequest(crystal(), wild, tmp_path / "wild"), *runs[1:]], springs)
    first, broken, *others = outcomes
    assert broken.status is RunStatus.ENDED_EARLY
    assert broken.result.ended_early.startswith("exploded at")
    assert [outcome.status for outcome in (first, *others)] == [RunStatus.FINISHED] * 3


@needs_torchsim
def test_neither_engine_goes_on_with_the_run_of_the_other(tmp_path, springs):
    runs = requests(tmp_path, Thermostat.LANGEVIN)
    run_in_torchsim(runs, springs)
    from ase.calculators.emt import EMT

    from superionic.dynamics import run_segments

    with pytest.raises(InputError, match="differs in engine"):
        run_segments(runs[0].atoms, EMT(), runs[0].settings, runs[0].folder)


@needs_torchsim
@pytest.mark.integration
def test_a_mace_model_gives_the_forces_of_the_calculator(tmp_path):
    from superionic.dynamics.torchsim import torchsim_model
    from superionic.potentials.batch import evaluate_many
    from superionic.potentials.registry import foundation_ref, load_calculator, load_network

    ref = foundation_ref("superionic-mini")
    model = torchsim_model(load_network(ref))
    salt = Atoms("LiCl" * 4, positions=crystal().positions * 2.57 / 3, cell=[5.14] * 3, pbc=True)
    request = RunRequest(salt, settings(time_ps=0.04, time_step_fs=1.0, stride_fs=1.0), tmp_path / "run")
    (outcome,) = run_in_torchsim([request], model)
    frames = read_trajectory(outcome.trajectory)
    last = outcome.result.final
    (point,) = evaluate_many([last], load_calculator(ref))
    assert point.energy_eV == pytest.approx(outcome.result.potential_energies_eV[-1], abs=1e-8)
    assert len(frames.positions_A) == 41
    assert 0 < np.abs(frames.positions_A[-1] - salt.positions).max() < 1.0
    assert outcome.result.temperatures_K[0] == pytest.approx(600, rel=0.6)
