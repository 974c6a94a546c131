"""Reading documents back from the job store without the parts that live in additional stores."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin

from superionic.documents import BaseDoc, Blob, Document
from superionic.errors import DatabaseError

DocT = TypeVar("DocT", bound=Document)
RawDoc = Mapping[str, Any]


@dataclass(frozen=True)
class StoredResult:
    """All stored copies of one document: re-runs and reuse store the same key several times.

    Attributes
    ----------
    key : str
        Key of the document.
    output : Mapping
        The newest copy as the job store keeps it.
    spec_keys : list of str
        Campaigns that hold the document, newest first.
    campaigns : list of str
        Campaigns that the jobs were submitted under, where they name one.
    raw_ids : list of str
        ``uuid:index`` of every job output with this key, newest first.
    completed_at : str
        When the newest copy was finished, as the job store writes it.
    """

    key: str
    output: RawDoc
    spec_keys: list[str]
    campaigns: list[str]
    raw_ids: list[str]
    completed_at: str


def group_results(docs: Iterable[RawDoc]) -> list[StoredResult]:
    """Collect the copies of each document.

    Parameters
    ----------
    docs : iterable of mappings
        Job store documents with ``uuid``, ``index``, ``output``, ``metadata`` and ``completed_at``.

    Returns
    -------
    list of StoredResult
        One per key, sorted by key.

    Raises
    ------
    DatabaseError
        If an output has no key.
    """
    groups: dict[str, list[RawDoc]] = {}
    for doc in docs:
        key = doc["output"].get("key")
        if not key:
            raise DatabaseError(
                f"job output {raw_id(doc)} ({doc.get('name', 'unnamed')}) has no document key, so it cannot be told "
                "from other results; run the job again with its Maker"
            )
        groups.setdefault(str(key), []).append(doc)
    return [_merge(key, copies) for key, copies in sorted(groups.items())]


def raw_id(doc: RawDoc) -> str:
    """Identity of a job output: ``uuid:index``."""
    return f"{doc['uuid']}:{doc.get('index', 1)}"


def newest_first(docs: Iterable[RawDoc]) -> list[RawDoc]:
    """Job store documents, the one that was finished last first."""
    return sorted(docs, key=lambda doc: (str(doc.get("completed_at") or ""), raw_id(doc)), reverse=True)


def _merge(key: str, copies: list[RawDoc]) -> StoredResult:
    ordered = newest_first(copies)
    return StoredResult(
        key=key,
        output=ordered[0]["output"],
        spec_keys=_distinct(doc["output"].get("spec_key") for doc in ordered),
        campaigns=_distinct((doc.get("metadata") or {}).get("campaign") for doc in ordered),
        raw_ids=[raw_id(doc) for doc in ordered],
        completed_at=str(ordered[0].get("completed_at") or ""),
    )


def _distinct(values: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value))


def light_document(schema: type[DocT], output: RawDoc) -> DocT:
    """Rebuild a document; fields that were sent to an additional store and not loaded come back empty.

    Parameters
    ----------
    schema : type
        Class of the document.
    output : Mapping
        The ``output`` of a job store document.

    Returns
    -------
    Document
        A valid document. A field in an additional store is None where the schema allows it, else an
        empty list, text or :class:`~superionic.documents.Blob`.

    Raises
    ------
    pydantic.ValidationError
        If the stored document does not fit the schema.
    """
    return schema.model_validate(_without_references(schema, output))


def class_name(schema: type[BaseDoc]) -> str:
    """Value of ``output.@class`` by which the job store marks documents of this class."""
    return schema.__name__


def is_reference(value: object) -> bool:
    """Whether a value stands for data in an additional store."""
    return isinstance(value, Mapping) and "blob_uuid" in value


def _without_references(schema: type[Document], data: RawDoc) -> dict[str, Any]:
    annotations = _annotations(schema)
    # unknown names stay, so that validation reports them instead of losing data silently
    return {key: _resolve(annotations.get(key), value) for key, value in data.items() if not key.startswith("@")}


@cache
def _annotations(schema: type[Document]) -> dict[str, Any]:
    return {name: info.annotation for name, info in schema.model_fields.items()}


def _resolve(annotation: Any, value: Any) -> Any:  # noqa: ANN401 (any field of any document)
    if is_reference(value):
        return _empty(annotation)
    inner = _document_class(annotation)
    if inner is None:
        return value
    if isinstance(value, list):
        return [_resolve(inner, item) for item in value]
    if isinstance(value, Mapping):
        return _without_references(inner, value)
    return value


@cache
def _document_class(annotation: Any) -> type[Document] | None:  # noqa: ANN401 (a type annotation)
    """The document class inside ``X``, ``X | None`` or ``list[X]``."""
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return annotation
    if get_origin(annotation) in (list, Union, types.UnionType):
        found = (_document_class(argument) for argument in get_args(annotation))
        return next((schema for schema in found if schema is not None), None)
    return None


def _empty(annotation: Any) -> Any:  # noqa: ANN401 (value of any field)
    if type(None) in get_args(annotation):
        return None
    if annotation is Blob:
        return Blob.from_bytes(b"", "not loaded")
    origin = get_origin(annotation) or annotation
    return origin() if origin in (list, dict, str) else None
