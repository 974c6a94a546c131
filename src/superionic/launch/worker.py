"""One worker process: takes jobs from the queue one after the other until a campaign is finished."""

from __future__ import annotations

import inspect
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Any

from fireworks import FWorker, LaunchPad
from fireworks.core import rocket
from fireworks.core.rocket_launcher import launch_rocket
from fireworks.utilities.fw_utilities import create_datestamp_dir
from jobflow.managers.fireworks import JobFiretask
from pymongo.errors import PyMongoError

from superionic.database.configuration import PING_S
from superionic.deadline import set_worker_end, time_left_s
from superionic.launch.launchpad import (
    MAX_LOSSES,
    LossCause,
    campaign_is_finished,
    job_query,
    losses,
    put_back,
    worker_environment,
    worker_name,
)

logger = logging.getLogger(__name__)

_ORPHAN_GRACE_S = 20.0
_DATABASE_AWAY = (
    "pymongo.errors.AutoReconnect",
    "pymongo.errors.ConnectionFailure",
    "pymongo.errors.NetworkTimeout",
    "pymongo.errors.ServerSelectionTimeoutError",
)


class WorkerEnd(StrEnum):
    """Why a worker stopped."""

    FINISHED = "finished"
    TIMEOUT = "timeout"
    IDLE = "idle"
    INTERRUPTED = "interrupted"


class Interrupts:
    """Turns SIGINT and SIGTERM into an orderly stop.

    Inside a job the signal raises KeyboardInterrupt, so that the job ends at once. Outside, in the
    bookkeeping of the queue, it only sets :attr:`requested`: an exception there would leave the
    queue half written.
    """

    def __init__(self) -> None:
        self.requested = False
        self._inside_job = False
        self._raised = False

    def install(self) -> None:
        """Handle the signals from now on (main thread only)."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if self._inside_job and not self._raised:
            self._raised = True  # a second signal must not disturb what the job cleans up
            raise KeyboardInterrupt

    @contextmanager
    def inside_job(self) -> Iterator[None]:
        """Mark the stretch in which a job may be interrupted."""
        self._inside_job = True
        try:
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._inside_job = False


class WorkerLaunchPad(LaunchPad):  # type: ignore[misc, unused-ignore]  # FireWorks is untyped
    """The queue as a worker sees it: an interrupted job is put back instead of marked as failed."""

    interrupts: Interrupts | None = None

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> WorkerLaunchPad:
        """Open the queue with the settings of a launchpad file."""
        names = inspect.signature(LaunchPad.__init__).parameters
        return cls(**{name: value for name, value in d.items() if name in names})

    def complete_launch(self, launch_id: int, action: Any = None, state: str = "COMPLETED") -> Any:  # noqa: ANN401
        """Report the end of a run to the queue."""
        cause = None if state != "FIZZLED" else self._not_its_fault(launch_id, action)
        if cause is LossCause.INTERRUPTED:
            _stop_children()
        if cause is None:
            return super().complete_launch(launch_id, action, state)
        put_back(self, self._fw_id(launch_id), launch_id, cause)
        return {}

    def _fw_id(self, launch_id: int) -> int:
        return int(self.launches.find_one({"launch_id": launch_id}, {"fw_id": 1})["fw_id"])

    def _not_its_fault(self, launch_id: int, action: Any) -> LossCause | None:  # noqa: ANN401 (FireWorks is untyped)
        """Why a failed job deserves another run; None if it failed by itself."""
        if self.interrupts is not None and self.interrupts.requested:
            return LossCause.INTERRUPTED
        stored = {} if action is None else action.stored_data
        stack = str((stored.get("_exception") or {}).get("_stacktrace", ""))
        last_line = stack.strip().rpartition("\n")[2]
        if not last_line.startswith(_DATABASE_AWAY):
            return None
        often = losses(self, self._fw_id(launch_id), LossCause.DATABASE_AWAY) >= MAX_LOSSES - 1
        return None if often else LossCause.DATABASE_AWAY


def _make_interruptible(interrupts: Interrupts) -> None:
    """Let signals reach the jobs of this process, and only the jobs."""
    run_task: Any = JobFiretask.run_task

    def interruptible(task: Any, fw_spec: dict[str, Any]) -> Any:  # noqa: ANN401 (FireWorks is untyped)
        with interrupts.inside_job():
            return run_task(task, fw_spec)

    JobFiretask.run_task = interruptible  # type: ignore[method-assign]


def _ping_steadily(pad: LaunchPad, launch_id: int, stop: threading.Event, master: threading.Thread) -> None:
    """Heartbeat of a run. FireWorks' own ends for good at the first failure to reach the server."""
    while not stop.wait(PING_S) and master.is_alive():
        try:
            pad.ping_launch(launch_id)
        except PyMongoError as error:
            logger.warning("heartbeat not delivered: %s", type(error).__name__)


