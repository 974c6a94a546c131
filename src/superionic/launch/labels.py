"""Refused labels of a campaign: which there are, and how to run them again with other settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fireworks import LaunchPad

from superionic.errors import InputError
from superionic.flows.stages import Stage
from superionic.labelling.scan import without_defining
from superionic.launch.queue_entries import job_query

ALL_FAILED: Final = "failed"
BEGUN: Final = ("RUNNING", "RESERVED", "COMPLETED")
STORED: Final = {"uuid": 1, "name": 1, "output.refusal": 1, "output.message": 1, "output.calculation.folder": 1}


@dataclass(frozen=True)
class RefusedJob:
    """A label job that ended without an accepted label.

    Attributes
    ----------
    uuid : str
        jobflow's identity of the job.
    name : str
        Name of the job.
    cause : str
        Refusal.
    message : str
        Details.
    folder : str
        Machine and folder of the run.
    """

    uuid: str
    name: str
    cause: str
    message: str
    folder: str


@dataclass(frozen=True)
class RefusalCount:
    """Refused labels of one cause.

    Attributes
    ----------
    cause : str
        Refusal.
    n_labels : int
        Number of labels.
    message, folder : str
        Details and run folder of one of them.
    """

    cause: str
    n_labels: int
    message: str
    folder: str


@dataclass(frozen=True)
class RetryReport:
    """What was put back on the queue.

    Attributes
    ----------
    refused, crashed : tuple of int
        FireWorks ids of jobs with a refused label, and of label jobs that failed themselves.
    changes : dict
        INCAR tags that are new for them.
    """

    refused: tuple[int, ...]
    crashed: tuple[int, ...]
    changes: dict[str, Any]


def refused_jobs(outputs: Any, campaign: str | None) -> list[RefusedJob]:  # noqa: ANN401 (pymongo collection)
    """Label jobs of a campaign whose label was refused.

    Parameters
    ----------
    outputs : pymongo.collection.Collection
        Collection of the job outputs.
    campaign : str or None
        Content key of the campaign; None for all.
    """
    wanted: dict[str, Any] = {"output.@class": "LabelDoc", "output.accepted": False}
    if campaign is not None:
        wanted["metadata.campaign"] = campaign
    found = []
    for row in outputs.find(wanted, STORED):
        output = row["output"]
        folder = (output.get("calculation") or {}).get("folder", "")
        cause, message = str(output.get("refusal")), str(output.get("message") or "")
        found.append(RefusedJob(row["uuid"], str(row.get("name", "")), cause, message, folder))
    return found


def count_refusals(refused: Sequence[RefusedJob]) -> list[RefusalCount]:
    """Refused labels by cause, most frequent first, each with an example."""
    counts = Counter(job.cause for job in refused)
    # a run folder says more than a bound that was exceeded, so prefer an example that has one
    examples = {job.cause: job for job in sorted(refused, key=lambda job: bool(job.folder))}
    return [
        RefusalCount(cause, n, examples[cause].message, examples[cause].folder) for cause, n in counts.most_common()
    ]


def retry_labels(
    pad: LaunchPad,
    outputs: Any,  # noqa: ANN401 (pymongo collection)
    campaign: str,
    which: str = ALL_FAILED,
    changes: Mapping[str, Any] | None = None,
) -> RetryReport:
    """Put refused labels and failed label jobs back on the queue.

    Parameters
    ----------
    pad : LaunchPad
        The queue.
    outputs : pymongo.collection.Collection
        Collection of the job outputs.
    campaign : str
        Content key of the campaign.
    which : str
        ``failed`` for all, or one cause such as ``not_converged``.
    changes : mapping, optional
        INCAR tags for these runs; only such that do not define the label.

    Returns
    -------
    RetryReport
        What was put back.

    Raises
    ------
    InputError
        If a tag defines the label, or later stages have already used the labels.
    """
    tags = without_defining(changes or {})
    uuids = [job.uuid for job in refused_jobs(outputs, campaign) if which in {ALL_FAILED, job.cause}]
    query = {**job_query(campaign), "spec._tasks.job.uuid": {"$in": uuids}, "state": "COMPLETED"}
    refused = [int(job["fw_id"]) for job in pad.fireworks.find(query, {"fw_id": 1})]
    failed = {**job_query(campaign), "spec.stage": Stage.LABELLING.value, "state": "FIZZLED"}
    crashed = [int(job["fw_id"]) for job in pad.fireworks.find(failed, {"fw_id": 1})] if which == ALL_FAILED else []
    _require_unused(pad, [*refused, *crashed], tags)
    for fw_id in [*refused, *crashed]:
        _change_incar(pad, fw_id, tags)
    for fw_id in [*refused, *crashed]:
        pad.rerun_fw(fw_id)
    return RetryReport(tuple(refused), tuple(crashed), tags)


def _require_unused(pad: LaunchPad, fw_ids: Sequence[int], tags: Mapping[str, Any]) -> None:
    """Refuse a retry that would change labels under a training or a phase diagram that has begun with them."""
    for workflow in pad.workflows.find({"nodes": {"$in": list(fw_ids)}}, {"links": 1, "nodes": 1}):
        own = set(fw_ids) & set(workflow["nodes"])
        below = _descendants(workflow["links"], own) - own
        begun = {"fw_id": {"$in": list(below)}, "state": {"$in": list(BEGUN)}}
        later = [job for job in pad.fireworks.find(begun, {"name": 1}) if not str(job["name"]).endswith(" collect")]
        if later:
            text = ", ".join(f"{tag}: {value}" for tag, value in tags.items()) or "ALGO: Normal"
            raise InputError(
                f"{len(later)} later jobs (e.g. {later[0]['name']!r}) have begun with the labels there are. Write "
                f"`labelling: {{vasp: {{incar: {{{text}}}}}}}` into the spec and run it: that is a new campaign, which "
                "takes over all accepted labels and repeats only the others"
            )


def _descendants(links: Mapping[str, Sequence[int]], fw_ids: set[int]) -> set[int]:
    found: set[int] = set()
    todo = list(fw_ids)
    while todo:
        children = set(links.get(str(todo.pop()), [])) - found
        found |= children
        todo += children
    return found


def _change_incar(pad: LaunchPad, fw_id: int, tags: Mapping[str, Any]) -> None:
    """Write new INCAR tags into the Maker that a job on the queue holds."""
    if not tags:
        return
    job = pad.fireworks.find_one({"fw_id": fw_id}, {"spec._tasks": 1})
    tasks = job["spec"]["_tasks"]
    for task in tasks:
        maker = ((task.get("job") or {}).get("function") or {}).get("@bound") or {}
        vasp = (maker.get("settings") or {}).get("vasp")
        if vasp is not None:
            vasp["incar"] = {**(vasp.get("incar") or {}), **tags}
    pad.fireworks.update_one({"fw_id": fw_id}, {"$set": {"spec._tasks": tasks}})


def parse_changes(texts: Sequence[str]) -> dict[str, Any]:
    """Read settings such as ``ALGO=Normal`` or ``NELM=200 AMIX=0.1``.

    Raises
    ------
    InputError
        If one is not of the form TAG=value.
    """
    from ruamel.yaml import YAML

    reader = YAML(typ="safe")
    changes = {}
    for pair in " ".join(texts).split():
        tag, sign, value = pair.partition("=")
        if not sign or not tag or not value:
            raise InputError(f"--with {pair!r} is not of the form TAG=value, e.g. --with 'ALGO=Normal NELM=200'")
        changes[tag.upper()] = reader.load(value)
    return changes
