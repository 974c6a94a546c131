"""Fields that all rows share."""

from __future__ import annotations

from typing import Any

from superionic.builders.stored import StoredResult
from superionic.documents import BaseDoc


def common_fields(result: StoredResult, doc: BaseDoc) -> dict[str, Any]:
    """Identity, place in composition space, cost and sources of one document, as fields of a row."""
    cost, place = doc.resources, doc.composition
    return {
        "key": result.key,
        "spec_key": doc.spec_key,
        "spec_keys": result.spec_keys,
        "campaign": result.campaigns[0] if result.campaigns else "",
        "composition": place.label if place else None,
        "axes": place.axes if place else None,
        "formula": place.formula if place else None,
        "polymorph": place.polymorph if place else None,
        "parents": doc.parents,
        "raw_ids": result.raw_ids,
        "schema_version": doc.schema_version,
        "superionic_version": doc.software.get("superionic"),
        "wall_time_s": cost.wall_time_s if cost else None,
        "cpu_time_s": cost.cpu_time_s if cost else None,
        "warnings": doc.warnings,
    }