def _stop_with_parent(parent: int, ended: threading.Event) -> None:
    """Stop this worker when its parent is gone, however that ended."""
    while not ended.wait(1.0):
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
            if not ended.wait(_ORPHAN_GRACE_S):
                _stop_children(signal.SIGKILL)
                os._exit(1)


def _stop_children(number: signal.Signals = signal.SIGTERM) -> None:
    """End programs that an interrupted job had started: they share the process group of this worker."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, number)  # this process ignores a second SIGTERM


def _run_next(pad: LaunchPad, fworker: FWorker, launch_dir: Path) -> bool:
    """Run one job in a folder of its own; False if none is ready."""
    if pad.fireworks.find_one({**fworker.query, "state": "READY"}, {"_id": 1}) is None:
        return False
    folder = Path(create_datestamp_dir(str(launch_dir), pad.m_logger, prefix="launcher_"))
    os.chdir(folder)
    try:
        return bool(launch_rocket(pad, fworker, strm_lvl="WARNING"))
    finally:
        os.chdir(launch_dir)
        if not any(folder.iterdir()):  # another worker was faster
            folder.rmdir()


def work(
    pad: WorkerLaunchPad,
    campaign: str | None,
    launch_dir: Path,
    *,
    categories: tuple[str, ...] = (),
    timeout_s: float | None = None,
    idle_s: float | None = None,
    sleep_s: float = 0.5,
    parent: int | None = None,
) -> WorkerEnd:
    """Run jobs one after the other in this process (main thread).

    Unlike FireWorks' ``rapidfire`` it does not leave while jobs elsewhere may still make new ones
    ready, and an interruption puts the running job back instead of failing it.

    Parameters
    ----------
    pad : WorkerLaunchPad
        The queue.
    campaign : str or None
        Run only the jobs of this campaign; None for all.
    launch_dir : Path
        Folder in which each job gets a folder.
    categories : tuple of str
        Run only jobs of these categories; empty for all.
    timeout_s : float, optional
        Take no new job after this time, s. A running one is not stopped, but production MD stops by itself then and
        hands what is left to a new job. The same holds shortly before the end of the queue's job, where its variable
        says when that is.
    idle_s : float, optional
        Stop when no job was ready for this time, s, so that an allocation is not held for nothing.
    sleep_s : float
        Pause between two looks at an empty queue, s.
    parent : int, optional
        Process id of the parent; the worker stops when that process is gone.

    Returns
    -------
    WorkerEnd
        Why it stopped.
    """
    interrupts, ended = Interrupts(), threading.Event()
    pad.interrupts = interrupts
    interrupts.install()
    _make_interruptible(interrupts)
    rocket.ping_launch = _ping_steadily
    if parent is not None:
        threading.Thread(target=_stop_with_parent, args=(parent, ended), daemon=True).start()
    launch_dir.mkdir(parents=True, exist_ok=True)
    fworker = FWorker(worker_name(), list(categories) or "", job_query(campaign), worker_environment())
    set_worker_end(timeout_s)
    last_job = time.monotonic()
    try:
        while not interrupts.requested:
            if time_left_s() < 0:
                return WorkerEnd.TIMEOUT
            if _run_next(pad, fworker, launch_dir.resolve()):
                last_job = time.monotonic()
                continue
            if campaign_is_finished(pad, campaign):
                return WorkerEnd.FINISHED
            if idle_s is not None and time.monotonic() - last_job > idle_s:
                return WorkerEnd.IDLE
            time.sleep(sleep_s)
        return WorkerEnd.INTERRUPTED
    finally:
        ended.set()
