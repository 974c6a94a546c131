"""When the jobs of the synthetic campaign ran, and which documents they made; every number is made up."""

from datetime import UTC, datetime, timedelta

import numpy as np

from superionic.report.records import DocumentRecord, JobRecord

START = datetime(2030, 1, 1, 8, 0, tzinfo=UTC)


def make_jobs():
    jobs = []
    free = [0.0, 0.0]
    plan = (("ordering", 5, 4), ("screening", 5, 14), ("sampling", 10, 9), ("labelling", 40, 2), ("training", 1, 130))
    for stage, count, seconds in (*plan, ("stability", 5, 18), ("transport", 6, 75)):
        barrier = max(free) if stage in {"training", "stability", "transport"} else min(free)
        free = [max(moment, barrier) for moment in free]
        for n in range(count):
            worker = int(np.argmin(free))
            begin, free[worker] = free[worker], free[worker] + seconds
            state = "failed" if (stage, n) == ("sampling", 3) else "completed"
            started = START + timedelta(seconds=begin)
            ended = started + timedelta(seconds=seconds)
            jobs.append(JobRecord(stage, f"{stage}: job {n}", state, started, ended, float(seconds), 0.9 * seconds))
    return (*jobs, JobRecord("ordering", "ordering: old", "reused"))


def make_documents(data):
    versions = (("ase", "3.26"), ("superionic", "0.1.0"))
    found = {}
    groups = (data.orderings, data.screenings, data.samplings, data.label_sets, data.ground_states, data.diffusions)
    singles = (
        data.dataset,
        data.model,
        data.phase_diagram,
        data.learning_curve,
        data.property_curve,
        *data.conductivities,
        *data.pathways,
    )
    for doc in (*(doc for group in groups for doc in group), *(doc for doc in singles if doc)):
        place = doc.composition.label if doc.composition else ""
        found[doc.key] = DocumentRecord(
            doc.key, type(doc).__name__, "synthetic job", place, tuple(doc.parents), versions, START, 12.0, 11.0
        )
    return found
