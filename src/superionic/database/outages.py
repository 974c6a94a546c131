"""Wait for a database that is away, instead of losing what was to be written."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 600.0
"""How long an outage may last before a job gives up, s."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


def persistently(
    action: Callable[[], T],
    what: str,
    *,
    patience_s: float = PATIENCE_S,
    stop: Callable[[], bool] = lambda: False,
) -> T:
    """Do something with the database, again and again while its server cannot be reached.

    Parameters
    ----------
    action : callable
        What to do. It may be cut off anywhere and is begun anew, so doing it twice must do no harm.
    what : str
        The action in words, for the log.
    patience_s : float
        Give up when the server has been away for this long, s.
    stop : callable
        Tells whether to give up at once.

    Returns
    -------
    object
        What the action returns.

    Raises
    ------
    pymongo.errors.ConnectionFailure
        The last one, when the patience is over. Every other error ends the attempts at once.
    """
    from pymongo.errors import ConnectionFailure

    pause_s, deadline = _FIRST_PAUSE_S, float("inf")
    while True:
        try:
            return action()
        except ConnectionFailure as error:
            deadline = min(deadline, time.monotonic() + patience_s)
            if stop() or time.monotonic() + pause_s > deadline:
                raise
            logger.warning("%s: the database is away (%s), trying again", what, type(error).__name__)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
