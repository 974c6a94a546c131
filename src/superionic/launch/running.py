"""Long work of a campaign that is going on now: trainings and production MD."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from superionic.database.live import MD_RUNS, TRAININGS
from superionic.database.stores import DatabaseChoice, collection
from superionic.training.progress import HeadErrors, Phase, TrainingProgress
from superionic.transport.progress import MDPhase, MDProgress

SILENT_AFTER_S: Final = 120.0
"""Work that has not been heard of for so long has lost its worker or the database."""
ANSWER_S: Final = 2.0
RUNNING_TRAININGS: Final = (Phase.WAITING, Phase.PREPARING, Phase.TRAINING, Phase.EVALUATING)
RUNNING_MD: Final = (MDPhase.WAITING, MDPhase.PREPARING, MDPhase.RUNNING)


@dataclass(frozen=True)
class RunningWork:
    """One training or production run that has not ended.

    Attributes
    ----------
    name : str
        Name of its job.
    hostname : str
        Machine that runs it.
    folder : str
        Folder of its files.
    progress : TrainingProgress or MDProgress
        How far it was.
    silent_s : float
        Time since then, s.
    """

    name: str
    hostname: str
    folder: str
    progress: TrainingProgress | MDProgress
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


def running_trainings(choice: DatabaseChoice, spec_key: str | None) -> list[RunningWork]:
    """Trainings that have begun and not ended.

    Parameters
    ----------
    choice : DatabaseChoice
        The database.
    spec_key : str or None
        Key of the campaign's spec; None for all.

    Returns
    -------
    list of RunningWork
        By name; empty if the database does not answer at once, since this is for display only.
    """
    return _running(choice, TRAININGS, RUNNING_TRAININGS, spec_key, _training)


def running_md(choice: DatabaseChoice, spec_key: str | None) -> list[RunningWork]:
    """Production runs that have begun, have not ended, and do not wait for a job to go on with them.

    Parameters and result are those of :func:`running_trainings`.
    """
    return _running(choice, MD_RUNS, RUNNING_MD, spec_key, _md)


def _running(
    choice: DatabaseChoice,
    name: str,
    phases: Iterable[str],
    spec_key: str | None,
    progress: Callable[[dict[str, Any]], TrainingProgress | MDProgress],
) -> list[RunningWork]:
    import pymongo
    from pymongo.errors import PyMongoError

    query: dict[str, Any] = {"phase": {"$in": [str(phase) for phase in phases]}}
    if spec_key is not None:
        query["spec_key"] = spec_key
    try:
        with pymongo.timeout(ANSWER_S):
            rows = list(collection(choice, name).find(query).sort("name", 1))
    except PyMongoError:
        return []
    now = datetime.now(UTC)
    return [
        RunningWork(
            name=row["name"],
            hostname=row["hostname"],
            folder=row["folder"],
            progress=progress(row),
            silent_s=(now - row["updated_at"].replace(tzinfo=UTC)).total_seconds(),
        )
        for row in rows
    ]


def _training(row: dict[str, Any]) -> TrainingProgress:
    known = {name: row[name] for name in TrainingProgress.__dataclass_fields__ if name in row}
    heads = {name: HeadErrors(**values) for name, values in row["heads"].items()}
    return TrainingProgress(**{**known, "phase": Phase(row["phase"]), "heads": heads})


def _md(row: dict[str, Any]) -> MDProgress:
    known = {name: row[name] for name in MDProgress.__dataclass_fields__ if name in row}
    return MDProgress(**{**known, "phase": MDPhase(row["phase"])})
