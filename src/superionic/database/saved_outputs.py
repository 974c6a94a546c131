"""Outputs of jobs on disk: written before the database is asked, removed once it has them for good.

A file that is there is an output that may not have arrived. :func:`deliver` brings it to the store; it may be called
any number of times, and by several processes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from superionic.database.outages import persistently
from superionic.errors import DatabaseError

logger = logging.getLogger(__name__)

_PREFIX, _SUFFIX = "superionic-output-", ".bson"


@dataclass(frozen=True)
class SavedOutput:
    """Output of one job as read from disk.

    Attributes
    ----------
    path : Path
        The file.
    document : dict
        What jobflow stores: ``uuid``, ``index``, ``output`` with all arrays, ``completed_at``, ``metadata``, ``hosts``,
        ``name``.
    save : dict
        Which fields belong to which additional store, as jobflow gives it.
    """

    path: Path
    document: dict[str, Any]
    save: dict[str, Any]

    @property
    def place(self) -> dict[str, Any]:
        """Query for the output of the same job in the store."""
        return {"uuid": self.document["uuid"], "index": self.document["index"]}


class Arrival(StrEnum):
    """Whether an output on disk is in the store."""

    MISSING = "missing"
    PARTLY = "without its arrays"
    ARRIVED = "arrived"


def save_output(folder: Path, document: Mapping[str, Any], save: Mapping[str, Any]) -> Path | None:
    """Write the output of a job to disk, whole or not at all.

    Parameters
    ----------
    folder : Path
        Launch folder of the job.
    document, save : mapping
        As in :class:`SavedOutput`.

    Returns
    -------
    Path or None
        The file; None if the disk refuses it, e.g. because it is full. The database may still take the output.
    """
    import bson
    from bson.errors import InvalidDocument

    path = folder / f"{_PREFIX}{document['uuid']}-{document['index']}{_SUFFIX}"
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as handle:
            handle.write(bson.encode({"document": document, "save": save}))
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(path)
        _sync_folder(folder)
    except (OSError, OverflowError, InvalidDocument) as error:
        logger.warning(
            "no copy of the output of %s could be written to %s: %s",
            document.get("name", document["uuid"]),
            folder,
            error,
        )
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return None
    return path


def _sync_folder(folder: Path) -> None:
    """Let a power cut spare the name of a new file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def find_outputs(folder: Path) -> list[Path]:
    """Files of outputs in a launch folder; empty if the folder cannot be seen from here."""
    try:
        return sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"))
    except OSError:
        return []


def read_output(path: Path) -> SavedOutput:
    """Read the output of a job from disk.

    Raises
    ------
    DatabaseError
        If the file is damaged or cannot be read.
    """
    import bson
    from bson.errors import InvalidBSON

    try:
        data = bson.decode(path.read_bytes())
        return SavedOutput(path, dict(data["document"]), dict(data["save"]))
    except (OSError, InvalidBSON, KeyError, TypeError) as error:
        raise DatabaseError(f"{path} is damaged ({error}): remove it, and its job runs again") from error


def arrival(store: Any, saved: SavedOutput) -> Arrival:  # noqa: ANN401 (jobflow.JobStore, untyped)
    """Whether an output on disk, or a newer one of the same job, is in the store with all of its arrays."""
    stored = store.docs_store.query_one(saved.place)
    if stored is None or str(stored["completed_at"]) < str(saved.document["completed_at"]):
        return Arrival.MISSING
    for name, blobs in _blobs(stored.get("output")):
        found = store.additional_stores[name].query_one({"blob_uuid": blobs}, properties=["blob_uuid"])
        if found is None:
            return Arrival.PARTLY
    return Arrival.ARRIVED


def _blobs(data: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (any JSON)
    """Store and identifier of every field that jobflow moved to an additional store."""
    if isinstance(data, dict):
        if "blob_uuid" in data and "store" in data:
            yield data["store"], data["blob_uuid"]
        for value in data.values():
            yield from _blobs(value)
    elif isinstance(data, list):
        for value in data:
            yield from _blobs(value)


def deliver(store: Any, saved: SavedOutput) -> bool:  # noqa: ANN401 (jobflow.JobStore, untyped)
    """Bring an output from disk to the store unless it is there, then remove the file.

    Parameters
    ----------
    store : JobStore
        The connected store.
    saved : SavedOutput
        The output.

    Returns
    -------
    bool
        False if it was there already, or a newer output of the same job.
    """
    missing = arrival(store, saved) is not Arrival.ARRIVED
    if missing:
        # of the class: the update of a store inside a job would write the file again
        type(store).update(store, saved.document, key=["uuid", "index"], save=saved.save)
    _wait_for_journal(store, saved.place)
    saved.path.unlink(missing_ok=True)
    return missing


def _wait_for_journal(store: Any, place: Mapping[str, Any]) -> None:  # noqa: ANN401 (jobflow.JobStore, untyped)
    """Return when all earlier writes survive a kill of the server, also where the URI lacks ``journal=true``."""
    outputs = getattr(store.docs_store, "_coll", None)
    if outputs is None or not hasattr(outputs, "with_options"):  # not MongoDB
        return
    from pymongo import WriteConcern

    outputs.with_options(write_concern=WriteConcern(j=True)).update_one(place, {"$set": {"index": place["index"]}})


class SafeUpdate:
    """Takes the place of a store's ``update`` inside a job: disk first, then the database, for as long as it takes.

    Parameters
    ----------
    store : JobStore
        Store of the running job.
    """

    def __init__(self, store: Any) -> None:  # noqa: ANN401 (jobflow.JobStore, untyped)
        self._store = store
        self.folder: Path | None = None

    def __call__(self, docs: Any, key: Any = None, save: Any = None) -> None:  # noqa: ANN401 (as jobflow has it)
        """Store the output of a job as ``JobStore.update`` does."""
        update = type(self._store).update
        if isinstance(docs, list) or key != ["uuid", "index"]:  # not the call at the end of a job
            persistently(lambda: update(self._store, docs, key=key, save=save), "storing outputs")
            return
        from monty.json import jsanitize

        document = jsanitize(docs, strict=True, allow_bson=True)
        folder, self.folder = self.folder or Path.cwd(), None
        path = save_output(folder, document, dict(save or {}))

        def store() -> None:
            update(self._store, document, key=key, save=save)
            _wait_for_journal(self._store, {"uuid": document["uuid"], "index": document["index"]})

        persistently(store, f"storing the output of {document.get('name', document['uuid'])}")
        if path is not None:
            path.unlink(missing_ok=True)


def keep_output_of_job(store: Any) -> None:  # noqa: ANN401 (jobflow.JobStore, untyped)
    """Let the running job write its output to its folder, the present one, before it goes to the store."""
    if store is None:
        return
    if not isinstance(getattr(store, "update", None), SafeUpdate):
        store.update = SafeUpdate(store)
    store.update.folder = Path.cwd()
