"""Long runs side by side: replicas, temperatures and compositions in lockstep, killed and taken up together.

The last bits of forces from a batch depend on what else is in the batch. So that the result does not
tell where the runs were interrupted, they are saved at the same steps, stopped at the same step, and,
if a kill hit them between two savings, taken up at the newest step that all have saved.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator

from superionic.durable import DamagedFileError, read_sealed
from superionic.dynamics.checkpoint import Checkpoint
from superionic.dynamics.lockstep import in_lockstep
from superionic.dynamics.progress import OnProgress
from superionic.dynamics.run_folder import RunFolder
from superionic.dynamics.segments import SegmentControl, SegmentOutcome, run_segments
from superionic.dynamics.settings import MDSettings
from superionic.errors import NotConfiguredError, RunBusyError


@dataclass(frozen=True, eq=False)
class RunRequest:
    """One of several runs.

    Attributes
    ----------
    atoms : ase.Atoms
        Start positions, the same in every call; not changed.
    settings : MDSettings
        What to run.
    folder : Path
        Folder of this run and no other; made if missing.
    on_progress : callable or None
        As for :func:`superionic.dynamics.run_segments`; called in another thread.
    """

    atoms: Atoms
    settings: MDSettings
    folder: Path
    on_progress: OnProgress | None = None


def run_together(
    runs: Sequence[RunRequest],
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
    *,
    model_key: str | None = None,
    stop: Callable[[], bool] | None = None,
    control: SegmentControl | None = None,
    max_edges: int | None = None,
) -> list[SegmentOutcome | Exception]:
    """Run molecular dynamics of several cells with one batch of the potential per step.

    Each run is what :func:`superionic.dynamics.run_segments` makes of it, with any thermostat, temperature, length and
    composition. With a potential on a CPU, the trajectories are the same, bit for bit, however often the runs are
    killed, stopped and taken up, if the same runs are given in the same order each time and none explodes shortly
    before a kill. Forces from a GPU are not reproducible to the last bit in any case.

    Ctrl-C, where nobody else handles it, stops and saves the runs before KeyboardInterrupt is raised; a second one ends
    them where they are.

    Parameters
    ----------
    runs : sequence of RunRequest
        The runs.
    calculator : ase.calculators.calculator.Calculator
        The potential, the same in every call.
    model_key : str, optional
        Key of the potential, by which another potential is noticed; stored with the trajectories.
    stop : callable, optional
        Asked when the runs come to rest; when it returns True, all are saved and the call returns.
    control : SegmentControl, optional
        Times of checkpoints and reports, and the deadline.
    max_edges : int, optional
        As for :func:`superionic.potentials.batch.evaluate_many`.

    Returns
    -------
    list of SegmentOutcome or Exception
        In the order of `runs`; an exception where :func:`superionic.dynamics.run_segments` raises it. The other runs
        do not suffer from it. The wall time of an outcome is that of all runs together.
    """
    go_back_to_common_step(runs)
    with _interruption_as_request() as interrupted:
        shared = Round(lambda: interrupted() or (stop is not None and stop()))
        own = replace(control or SegmentControl(), clock=shared.clock)

        def advance(run: RunRequest, potential: Calculator) -> SegmentOutcome:
            return run_segments(
                run.atoms,
                potential,
                run.settings,
                run.folder,
                model_key=model_key,
                stop=shared.stop,
                on_progress=run.on_progress,
                control=own,
            )

        tasks = [partial(advance, run) for run in runs]
        return in_lockstep(tasks, calculator, max_edges=max_edges, on_round=shared.begin)


class Round:
    """What all runs see alike until the next batch: the time, and whether to stop.

    Parameters
    ----------
    stop : callable
        Asked once in each round at most.
    """

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._ask = stop
        self._now_s = time.monotonic()
        self._stopping: bool | None = None

    def begin(self) -> None:
        """Let time go on."""
        self._now_s, self._stopping = time.monotonic(), None

    def clock(self) -> float:
        """Time at which the round began, s."""
        return self._now_s

    def stop(self) -> bool:
        """Whether to stop."""
        if self._stopping is None:
            self._stopping = self._ask()
        return self._stopping


@contextmanager
def _interruption_as_request() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request, and raise it at the end."""
    seen: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if seen:
        raise KeyboardInterrupt


@dataclass(frozen=True)
class _Saved:
    """Checkpoints of one run, and the steps at which it went on from them."""

    folder: RunFolder
    files: dict[Path, int]
    going: frozenset[int]
    finished_at: int | None
    exploded: bool

    @classmethod
    def of(cls, run: RunRequest) -> _Saved:
        folder, n_steps = RunFolder(run.folder), run.settings.n_steps
        states = {}
        for file in folder.checkpoints.files():
            with suppress(DamagedFileError, FileNotFoundError):  # run_segments sets damaged ones aside
                states[file] = Checkpoint.from_bytes(read_sealed(file)).state
        files = {file: state.step for file, state in states.items()}
        return cls(
            folder=folder,
            files=files,
            going=frozenset(step for step in files.values() if step < n_steps) if files else frozenset([0]),
            finished_at=n_steps if n_steps in files.values() else None,
            exploded=any(state.ended_early is not None for state in states.values()),
        )

    def allows(self, step: int) -> bool:
        """Whether the batches after `step` would be what they were if all went back to it."""
        if self.exploded:  # for good: its trajectory has been closed
            return True
        return step in self.going or (self.finished_at is not None and step > self.finished_at)

    def go_back(self, step: int) -> None:
        """Drop what was saved after `step`."""
        if self.exploded or step not in self.going:
            return
        with suppress(RunBusyError, NotConfiguredError), self.folder.alone():  # run_segments says so
            for file, saved_step in self.files.items():
                if saved_step > step:
                    file.unlink(missing_ok=True)


def go_back_to_common_step(runs: Sequence[RunRequest]) -> None:
    """Drop checkpoints after the newest step that all runs can go on from; none if there is no such step.

    Parameters
    ----------
    runs : sequence of RunRequest
        Runs that were killed together.
    """
    saved = [_Saved.of(run) for run in runs]
    alive = [one for one in saved if not one.exploded]
    common = [step for step in {step for one in alive for step in one.going} if all(one.allows(step) for one in saved)]
    if common and any(one.finished_at is None for one in alive):
        for one in saved:
            one.go_back(max(common))
