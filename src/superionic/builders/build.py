"""Run all builders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from maggma.core import Store
from maggma.stores import MemoryStore, MongoStore
from maggma.utils import grouper

from superionic.builders.recipes import RECIPES
from superionic.builders.shell import DocumentBuilder
from superionic.errors import DatabaseError


@dataclass(frozen=True)
class BuildCounts:
    """What one builder did.

    Attributes
    ----------
    built : int
        Rows written, failed ones excluded.
    unchanged : int
        Rows that were up to date.
    failed : int
        Rows of the collection in state ``failed``, from this run or an earlier one.
    orphans : int
        Rows whose job outputs are gone (removed only on request).
    errors : dict
        Key to message of every failed row.
    """

    built: int
    unchanged: int
    failed: int
    orphans: int
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BuildReport:
    """What all builders did, by collection."""

    collections: dict[str, BuildCounts]

    @property
    def built(self) -> int:
        """Rows written in all collections."""
        return sum(counts.built for counts in self.collections.values())

    @property
    def failed(self) -> int:
        """Rows in state ``failed`` in all collections."""
        return sum(counts.failed for counts in self.collections.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON output."""
        return {name: asdict(counts) for name, counts in self.collections.items()}


def build_all(
    outputs: Store,
    targets: Mapping[str, Store] | None = None,
    *,
    retry_failed: bool = False,
    delete_orphans: bool = False,
) -> BuildReport:
    """Bring the query collections up to date with the job outputs.

    Parameters
    ----------
    outputs : Store
        The docs store of the job store.
    targets : mapping, optional
        Store of each collection; by default the collections of that name beside the outputs.
    retry_failed : bool
        Build rows again that failed before; rows built by other code are always built again.
    delete_orphans : bool
        Remove rows whose job outputs are gone.

    Returns
    -------
    BuildReport
        Counts and errors by collection.

    Raises
    ------
    DatabaseError
        If the targets cannot be derived from the outputs, or an index cannot be made.
    """
    outputs.connect()
    own: dict[str, Any] = {name: query_store(outputs, name) for name in RECIPES} if targets is None else {}
    stores: dict[str, Any] = own if targets is None else dict(targets)
    try:
        return BuildReport(
            {
                name: _run(
                    DocumentBuilder(outputs, store, name, retry_failed=retry_failed, delete_orphans=delete_orphans)
                )
                for name, store in stores.items()
            }
        )
    finally:
        for store in own.values():
            store.close()


def query_store(outputs: Store, collection: str) -> MongoStore:
    """Store of a query collection in the database of the job outputs.

    Raises
    ------
    DatabaseError
        If the outputs are not in MongoDB.
    """
    # a MemoryStore is a MongoStore to Python, but it has no server
    if isinstance(outputs, MemoryStore) or not isinstance(outputs, MongoStore):
        raise DatabaseError(
            f"query collections go beside the job outputs in MongoDB, but the outputs are in a "
            f"{type(outputs).__name__}; pass targets, or configure a MongoStore as docs_store"
        )
    store = MongoStore(
        outputs.database,
        collection,
        host=outputs.host,
        port=outputs.port,
        username=outputs.username,
        password=outputs.password,
        auth_source=outputs.auth_source,
        mongoclient_kwargs=outputs.mongoclient_kwargs,
        uri=outputs.uri,
        key="key",
    )
    store.connect()
    return store


def _run(builder: DocumentBuilder) -> BuildCounts:
    # not builder.run(): that configures the root logger and closes the caller's stores
    for store in (builder.source, builder.target):
        store.connect()
    built = 0
    for chunk in grouper(builder.get_items(), builder.chunk_size):
        rows = [builder.process_item(item) for item in chunk]
        builder.update_targets(rows)
        built += sum(row["state"] == "successful" for row in rows)
    failed = builder.target.query({"state": "failed"}, properties=["key", "error"])
    errors = {row["key"]: row["error"] for row in failed}
    return BuildCounts(built, builder.n_unchanged, len(errors), len(builder.orphans), errors)
