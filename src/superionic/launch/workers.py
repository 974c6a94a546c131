"""Run a campaign with several worker processes on this machine."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from fireworks import LaunchPad
from pymongo.errors import PyMongoError

from superionic.database.local import ensure_server, find_server
from superionic.database.outages import persistently
from superionic.database.stores import DatabaseChoice, environment, job_store
from superionic.errors import DatabaseError
from superionic.launch.interrupts import STOP_SIGNALS
from superionic.launch.launchpad import campaign_is_finished, launchpad, newer_code
from superionic.launch.pool import Pool, worker_command
from superionic.launch.reconcile import RepairReport, repair
from superionic.launch.status import CampaignStatus, campaign_status

logger = logging.getLogger(__name__)

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_REPAIR_EVERY_S = 15.0
_PROGRESS_PAUSE = 20.0


@dataclass(frozen=True)
class WorkersOutcome:
    """How a run of workers ended.

    Attributes
    ----------
    status : CampaignStatus
        The campaign at the end; ``status.finished`` tells whether anything is left to run.
    interrupted : bool
        Whether Ctrl-C, another of the stop signals or the stop event ended it; what ran is back on the queue.
    timed_out : bool
        Whether the time limit ended it.
    n_restarts : int
        Workers that had to be replaced.
    repaired : RepairReport
        What was repaired at the start and on the way.
    problem : str or None
        Why it ended before the campaign was finished, if for another reason.
    """

    status: CampaignStatus
    interrupted: bool
    timed_out: bool
    n_restarts: int
    repaired: RepairReport
    problem: str | None


@dataclass(frozen=True)
class Pace:
    """Intervals of a run of workers.

    Attributes
    ----------
    poll_s : float
        Between two looks at the workers, s.
    progress_s : float
        Between two calls of ``on_progress``, s.
    sleep_s : float
        Between two looks of a worker at an empty queue, s.
    grace_s : float
        Time for interrupted jobs to clean up before they are killed, s.
    """

    poll_s: float = 0.5
    progress_s: float = 2.0
    sleep_s: float = 0.5
    grace_s: float = 20.0


@dataclass
class _Stop:
    """Requests to stop, from signals or from the caller's event."""

    event: threading.Event
    n_signals: int = 0
    previous: dict[signal.Signals, Any] = field(default_factory=dict)

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        self.n_signals += 1
        self.event.set()

    @contextmanager
    def handlers(self) -> Iterator[None]:
        """Catch what asks to stop; elsewhere than in the main thread only the event counts."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self.previous = {number: signal.signal(number, self.handle) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in self.previous.items():
                signal.signal(number, handler)


class _Run:
    """State of one call of :func:`run_workers`."""

    def __init__(self, choice: DatabaseChoice, campaign: str | None, pool: Pool, deadline: float) -> None:
        self.choice, self.campaign, self.pool, self.deadline = choice, campaign, pool, deadline
        self.pad: LaunchPad = launchpad(choice)
        self.store = job_store(choice)
        self.store.connect()
        self.repaired = repair(self.pad, campaign, self.store)
        self.next_repair = time.monotonic() + _REPAIR_EVERY_S
        self.problem: str | None = None

    def finished(self) -> bool:
        return campaign_is_finished(self.pad, self.campaign)

    def step(self) -> bool:
        """Look after workers and queue once; False when there is nothing left to do."""
        if self.pool.reap():
            self.next_repair = 0.0
        if time.monotonic() > self.next_repair:
            self.repaired += repair(self.pad, self.campaign, self.store)
            self.next_repair = time.monotonic() + _REPAIR_EVERY_S
            self.problem = newer_code(self.pad, self.campaign)
        if self.problem is not None:
            return False
        if self.pool.idle() or self.finished():
            if self.pool.disk_full():
                self.problem = (
                    f"no space is left on the disk of {self.pool.folder.parent}: free some, then run this again"
                )
            return False
        if time.monotonic() > self.deadline:
            return bool(self.pool.running())  # they leave when their jobs are done
        self.pool.refill()
        if self.pool.exhausted():
            self.problem = f"the workers keep dying ({self.pool.n_restarts} were replaced): {self.pool.last_words()}"
            return False
        return True

    def revive_server(self) -> None:
        """Start the private server again if it was killed; a server of the user comes back by itself."""
        home = self.choice.home
        if home is not None and find_server(home) is None:
            ensure_server(home)

    def outcome(self, interrupted: bool) -> WorkersOutcome:
        status = campaign_status(self.pad, self.campaign)
        return WorkersOutcome(
            status=status,
            interrupted=interrupted,
            timed_out=not status.finished and not interrupted and time.monotonic() > self.deadline,
            n_restarts=self.pool.n_restarts,
            repaired=self.repaired,
            problem=self.problem,
        )


def _supervise(run: _Run, stop: _Stop, on_progress: Callable[[CampaignStatus], None] | None, pace: Pace) -> None:
    """Loop until the campaign is finished, the time is over, or somebody asks to stop."""
    next_progress = 0.0
    while not stop.event.is_set():
        try:
            run.revive_server()
            if not run.step():
                return
            if on_progress is not None and time.monotonic() > next_progress:
                asked = time.monotonic()
                on_progress(campaign_status(run.pad, run.campaign))
                took_s = time.monotonic() - asked  # grows with the campaign, and is to stay a small share of the time
                next_progress = time.monotonic() + max(pace.progress_s, _PROGRESS_PAUSE * took_s)
        except PyMongoError as error:
            logger.warning("the database is away (%s): trying again", type(error).__name__)
        stop.event.wait(pace.poll_s)


def run_workers(
    choice: DatabaseChoice,
    n: int,
    campaign: str | None,
    launch_dir: Path,
    *,
    categories: Sequence[str] = (),
    threads: int = 1,
    stop_event: threading.Event | None = None,
    on_progress: Callable[[CampaignStatus], None] | None = None,
    timeout_s: float | None = None,
    idle_s: float | None = None,
    max_restarts: int | None = None,
    pace: Pace | None = None,
) -> WorkersOutcome:
    """Run a campaign with `n` worker processes until nothing of it can run any more.

    First, what earlier runs left behind is repaired. A worker that dies is replaced and its job put
    back at once. Ctrl-C, SIGTERM and the warnings of batch systems interrupt the running jobs and put them back; a
    second signal does not wait for them. The workers end with this process, however it ends.

    Parameters
    ----------
    choice : DatabaseChoice
        The database.
    n : int
        Number of worker processes.
    campaign : str or None
        Content key of the campaign; None for everything on the queue.
    launch_dir : Path
        Folder for the folders of the jobs and, in ``logs``, the logs of the workers.
    categories : sequence of str
        Run only jobs of these categories; empty for all.
    threads : int
        Threads of BLAS and torch in each worker.
    stop_event : threading.Event, optional
        Stops the run when set, as Ctrl-C does.
    on_progress : callable, optional
        Called with the status at intervals and once at the end.
    timeout_s, idle_s : float, optional
        Take no new jobs after the first, s; a worker without a ready job for the second, s, ends and is not replaced.
    max_restarts : int, optional
        How many dead workers may be replaced; 3 per worker by default.
    pace : Pace, optional
        Intervals.

    Raises
    ------
    DatabaseError, NotConfiguredError
        If the database cannot be used, or is gone at the end.
    """
    pace, stop = pace or Pace(), _Stop(stop_event or threading.Event())
    command = worker_command(
        choice,
        campaign,
        launch_dir.resolve(),
        categories=categories,
        timeout_s=timeout_s,
        idle_s=idle_s,
        sleep_s=pace.sleep_s,
        parent=os.getpid(),
    )
    variables = {**environment(choice), **dict.fromkeys(_THREAD_VARIABLES, str(threads))}
    pool = Pool(command, variables, launch_dir.resolve() / "logs", n, 3 * n if max_restarts is None else max_restarts)
    run = _Run(choice, campaign, pool, float("inf") if timeout_s is None else time.monotonic() + timeout_s)
    with stop.handlers():
        try:
            if not run.finished():
                pool.refill()
                _supervise(run, stop, on_progress, pace)
        finally:
            pool.stop(pace.grace_s, hurry=lambda: stop.n_signals > 1)
    return _conclude(run, stop, on_progress)


def _conclude(run: _Run, stop: _Stop, on_progress: Callable[[CampaignStatus], None] | None) -> WorkersOutcome:
    """Put back the jobs of workers that had to be killed, and sum up; an outage is waited out unless there is hurry."""

    def sum_up() -> WorkersOutcome:
        run.repaired += repair(run.pad, run.campaign, run.store)
        return run.outcome(stop.event.is_set() and not run.finished())

    try:
        outcome = persistently(sum_up, "summing up", stop=stop.event.is_set)
    except PyMongoError as error:
        raise DatabaseError(
            f"the database is gone ({type(error).__name__}; {run.choice.describe()}). The workers have ended; once it "
            "is back, run the same command again: it repairs and continues"
        ) from None
    if on_progress is not None:
        on_progress(outcome.status)
    return outcome
