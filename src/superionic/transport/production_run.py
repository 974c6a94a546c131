"""One production run as work that survives kills and ends of jobs; several of them side by side."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ase import Atoms
from numpy.typing import NDArray

from superionic.database.live import MD_RUNS, LiveDocument
from superionic.database.reuse import store_of_job
from superionic.deadline import time_left_s
from superionic.dynamics import (
    MDSettings,
    Progress,
    RunRequest,
    RunStatus,
    SegmentControl,
    SegmentOutcome,
    run_segments,
    run_together,
)
from superionic.dynamics.run_folder import RunFolder
from superionic.dynamics.torchsim import DeferredModel, require_torchsim, run_in_torchsim
from superionic.settings import load_settings
from superionic.stages import CellStart, GroupEngine, TransportSettings
from superionic.transport.production_folder import CostMeter, ProductionFolder
from superionic.transport.progress import MDPhase, MDProgress
from superionic.transport.start_cell import StartCell, expanded_cell, load_start, relaxed_cell, save_start

CHECKPOINT_S = 60.0
"""Wall time between checkpoints, s: what a kill costs at most."""


class RunPausedError(Exception):
    """A run was stopped before the end of its job; another job goes on with it."""


class DeferredPotential:
    """A potential that is loaded when it is first asked: a run that has ended does not need it.

    Parameters
    ----------
    load : callable
        Loads the ASE calculator.
    load_for_torchsim : callable
        Loads the same as a model of torch-sim.
    """

    def __init__(self, load: Callable[[], Any], load_for_torchsim: Callable[[], Any]) -> None:
        self._load = load
        self.for_torchsim = DeferredModel(load_for_torchsim)

    @cached_property
    def loaded(self) -> Any:  # noqa: ANN401 (any ASE calculator)
        """The calculator."""
        return self._load()

    def get_forces(self, atoms: Atoms) -> NDArray[Any]:
        """Forces, eV/A."""
        return self.loaded.get_forces(atoms)  # type: ignore[no-any-return]

    def get_potential_energy(self, atoms: Atoms, **options: bool) -> float:
        """Potential energy, eV."""
        return float(self.loaded.get_potential_energy(atoms, **options))

    def reset(self) -> None:
        """Let the calculator forget what it keeps."""
        if "loaded" in self.__dict__ and hasattr(self.loaded, "reset"):
            self.loaded.reset()


@dataclass(frozen=True, eq=False)
class ProductionRun:
    """A run that is to be made.

    Attributes
    ----------
    key : str
        Key of its document.
    name : str
        Name of its job.
    spec_key : str
        Key of the campaign's spec.
    folder : ProductionFolder
        Where it is made.
    atoms : ase.Atoms
        Start positions.
    settings : MDSettings
        What to run.
    model_key : str
        Key of the potential.
    engine : GroupEngine
        What advances it, in company or alone.
    """

    key: str
    name: str
    spec_key: str
    folder: ProductionFolder
    atoms: Atoms
    settings: MDSettings
    model_key: str
    engine: GroupEngine = GroupEngine.LOCKSTEP


def prepared(
    run: ProductionRun, settings: TransportSettings, potential: DeferredPotential
) -> tuple[ProductionRun, StartCell]:
    """The run with the cell that it starts from; call it with the folder locked.

    The cell is made once and kept in the folder, so that a run that is taken up starts from the very same.

    Raises
    ------
    CalculationError
        If the cell could not be made.
    NotConfiguredError
        If the run has not come to its end, and what is to advance it is not installed.
    """
    if run.engine is GroupEngine.TORCH_SIM and not RunFolder(run.folder.run).holds_end(run.settings):
        require_torchsim()
    if settings.cell is CellStart.AS_RELAXED:
        return run, StartCell(run.atoms)
    start = load_start(run.folder.path, run.atoms)
    if start is None:
        start = (
            relaxed_cell(run.atoms, potential.loaded, settings)
            if settings.cell is CellStart.RELAX
            else expanded_cell(run.atoms, potential.loaded, settings, run.settings)
        )
        save_start(run.folder.path, start)
    return replace(run, atoms=start.atoms), start


def advance(run: ProductionRun, potential: DeferredPotential, watch: Watch) -> SegmentOutcome:
    """Advance a run to its end, or until its job must end; call it with the folder locked.

    Parameters
    ----------
    run : ProductionRun
        The run.
    potential : DeferredPotential
        Its potential.
    watch : Watch
        What shows it and keeps the account.

    Raises
    ------
    RunPausedError
        If the job must end before the run.
    """
    if run.engine is GroupEngine.TORCH_SIM:
        (found,) = advance_together([run], potential, watch)
        if isinstance(found, Exception):
            raise found
        return found
    outcome = run_segments(
        run.atoms,
        potential,
        run.settings,
        run.folder.run,
        model_key=run.model_key,
        on_progress=watch.follow(run),
        control=_control(),
    )
    watch.conclude(run, outcome)
    if outcome.status is RunStatus.PAUSED:
        raise RunPausedError
    return outcome


def advance_together(
    runs: Sequence[ProductionRun], potential: DeferredPotential, watch: Watch
) -> list[SegmentOutcome | Exception]:
    """Advance several runs with one potential side by side; call it with their folders locked.

    Parameters
    ----------
    runs : sequence of ProductionRun
        The runs, all with one engine; the same in the same order whenever they are taken up again.
    potential : DeferredPotential
        Their potential.
    watch : Watch
        What shows them and keeps the account.

    Returns
    -------
    list of SegmentOutcome or Exception
        What became of each.

    Raises
    ------
    RunPausedError
        If the job must end before all runs have.
    """
    requests = [RunRequest(run.atoms, run.settings, run.folder.run, watch.follow(run)) for run in runs]
    key, control = runs[0].model_key, _control()
    if runs[0].engine is GroupEngine.TORCH_SIM:
        outcomes = run_in_torchsim(requests, potential.for_torchsim, model_key=key, control=control)
    else:
        outcomes = run_together(requests, potential.loaded, model_key=key, control=control)
    for run, outcome in zip(runs, outcomes, strict=True):
        watch.conclude(run, outcome)
    if any(isinstance(outcome, SegmentOutcome) and outcome.status is RunStatus.PAUSED for outcome in outcomes):
        raise RunPausedError
    return outcomes


@contextmanager
def waiting_shown(run: ProductionRun) -> Iterator[None]:
    """Lock the folder of a run; while another process is at it, that is shown."""
    live = live_document(run)

    def wait(_holder: str) -> None:
        live.show(_idle(run, MDPhase.WAITING).as_dict())

    with run.folder.locked(wait):
        yield


def live_document(run: ProductionRun) -> LiveDocument:
    """The document in which a run's progress is shown."""
    fixed = {
        "name": run.name,
        "spec_key": run.spec_key,
        "hostname": platform.node(),
        "folder": str(run.folder.path),
    }
    return LiveDocument(store_of_job(), MD_RUNS, run.key, fixed)


