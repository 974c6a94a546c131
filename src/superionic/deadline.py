"""Until when work in this process may go on: the end of the worker, of the queue's job, or of a share of its own."""

from __future__ import annotations

import os
import time

from superionic.errors import InputError

END_VARIABLES = ("SUPERIONIC_JOB_END_TIME", "SLURM_JOB_END_TIME")
"""Variables with the time at which the queue kills this process, s since the epoch."""
WORKER_VARIABLE = "SUPERIONIC_WORKER_END_TIME"
"""Variable with the time from which the worker of this process takes no new job, s since the epoch."""
MARGIN_S = 180.0
"""What is left for storing results before the queue ends a job; Slurm may send its signal two minutes early."""


def set_worker_end(timeout_s: float | None) -> None:
    """Tell the jobs of this process when their worker will stop; None: only when the queue ends it."""
    if timeout_s is not None:
        os.environ[WORKER_VARIABLE] = str(time.time() + timeout_s)


def time_left_s(max_hours: float | None = None) -> float:
    """Time that is left for the work of this process, s; infinite if nothing limits it, below zero if it is over.

    Parameters
    ----------
    max_hours : float, optional
        Share of one job, counted from now.

    Raises
    ------
    InputError
        If a variable holds no time.
    """
    now = time.time()
    ends = [_read(name) - MARGIN_S for name in END_VARIABLES if os.environ.get(name)]
    ends += [_read(WORKER_VARIABLE)] if os.environ.get(WORKER_VARIABLE) else []
    ends += [now + 3600.0 * max_hours] if max_hours is not None else []
    return min(ends, default=float("inf")) - now


def _read(name: str) -> float:
    text = os.environ[name]
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"{name} is {text!r}: give the time at which this job is ended, in seconds since the epoch, or unset it"
        ) from None
