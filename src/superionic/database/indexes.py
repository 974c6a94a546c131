"""Indexes of the collections; without them each upsert and look-up reads the whole collection."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from superionic.database.live import MD_RUNS, TRAININGS
from superionic.errors import DatabaseError

if TYPE_CHECKING:
    from jobflow import JobStore
    from pymongo.collection import Collection
    from pymongo.database import Database

OUTPUT_INDEXES: tuple[tuple[str, ...], ...] = (
    ("uuid", "index"),
    ("name",),
    ("completed_at",),
    ("metadata.campaign", "metadata.stage"),
    ("metadata.campaign", "output.@class", "output.accepted"),
)
"""Indexes of the job outputs; the first serves look-ups by uuid alone as well."""

OUTPUT_SPARSE_INDEXES = ("output.key", "output.spec_key", "output.parents")
"""Indexes of the job outputs over fields that only the documents of superionic have."""

RESULT_INDEXES = ("spec_key", "last_updated", "state", "composition.formula")
"""Indexes of every result collection, next to its key."""


def _create(collection: "Collection[Any]", fields: Iterable[Sequence[str]], *, sparse: bool = False) -> list[str]:
    """Create indexes on tuples of fields; those that exist are left alone."""
    from pymongo import ASCENDING, IndexModel
    from pymongo.errors import OperationFailure

    models = [IndexModel([(name, ASCENDING) for name in names], sparse=sparse) for names in fields]
    try:
        return collection.create_indexes(models)
    except OperationFailure as error:
        raise DatabaseError(
            f"cannot create indexes on {collection.full_name}: {str(error)[:200]}. "
            "Give the database user the role readWrite, or drop the index that is in the way"
        ) from error


def missing_output_indexes(outputs: "Collection[Any]") -> list[str]:
    """Fields of the job outputs that lack their index, one text per index."""
    present = {tuple(name for name, _ in index["key"]) for index in outputs.index_information().values()}
    wanted = [*OUTPUT_INDEXES, *((name,) for name in OUTPUT_SPARSE_INDEXES)]
    return [" + ".join(names) for names in wanted if names not in present]


def ensure_indexes(store: "JobStore") -> list[str]:
    """Create the indexes that superionic's queries need on the job outputs.

    jobflow makes none. Calling this again costs milliseconds.

    Parameters
    ----------
    store : JobStore
        Store of the outputs; it is connected if it is not yet. Additional stores that are not in
        MongoDB (files, S3) are left alone.

    Returns
    -------
    list of str
        Names of the indexes on the outputs.

    Raises
    ------
    DatabaseError
        If the server refuses.
    """
    store.connect()
    outputs = store.docs_store._collection  # noqa: SLF001 (maggma gives no other way)
    names = _create(outputs, OUTPUT_INDEXES)
    names += _create(outputs, [(name,) for name in OUTPUT_SPARSE_INDEXES], sparse=True)
    blob_stores: dict[str, Any] = store.additional_stores  # type: ignore[has-type]
    for blobs in blob_stores.values():
        files = getattr(blobs, "_files_collection", None)  # GridFS: jobflow looks blobs up by uuid
        if files is not None:
            _create(files, [("metadata.blob_uuid",)])
    return names


def ensure_progress_indexes(database: "Database[dict[str, Any]]") -> None:
    """Create the indexes of the collections that tell how far long jobs are."""
    for name in (TRAININGS, MD_RUNS):
        _create(database[name], [("spec_key", "phase")])


def ensure_result_indexes(collection: "Collection[Any]", key: str = "key", extra: Sequence[str] = ()) -> list[str]:
    """Create the indexes of a result collection.

    Parameters
    ----------
    collection : pymongo Collection
        The collection.
    key : str
        Field that identifies a document.
    extra : sequence of str
        Further fields that are searched.

    Returns
    -------
    list of str
        Names of the indexes.

    Raises
    ------
    DatabaseError
        If the server refuses.
    """
    return _create(collection, [(name,) for name in dict.fromkeys((key, *RESULT_INDEXES, *extra))])
