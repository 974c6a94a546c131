"""Questions to the database: filtered rows of a result collection, and the lineage of a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.collection import Collection

from superionic.errors import InputError

Row = dict[str, Any]
OPERATORS = {">=": "$gte", "<=": "$lte", "!=": "$ne", "=": "$eq", ">": "$gt", "<": "$lt"}
_CONDITION = re.compile(r"^\s*([\w.@]+)\s*(>=|<=|!=|=|>|<)\s*(.+?)\s*$")


def parse_conditions(conditions: Iterable[str]) -> dict[str, Any]:
    """Mongo filter from plain expressions such as ``verdict=ok`` or ``activation_energy_eV<0.3``.

    Raises
    ------
    InputError
        If an expression has no field, operator and value.
    """
    query: dict[str, Any] = {}
    for condition in conditions:
        match = _CONDITION.match(condition)
        if match is None:
            raise InputError(
                f"filter {condition!r} is not understood: write FIELD=VALUE, FIELD<VALUE, FIELD>=VALUE, ..."
            )
        field, operator, value = match.groups()
        query.setdefault(field, {})[OPERATORS[operator]] = _value(value)
    return query


def _value(text: str) -> str | float | bool | None:
    words: dict[str, bool | None] = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return float(text)
    except ValueError:
        return text


def find_rows(
    collection: Collection[Row], conditions: Sequence[str] = (), limit: int = 0, unwind: str | None = None
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

    Raises
    ------
    InputError
        If a filter is not understood.
    """
    pipeline: list[dict[str, Any]] = []
    if unwind:
        merged = {"$mergeObjects": ["$$ROOT", f"${unwind}"]}
        pipeline += [{"$unwind": f"${unwind}"}, {"$replaceWith": merged}, {"$unset": unwind}]
    pipeline += [{"$match": parse_conditions(conditions)}, {"$sort": {"last_updated": -1}}, {"$unset": "_id"}]
    return list(collection.aggregate(pipeline + [{"$limit": limit}] * bool(limit)))


@dataclass(frozen=True)
class LineageNode:
    """One document on the way from a result to its sources.

    Attributes
    ----------
    key : str
        Content key of the document.
    document : str
        Its class, e.g. ``LabelDoc``.
    depth : int
        Steps from the document that was asked for.
    parents : list of str
        Keys of the documents it was made from.
    composition : str
        Formula of its grid point, empty if it has none.
    level_of_theory : str
        Level of theory, where the document has one.
    job_uuid : str
        Job that computed it, for the launchpad.
    """

    key: str
    document: str
    depth: int
    parents: list[str]
    composition: str
    level_of_theory: str
    job_uuid: str


def lineage(outputs: Collection[Row], key: str) -> list[LineageNode]:
    """Walk from a document to everything it rests on, nearest first.

    Parameters
    ----------
    outputs : pymongo collection
        Collection of the raw job outputs.
    key : str
        Content key of the document; an unambiguous beginning is enough.

    Raises
    ------
    InputError
        If no document or several documents have the key.
    """
    frontier = [_resolve(outputs, key)]
    nodes: dict[str, LineageNode] = {}
    depth = 0
    while frontier:
        found = _documents(outputs, frontier)
        nodes |= {item: _node(found[item], depth) for item in frontier if item in found}
        parents = dict.fromkeys(parent for item in frontier if item in nodes for parent in nodes[item].parents)
        frontier = [parent for parent in parents if parent not in nodes]
        depth += 1
    return list(nodes.values())


def _resolve(outputs: Collection[Row], key: str) -> str:
    matches: list[str] = outputs.distinct("output.key", {"output.key": {"$regex": f"^{re.escape(key)}"}})
    if not matches:
        raise InputError(f"no document has the key {key!r}: take one from the column `key` of `superionic query`")
    if len(matches) > 1:
        raise InputError(f"{len(matches)} documents have keys beginning with {key!r}: give more digits")
    return matches[0]


def _documents(outputs: Collection[Row], keys: list[str]) -> dict[str, Row]:
    fields = ["uuid", "output.key", "output.@class", "output.parents", "output.composition.formula"]
    fields += ["output.level_of_theory", "output.label_level_of_theory", "output.potential.level_of_theory"]
    rows = outputs.find({"output.key": {"$in": keys}}, dict.fromkeys(fields, 1)).sort("completed_at", 1)
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row["output"]["key"], row)
    return found


def _node(row: Row, depth: int) -> LineageNode:
    output = row["output"]
    level = output.get("level_of_theory") or output.get("label_level_of_theory")
    return LineageNode(
        key=output["key"],
        document=output.get("@class", ""),
        depth=depth,
        parents=list(output.get("parents", [])),
        composition=(output.get("composition") or {}).get("formula", ""),
        level_of_theory=level or (output.get("potential") or {}).get("level_of_theory", ""),
        job_uuid=row["uuid"],
    )
