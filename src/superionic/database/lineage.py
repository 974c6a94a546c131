"""Where a document comes from, what rests on it, and why it was computed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.collection import Collection

from superionic.documents import structure_name
from superionic.errors import InputError

Row = dict[str, Any]


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
    return _walk(outputs, key, lambda nodes: [parent for node in nodes for parent in node.parents])


def dependents(outputs: Collection[Row], key: str) -> list[LineageNode]:
    """Walk from a document to everything that rests on it, nearest first.

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

    def children(nodes: list[LineageNode]) -> list[str]:
        return [str(key) for key in outputs.distinct("output.key", {"output.parents": {"$in": [n.key for n in nodes]}})]

    return _walk(outputs, key, children)


def _walk(outputs: Collection[Row], key: str, following: Callable[[list[LineageNode]], list[str]]) -> list[LineageNode]:
    frontier = [resolve_key(outputs, key)]
    nodes: dict[str, LineageNode] = {}
    depth = 0
    while frontier:
        found = _documents(outputs, frontier)
        level = [_node(found[item], depth) for item in frontier if item in found]
        nodes |= {node.key: node for node in level}
        frontier = [item for item in dict.fromkeys(following(level)) if item not in nodes] if level else []
        depth += 1
    return list(nodes.values())


def resolve_key(outputs: Collection[Row], key: str) -> str:
    """The key of the only document whose key begins so.

    Raises
    ------
    InputError
        If no document or several documents have such a key.
    """
    matches: list[str] = outputs.distinct("output.key", {"output.key": {"$regex": f"^{re.escape(key)}"}})
    if not matches:
        raise InputError(f"no document has the key {key!r}: take one from the column `key` of `superionic query`")
    if key in matches:
        return key
    if len(matches) > 1:
        raise InputError(f"{len(matches)} documents have keys beginning with {key!r}: give more digits")
    return matches[0]


def _documents(outputs: Collection[Row], keys: list[str]) -> dict[str, Row]:
    fields = ["uuid", "output.key", "output.@class", "output.parents", "output.composition"]
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
        composition=_formula(output),
        level_of_theory=level or (output.get("potential") or {}).get("level_of_theory", ""),
        job_uuid=row["uuid"],
    )


@dataclass(frozen=True)
class StoredCopy:
    """One time that a document was stored.

    Attributes
    ----------
    completed_at : str
        When, as the job store writes it.
    campaign : str
        Campaign of the job.
    job_uuid : str
        The job.
    reused_from : str
        Job whose result was taken over; empty if this one computed it.
    superionic_version : str
        Version that made the numbers.
    """

    completed_at: str
    campaign: str
    job_uuid: str
    reused_from: str
    superionic_version: str


@dataclass(frozen=True)
class Explanation:
    """Why a document was computed.

    Attributes
    ----------
    key : str
        Content key of the document.
    document : str
        Its class.
    composition : str
        Formula of its grid point.
    earlier_key : str
        The document of the same class and composition that was stored last before it, of the same place among the
        campaign's documents as far as the parents tell; empty without one.
    reasons : list of str
        What differs between the two, or what else speaks for the computation, in plain words.
    copies : list of StoredCopy
        Every time this document was stored, oldest first.
    """

    key: str
    document: str
    composition: str
    earlier_key: str
    reasons: list[str]
    copies: list[StoredCopy]


