"""The documents of one campaign, gathered for its report."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import ValidationError

from superionic.builders.stored import RawDoc, class_name, light_document, newest_first
from superionic.documents import BaseDoc
from superionic.errors import InputError
from superionic.flows.property_schemas import PropertyCurveDoc
from superionic.labelling.schemas import LabelSetDoc
from superionic.ordering.schemas import OrderingSetDoc
from superionic.potentials.schemas import ScreeningDoc
from superionic.report.records import STAGE_OF_KIND, DocumentRecord, FailureRecord, JobRecord
from superionic.sampling.montecarlo_schemas import ClusterExpansionDoc, MonteCarloDoc, MonteCarloRunDoc
from superionic.sampling.schemas import SamplingSetDoc
from superionic.spec import ElectrolyteSpec
from superionic.stability.schemas import GroundStateDoc, PhaseDiagramDoc
from superionic.training.active_schemas import ActiveLearningDoc
from superionic.training.curve_schemas import LearningCurveDoc
from superionic.training.schemas import DatasetDoc, ModelDoc
from superionic.transport.pathway_schemas import PathwayDoc
from superionic.transport.schemas import ConductivityDoc, DiffusionDoc, TrajectoryDoc

DocT = TypeVar("DocT", bound=BaseDoc)
LOADED_FIELDS: dict[type[BaseDoc], list[str]] = {
    ModelDoc: ["parity_foundation", "parity_tuned"],
    PathwayDoc: ["density_ions_per_A3"],
}
RECORD_FIELDS = ["uuid", "index", "name", "completed_at", "metadata"] + [
    f"output.{name}"
    for name in ("@class", "key", "composition", "parents", "software", "resources", "reused_from", "warnings")
]


@dataclass(frozen=True)
class CampaignData:
    """Everything that a report shows; any part may be missing.

    Attributes
    ----------
    spec_key : str
        Key of the campaign's spec.
    spec : ElectrolyteSpec or None
        The spec.
    orderings, screenings, samplings, label_sets, ground_states : tuple of documents
        One per composition (label sets: one more per composition for relaxed ground states).
    dataset, model, learning_curve, property_curve, active, phase_diagram : document or None
        The one in use.
    models : tuple of ModelDoc
        All models of the campaign, the one in use included.
    trajectories, diffusions, conductivities, pathways : tuple of documents
        Production runs and what was drawn from them.
    expansions, monte_carlo_runs, monte_carlo : tuple of documents
        Cluster expansions, replicas, and the replicas of a composition together.
    jobs : tuple of JobRecord
        Timeline.
    failures : tuple of FailureRecord
        What failed or was refused.
    documents : mapping of str to DocumentRecord
        All stored documents by key.
    created : datetime
        When the report was made, UTC.
    """

    spec_key: str
    spec: ElectrolyteSpec | None = None
    orderings: tuple[OrderingSetDoc, ...] = ()
    screenings: tuple[ScreeningDoc, ...] = ()
    samplings: tuple[SamplingSetDoc, ...] = ()
    label_sets: tuple[LabelSetDoc, ...] = ()
    dataset: DatasetDoc | None = None
    model: ModelDoc | None = None
    models: tuple[ModelDoc, ...] = ()
    learning_curve: LearningCurveDoc | None = None
    active: ActiveLearningDoc | None = None
    property_curve: PropertyCurveDoc | None = None
    ground_states: tuple[GroundStateDoc, ...] = ()
    phase_diagram: PhaseDiagramDoc | None = None
    trajectories: tuple[TrajectoryDoc, ...] = ()
    diffusions: tuple[DiffusionDoc, ...] = ()
    conductivities: tuple[ConductivityDoc, ...] = ()
    pathways: tuple[PathwayDoc, ...] = ()
    expansions: tuple[ClusterExpansionDoc, ...] = ()
    monte_carlo_runs: tuple[MonteCarloRunDoc, ...] = ()
    monte_carlo: tuple[MonteCarloDoc, ...] = ()
    jobs: tuple[JobRecord, ...] = ()
    failures: tuple[FailureRecord, ...] = ()
    documents: Mapping[str, DocumentRecord] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def name(self) -> str:
        """Name of the campaign, or its key where the spec is not at hand."""
        return self.spec.name if self.spec else f"campaign {self.spec_key}"

    @property
    def wall_time_s(self) -> float | None:
        """Time from the first start to the last end of a job, in s."""
        started = [job.started for job in self.jobs if job.started and job.state != "reused"]
        ended = [job.ended for job in self.jobs if job.ended and job.state != "reused"]
        return (max(ended) - min(started)).total_seconds() if started and ended else None


def load_campaign(
    job_store: Any,  # noqa: ANN401 (jobflow.JobStore, untyped)
    spec_key: str,
    *,
    spec: ElectrolyteSpec | None = None,
    jobs: Sequence[JobRecord] | None = None,
    failures: Iterable[FailureRecord] = (),
) -> CampaignData:
    """Gather the documents of a campaign from its job store.

    Of several documents in the same place (re-runs, retries) the newest counts. Frames,
    trajectories and model files are not loaded.

    Parameters
    ----------
    job_store : jobflow.JobStore
        Where the jobs put their outputs.
    spec_key : str
        Content key of the campaign's spec.
    spec : ElectrolyteSpec, optional
        The spec itself, for names, settings and the list of compositions.
    jobs : sequence of JobRecord, optional
        Timeline from the launchpad; by default it is drawn from the documents, which know finished jobs only.
    failures : iterable of FailureRecord
        Failed jobs from the launchpad, added to those that the documents list.

    Returns
    -------
    CampaignData
        The gathered documents.

    Raises
    ------
    InputError
        If the store holds nothing of this campaign.
    """
    job_store.connect()
    documents = _records(job_store, spec_key)
    if not documents:
        raise InputError(f"no results of campaign {spec_key} in {type(job_store.docs_store).__name__}: run it first")
    reader = _Reader(job_store, spec_key, documents)
    parts = reader.parts()
    timeline = tuple(jobs) if jobs is not None else timeline_of(documents.values())
    found = (*failures, *reader.unreadable, *listed_failures(parts))
    return CampaignData(spec_key, spec, jobs=timeline, failures=found, documents=documents, **parts)


def timeline_of(documents: Iterable[DocumentRecord]) -> tuple[JobRecord, ...]:
    """Timeline of the finished jobs, from the cost that their documents carry."""
    return tuple(
        JobRecord(
            stage=document.stage,
            name=document.name,
            state="reused" if document.reused else "completed",
            started=document.started,
            ended=document.started + timedelta(seconds=document.wall_s or 0.0) if document.started else None,
            wall_s=0.0 if document.reused else document.wall_s or 0.0,
            cpu_s=0.0 if document.reused else document.cpu_s,
        )
        for document in documents
    )


def listed_failures(parts: Mapping[str, Any]) -> list[FailureRecord]:
    """Failures that the documents themselves list."""
    found: list[FailureRecord] = []
    for stage, name in (("screening", "screenings"), ("sampling", "samplings"), ("stability", "ground_states")):
        for doc in parts.get(name, ()):
            found += [FailureRecord(stage, _where(doc, failure.item), failure.cause) for failure in doc.failures]
    for doc in parts.get("label_sets", ()):
        found += [FailureRecord("labelling", _where(doc, refused.item), refused.cause) for refused in doc.refused]
    diagram = parts.get("phase_diagram")
    found += [_split("stability", text) for text in (diagram.missing if diagram else ())]
    for doc in parts.get("conductivities", ()):
        found += [_split("transport", _where(doc, text)) for text in doc.missing]
    for doc in parts.get("expansions", ()):
        found += [FailureRecord("ordering", _where(doc, failure.item), failure.cause) for failure in doc.failures]
    for doc in parts.get("trajectories", ()):
        if doc.ended_early:
            found.append(FailureRecord("transport", _where(doc, f"{doc.temperature_K:g} K"), doc.ended_early))
    return found


def _where(doc: BaseDoc, item: str) -> str:
    return f"{doc.composition.name} {item}" if doc.composition else item


def _split(stage: str, text: str) -> FailureRecord:
    item, _, cause = text.partition(": ")
    return FailureRecord(stage, item, cause or "not finished")


class _Reader:
    """Reads the documents of one campaign, the newest of each place."""

    def __init__(self, job_store: Any, spec_key: str, records: Mapping[str, DocumentRecord]) -> None:  # noqa: ANN401
        self.store, self.spec_key, self.records = job_store, spec_key, records
        self.unreadable: list[FailureRecord] = []

    def parts(self) -> dict[str, Any]:
        conductivities = self.all(ConductivityDoc, _composition)
        diagram = self.one(PhaseDiagramDoc)
        models = self.all(ModelDoc, lambda doc: doc.key)
        curve = self.one(LearningCurveDoc)
        return {
            "orderings": self.all(OrderingSetDoc, _composition),
            "screenings": self.all(ScreeningDoc, _composition),
            "samplings": self.all(SamplingSetDoc, _composition),
            "label_sets": self.all(LabelSetDoc, self._label_set_place),
            "dataset": self.one(DatasetDoc),
            "model": _model_in_use(models, [diagram, *conductivities, curve]),
            "models": models,
            "learning_curve": curve,
            "property_curve": self.one(PropertyCurveDoc),
            "active": self.one(ActiveLearningDoc),
            "ground_states": self.all(GroundStateDoc, _composition),
            "phase_diagram": diagram,
            "trajectories": self.all(TrajectoryDoc, _run_place),
            "diffusions": self.all(DiffusionDoc, _run_place),
            "conductivities": conductivities,
            "pathways": self.all(PathwayDoc, lambda doc: (_composition(doc), doc.temperature_K)),
            "expansions": self.all(ClusterExpansionDoc, _composition),
            "monte_carlo_runs": self.all(MonteCarloRunDoc, lambda doc: (_composition(doc), doc.replica)),
            "monte_carlo": self.all(MonteCarloDoc, _composition),
        }

    def all(self, schema: type[DocT], place: Callable[[DocT], Hashable]) -> tuple[DocT, ...]:
        """The newest document of each place, in the order in which the places first appeared."""
        wanted = LOADED_FIELDS.get(schema)
        criteria = {"output.@class": class_name(schema), "output.spec_key": self.spec_key}
        raw = newest_first(self.store.query(criteria, load={"data": wanted, "models": wanted} if wanted else False))
        found: dict[Hashable, DocT] = {}
        for item in raw:
            try:
                doc = light_document(schema, item["output"])
            except ValidationError as error:
                self.unreadable.append(_unreadable(schema, item["output"], error))
                continue
            found.setdefault(place(doc), doc)
        return tuple(reversed(found.values()))

    def one(self, schema: type[DocT]) -> DocT | None:
        """The newest document of a class."""
        found = self.all(schema, lambda _doc: None)
        return found[0] if found else None

    def _label_set_place(self, doc: LabelSetDoc) -> Hashable:
        # a set of a further round holds several compositions, and stands for itself
        return _composition(doc) or doc.key, is_of_frames(doc, self.records)


def _unreadable(schema: type[BaseDoc], output: RawDoc, error: ValidationError) -> FailureRecord:
    """A document of another release, which has other fields than this one knows."""
    release = (output.get("software") or {}).get("superionic", "an unknown release")
    fields = ", ".join(dict.fromkeys(str(problem["loc"][0]) for problem in error.errors() if problem["loc"]))
    place = (output.get("composition") or {}).get("label", "")
    return FailureRecord(
        STAGE_OF_KIND.get(schema.__name__, ""),
        f"{schema.__name__} {place}".strip(),
        f"stored by superionic {release} in another form ({fields}); run the campaign again to have it computed anew",
    )


def is_of_frames(doc: LabelSetDoc, records: Mapping[str, DocumentRecord]) -> bool:
    """Whether a label set holds MD frames for the data set, and not relaxed ground states for comparison.

    Both have labels as parents; what those were made from tells them apart.
    """
    labels = (records[key] for key in doc.parents if key in records)
    sources = (records[key].kind for label in labels for key in label.parents if key in records)
    return next(sources, "SamplingDoc") != "GroundStateDoc"


def _composition(doc: BaseDoc) -> str:
    return doc.composition.label if doc.composition else ""


def _run_place(doc: TrajectoryDoc | DiffusionDoc) -> Hashable:
    return _composition(doc), doc.temperature_K, doc.ordering, doc.replica


def _model_in_use(models: Sequence[ModelDoc], users: Iterable[Any]) -> ModelDoc | None:
    used = {user.model_key for user in users if user is not None}
    ranked = sorted(models, key=lambda model: (model.key in used, model.train_fraction))
    return ranked[-1] if ranked else None


def _records(job_store: Any, spec_key: str) -> dict[str, DocumentRecord]:  # noqa: ANN401
    raw = job_store.query({"output.spec_key": spec_key}, properties=list(RECORD_FIELDS), load=False)
    found: dict[str, DocumentRecord] = {}
    for doc in reversed(newest_first(raw)):
        record = _record(doc)
        if record is not None:
            found[record.key] = record
    return found


def _record(doc: RawDoc) -> DocumentRecord | None:
    output = doc["output"]
    if not isinstance(output, Mapping) or output.get("@class") not in STAGE_OF_KIND:
        return None
    cost = output.get("resources") or {}
    return DocumentRecord(
        key=output.get("key") or doc["uuid"],
        kind=output["@class"],
        name=doc.get("name") or "",
        composition=(output.get("composition") or {}).get("label", ""),
        parents=tuple(output.get("parents") or ()),
        software=tuple(sorted((output.get("software") or {}).items())),
        started=_utc(cost.get("started_at")),
        wall_s=cost.get("wall_time_s"),
        cpu_s=cost.get("cpu_time_s"),
        reused=output.get("reused_from") is not None,
        warnings=tuple(output.get("warnings") or ()),
    )


def _utc(value: datetime | str | None) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
