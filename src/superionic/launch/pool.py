"""The worker processes of one run: started one after the other, replaced when they die, ended as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from superionic.database.files import wait_until
from superionic.database.stores import DatabaseChoice
from superionic.launch.worker_main import DISK_FULL_STATUS, IDLE_STATUS, INTERRUPTED_STATUS

STAGGER_S = 0.5
"""Shortest time between the starts of two workers, s."""
_GPUS = "CUDA_VISIBLE_DEVICES"


def worker_command(
    choice: DatabaseChoice,
    campaign: str | None,
    launch_dir: Path,
    *,
    categories: Sequence[str] = (),
    timeout_s: float | None = None,
    idle_s: float | None = None,
    sleep_s: float = 0.5,
    parent: int | None = None,
) -> list[str]:
    """Command line of a worker process; it holds no password.

    The parameters are those of :func:`superionic.launch.workers.run_workers`.
    """
    command = [sys.executable, "-m", "superionic.launch.worker_main", "--launchpad", str(choice.launchpad_file)]
    command += ["--launch-dir", str(launch_dir), "--sleep", str(sleep_s)]
    options: dict[str, str | float | Path | None] = {"--campaign": campaign, "--timeout": timeout_s, "--idle": idle_s}
    options |= {"--home": choice.home, "--parent": parent}
    command += [word for name, value in options.items() if value is not None for word in (name, str(value))]
    return command + [word for category in categories for word in ("--category", category)]


def gpu_of(number: int, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variable that gives a worker one of the GPUs that the batch system allowed; nothing if that is at most one.

    Parameters
    ----------
    number : int
        Number of the worker; the GPUs are dealt out in turn.
    variables : mapping of str to str
        Environment.
    """
    allowed = [name for name in variables.get(_GPUS, "").split(",") if name]
    return {_GPUS: allowed[number % len(allowed)]} if len(allowed) > 1 else {}


@dataclass
class _Slot:
    """One place for a worker; its process is replaced if it dies, but not if it left for want of jobs or disk space."""

    log: Path
    variables: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    n_starts: int = 0
    idle: bool = False
    full: bool = False


class Pool:
    """The worker processes of one run.

    Workers start one after the other: all at once they would read the same thousands of Python files from a shared
    disk, and ask the queue for the same job, at the same moment.

    Parameters
    ----------
    command : list of str
        Command of one worker.
    variables : mapping of str to str
        Added to its environment.
    folder : Path
        For the logs of the workers.
    n : int
        Number of workers.
    max_restarts : int
        How many that died may be replaced.
    stagger_s : float
        Shortest time between two starts, s.
    """

    def __init__(
        self,
        command: list[str],
        variables: Mapping[str, str],
        folder: Path,
        n: int,
        max_restarts: int,
        stagger_s: float = STAGGER_S,
    ) -> None:
        self.command, self.variables, self.folder = command, variables, folder
        self.max_restarts, self.n_restarts = max_restarts, 0
        self.stagger_s, self._next_start = stagger_s, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        self.slots = [_Slot(folder / f"worker-{os.getpid()}-{number + 1}.log", gpu_of(number)) for number in range(n)]

    def _start(self, slot: _Slot) -> None:
        with slot.log.open("ab") as log:
            slot.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.variables, **slot.variables},
                start_new_session=True,  # Ctrl-C reaches the parent only, and a group can be ended as a whole
            )
        slot.n_starts += 1

    def reap(self) -> int:
        """Empty the slots of workers that have ended; the number of those that died."""
        died = 0
        for slot in self.slots:
            if slot.process is None or slot.process.poll() is None:
                continue
            _kill_group(slot.process.pid)
            died += slot.process.returncode not in {0, INTERRUPTED_STATUS, IDLE_STATUS, DISK_FULL_STATUS}
            slot.full = slot.process.returncode == DISK_FULL_STATUS
            slot.idle = slot.full or slot.process.returncode == IDLE_STATUS
            slot.process = None
        return died

    def _may_start(self, slot: _Slot) -> bool:
        unused = slot.process is None and not slot.idle
        return unused and (not slot.n_starts or self.n_restarts < self.max_restarts)

    def refill(self) -> None:
        """Start a worker in an empty slot if it is time for one, as often as is allowed for replacements."""
        for slot in self.slots:
            if not self._may_start(slot):
                continue
            if time.monotonic() < self._next_start:
                return
            self.n_restarts += bool(slot.n_starts)
            self._start(slot)
            self._next_start = time.monotonic() + self.stagger_s

    def running(self) -> list[subprocess.Popen[bytes]]:
        """Processes that have not ended."""
        return [slot.process for slot in self.slots if slot.process is not None and slot.process.poll() is None]

    def idle(self) -> bool:
        """Whether all workers have left because no job was ready for them, or no disk space."""
        return all(slot.idle for slot in self.slots)

    def disk_full(self) -> bool:
        """Whether a worker has left for want of disk space."""
        return any(slot.full for slot in self.slots)

    def exhausted(self) -> bool:
        """Whether no worker is left and none may be started; one that died since the last look may be."""
        return not any(slot.process is not None or self._may_start(slot) for slot in self.slots)

    def stop(self, grace_s: float, hurry: Callable[[], bool]) -> None:
        """Interrupt all workers, and kill those that are still there after the grace time.

        Parameters
        ----------
        grace_s : float
            Time to clean up, s.
        hurry : callable
            Whether not to wait for that.
        """
        for process in self.running():
            process.send_signal(signal.SIGINT)
        wait_until(lambda: not self.running() or hurry(), grace_s)
        for slot in self.slots:
            if slot.process is not None:
                _kill_group(slot.process.pid)
                slot.process.wait()
                slot.process = None

    def last_words(self) -> str:
        """End of the newest log, for a message."""
        logs = sorted((slot.log for slot in self.slots if slot.log.exists()), key=lambda log: log.stat().st_mtime)
        lines = logs[-1].read_text(encoding="utf-8", errors="replace").splitlines() if logs else []
        words = next((line for line in reversed(lines) if line.strip()), "nothing")
        return f"the last line of {logs[-1] if logs else '?'} is: {words[:200]}"


def _kill_group(group: int) -> None:
    """End what is left of a worker: itself, or programs that its job had started."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:  # nothing is left
        return
    except PermissionError:  # macOS says so of a group of zombies
        return
