"""Finish a stage's document: key it, reuse a finished one if there is any, stamp its cost."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from superionic.documents import SCHEMA_VERSION, BaseDoc, CompositionInfo, Resources
from superionic.provenance import Stopwatch, content_key, software_versions, stopwatch

DocT = TypeVar("DocT", bound=BaseDoc)
logger = logging.getLogger(__name__)


def produce(
    schema: type[DocT],
    compute: Callable[[], DocT],
    *,
    parents: Sequence[BaseDoc],
    settings: Any,  # noqa: ANN401 (plain data or a settings model)
    spec_key: str = "",
    composition: CompositionInfo | None = None,
    device: str = "cpu",
    reusable: Callable[[DocT], bool] = lambda _: True,
    before: Stopwatch | None = None,
) -> DocT:
    """Return the finished document with the key of these inputs, computing it only if there is none.

    Must be called inside a job whose configuration exposes the store (see :func:`store_of_job`);
    outside of a job nothing is looked up.

    Parameters
    ----------
    schema : type
        Class of the document; part of its key.
    compute : callable
        Does the work and returns the document without key and provenance. It states the cost only if that is not what
        this call takes, as of work that earlier processes began.
    parents : sequence of BaseDoc
        The documents that the result depends on; their keys enter the key of the result.
    settings : object
        Everything else that the result depends on, as plain data or a settings model.
    spec_key : str
        Key of the campaign's spec, for queries; not part of the document's key.
    composition : CompositionInfo, optional
        Grid point of the document.
    device : str
        Torch device that the work runs on.
    reusable : callable
        Whether a finished document may stand for a new computation; one of a failure may not.
    before : Stopwatch, optional
        Work that was needed to know the settings; its cost is added to that of `compute`.

    Returns
    -------
    BaseDoc
        A document of the given class with key, parents, versions and cost filled in.
    """
    parent_keys = [parent.key for parent in parents]
    key = document_key(schema, parents, settings)
    found = find_finished(schema, key, reusable)
    if found is not None:
        return found.model_copy(update={"spec_key": spec_key})
    with stopwatch() as watch:
        document = compute()
    earlier = before or Stopwatch(watch.started_at)
    cost = document.resources or Resources(
        wall_time_s=earlier.wall_time_s + watch.wall_time_s,
        cpu_time_s=earlier.cpu_time_s + watch.cpu_time_s,
        started_at=earlier.started_at,
        device=device,
        hostname=platform.node(),
    )
    stamp = {"key": key, "spec_key": spec_key, "composition": composition, "parents": parent_keys}
    return document.model_copy(update=stamp | {"software": software_versions(), "resources": cost})


def document_key(schema: type[BaseDoc], parents: Sequence[BaseDoc], settings: Any) -> str:  # noqa: ANN401
    """Key that :func:`produce` gives to the document of these inputs."""
    return content_key([schema.__name__, SCHEMA_VERSION, [parent.key for parent in parents], settings])


def find_finished(schema: type[DocT], key: str, reusable: Callable[[DocT], bool] = lambda _: True) -> DocT | None:
    """The newest complete and reusable document with this key in the store of the running job, if any.

    A document of an older release that does not fit its class any more is left alone and does not count.
    """
    from monty.json import MontyDecoder
    from pydantic import ValidationError

    for output, uuid in _stored(store_of_job(), {"output.key": key, "output.@class": schema.__name__}):
        try:
            document = MontyDecoder().process_decoded(output)
        except ValidationError as error:
            logger.warning("the %s of job %s is of another form, computed anew: %s", schema.__name__, uuid, error)
            continue
        if isinstance(document, schema) and reusable(document):
            # a job that was killed after it had stored its document finds that one: the result is its own
            source = document.reused_from or (None if uuid == _uuid_of_job() else uuid)
            return document.model_copy(update={"reused_from": source})
    return None


def is_finished(schema: type[BaseDoc], key: str) -> bool:
    """Whether the store of the running job has a document with this key, its arrays not looked at."""
    store = store_of_job()
    return store is not None and store.docs_store.count({"output.key": key, "output.@class": schema.__name__}) > 0


def _stored(store: Any, criteria: dict[str, str]) -> Iterator[tuple[Any, str]]:  # noqa: ANN401 (jobflow.JobStore)
    """Outputs that match, newest first, with their arrays and the uuid of their job."""
    if store is None:
        return
    rows = store.docs_store.query(criteria, properties=["uuid", "index"], sort={"completed_at": -1})
    for place in [{"uuid": row["uuid"], "index": row["index"]} for row in rows]:
        try:
            found = store.query_one(place, load=True)
        except KeyError:
            # jobflow writes a document before its arrays: a worker killed in between leaves one without
            continue
        if found:
            yield found["output"], place["uuid"]


def store_of_job() -> Any:  # noqa: ANN401 (jobflow.JobStore, untyped)
    """Store of the running job, or None outside of a job or where the job does not expose it."""
    from jobflow import CURRENT_JOB

    return getattr(CURRENT_JOB, "store", None)


def _uuid_of_job() -> str | None:
    from jobflow import CURRENT_JOB

    return getattr(CURRENT_JOB.job, "uuid", None)
