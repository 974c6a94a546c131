"""Trainings of a campaign that are running now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from superionic.database.live import TRAININGS
from superionic.database.stores import DatabaseChoice, collection
from superionic.training.progress import HeadErrors, Phase, TrainingProgress

SILENT_AFTER_S: Final = 120.0
"""A training that has not been heard of for so long has lost its worker or the database."""
ANSWER_S: Final = 2.0
RUNNING: Final = (Phase.WAITING, Phase.PREPARING, Phase.TRAINING, Phase.EVALUATING)


@dataclass(frozen=True)
class RunningTraining:
    """One training that has not ended.

    Attributes
    ----------
    name : str
        Name of its job.
    hostname : str
        Machine that runs it.
    folder : str
        Folder of its files.
    progress : TrainingProgress
        How far it was.
    silent_s : float
        Time since then, s.
    """

    name: str
    hostname: str
    folder: str
    progress: TrainingProgress
    silent_s: float

    @property
    def silent(self) -> bool:
        """Whether it has not been heard of for too long."""
        return self.silent_s > SILENT_AFTER_S

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "silent": self.silent}

    def describe(self) -> str:
        """How far it is, for people."""
        lost = f" (no news for {self.silent_s / 60:.0f} min: `superionic reconcile` finds lost runs)"
        return self.progress.describe() + (lost if self.silent else "")


def running_trainings(choice: DatabaseChoice, spec_key: str | None) -> list[RunningTraining]:
    """Trainings that have begun and not ended.

    Parameters
    ----------
    choice : DatabaseChoice
        The database.
    spec_key : str or None
        Key of the campaign's spec; None for all.

    Returns
    -------
    list of RunningTraining
        By name; empty if the database does not answer at once, since this is for display only.
    """
    import pymongo
    from pymongo.errors import PyMongoError

    query: dict[str, Any] = {"phase": {"$in": [str(phase) for phase in RUNNING]}}
    if spec_key is not None:
        query["spec_key"] = spec_key
    try:
        with pymongo.timeout(ANSWER_S):
            rows = list(collection(choice, TRAININGS).find(query).sort("name", 1))
    except PyMongoError:
        return []
    return [_training(row) for row in rows]


def _training(row: dict[str, Any]) -> RunningTraining:
    updated = row["updated_at"].replace(tzinfo=UTC)
    known = {name: row[name] for name in TrainingProgress.__dataclass_fields__ if name in row}
    heads = {name: HeadErrors(**values) for name, values in row["heads"].items()}
    return RunningTraining(
        name=row["name"],
        hostname=row["hostname"],
        folder=row["folder"],
        progress=TrainingProgress(**{**known, "phase": Phase(row["phase"]), "heads": heads}),
        silent_s=(datetime.now(UTC) - updated).total_seconds(),
    )
