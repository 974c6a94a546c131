"""Long runs in segments: killed at any moment they go on, and nothing in the result tells.

A run lives in a folder of its own: its trajectory, and its last two checkpoints. One that was killed starts again at
the newest intact checkpoint, and writes the frames after it again, with the same values at the same places.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ase import Atoms

from superionic.dynamics.checkpoint import Checkpoint
from superionic.dynamics.frames import MDResult
from superionic.dynamics.progress import OnProgress, ProgressMeter
from superionic.dynamics.run_folder import RunFolder, TakenUp
from superionic.dynamics.settings import MDSettings
from superionic.dynamics.trajectory_file import read_scalars, shorten

CAUTION = 1.5
"""Steps and checkpoints may take so much longer than ever before."""


class RunStatus(StrEnum):
    """How a call of :func:`run_segments` ended."""

    FINISHED = "finished"
    ENDED_EARLY = "ended-early"
    PAUSED = "paused"


@dataclass(frozen=True, eq=False)
class SegmentOutcome:
    """What a call of :func:`run_segments` leaves behind.

    Attributes
    ----------
    status : RunStatus
        ``finished``; ``ended-early`` if the guard ended the run, for good; ``paused`` if it was stopped: call again.
    result : MDResult
        Steps and frames until now, by all calls.
    trajectory : Path
        The trajectory, for :func:`superionic.transport.read_trajectory`.
    wall_s : float
        Wall time of the run until now, in all calls, without what was lost by kills, s.
    resumed_at : tuple of int
        Steps at which the run was taken up by a later call.
    notes : tuple of str
        What was wrong with files in the folder; it has cost time and nothing else.
    """

    status: RunStatus
    result: MDResult
    trajectory: Path
    wall_s: float
    resumed_at: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SegmentControl:
    """When a run looks up from its work; without influence on the trajectory.

    Attributes
    ----------
    checkpoint_s : float
        Wall time between checkpoints, s: what a kill costs at most.
    progress_s : float
        Wall time between reports, s.
    most_saving : float
        Part of the wall time that checkpoints may take; on slow disks they become rarer.
    clock : callable
        Gives the wall time, s. Runs in lockstep share one that stands still in a step, so that all decide alike.
    deadline : float or None
        Value of `clock` at which everything must be on the disk. The run pauses if, by what steps and
        checkpoints have taken until then, the next look would come too late.
    """

    checkpoint_s: float = 300.0
    progress_s: float = 5.0
    most_saving: float = 0.02
    clock: Callable[[], float] = time.monotonic
    deadline: float | None = None


def run_segments(
    atoms: Atoms,
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
    settings: MDSettings,
    folder: Path,
    *,
    model_key: str | None = None,
    stop: Callable[[], bool] | None = None,
    on_progress: OnProgress | None = None,
    control: SegmentControl | None = None,
) -> SegmentOutcome:
    """Run NVT molecular dynamics until its end or until told to stop, going on where an earlier call was left.

    With a potential whose forces depend on the positions alone, the trajectory is the same, bit for bit, however often
    the run is killed, stopped and taken up on the same kind of machine. There are no signals and no global state:
    several runs may go on in threads.

    Parameters
    ----------
    atoms : ase.Atoms
        Start positions, the same in every call; not changed.
    calculator : ase.calculators.calculator.Calculator
        The potential, the same in every call.
    settings : MDSettings
        What to run.
    folder : Path
        Folder of this run and no other; made if missing.
    model_key : str, optional
        Key of the potential, by which another potential is noticed; stored with the trajectory.
    stop : callable, optional
        Asked every `rest_steps` steps; when it returns True, the run is saved and the call returns.
    on_progress : callable, optional
        Called with a :class:`superionic.dynamics.Progress` now and then, and at the end.
    control : SegmentControl, optional
        Times of checkpoints and reports, and the deadline.

    Returns
    -------
    SegmentOutcome
        Also if the run had come to its end before, or explodes.

    Raises
    ------
    InputError
        If the folder holds a run with other settings, atoms or potential.
    RunBusyError
        If another process or thread is at this run.
    NotConfiguredError
        If the folder cannot be written, or its file system knows no locks.
    """
    home = RunFolder(Path(folder))
    control = control or SegmentControl()
    with home.alone():
        taken = home.take_up(atoms, calculator, settings, model_key)
        try:
            segment = Segment(home, taken, control, ProgressMeter(on_progress, control.progress_s, control.clock))
            segment.go_on(stop or _never)
        finally:
            taken.file.close()
        return segment.outcome()


def _never() -> bool:
    return False


class Segment:
    """One call's part of a run."""

    def __init__(self, home: RunFolder, taken: TakenUp, control: SegmentControl, meter: ProgressMeter) -> None:
        self.home, self.control, self.meter = home, control, meter
        self.run, self.file, self.identity, self.notes = taken.run, taken.file, taken.identity, taken.notes
        self.earlier_s, self.saved_step = 0.0, -1
        self.resumed_at: tuple[int, ...] = ()
        if (left := taken.checkpoint) is not None:
            self.earlier_s, self.saved_step = left.wall_s, left.state.step
            self.resumed_at = left.resumed_at if self.run.over else (*left.resumed_at, left.state.step)
        self.began = self.saved = self.looked = self.control.clock()
        self.longest_save_s = self.longest_work_s = 0.0

    def go_on(self, stop: Callable[[], bool]) -> None:
        """Advance to the end, or until `stop` or the deadline says so; everything is saved then."""
        if self.run.over:
            return
        if self.saved_step < 0:
            self.keep_frame()
            self.save()
        self.looked = self.control.clock()  # what the potential needs to get ready does not come again
        self.meter.look(self.run)
        while not self.run.over:
            self.run.advance()
            if self.run.frame_is_due:
                self.keep_frame()
            if self.run.at_rest and not self.run.over and self.look(stop):
                break
        self.save()
        self.meter.look(self.run, now=True)

    def keep_frame(self) -> None:
        """Put the present state into the trajectory."""
        with self.home.explained():
            self.file.put(self.run.frame(), self.run.step // self.run.settings.stride)

    def look(self, stop: Callable[[], bool]) -> bool:
        """Report, save if it is time, and say whether to stop."""
        now = self.control.clock()
        self.longest_work_s, self.looked = max(self.longest_work_s, now - self.looked), now
        if self.meter.look(self.run):
            with self.home.explained():
                self.file.flush()
        if stop() or self.too_late(now):
            return True
        if now - self.saved >= max(self.control.checkpoint_s, self.longest_save_s / self.control.most_saving):
            self.save()
            self.looked = self.control.clock()
        return False

    def too_late(self, now: float) -> bool:
        """Whether the deadline would pass before the next look and a checkpoint after it."""
        needed_s = CAUTION * (self.longest_work_s + 2 * self.longest_save_s)  # one more may be due meanwhile
        return self.control.deadline is not None and now + needed_s > self.control.deadline

    def wall_s(self) -> float:
        """Wall time of the run until now, in all calls, s."""
        return self.earlier_s + self.control.clock() - self.began

    def save(self) -> None:
        """Write a checkpoint, after the frames that it counts on."""
        start, run = self.control.clock(), self.run
        n_frames = run.settings.frames_until(run.step)
        with self.home.explained():
            self.file.flush()
            self.file.mark(n_frames, complete=run.over)
            self.file.make_durable()
            checkpoint = Checkpoint(run.state, self.identity, n_frames, self.wall_s(), self.resumed_at)
            self.home.checkpoints.write(checkpoint, run.atoms)
        self.saved_step, self.saved = run.step, self.control.clock()
        self.longest_save_s = max(self.longest_save_s, self.saved - start)

    def outcome(self) -> SegmentOutcome:
        """What there is after the file was closed."""
        run, trajectory = self.run, self.home.trajectory
        n_frames = run.settings.frames_until(run.step)
        status = RunStatus.FINISHED if run.over else RunStatus.PAUSED
        if run.ended_early is not None:
            status = RunStatus.ENDED_EARLY
            with self.home.explained():
                shorten(trajectory, n_frames, run.ended_early)
        return SegmentOutcome(
            status=status,
            result=run.result(*read_scalars(trajectory, n_frames)),
            trajectory=trajectory,
            wall_s=self.wall_s(),
            resumed_at=self.resumed_at,
            notes=tuple(self.notes),
        )
