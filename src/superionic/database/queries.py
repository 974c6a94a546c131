"""Questions to the database: filtered rows of the collections, and answers that take more than one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any

from pymongo.collection import Collection

from superionic.database.conductors import Conductor, best_conductors, conductivities_of
from superionic.database.filters import Row, find_rows, parse_conditions
from superionic.database.lineage import Explanation, LineageNode, StoredCopy, dependents, explain, lineage
from superionic.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Conductor",
    "Explanation",
    "LineageNode",
    "RefusalCount",
    "StageCost",
    "StoredCopy",
    "best_conductors",
    "conductivities_of",
    "cost_by_stage",
    "dependents",
    "explain",
    "find_rows",
    "lineage",
    "parse_conditions",
    "refusals",
    "to_frame",
]


@dataclass(frozen=True)
class RefusalCount:
    """Labels of one level of theory that were refused for one cause.

    Attributes
    ----------
    level_of_theory, refusal : str
        Level of theory, and the cause.
    n_labels : int
        Refused labels.
    share : float
        Their share of all labels of this level, accepted ones included.
    example_key, example_message, example_folder : str
        One of them: key, details of its refusal, folder of the calculation.
    """

    level_of_theory: str
    refusal: str
    n_labels: int
    share: float
    example_key: str
    example_message: str
    example_folder: str


def refusals(labels: Collection[Row], conditions: Sequence[str] = ()) -> list[RefusalCount]:
    """Refused labels by level of theory and cause, the most frequent first.

    Parameters
    ----------
    labels : pymongo collection
        The query collection.
    conditions : sequence of str
        Filters such as ``formula=Li3InCl6``; shares refer to the labels that match.
    """
    group = {
        "_id": {"level": "$level_of_theory", "refusal": "$refusal"},
        "n": {"$sum": 1},
        "key": {"$first": "$key"},
        "message": {"$first": "$message"},
        "folder": {"$first": "$folder"},
    }
    found = list(
        labels.aggregate([{"$match": {"state": "successful", **parse_conditions(conditions)}}, {"$group": group}])
    )
    totals: dict[str, int] = {}
    for row in found:
        totals[row["_id"]["level"]] = totals.get(row["_id"]["level"], 0) + row["n"]
    counts = [
        RefusalCount(
            level_of_theory=row["_id"]["level"],
            refusal=row["_id"]["refusal"],
            n_labels=row["n"],
            share=row["n"] / totals[row["_id"]["level"]],
            example_key=row["key"],
            example_message=row["message"],
            example_folder=row["folder"],
        )
        for row in found
        if row["_id"].get("refusal")
    ]
    return sorted(counts, key=lambda count: (-count.n_labels, count.level_of_theory, count.refusal))


@dataclass(frozen=True)
class StageCost:
    """What one stage of one campaign took.

    Attributes
    ----------
    campaign, stage : str
        Key of the campaign, and the stage.
    n_computed, n_reused : int
        Documents that its jobs computed, and took over from earlier ones.
    wall_time_s, cpu_time_s : float
        Sum over the computed ones, s. Jobs that failed or were killed before they had a document are not in it.
    """

    campaign: str
    stage: str
    n_computed: int
    n_reused: int
    wall_time_s: float
    cpu_time_s: float


def cost_by_stage(outputs: Collection[Row], campaign: str | None = None) -> list[StageCost]:
    """Cost of the stages as their documents state it, by campaign, the dearest stage first.

    Parameters
    ----------
    outputs : pymongo collection
        Collection of the raw job outputs.
    campaign : str, optional
        Key of a campaign, or its beginning; all if left out.
    """
    wanted = {"$regex": f"^{re.escape(campaign)}"} if campaign else {"$gt": ""}
    computed = {"$eq": [{"$ifNull": ["$output.reused_from", None]}, None]}
    group = {
        "_id": {"campaign": "$metadata.campaign", "stage": "$metadata.stage"},
        "computed": {"$sum": {"$cond": [computed, 1, 0]}},
        "reused": {"$sum": {"$cond": [computed, 0, 1]}},
        "wall": {"$sum": {"$cond": [computed, "$output.resources.wall_time_s", 0]}},
        "cpu": {"$sum": {"$cond": [computed, "$output.resources.cpu_time_s", 0]}},
    }
    match = {"metadata.campaign": wanted, "output.resources.wall_time_s": {"$gte": 0}}
    rows = outputs.aggregate([{"$match": match}, {"$group": group}])
    costs = [
        StageCost(
            campaign=row["_id"]["campaign"],
            stage=row["_id"].get("stage") or "",
            n_computed=row["computed"],
            n_reused=row["reused"],
            wall_time_s=row["wall"],
            cpu_time_s=row["cpu"],
        )
        for row in rows
    ]
    return sorted(costs, key=lambda cost: (cost.campaign, -cost.wall_time_s, cost.stage))


def to_frame(rows: Iterable[Any]) -> pd.DataFrame:
    """Rows or answers of this module as a pandas table.

    Parameters
    ----------
    rows : iterable of dict or dataclass
        What a function of this module returned.

    Raises
    ------
    InputError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError("a table for pandas needs pandas: pip install pandas") from error
    return pd.DataFrame([asdict(row) if is_dataclass(row) and not isinstance(row, type) else row for row in rows])
