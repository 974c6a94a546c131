"""Canonical Metropolis Monte Carlo of orderings: annealing, traces and decorrelated snapshots.

N. Metropolis et al., J. Chem. Phys. 21, 1087 (1953). A move picks a site and then another site of
the same sublattice, both uniformly, and exchanges their species with the probability
``min(1, exp(-dE / kT))``. A move and its reverse are proposed equally often, whatever the species,
so detailed balance holds exactly; picks of equal species change nothing and count as no attempt.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from superionic.errors import CalculationError, OrderingError
from superionic.ordering.cell import DisorderedCell
from superionic.ordering.lattices import FloatArray, IntArray, LabelArray
from superionic.ordering.montecarlo_energy import EnergyModel, mobile_columns
from superionic.units import BOLTZMANN_EV_PER_K

REFRESH_SWEEPS = 20
"""After this many sweeps the energy is computed anew, and the run can be continued from there."""
LARGEST_DRIFT_EV = 1e-5
"""A larger difference between the running energy and a new one (per 1000 eV of energy) is an error of the model."""
KEPT_STATES = 500


@dataclass(frozen=True)
class AnnealingSchedule:
    """Temperatures of a run in sweeps; a sweep is as many attempted swaps as there are disordered sites.

    Attributes
    ----------
    start_K, freeze_K : float
        First temperature and the one at which the orderings are drawn, K.
    n_temperatures : int
        Temperatures of the annealing in equal ratios, both ends included; 1 means no annealing.
    sweeps : int
        Sweeps at each of them.
    equilibration_sweeps, production_sweeps : int
        Sweeps at the freeze temperature: left out, and used for averages and snapshots.
    """

    start_K: float
    freeze_K: float
    n_temperatures: int
    sweeps: int
    equilibration_sweeps: int
    production_sweeps: int

    @property
    def temperatures_K(self) -> FloatArray:  # noqa: N802 (unit suffix)
        """Temperature of every sweep, K."""
        steps = self.n_temperatures if self.n_temperatures > 1 else 0
        ladder = np.repeat(np.geomspace(self.start_K, self.freeze_K, steps), self.sweeps)
        last = self.equilibration_sweeps + self.production_sweeps
        return np.concatenate([ladder, np.full(last, float(self.freeze_K))])

    @property
    def n_sweeps(self) -> int:
        """All sweeps of the run."""
        return len(self.temperatures_K)

    @property
    def production_start(self) -> int:
        """First sweep of the production."""
        return self.n_sweeps - self.production_sweeps

    @property
    def keep_every(self) -> int:
        """Production sweeps between states that are kept for snapshots."""
        return max(1, self.production_sweeps // KEPT_STATES)


@dataclass(frozen=True, eq=False)
class RunState:
    """Everything that a run needs to go on as if it had never stopped.

    Attributes
    ----------
    labels : ndarray of int8, shape (width,)
        Species label of every column.
    rng_state : dict
        State of the random number generator.
    energies_eV : ndarray, shape (n_done,)
        Energy of the supercell after every finished sweep, eV.
    accepted, attempted : ndarray of int, shape (n_done,)
        Accepted and attempted swaps of unlike species in every sweep.
    kept_sweeps : ndarray of int, shape (n_kept,)
        Production sweeps whose states are kept.
    kept_labels : ndarray of int8, shape (n_kept, width)
        Those states.
    """

    labels: LabelArray
    rng_state: dict[str, Any]
    energies_eV: FloatArray = field(default_factory=lambda: np.zeros(0))
    accepted: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    attempted: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    kept_sweeps: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    kept_labels: LabelArray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int8))

    @property
    def n_done(self) -> int:
        """Finished sweeps."""
        return len(self.energies_eV)


def random_labels(cell: DisorderedCell, rng: np.random.Generator) -> LabelArray:
    """Draw a raw ordering of a cell with equal probability for all.

    Parameters
    ----------
    cell : DisorderedCell
        The supercell.
    rng : numpy.random.Generator
        Source of randomness.
    """
    labels = np.zeros(cell.width, dtype=np.int8)
    for sublattice in cell.sublattices:
        species = np.repeat(np.arange(len(sublattice.counts), dtype=np.int8), sublattice.counts)
        labels[sublattice.positions] = rng.permutation(species)
    return labels


def run_monte_carlo(
    cell: DisorderedCell,
    model: EnergyModel,
    schedule: AnnealingSchedule,
    *,
    seed: int,
    resume: RunState | None = None,
    on_checkpoint: Callable[[RunState], None] | None = None,
) -> RunState:
    """Anneal one replica and sample it at the freeze temperature.

    Parameters
    ----------
    cell : DisorderedCell
        The supercell.
    model : EnergyModel
        Its energy, in eV per supercell.
    schedule : AnnealingSchedule
        Temperatures and lengths.
    seed : int
        Seed of the start ordering and of all moves.
    resume : RunState, optional
        State handed to `on_checkpoint` by an interrupted run with the same arguments; the result is
        then bit by bit that of an uninterrupted run.
    on_checkpoint : callable, optional
        Is given the state every 20 sweeps.

    Returns
    -------
    RunState
        The state at the end.

    Raises
    ------
    OrderingError
        If nothing in the cell can be exchanged.
    CalculationError
        If the model's energy changes do not add up to its energies, or are not finite.
    """
    sampler = _Sampler(cell, model)
    state = resume or _fresh_state(cell, seed)
    temperatures_K = schedule.temperatures_K
    while state.n_done < len(temperatures_K):
        block = temperatures_K[state.n_done : state.n_done + REFRESH_SWEEPS]
        state = sampler.advance(state, block, schedule)
        if on_checkpoint is not None:
            on_checkpoint(state)
    return state


def _fresh_state(cell: DisorderedCell, seed: int) -> RunState:
    rng = np.random.default_rng(seed)
    labels = random_labels(cell, rng)
    return RunState(labels, dict(rng.bit_generator.state), kept_labels=np.zeros((0, cell.width), dtype=np.int8))


class _Sampler:
    """Does the sweeps; holds what stays the same from move to move."""

    def __init__(self, cell: DisorderedCell, model: EnergyModel) -> None:
        mobile = mobile_columns(cell)
        if not mobile:
            raise OrderingError(
                "no sublattice of the structure holds two species, so there is nothing to exchange: give a structure "
                "with partially occupied sites"
            )
        self.model = model
        self.columns: IntArray = np.concatenate(mobile)
        sizes = [len(columns) for columns in mobile]
        self.sizes: IntArray = np.repeat(sizes, sizes)
        self.starts: IntArray = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)

    def advance(self, state: RunState, temperatures_K: FloatArray, schedule: AnnealingSchedule) -> RunState:
        """Do one sweep per temperature and check the energy at the end."""
        rng = np.random.default_rng(0)
        rng.bit_generator.state = state.rng_state
        labels = state.labels.tolist()
        energy_eV = self.model.start(state.labels)
        energies, counts, kept = [], [], []
        for number, temperature_K in enumerate(temperatures_K, state.n_done):
            energy_eV, accepted, attempted = self._sweep(labels, energy_eV, float(temperature_K), rng)
            energies.append(energy_eV)
            counts.append((accepted, attempted))
            into = number - schedule.production_start
            if into >= 0 and into % schedule.keep_every == 0:
                kept.append((number, np.array(labels, dtype=np.int8)))
        final = np.array(labels, dtype=np.int8)
        _check_energy(energy_eV, self.model.start(final))
        table = np.array(counts, dtype=np.int64)
        return replace(
            state,
            labels=final,
            rng_state=dict(rng.bit_generator.state),
            energies_eV=np.concatenate([state.energies_eV, energies]),
            accepted=np.concatenate([state.accepted, table[:, 0]]),
            attempted=np.concatenate([state.attempted, table[:, 1]]),
            kept_sweeps=np.concatenate([state.kept_sweeps, [number for number, _ in kept]]).astype(np.int64),
            kept_labels=np.concatenate([state.kept_labels, *(row[None] for _, row in kept)]),
        )

    def _sweep(
        self, labels: list[int], energy_eV: float, temperature_K: float, rng: np.random.Generator
    ) -> tuple[float, int, int]:
        """Attempt one swap per mobile site; the new energy, accepted and attempted swaps."""
        model, accepted, attempted = self.model, 0, 0
        for i, j, allowance_eV in self._proposals(temperature_K, rng):
            if labels[i] == labels[j]:
                continue
            attempted += 1
            delta_eV = model.swap_delta(i, j)
            if delta_eV <= allowance_eV:
                model.swap(i, j)
                labels[i], labels[j] = labels[j], labels[i]
                energy_eV += delta_eV
                accepted += 1
        return energy_eV, accepted, attempted

    def _proposals(self, temperature_K: float, rng: np.random.Generator) -> Iterator[tuple[int, int, float]]:
        """Pairs of columns, and the energy -kT ln(u) up to which each swap is accepted."""
        n = len(self.columns)
        first = rng.integers(n, size=n)
        second = self.starts[first] + (rng.random(n) * self.sizes[first]).astype(np.int64)
        allowance_eV = -BOLTZMANN_EV_PER_K * temperature_K * np.log1p(-rng.random(n))
        return zip(self.columns[first].tolist(), self.columns[second].tolist(), allowance_eV.tolist(), strict=True)


def _check_energy(running_eV: float, fresh_eV: float) -> None:
    tolerance_eV = LARGEST_DRIFT_EV * max(1.0, abs(fresh_eV) / 1000.0)
    if not abs(running_eV - fresh_eV) <= tolerance_eV:
        raise CalculationError(
            f"the energy changes of the swaps add up to {running_eV:.8g} eV where the model gives {fresh_eV:.8g} eV: "
            "the energy model is inconsistent (is the Monte Carlo cell smaller than its clusters?)"
        )


def choose_snapshots(state: RunState, schedule: AnnealingSchedule, tau_sweeps: float, count: int) -> IntArray:
    """Positions in `kept_labels` of snapshots that are at least 2 tau apart.

    Parameters
    ----------
    state : RunState
        A finished run.
    schedule : AnnealingSchedule
        Its schedule.
    tau_sweeps : float
        Integrated autocorrelation time of its energy, in sweeps.
    count : int
        Largest number of snapshots.

    Returns
    -------
    ndarray of int
        Evenly spread, the end of the run first in line; fewer than asked for if the run is too short.
    """
    spacing = max(1, int(np.ceil(2.0 * tau_sweeps / schedule.keep_every)))
    last = len(state.kept_sweeps) - 1
    fitting = min(count, last // spacing + 1)
    if fitting <= 1:
        return np.array([last], dtype=np.int64)
    step = last // (fitting - 1)
    return np.arange(last, -1, -step, dtype=np.int64)[:fitting][::-1]
