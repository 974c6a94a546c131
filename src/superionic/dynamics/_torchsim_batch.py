"""Cells that torch-sim moves together, and what is kept of them on the way.

This module imports torch-sim and is itself imported only where that is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch_sim
from ase import units
from torch_sim.constraints import FixCom
from torch_sim.integrators import INTEGRATOR_REGISTRY, Integrator

from superionic.dynamics.batch_run import INTEGRATORS, BatchRun
from superionic.dynamics.segments import Segment
from superionic.dynamics.together import Round
from superionic.stages import Thermostat

CHAIN = ("positions", "momenta")


class Batch:
    """Runs in one set of tensors.

    Parameters
    ----------
    runs : sequence of BatchRun
        The runs, as they are now.
    model : torch_sim.models.interface.ModelInterface
        The potential.
    """

    def __init__(self, runs: Sequence[BatchRun], model: Any) -> None:  # noqa: ANN401
        self.runs, self._model = runs, model
        wanted = runs[0].settings
        self._time_step, damping = wanted.time_step_fs * units.fs, wanted.damping_fs * units.fs
        self._kT = self._tensor([run.settings.temperature_K * units.kB for run in runs])
        self._options = {
            Thermostat.LANGEVIN: {"gamma": 1 / damping},
            Thermostat.CSVR: {"tau": damping},
            Thermostat.NOSE_HOOVER: {},
        }[wanted.thermostat]
        initial, self._advance = INTEGRATOR_REGISTRY[Integrator(INTEGRATORS[wanted.thermostat])]
        state = torch_sim.io.atoms_to_state([run.atoms for run in runs], model.device, torch.float64)
        if wanted.thermostat is Thermostat.LANGEVIN:
            state.constraints = [FixCom(list(range(len(runs))))]  # the noise would move it
        self._state = initial(state, model, kT=self._kT, dt=self._time_step, tau=damping)
        self._state.momenta = self._tensor(np.concatenate([run.atoms.get_momenta() for run in runs]))
        if self._has_chain and runs[0].memory:
            for name in CHAIN:
                setattr(self._state.chain, name, self._tensor([run.memory[name] for run in runs]))
        self._settle()
        self.take()

    @property
    def _has_chain(self) -> bool:
        return hasattr(self._state, "chain")

    def _tensor(self, values: Any) -> Any:  # noqa: ANN401
        return torch.as_tensor(np.array(values), dtype=torch.float64, device=self._model.device)

    def _sum(self, per_atom: Any) -> Any:  # noqa: ANN401
        empty = torch.zeros(len(self.runs), *per_atom.shape[1:], dtype=per_atom.dtype, device=per_atom.device)
        return empty.index_add_(0, self._state.system_idx, per_atom)

    def come_to_rest(self) -> None:
        """Take out the drift that rounding brings in, and settle; not done twice for the sake of the last bits."""
        state = self._state
        if self.runs[0].settings.thermostat is not Thermostat.LANGEVIN:
            drift = self._sum(state.momenta) / self._sum(state.masses).unsqueeze(1)
            state.momenta = state.momenta - state.masses.unsqueeze(1) * drift[state.system_idx]
        self._settle()

    def _settle(self) -> None:
        """Make the rest of the way depend on nothing but positions, momenta, chain, seeds and steps."""
        state = self._state
        if self._has_chain:
            state.chain.kinetic_energy = torch_sim.calc_kinetic_energy(
                masses=state.masses, momenta=state.momenta, system_idx=state.system_idx
            )
        entropy = [number for run in self.runs for number in (run.settings.seed, run.step)]
        state.rng = int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def advance(self) -> dict[int, str]:
        """One time step.

        Returns
        -------
        dict of str
            What is wrong with runs, by their number.
        """
        self._state = self._advance(
            state=self._state, model=self._model, dt=self._time_step, kT=self._kT, **self._options
        )
        speeds = torch.nan_to_num(self._state.momenta.abs().amax(dim=1) / self._state.masses, nan=torch.inf)
        fastest = torch.zeros_like(self._kT).scatter_reduce_(0, self._state.system_idx, speeds, "amax")
        moves = (fastest * self._time_step).tolist()
        several = np.isinf(moves).sum() > 1  # undefined forces of one make those of the others undefined
        problems = {}
        for number, (run, move) in enumerate(zip(self.runs, moves, strict=True)):
            run.step += 1
            if not move < run.settings.guard.max_move_A and not (several and self._is_sound_alone(number)):
                problems[number] = f"an atom moved {move:.2g} A in one step"
        return problems

    def _is_sound_alone(self, number: int) -> bool:
        atoms = self.runs[number].atoms.copy()
        atoms.positions = self._state.positions[self._state.system_idx == number].cpu().numpy()
        if not np.isfinite(atoms.positions).all():
            return False
        out = self._model(torch_sim.io.atoms_to_state([atoms], self._model.device, torch.float64))
        return bool(torch.isfinite(out["forces"]).all())

    def take(self) -> None:
        """Show the runs where they are."""
        state = self._state
        ends = np.cumsum([len(run.atoms) for run in self.runs])[:-1]
        columns = [
            np.split(values.detach().double().cpu().numpy(), ends)
            for values in (state.positions, state.momenta, state.forces)
        ]
        rows = zip(self.runs, *columns, state.energy.tolist(), strict=True)
        for number, (run, positions, momenta, forces, energy_eV) in enumerate(rows):
            run.show(positions.copy(), momenta, energy_eV, forces)
            if self._has_chain:
                run.memory = {name: getattr(state.chain, name)[number].cpu().numpy().copy() for name in CHAIN}


def go_on(segments: Sequence[Segment], model: Any, shared: Round) -> None:  # noqa: ANN401
    """Advance runs to their ends, or until told to stop; everything is saved then.

    Parameters
    ----------
    segments : sequence of Segment
        Parts of runs of the kind :class:`BatchRun`.
    model : torch_sim.models.interface.ModelInterface
        The potential.
    shared : Round
        Clock and stop for all.
    """
    stopped, live = False, [segment for segment in segments if not segment.run.over]
    while live and not stopped:
        shared.begin()
        batch = Batch([segment.run for segment in live if isinstance(segment.run, BatchRun)], model)
        for segment, run in zip(live, batch.runs, strict=True):
            if run.at_rest:
                run.rest()
            if segment.saved_step < 0:
                segment.keep_frame()
                segment.save()
            segment.meter.look(run)
        stopped = _go_on_with(batch, live, shared)
        shared.begin()
        for segment in live:
            if stopped or segment.run.over:
                segment.save()
                segment.meter.look(segment.run, now=True)
        live = [segment for segment in live if not segment.run.over]


def _go_on_with(batch: Batch, live: Sequence[Segment], shared: Round) -> bool:
    """Advance until a run has come to its end, or all are to stop; the latter is returned."""
    while True:
        if problems := batch.advance():
            for number, (segment, run) in enumerate(zip(live, batch.runs, strict=True)):
                segment.file.flush()  # the frames since will come again
                run.go_back(problems.get(number))
            return False
        resting = any(run.at_rest for run in batch.runs)
        if resting:
            batch.come_to_rest()
        if resting or any(run.frame_is_due or run.over for run in batch.runs):
            batch.take()
        for segment in live:
            if segment.run.frame_is_due:
                segment.keep_frame()
        if resting and _look(batch, live, shared):
            return True
        if any(run.over for run in batch.runs):
            return False


def _look(batch: Batch, live: Sequence[Segment], shared: Round) -> bool:
    """Guard the runs and save them if it is time, and say whether to stop."""
    for segment, run in zip(live, batch.runs, strict=True):
        wanted = run.settings
        if problem := wanted.guard.problem(run.atoms, run.step, wanted.time_step_fs, wanted.temperature_K):
            segment.file.flush()
            run.go_back(problem)
        else:
            run.rest()
    shared.begin()
    return any([segment.look(shared.stop) for segment in live if not segment.run.over])  # noqa: C419 (all have to look)
