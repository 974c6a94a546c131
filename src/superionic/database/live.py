"""A document that says how far a running job is; for people who wait, never for results."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

TRAININGS = "live_trainings"
"""Collection of the trainings that are running or have run."""
MD_RUNS = "live_md"
"""Collection of the production MD that is running or has run."""
EVERY_S = 5.0
TIMEOUT_S = 2.0
PAUSE_S = 60.0


class LiveDocument:
    """One document that is replaced every few seconds.

    A database that does not answer, or refuses, costs a job two seconds a minute and nothing else.

    Parameters
    ----------
    store : JobStore or None
        Store of the running job; without one nothing is written.
    collection : str
        Name of the collection.
    key : str
        Identity of the document.
    fixed : mapping
        What stays the same, e.g. the name of the job.
    """

    def __init__(self, store: Any, collection: str, key: str, fixed: Mapping[str, Any]) -> None:  # noqa: ANN401
        outputs = getattr(getattr(store, "docs_store", None), "_coll", None)
        self._collection = None if outputs is None else outputs.database[collection]
        self._key, self._fixed = key, dict(fixed)
        self._next = 0.0

    def show(self, state: Mapping[str, Any], *, last: bool = False) -> None:
        """Replace the document, unless that was done a moment ago.

        Parameters
        ----------
        state : mapping
            How far the job is, as plain data.
        last : bool
            Whether this is the end, which is always written.
        """
        if self._collection is None or (time.monotonic() < self._next and not last):
            return
        self._next = time.monotonic() + (EVERY_S if self._replace(state) else PAUSE_S)

    def _replace(self, state: Mapping[str, Any]) -> bool:
        import pymongo
        from pymongo.errors import PyMongoError

        assert self._collection is not None
        try:
            with pymongo.timeout(TIMEOUT_S):
                self._collection.replace_one(
                    {"_id": self._key}, {**self._fixed, **state, "updated_at": datetime.now(UTC)}, upsert=True
                )
        except PyMongoError as error:
            logging.getLogger(__name__).warning("progress could not be written to the database: %s", error)
            return False
        return True