def explain(outputs: Collection[Row], key: str) -> Explanation:
    """Say why a document was computed although an earlier one of its kind exists.

    A key is a hash of class, schema version, keys of the parents and settings, so a document is computed when one of
    these is new. Software versions are not part of it; where they differ that is said, as a hint.

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
    key = resolve_key(outputs, key)
    rows = list(outputs.find({"output.key": key}, _EXPLAINED).sort("completed_at", 1))
    first = rows[0]["output"]
    earlier = _earlier(outputs, rows[0])
    copies = [_copy(row) for row in rows]
    reasons = _repetitions(copies)
    if earlier is None:
        reasons.insert(0, "it is the first of its class and composition in this database")
    else:
        reasons = [*_differences(outputs, earlier, first), *reasons]
    return Explanation(
        key, first.get("@class", ""), _formula(first), earlier["key"] if earlier else "", reasons, copies
    )


_EXPLAINED = {
    **dict.fromkeys(["uuid", "name", "completed_at", "metadata.campaign"], 1),
    **dict.fromkeys(["output.key", "output.@class", "output.parents", "output.schema_version"], 1),
    **dict.fromkeys(["output.composition", "output.software", "output.reused_from"], 1),
}


def _formula(output: Mapping[str, Any]) -> str:
    place = output.get("composition") or {}
    return structure_name(str(place.get("formula", "")), place.get("polymorph"))


def _copy(row: Row) -> StoredCopy:
    output = row["output"]
    return StoredCopy(
        completed_at=str(row.get("completed_at") or ""),
        campaign=str((row.get("metadata") or {}).get("campaign") or ""),
        job_uuid=row["uuid"],
        reused_from=str(output.get("reused_from") or ""),
        superionic_version=str((output.get("software") or {}).get("superionic") or ""),
    )


def _earlier(outputs: Collection[Row], row: Row) -> Row | None:
    """Of the outputs of the same job name, class and composition before, the last with the most similar parents."""
    output = row["output"]
    wanted = {
        "name": row.get("name"),
        "output.@class": output.get("@class"),
        "output.composition.label": (output.get("composition") or {}).get("label"),
        "output.key": {"$ne": output["key"]},
        "completed_at": {"$lt": row.get("completed_at")},
    }
    own = set(output.get("parents", []))
    found = list(outputs.find(wanted, _EXPLAINED).sort("completed_at", -1).limit(_CANDIDATES))
    best = max(found, key=lambda other: len(own & set(other["output"].get("parents", []))), default=None)
    return best["output"] if best else None


_CANDIDATES = 200


def _repetitions(copies: list[StoredCopy]) -> list[str]:
    computed = [copy for copy in copies if not copy.reused_from]
    reasons = []
    if len(copies) > len(computed):
        reasons.append(f"{len(copies) - len(computed)} later jobs took it over instead of computing it")
    if len(computed) > 1:
        reasons.append(
            f"it was computed {len(computed)} times: the jobs ran at the same time, the first result was refused or "
            "incomplete, or its arrays were missing"
        )
    return reasons


def _differences(outputs: Collection[Row], earlier: Row, later: Row) -> list[str]:
    old, new = earlier.get("parents", []), later.get("parents", [])
    reasons = []
    if earlier.get("schema_version") != later.get("schema_version"):
        reasons.append(
            f"the schema of documents changed from version {earlier.get('schema_version')} to "
            f"{later.get('schema_version')}"
        )
    gone, added = [item for item in old if item not in new], [item for item in new if item not in old]
    names = {item: row["output"].get("@class", "?") for item, row in _documents(outputs, gone + added).items()}
    if gone or added:
        reasons.append(f"its parents changed: {_listed(gone, names)} became {_listed(added, names)}")
    elif old != new:
        reasons.append("its parents come in another order")
    if not reasons:
        reasons.append("the parents are the same, so its settings or the seed changed")
    before, after = earlier.get("software") or {}, later.get("software") or {}
    changed = [f"{name} {before.get(name)} to {after.get(name)}" for name in after if before.get(name) != after[name]]
    if changed:
        reasons.append(f"software changed in between, which alone computes nothing again: {', '.join(changed)}")
    return reasons


_LISTED = 3


def _listed(keys: list[str], names: Mapping[str, str]) -> str:
    shown = [f"{names.get(key, '?')} {key[:8]}" for key in keys[:_LISTED]]
    more = [f"{len(keys) - _LISTED} more"] if len(keys) > _LISTED else []
    return " and ".join([", ".join(shown), *more]) if shown else "nothing"
