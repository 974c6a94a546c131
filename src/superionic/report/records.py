"""What a report needs to know about jobs, failures and documents besides the results themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

STAGE_OF_KIND = {
    "OrderingSetDoc": "ordering",
    "TrainingOrderingsDoc": "ordering",
    "TrainingEnergiesDoc": "ordering",
    "ClusterExpansionDoc": "ordering",
    "MonteCarloRunDoc": "ordering",
    "MonteCarloDoc": "ordering",
    "ScreeningDoc": "screening",
    "SamplingDoc": "sampling",
    "SamplingSetDoc": "sampling",
    "LabelDoc": "labelling",
    "LabelSetDoc": "labelling",
    "DatasetDoc": "training",
    "ModelDoc": "training",
    "ModelAssessmentDoc": "training",
    "AssessmentSetDoc": "training",
    "LearningCurveDoc": "training",
    "ActiveRoundDoc": "training",
    "ActiveLearningDoc": "training",
    "GroundStateDoc": "stability",
    "CompetingPhasesDoc": "stability",
    "PhaseDiagramDoc": "stability",
    "MonteCarloSnapshotDoc": "transport",
    "MDGroupDoc": "transport",
    "TrajectoryDoc": "transport",
    "DiffusionDoc": "transport",
    "ConductivityDoc": "transport",
    "PathwayDoc": "transport",
    "PropertyCurveDoc": "transport",
}
STAGES = tuple(dict.fromkeys(STAGE_OF_KIND.values()))


@dataclass(frozen=True)
class JobRecord:
    """One job of the campaign.

    Attributes
    ----------
    stage : str
        Stage of the campaign, one of ``STAGES`` or anything else that a flow adds.
    name : str
        Name of the job.
    state : str
        ``completed``, ``reused``, ``failed``, ``running`` or ``waiting``.
    started, ended : datetime or None
        Start and end, UTC.
    wall_s : float
        Wall time in s; 0 for reused results.
    cpu_s : float or None
        Processor time in s, where it was measured.
    """

    stage: str
    name: str
    state: str
    started: datetime | None = None
    ended: datetime | None = None
    wall_s: float = 0.0
    cpu_s: float | None = None


@dataclass(frozen=True)
class FailureRecord:
    """Work that failed or was refused.

    Attributes
    ----------
    stage : str
        Stage of the campaign.
    item : str
        What failed.
    cause : str
        Why.
    count : int
        How many such failures the record stands for.
    """

    stage: str
    item: str
    cause: str
    count: int = 1


@dataclass(frozen=True)
class DocumentRecord:
    """Identity, sources and cost of one stored document.

    Attributes
    ----------
    key, kind, name : str
        Content key, class, and name of the job that made it.
    composition : str
        Axis values as text; empty for documents of the whole campaign.
    parents : tuple of str
        Keys of the documents it was made from.
    software : tuple of (str, str)
        Package and version.
    started : datetime or None
        Start of the job, UTC.
    wall_s, cpu_s : float or None
        Cost in s.
    reused : bool
        Whether an earlier result was taken over.
    warnings : tuple of str
        What a reader of the numbers should know.
    """

    key: str
    kind: str
    name: str = ""
    composition: str = ""
    parents: tuple[str, ...] = ()
    software: tuple[tuple[str, str], ...] = ()
    started: datetime | None = None
    wall_s: float | None = None
    cpu_s: float | None = None
    reused: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """Stage that makes documents of this kind."""
        return STAGE_OF_KIND.get(self.kind, "other")


def stage_order(jobs: Sequence[JobRecord]) -> list[str]:
    """Stages that occur, in the order of the campaign; unknown ones last."""
    present = dict.fromkeys(job.stage for job in jobs)
    return [stage for stage in STAGES if stage in present] + [stage for stage in present if stage not in STAGES]


def ancestors(documents: Mapping[str, DocumentRecord], key: str) -> Counter[str]:
    """Number of documents of each kind that a result rests on.

    Parameters
    ----------
    documents : mapping
        Records by key.
    key : str
        The result; not counted itself.

    Returns
    -------
    Counter
        Documents by kind; parents without a record count as ``unknown``.
    """
    seen: set[str] = set()
    waiting = list(documents[key].parents) if key in documents else []
    while waiting:
        parent = waiting.pop()
        if parent not in seen:
            seen.add(parent)
            waiting.extend(documents[parent].parents if parent in documents else ())
    return Counter(documents[parent].kind if parent in documents else "unknown" for parent in seen)
