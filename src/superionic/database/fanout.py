"""Fan-out of a job into many: children get the key of a stored document, never the document.

FireWorks writes the arguments of a job into the launchpad, so structures do not belong there; and
jobs that are created while a campaign runs cannot hold jobflow references to jobs outside of the
new flow. A content key has neither problem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from jobflow import CURRENT_JOB, Flow, Job, OutputReference, Response
from monty.json import MontyDecoder

from superionic.database.reuse import is_finished, store_of_job
from superionic.documents import BaseDoc
from superionic.errors import DatabaseError

DocT = TypeVar("DocT", bound=BaseDoc)


def fetch(document: DocT | str, schema: type[DocT]) -> DocT:
    """The finished document with a key, from the store of the running job.

    Parameters
    ----------
    document : BaseDoc or str
        The key; a document is returned as it is.
    schema : type
        Class of the document.

    Raises
    ------
    DatabaseError
        If there is no such document, or no store because this is not running inside a job.
    """
    if not isinstance(document, str):
        return document
    found = fetch_named(schema.__name__, document)
    if not isinstance(found, schema):
        raise DatabaseError(
            f"the document with key {document} cannot be read as {schema.__name__}: it was written by "
            "another version of superionic; run the stage that makes it again"
        )
    return found


_kept: dict[tuple[str, str], tuple[Any, Any]] = {}
_MOST_KEPT: Final = 2


def fetch_and_keep(document: DocT | str, schema: type[DocT]) -> DocT:
    """As :func:`fetch`, keeping the last two documents in memory for the next jobs of this process.

    For documents that many jobs read one after the other. A content key never stands for other content, so what is
    kept cannot be out of date; do not change it in place.
    """
    if not isinstance(document, str):
        return document
    store, place = store_of_job(), (schema.__name__, document)
    owner, found = _kept.pop(place, (None, None))
    if found is None or owner is not store:
        owner, found = store, fetch(document, schema)
    _kept[place] = (owner, found)  # at the end: it was used last
    while len(_kept) > _MOST_KEPT:
        del _kept[next(iter(_kept))]
    return found  # type: ignore[no-any-return]


def _decoded(output: Mapping[str, Any]) -> Any:  # noqa: ANN401 (a document)
    return MontyDecoder().process_decoded(output)


def fetch_outputs(
    items: Sequence[DocT | OutputReference | None],
    schema: type[DocT],
    read: Callable[[Mapping[str, Any]], DocT] = _decoded,
) -> list[DocT | None]:
    """Newest output of each job, by one query; jobflow would ask three times for each.

    For a job with ``resolve=False`` in :func:`superionic.database.jobs.stage_job`. Fields in additional stores are
    not loaded: they come as jobflow's placeholder.

    Parameters
    ----------
    items : sequence of OutputReference, BaseDoc or None
        References to whole outputs; anything else is returned as it is.
    schema : type
        Class of the documents.
    read : callable
        Makes a document of a stored output; by default the output is decoded, with all structures in it.

    Returns
    -------
    list of BaseDoc or None
        None where a job has no output of this class.
    """
    wanted = [item.uuid for item in items if isinstance(item, OutputReference)]
    store = store_of_job()
    newest: dict[str, tuple[int, Any]] = {}
    if wanted and store is not None:
        for row in store.docs_store.query({"uuid": {"$in": wanted}}, properties=["uuid", "index", "output"]):
            if row["index"] > newest.get(row["uuid"], (0, None))[0]:
                newest[row["uuid"]] = row["index"], row["output"]
    outputs = {uuid: output for uuid, (_, output) in newest.items() if _is_of(schema, output)}
    found = [outputs.get(item.uuid) if isinstance(item, OutputReference) else item for item in items]
    documents = [read(item) if isinstance(item, Mapping) else item for item in found]
    return [item if isinstance(item, schema) else None for item in documents]


def _is_of(schema: type[BaseDoc], output: Any) -> bool:  # noqa: ANN401 (whatever a job returned)
    return isinstance(output, Mapping) and output.get("@class") == schema.__name__


def fetch_kin(document: DocT | str, base: type[DocT]) -> DocT:
    """As :func:`fetch`, for a key whose document is of some subclass of `base`.

    Raises
    ------
    DatabaseError
        As for :func:`fetch`, and if the document is no `base`.
    """
    if not isinstance(document, str):
        return document
    found = _newest({"output.key": document}, f"document with key {document}")
    if not isinstance(found, base):
        raise DatabaseError(f"the document with key {document} is a {type(found).__name__}, not a {base.__name__}")
    return found


def key_if_stored(document: BaseDoc) -> BaseDoc | str:
    """The key of a document, for a job to come; the document itself where the store does not have it."""
    return document.key if document.key and is_finished(type(document), document.key) else document


def fetch_fields(schema_name: str, key: str, fields: Sequence[str]) -> dict[str, Any] | None:
    """Some fields of a finished document as plain data, its arrays in additional stores not read.

    Returns
    -------
    dict or None
        None without such a document, or outside of a job.
    """
    store = store_of_job()
    if store is None:
        return None
    place = {"output.key": key, "output.@class": schema_name}
    found = store.docs_store.query_one(place, [f"output.{name}" for name in fields], sort={"completed_at": -1})
    return found["output"] if found else None


def fetch_named(schema_name: str, key: str) -> Any:  # noqa: ANN401 (a document of a class that is not imported here)
    """As :func:`fetch`, for documents of classes that the caller must not import.

    Raises
    ------
    DatabaseError
        As for :func:`fetch`.
    """
    return _newest({"output.key": key, "output.@class": schema_name}, f"{schema_name} with key {key}")


def _newest(criteria: dict[str, str], what: str) -> Any:  # noqa: ANN401 (a document)
    store = store_of_job()
    if store is None:
        raise DatabaseError(f"the {what} is asked for by key outside of a job: pass the document itself")
    found = store.query_one(criteria, sort={"completed_at": -1}, load=True)
    if not found:
        raise DatabaseError(f"the job store holds no {what}: run the stage that makes it again")
    return MontyDecoder().process_decoded(found["output"])


def replace_by(children: Sequence[Job | Flow], gather: Job) -> Response[Any]:
    """Let the running job be replaced by `children`, with the output of `gather` as its own.

    jobflow would add a further job that copies the output; giving `gather` the identity of the
    running job (as jobflow does when it replaces a job by a single one) stores the frames once.

    Parameters
    ----------
    children : sequence of Job or Flow
        The fanned-out jobs.
    gather : Job
        The job that joins their outputs.
    """
    current = CURRENT_JOB.job
    if current is not None:
        gather.set_uuid(current.uuid)
        gather.index = current.index + 1
        gather.metadata = dict(current.metadata)
    return Response(replace=Flow([*children, gather]))
