"""Signals to a worker: they end the running job, never the bookkeeping of the queue."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""What asks a worker to stop: Ctrl-C, `kill`, and the warnings of batch systems before a time limit.

Slurm sends what ``--signal`` says, PBS SIGTERM, SGE SIGUSR2 (``-notify``) or SIGUSR1 (``s_rt``).
"""


class Interrupts:
    """Turns :data:`STOP_SIGNALS` into an orderly stop.

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
        for number in STOP_SIGNALS:
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


def stop_children(number: signal.Signals = signal.SIGTERM) -> None:
    """End programs that an interrupted job had started: they share the process group of this worker."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, number)  # this process ignores a second SIGTERM
