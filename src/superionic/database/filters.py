"""Filtered rows of a collection, by plain expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from pymongo.collection import Collection

from superionic.errors import InputError

Row = dict[str, Any]
_NEWEST, _LACKS = "last_updated", "_lacks"
_TIME_FIELDS = ("last_updated", "built_at")
OPERATORS = {">=": "$gte", "<=": "$lte", "!=": "$ne", "=": "$eq", ">": "$gt", "<": "$lt", "~": "$regex"}
_CONDITION = re.compile(r"^\s*([\w.@]+)\s*(>=|<=|!=|=|>|<|~)\s*(.+?)\s*$")
_TEXT_FIELDS = re.compile(r"(key|keys|parents|raw_ids|sha256|hash|_id)$")


def parse_conditions(conditions: Iterable[str], known: Iterable[str] = ()) -> dict[str, Any]:
    """Mongo filter from plain expressions such as ``verdict=ok``, ``activation_energy_eV<0.3`` or ``formula~In``.

    Numbers, times, ``true``, ``false`` and ``none`` are read as such, except in fields that hold keys or hashes;
    quotes make a value text. ``~`` means contains.

    Parameters
    ----------
    conditions : iterable of str
        Expressions; all must hold.
    known : iterable of str, optional
        Names of the fields; others are refused.

    Raises
    ------
    InputError
        If an expression has no field, operator and value, or its field is not among the known ones.
    """
    query: dict[str, Any] = {}
    names = list(known)
    for condition in conditions:
        match = _CONDITION.match(condition)
        if match is None:
            raise InputError(
                f"filter {condition!r} is not understood: write FIELD=VALUE, FIELD<VALUE, FIELD>=VALUE, FIELD~TEXT, ..."
            )
        field, operator, value = match.groups()
        check_field(field, names)
        plain: Any = re.escape(value) if operator == "~" else _value(field, value)
        query.setdefault(field, {})[OPERATORS[operator]] = plain
    return query


def check_field(field: str, known: Sequence[str]) -> None:
    """Refuse a field that rows do not have; without known names every field will do.

    Raises
    ------
    InputError
        If the part before the first dot is not among the known names; similar ones are shown.
    """
    name = field.partition(".")[0]
    if known and name not in known:
        similar = get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)
        raise InputError(f"there is no field {name!r}; there are {', '.join(similar)}")


def _value(field: str, text: str) -> str | float | bool | datetime | None:
    words: dict[str, bool | None] = {"true": True, "false": False, "none": None, "null": None}
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    if text.lower() in words:
        return words[text.lower()]
    if _TEXT_FIELDS.search(field):
        return text
    if field in _TIME_FIELDS:
        return _time(text)
    try:
        return float(text)
    except ValueError:
        return text


def _time(text: str) -> datetime:
    """A moment as the server keeps it, in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is no time: write 2026-11-28 or 2026-11-28T14:00 (UTC)") from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def find_rows(
    collection: Collection[Row],
    conditions: Sequence[str] = (),
    limit: int = 0,
    unwind: str | None = None,
    *,
    sort: str = "-last_updated",
    known: Iterable[str] = (),
) -> list[Row]:
    """Rows of a result collection, newest first.

    Parameters
    ----------
    collection : pymongo collection
        The collection.
    conditions : sequence of str
        Filters such as ``verdict=ok``; all must hold.
    limit : int
        Largest number of rows; 0 means all.
    unwind : str, optional
        Field that holds a list of records; each becomes a row of its own.
    sort : str
        Field to sort by; a minus sign before it means largest first.
    known : iterable of str, optional
        Names of the fields; filters and order by others are refused.

    Raises
    ------
    InputError
        If a filter is not understood, or there is no such field.
    """
    names = list(known)
    by = sort.removeprefix("-")
    check_field(by, names)
    pipeline: list[dict[str, Any]] = []
    if unwind:
        merged = {"$mergeObjects": ["$$ROOT", f"${unwind}"]}
        pipeline += [{"$unwind": f"${unwind}"}, {"$replaceWith": merged}, {"$unset": unwind}]
    pipeline.append({"$match": parse_conditions(conditions, names)})
    if by != _NEWEST:
        # a missing number is smaller than all others to MongoDB, but never what somebody looks for
        pipeline.append({"$set": {_LACKS: {"$cond": [{"$eq": [{"$ifNull": [f"${by}", None]}, None]}, 1, 0]}}})
    order = {} if by == _NEWEST else {_LACKS: 1}
    pipeline.append({"$sort": {**order, by: -1 if sort.startswith("-") else 1}})
    pipeline += [{"$limit": limit}] * bool(limit)
    return list(collection.aggregate([*pipeline, {"$unset": ["_id", _LACKS]}], allowDiskUse=True))
