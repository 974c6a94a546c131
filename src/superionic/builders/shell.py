"""The incremental maggma shell around the pure ``build_*`` functions."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from maggma.core import Builder, Store
from maggma.stores import MongoStore
from maggma.utils import grouper
from pymongo.errors import OperationFailure

from superionic.builders.recipes import RECIPES
from superionic.builders.rows import QueryRow
from superionic.builders.stored import RawDoc, class_name, newest_first, raw_id
from superionic.errors import DatabaseError, InputError

# the other indexes of the outputs belong to superionic.database.indexes
SOURCE_INDEX = ("output.@class", "output.key", "completed_at", "uuid", "index")
"""Holds all that tells whether a row is up to date, so that the outputs themselves are not read for it."""
SHARED_INDEXES = ("spec_keys", "campaign", "formula", "state", "last_updated")
NOT_AUTHORIZED = 13
Item = tuple[str, list[RawDoc], str]
"""Key, stored copies, and why the row is built."""
State = tuple[str, int, str]
"""When the newest copy was finished, number of copies, version of the code."""

_logger = logging.getLogger(__name__)


class DocumentBuilder(Builder):
    """Keep one query collection up to date with the job outputs.

    A row is built when its document is new, was stored again, failed before (with
    ``retry_failed``), or was built by another version of the code. maggma's MapBuilder cannot do
    this: its key must be a top-level field and it does not notice changed code.

    Parameters
    ----------
    source : Store
        The job outputs.
    target : Store
        The query collection; its key must be ``key``.
    collection : str
        Name of the recipe: conductivities, phase_diagrams, learning_curves, models or labels.
    retry_failed : bool
        Build rows again that failed before.
    delete_orphans : bool
        Remove rows whose job outputs are gone.
    chunk_size : int
        Documents per round trip.

    Attributes
    ----------
    n_unchanged : int
        Rows found up to date by the last :meth:`get_items`.
    orphans : list of str
        Keys of rows whose job outputs are gone, found by the last :meth:`get_items`.

    Raises
    ------
    InputError
        If there is no such collection.
    """

    def __init__(
        self,
        source: Store,
        target: Store,
        collection: str,
        *,
        retry_failed: bool = False,
        delete_orphans: bool = False,
        chunk_size: int = 200,
    ) -> None:
        if collection not in RECIPES:
            raise InputError(f"no query collection {collection!r}; there are {', '.join(RECIPES)}")
        self.source, self.target, self.collection = source, target, collection
        self.retry_failed, self.delete_orphans = retry_failed, delete_orphans
        self.recipe = RECIPES[collection]
        self.n_unchanged = 0
        self.orphans: list[str] = []
        super().__init__(sources=[source], targets=[target], chunk_size=chunk_size)

    def ensure_indexes(self) -> None:
        """Create the indexes of source and target; jobflow makes none.

        Raises
        ------
        DatabaseError
            If the unique index on ``key`` cannot be made, because two builders could then double rows.
        """
        self._ensure_source_index()
        if not self.target.ensure_index("key", unique=True):
            raise DatabaseError(
                f"collection {self.collection!r}: cannot make the unique index on 'key' (no permission, or doubled "
                "rows from elsewhere); drop the collection and build again, nothing in it is original"
            )
        for field in (*SHARED_INDEXES, *self.recipe.indexes):
            self.target.ensure_index(field)

    def _ensure_source_index(self) -> None:
        # maggma's ensure_index is content with a compound index that the field is only a later part of
        if isinstance(self.source, MongoStore):
            found: Any = self.source._collection  # noqa: SLF001 (maggma gives no other way)
            try:
                found.create_index([(name, 1) for name in SOURCE_INDEX])
            except OperationFailure:
                _logger.debug("%s: a reader may not make indexes", self.collection)
        else:
            self.source.ensure_index(SOURCE_INDEX[0])

    def get_items(self) -> Iterator[Item]:
        """Yield each key that must be built, with all its stored copies."""
        self.ensure_indexes()
        wanted, present = self._source_states(), self._target_states()
        reasons = {key: why for key, state in wanted.items() if (why := _reason(present.get(key), state))}
        self.n_unchanged = len(wanted) - len(reasons)
        self.orphans = sorted(set(present) - set(wanted))
        if self.delete_orphans and self.orphans:
            self.target.remove_docs({"key": {"$in": self.orphans}})
        for chunk in grouper(reasons, self.chunk_size):
            for key, copies in self._copies(list(chunk)).items():
                yield key, copies, reasons[key]

    def process_item(self, item: Item) -> dict[str, Any]:
        """Build one row; an error becomes a row with state ``failed`` that says what is wrong."""
        key, copies, reason = item
        state, last_updated = _state_of(copies, self.recipe.build_version), _completion_time(copies)
        try:
            rows: list[QueryRow] = self.recipe.build(copies)
            row = rows[0].model_dump()
            outcome = {"state": "successful", "error": None}
        except Exception as error:  # noqa: BLE001 (any fault of one document must not stop the others)
            _logger.warning("%s: document %s could not be built: %s", self.collection, key, error)
            row = {"raw_ids": [raw_id(doc) for doc in newest_first(copies)]}
            outcome = {"state": "failed", "error": f"{type(error).__name__}: {error}"}
        stamp = {"source_completed_at": state[0], "n_copies": state[1], "build_version": state[2]}
        stamp["build_reason"] = reason
        return row | {"key": key, "last_updated": last_updated, "built_at": datetime.now(UTC)} | stamp | outcome

    def update_targets(self, items: list[dict[str, Any]]) -> None:
        """Write rows, replacing older ones of the same key."""
        if items:
            try:
                self.target.update(items, key="key")
            except OperationFailure as error:
                if error.code != NOT_AUTHORIZED:
                    raise
                raise DatabaseError(
                    f"the database user may not write to the collection {self.collection!r}: building needs the role "
                    "readWrite, queries and reports need read only"
                ) from None

    def run(self, log_level: int = logging.WARNING) -> None:
        """Run serially, as :meth:`maggma.core.Builder.run`, but without turning on the root logger's debug output."""
        base: Any = super()  # maggma's method has no annotations
        base.run(log_level=log_level)

    def _copies(self, keys: list[str]) -> dict[str, list[RawDoc]]:
        found = self._grouped(_any_of(keys), dict.fromkeys(self.recipe.unread, 0))
        return {key: found[key] for key in keys if key in found}

    def _source_states(self) -> dict[str, State]:
        groups = self._grouped({}, {"_id": 0, **dict.fromkeys(SOURCE_INDEX[1:], 1)})
        return {key: _state_of(docs, self.recipe.build_version) for key, docs in groups.items()}

    def _grouped(self, criteria: dict[str, Any], properties: dict[str, int]) -> dict[str, list[RawDoc]]:
        groups: dict[str, list[RawDoc]] = {}
        kind = {"output.@class": class_name(self.recipe.schema)}
        for doc in self.source.query(kind | criteria, properties=properties or None):
            # MongoDB also matches lists of such documents, which are not results of their own
            if isinstance(doc["output"], Mapping):
                groups.setdefault(_key(doc), []).append(doc)
        return groups

    def _target_states(self) -> dict[str, tuple[State | None]]:
        """State of each row in a tuple of one; None in it if it failed and shall be tried again."""
        fields = ["key", "source_completed_at", "n_copies", "build_version", "state"]
        states: dict[str, tuple[State | None]] = {}
        for row in self.target.query({}, properties=fields):
            retry = self.retry_failed and row.get("state") == "failed"
            state = str(row.get(fields[1])), int(row.get(fields[2]) or 0), str(row.get(fields[3]))
            states[row["key"]] = (None if retry else state,)
        return states


