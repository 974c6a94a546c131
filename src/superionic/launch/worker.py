"""One worker process: takes jobs from the queue one after the other until a campaign is finished."""

from __future__ import annotations

import errno
import logging
import os
import random
import signal
import threading
import time
from enum import StrEnum
from pathlib import Path
from typing import Any

import pymongo
from fireworks import FWorker, LaunchPad
from fireworks.core import rocket
from fireworks.core.rocket_launcher import launch_rocket
from fireworks.utilities.fw_utilities import create_datestamp_dir
from jobflow.managers.fireworks import JobFiretask
from pymongo.errors import ConnectionFailure, PyMongoError

from superionic.database.configuration import PING_S
from superionic.database.outages import persistently
from superionic.deadline import set_worker_end, time_left_s
from superionic.launch.interrupts import Interrupts, stop_children
from superionic.launch.launchpad import campaign_is_finished
from superionic.launch.queue_entries import readable_jobs, worker_environment, worker_name
from superionic.launch.worker_pad import WorkerLaunchPad

logger = logging.getLogger(__name__)

_ORPHAN_GRACE_S = 20.0
_FULL = {errno.ENOSPC, errno.EDQUOT}


class WorkerEnd(StrEnum):
    """Why a worker stopped."""

    FINISHED = "finished"
    TIMEOUT = "timeout"
    IDLE = "idle"
    INTERRUPTED = "interrupted"
    DISK_FULL = "disk full"


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
            with pymongo.timeout(PING_S):  # else it would keep the process from ending
                LaunchPad.ping_launch(pad, launch_id)
        except PyMongoError as error:
            logger.warning("heartbeat not delivered: %s", type(error).__name__)


def _stop_with_parent(parent: int, ended: threading.Event) -> None:
    """Stop this worker when its parent is gone, however that ended."""
    while not ended.wait(1.0):
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
            if not ended.wait(_ORPHAN_GRACE_S):
                stop_children(signal.SIGKILL)
                os._exit(1)


def run_next(pad: WorkerLaunchPad, fworker: FWorker, launch_dir: Path) -> bool:
    """Run one job in a folder of its own; False if none is ready."""
    if not pad.has_job(fworker.query):
        return False
    folder = Path(create_datestamp_dir(str(launch_dir), pad.m_logger, prefix="launcher_"))
    os.chdir(folder)
    try:
        return bool(launch_rocket(pad, fworker, strm_lvl="WARNING"))
    finally:
        os.chdir(launch_dir)
        if not any(folder.iterdir()):  # another worker was faster
            folder.rmdir()


class _Turns:
    """Takes one job after the other; whatever an outage of the database cuts off is begun anew."""

    def __init__(self, pad: WorkerLaunchPad, fworker: FWorker, campaign: str | None, launch_dir: Path) -> None:
        self.pad, self.fworker, self.campaign, self.launch_dir = pad, fworker, campaign, launch_dir
        self.last_job = time.monotonic()
        self._cut_off = False

    def turn(self, idle_s: float | None, sleep_s: float) -> WorkerEnd | None:
        """Run a job if one is ready, else wait a moment; why to stop, or None to go on."""
        if self._ran_one():
            self.last_job = time.monotonic()
            return WorkerEnd.DISK_FULL if self.pad.disk_full else None
        if campaign_is_finished(self.pad, self.campaign):
            return WorkerEnd.FINISHED
        if idle_s is not None and time.monotonic() - self.last_job > idle_s:
            return WorkerEnd.IDLE
        time.sleep(sleep_s * random.uniform(0.5, 1.5))  # noqa: S311 (keeps workers from asking in step)
        return None

    def _ran_one(self) -> bool:
        if self._cut_off:
            self.pad.release_own()
        self._cut_off = False
        try:
            return run_next(self.pad, self.fworker, self.launch_dir)
        except ConnectionFailure:
            self._cut_off = True
            raise
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self.pad.disk_full = True
            return True


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
    ready, and an interruption puts the running job back instead of failing it. It waits ten minutes for
    a database that is away, leaves when its disk is full, and takes no job that a newer release made.

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
        Mean pause between two looks at an empty queue, s.
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
    fworker = FWorker(worker_name(), list(categories) or "", readable_jobs(campaign), worker_environment())
    set_worker_end(timeout_s)
    turns = _Turns(pad, fworker, campaign, launch_dir.resolve())
    try:
        while not interrupts.requested:
            if time_left_s() < 0:
                return WorkerEnd.TIMEOUT
            end = persistently(lambda: turns.turn(idle_s, sleep_s), "worker", stop=lambda: interrupts.requested)
            if end is not None:
                return end
    except ConnectionFailure:
        if not interrupts.requested:
            raise
    finally:
        ended.set()
    return WorkerEnd.INTERRUPTED