def _idle(run: ProductionRun, phase: MDPhase) -> MDProgress:
    return MDProgress(phase, run.settings.temperature_K, run.settings.time_ps)


def _control() -> SegmentControl:
    left_s = time_left_s(load_settings().max_hours_per_job)
    deadline = None if left_s == float("inf") else time.monotonic() + left_s
    return SegmentControl(checkpoint_s=CHECKPOINT_S, deadline=deadline)


@contextmanager
def watched(runs: Sequence[ProductionRun], device: str) -> Iterator[Watch]:
    """Show runs from their preparation on, and keep the account; should this process fail, that is shown."""
    watch = Watch(runs, device)
    try:
        yield watch
    except RunPausedError:
        raise
    except BaseException as error:
        watch.abandon(MDPhase.FAILED if isinstance(error, Exception) else MDPhase.PAUSED)
        raise


class Watch:
    """Shows what runs are doing, and keeps the account of this process.

    Parameters
    ----------
    runs : sequence of ProductionRun
        The runs.
    device : str
        Torch device.
    """

    def __init__(self, runs: Sequence[ProductionRun], device: str) -> None:
        self._runs = runs
        # who only finds a finished run has not worked at it
        self._meter = CostMeter([run.folder for run in runs if not run.folder.finished], device)
        self._live = {run.key: live_document(run) for run in runs}
        self._last = {run.key: _idle(run, MDPhase.PREPARING) for run in runs}
        self._meter.note()
        for run in runs:
            self._show(run, last=True)

    def follow(self, run: ProductionRun) -> Callable[[Progress], None]:
        """What a run calls with its progress."""

        def show(found: Progress) -> None:
            self._last[run.key] = MDProgress.of(found, run.settings, len(self._runs))
            self._show(run)
            self._meter.note()

        return show

    def conclude(self, run: ProductionRun, outcome: SegmentOutcome | Exception) -> None:
        """Note how a run stands at the end of this process' part."""
        if isinstance(outcome, Exception):
            phase = MDPhase.FAILED
        elif outcome.status is RunStatus.PAUSED:
            phase = MDPhase.PAUSED
        else:
            phase = MDPhase.FINISHED
        self._meter.note(last=True)
        self._end(run, phase)
        if phase is MDPhase.FINISHED:
            run.folder.end()

    def abandon(self, phase: MDPhase) -> None:
        """Note that this process goes on with none of the runs."""
        for run in self._runs:
            self._end(run, phase)
        self._meter.note(last=True)

    def _end(self, run: ProductionRun, phase: MDPhase) -> None:
        self._last[run.key] = replace(self._last[run.key], phase=phase)
        self._show(run, last=True)

    def _show(self, run: ProductionRun, *, last: bool = False) -> None:
        self._live[run.key].show(self._last[run.key].as_dict(), last=last)