def _reason(present: tuple[State | None] | None, wanted: State) -> str:
    """Why a row must be built; empty if it need not."""
    if present is None:
        return "new"
    (state,) = present
    if state is None:
        return "failed before"
    (completed, copies, version), (new_completed, new_copies, new_version) = state, wanted
    reasons = [f"built by {version}, now {new_version}"] if version != new_version else []
    if (completed, copies) != (new_completed, new_copies):
        reasons.append(f"stored {new_copies} times, last {new_completed}; before {copies} times, last {completed}")
    return "; ".join(reasons)


def _any_of(keys: list[str]) -> dict[str, Any]:
    known = [key for key in keys if not key.startswith("job ")]
    nameless = [key.removeprefix("job ").rpartition(":")[0] for key in keys if key.startswith("job ")]
    return {"$or": [{"output.key": {"$in": known}}, {"uuid": {"$in": nameless}}]}


def _key(doc: RawDoc) -> str:
    """Key of the document, or of the job where a document has none (its row will say so)."""
    return str(doc["output"].get("key") or f"job {raw_id(doc)}")


def _state_of(copies: list[RawDoc], build_version: str) -> State:
    newest = newest_first(copies)[0]
    return str(newest.get("completed_at") or ""), len(copies), build_version


def _completion_time(copies: list[RawDoc]) -> datetime:
    text = str(newest_first(copies)[0].get("completed_at") or "")
    # jobflow writes the local time without a zone
    return datetime.fromisoformat(text).astimezone(UTC) if text else datetime.fromtimestamp(0, UTC)
