"""The incremental maggma shell around the pure ``build_*`` functions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from maggma.core import Builder, Store
from maggma.utils import grouper

import superionic
from superionic.builders.conductivities import build_conductivities
from superionic.builders.labels import build_labels
from superionic.builders.learning_curves import build_learning_curves
from superionic.builders.models import build_models
from superionic.builders.phase_diagrams import build_phase_diagrams
from superionic.builders.rows import QueryRow
from superionic.builders.stored import RawDoc, class_name, newest_first, raw_id
from superionic.documents import BaseDoc
from superionic.errors import DatabaseError, InputError
from superionic.labelling.schemas import LabelDoc
from superionic.stability.schemas import PhaseDiagramDoc
from superionic.training.curve_schemas import LearningCurveDoc
from superionic.training.schemas import ModelDoc
from superionic.transport.schemas import ConductivityDoc

# the other indexes of the outputs belong to superionic.database.indexes
SOURCE_INDEXES = ("output.@class",)
SHARED_INDEXES = ("spec_keys", "campaign", "formula", "state", "last_updated")
Item = tuple[str, list[RawDoc]]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How one query collection is made.

    Attributes
    ----------
    schema : type
        Class of the raw documents.
    build : callable
        Pure function from raw job store documents to rows.
    version : int
        Raised whenever the function's output changes, so that all rows are built again.
    indexes : tuple of str
        Fields that people filter by, besides the shared ones.
    """

    schema: type[BaseDoc]
    build: Callable[[Iterable[RawDoc]], list[Any]]
    version: int = 1
    indexes: tuple[str, ...] = ()

    @property
    def build_version(self) -> str:
        """Version of package and function, stored with every row."""
        return f"{superionic.__version__}/{self.version}"


RECIPES: dict[str, Recipe] = {
    "conductivities": Recipe(ConductivityDoc, build_conductivities, indexes=("verdict", "model_key")),
    "phase_diagrams": Recipe(PhaseDiagramDoc, build_phase_diagrams, indexes=("phases.formula", "model_key")),
    "learning_curves": Recipe(LearningCurveDoc, build_learning_curves, indexes=("model_key", "modes")),
    "models": Recipe(ModelDoc, build_models, version=2, indexes=("level_of_theory", "sha256")),
    "labels": Recipe(LabelDoc, build_labels, indexes=("level_of_theory", "accepted", "refusal", "parent_id")),
}


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
        for field in SOURCE_INDEXES:
            self.source.ensure_index(field)
        if not self.target.ensure_index("key", unique=True):
            raise DatabaseError(
                f"collection {self.collection!r}: cannot make the unique index on 'key' (no permission, or doubled "
                "rows from elsewhere); drop the collection and build again, nothing in it is original"
            )
        for field in (*SHARED_INDEXES, *self.recipe.indexes):
            self.target.ensure_index(field)

    def get_items(self) -> Iterator[Item]:
        """Yield each key that must be built, with all its stored copies."""
        self.ensure_indexes()
        wanted, present = self._source_states(), self._target_states()
        keys = [key for key, state in wanted.items() if present.get(key) != state]
        self.n_unchanged = len(wanted) - len(keys)
        self.orphans = sorted(set(present) - set(wanted))
        if self.delete_orphans and self.orphans:
            self.target.remove_docs({"key": {"$in": self.orphans}})
        for chunk in grouper(keys, self.chunk_size):
            yield from self._copies(list(chunk)).items()

    def process_item(self, item: Item) -> dict[str, Any]:
        """Build one row; an error becomes a row with state ``failed`` that says what is wrong."""
        key, copies = item
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
        return row | {"key": key, "last_updated": last_updated, "built_at": datetime.now(UTC)} | stamp | outcome

    def update_targets(self, items: list[dict[str, Any]]) -> None:
        """Write rows, replacing older ones of the same key."""
        if items:
            self.target.update(items, key="key")

    def run(self, log_level: int = logging.WARNING) -> None:
        """Run serially, as :meth:`maggma.core.Builder.run`, but without turning on the root logger's debug output."""
        base: Any = super()  # maggma's method has no annotations
        base.run(log_level=log_level)

    def _copies(self, keys: list[str]) -> dict[str, list[RawDoc]]:
        found = self._grouped(_any_of(keys))
        return {key: found[key] for key in keys if key in found}

    def _source_states(self) -> dict[str, tuple[str, int, str]]:
        groups = self._grouped({}, properties=["uuid", "index", "completed_at", "output.key"])
        return {key: _state_of(docs, self.recipe.build_version) for key, docs in groups.items()}

    def _grouped(self, criteria: dict[str, Any], properties: list[str] | None = None) -> dict[str, list[RawDoc]]:
        groups: dict[str, list[RawDoc]] = {}
        kind = {"output.@class": class_name(self.recipe.schema)}
        for doc in self.source.query(kind | criteria, properties=properties):
            # MongoDB also matches lists of such documents, which are not results of their own
            if isinstance(doc["output"], Mapping):
                groups.setdefault(_key(doc), []).append(doc)
        return groups

    def _target_states(self) -> dict[str, tuple[Any, ...]]:
        fields = ["key", "source_completed_at", "n_copies", "build_version", "state"]
        states: dict[str, tuple[Any, ...]] = {}
        for row in self.target.query({}, properties=fields):
            retry = self.retry_failed and row.get("state") == "failed"
            states[row["key"]] = () if retry else tuple(row.get(name) for name in fields[1:4])
        return states


def _any_of(keys: list[str]) -> dict[str, Any]:
    known = [key for key in keys if not key.startswith("job ")]
    nameless = [key.removeprefix("job ").rpartition(":")[0] for key in keys if key.startswith("job ")]
    return {"$or": [{"output.key": {"$in": known}}, {"uuid": {"$in": nameless}}]}


def _key(doc: RawDoc) -> str:
    """Key of the document, or of the job where a document has none (its row will say so)."""
    return str(doc["output"].get("key") or f"job {raw_id(doc)}")


def _state_of(copies: list[RawDoc], build_version: str) -> tuple[str, int, str]:
    newest = newest_first(copies)[0]
    return str(newest.get("completed_at") or ""), len(copies), build_version


def _completion_time(copies: list[RawDoc]) -> datetime:
    text = str(newest_first(copies)[0].get("completed_at") or "")
    # jobflow writes the local time without a zone
    return datetime.fromisoformat(text).astimezone(UTC) if text else datetime.fromtimestamp(0, UTC)
