"""What the launchpad costs per job as a campaign grows: superionic + jobflow + FireWorks, without the science.

    OMP_NUM_THREADS=1 python -P benchmarks/launchpad_scale.py [--sizes 100 1000 10000] [--launches 60] [--fireworks]

One campaign of each size is put on an empty launchpad as one workflow, in the state after its fan-outs: labels that
join per composition, data set, training, MD, analyses, hull (launchpad_jobs.py). The teacher returns at once. Of the
labels, which are nearly all jobs, `--launches` are run with superionic's worker after one that pays for the imports;
the others stay READY. A fan-out is the update that replaces a job by the labels of a composition. The fan-in is one
composition of `--labels` labels, whose documents are put into the store without running them; its last label, its join
and the data set made from it are run.
`--fireworks` does all this with FireWorks' own updates of the workflow. Processor time of worker and server is what
counts; wall time depends on what else runs. Goals: below 150 ms of the worker's processor time per launch at 10,000
jobs, growth below 1.5 times from 100 jobs, a fan-in of 2,500 labels within 10 s. (`-P` keeps this folder out of the
path: its coverage.py would hide the package of that name.)
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))  # workers find launchpad_jobs there

LABELS_PER_COMPOSITION = 180
GOAL_MS, GOAL_GROWTH, GOAL_FAN_IN_S = 150.0, 1.5, 10.0


@dataclass(frozen=True)
class Cost:
    """Processor time of the worker and of the server, and wall time, s."""

    worker_s: float
    server_s: float
    wall_s: float

    def __truediv__(self, number: float) -> Cost:
        """Cost per piece."""
        return Cost(self.worker_s / number, self.server_s / number, self.wall_s / number)


class Launchpad:
    """An empty queue on a private server, and a worker in this process."""

    def __init__(self, folder: Path, database: str, *, own_updates: bool) -> None:
        from fireworks import FWorker, LaunchPad
        from jobflow import SETTINGS

        from superionic.database.indexes import ensure_indexes
        from superionic.database.local import find_server
        from superionic.database.stores import job_store, resolve_database, server_home
        from superionic.launch.launchpad import launchpad, launchpad_settings
        from superionic.launch.queue_entries import readable_jobs, worker_environment
        from superionic.launch.worker_pad import WorkerLaunchPad

        choice = resolve_database(folder, "local", database=database)
        self.folder, self.store = folder / database, job_store(choice)
        self.folder.mkdir()
        ensure_indexes(self.store)
        SETTINGS.JOB_STORE = self.store  # jobflow in this process reads its configuration only once
        self.pad = launchpad(choice)
        settings = {**launchpad_settings(choice), "strm_lvl": "CRITICAL"}
        self.worker = WorkerLaunchPad.from_dict(settings)
        if not own_updates:
            for name in ("_refresh_wf", "_upsert_fws"):
                setattr(self.worker, name, partial(getattr(LaunchPad, name), self.worker))
        self.fworker = FWorker("benchmark", "", readable_jobs("key"), worker_environment())
        server = find_server(server_home(folder.resolve()))
        assert server is not None, "the benchmark holds its lease"
        self.server = server.pid

    def submit(self, compositions: int, labels: int) -> int:
        """Put a campaign on the queue; the number of its jobs."""
        import launchpad_jobs
        from monty.json import jsanitize

        from superionic.launch.submit import submit_flow

        keys = [f"run {number}" for number in range(-(-labels // launchpad_jobs.FRAMES_PER_RUN))]
        for number, key in enumerate(keys):
            run = jsanitize(launchpad_jobs.sampling(key, number), strict=True, enum_values=True, allow_bson=True)
            row = {"uuid": key, "index": 1, "output": run, "metadata": {}, "completed_at": "2026-01-01T00:00:00"}
            self.store.update(row, save={"data": ["frames"]})
        frames = launchpad_jobs.FRAMES_PER_RUN
        places = [(keys[number // frames], number % frames) for number in range(labels)]
        return len(submit_flow(launchpad_jobs.campaign([places] * compositions, "key"), self.pad, "key", "name"))

    def launch(self, number: int = 1) -> None:
        """Run the next jobs."""
        from superionic.launch.worker import run_next

        for _ in range(number):
            if not run_next(self.worker, self.fworker, self.folder):
                raise SystemExit("no job was ready")

    def cost(self, work: Callable[..., object], *arguments: object) -> Cost:
        """What some work costs."""
        before = time.process_time(), cpu_s(self.server), time.monotonic()
        work(*arguments)
        after = time.process_time(), cpu_s(self.server), time.monotonic()
        return Cost(*(end - start for start, end in zip(before, after, strict=True)))

    def fan_out(self, labels: int) -> Cost:
        """Cost of the update in which a job is replaced by new ones; making these is not counted."""
        import launchpad_jobs
        from fireworks import FWAction
        from jobflow import Flow
        from jobflow.managers.fireworks import flow_to_workflow

        jobs, joined = launchpad_jobs.labels(0, [("run 0", 0)] * labels, "key")
        action = FWAction(detours=[flow_to_workflow(Flow([*jobs, joined]))])
        _, launch_id = self.worker.checkout_fw(self.fworker, str(self.folder))
        return self.cost(self.worker.complete_launch, launch_id, action)

    def kilobytes_per_job(self, jobs: int) -> float:
        """Size of the queue's documents per job, kB, before compression."""
        sizes = [self.pad.db.command("collStats", name)["size"] for name in ("fireworks", "workflows", "launches")]
        return sum(sizes) / jobs / 1000

    def kilobytes_per_label(self) -> float:
        """Mean size of the labels' documents in the job store, kB, before compression."""
        of_labels = {"$match": {"output.@class": "LabelDoc"}}
        mean = {"$group": {"_id": None, "bytes": {"$avg": {"$bsonSize": "$$ROOT"}}}}
        outputs = self.store.docs_store._collection  # noqa: SLF001 (maggma gives no other way)
        return next(iter(outputs.aggregate([of_labels, mean])))["bytes"] / 1000


def cpu_s(pid: int) -> float:
    """Processor time of another process so far, s (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def per_launch(folder: Path, size: int, launches: int, *, own_updates: bool) -> tuple[Launchpad, int, Cost]:
    """A queue with one campaign, the number of its jobs, and what a launch of one of its labels costs."""
    import launchpad_jobs

    beside = launchpad_jobs.JOBS_BESIDE_LABELS
    compositions = max(1, round((size - launchpad_jobs.SHARED_JOBS) / (LABELS_PER_COMPOSITION + beside)))
    labels = (size - launchpad_jobs.SHARED_JOBS) // compositions - beside
    queue = Launchpad(folder, f"{'own' if own_updates else 'fireworks'}_{size}", own_updates=own_updates)
    jobs = queue.submit(compositions, labels)
    queue.launch()
    number = min(launches, labels - 2)
    cost = queue.cost(queue.launch, number) / number
    return queue, jobs, cost


def fan_in(folder: Path, labels: int) -> tuple[Cost, Cost, Cost]:
    """Cost of the last of many labels, which makes their join ready, of the join, and of the data set made from it."""
    import launchpad_jobs

    queue = Launchpad(folder, "fan_in", own_updates=True)
    queue.submit(1, labels)
    queue.launch()
    pad, outputs = queue.pad, queue.store.docs_store._collection  # noqa: SLF001 (maggma gives no other way)
    ready = list(pad.fireworks.find({"state": "READY"}, {"fw_id": 1, "spec._tasks.job.uuid": 1}))[1:]
    made: dict[str, Any] = outputs.find_one({"output.@class": "LabelDoc"}, {"_id": 0})
    for number, job in enumerate(ready, start=2):
        output = {**made["output"], "key": uuid.uuid4().hex, **launchpad_jobs.values(number)}
        outputs.insert_one({**made, "uuid": job["spec"]["_tasks"][0]["job"]["uuid"], "output": output})
    ids = [job["fw_id"] for job in ready]
    pad.fireworks.update_many({"fw_id": {"$in": ids}}, {"$set": {"state": "COMPLETED"}})
    pad.workflows.update_one({}, {"$set": {f"fw_states.{number}": "COMPLETED" for number in ids}})
    last = queue.cost(queue.launch)
    join = queue.cost(queue.launch)
    return last, join, queue.cost(queue.launch)


def show(name: str, cost: Cost, *more: str) -> None:
    """Print a row."""
    times = [f"{value * 1000:9.0f}" for value in (cost.worker_s, cost.server_s, cost.wall_s)]
    sys.stdout.write(f"{name:<28}" + " ".join([*times, *more]) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10000], help="jobs of the campaigns")
    parser.add_argument("--launches", type=int, default=60, help="labels that are run of each")
    parser.add_argument("--labels", type=int, default=2500, help="labels of the fan-in; 0 leaves it out")
    parser.add_argument("--fireworks", action="store_true", help="FireWorks' own updates of the workflow")
    options = parser.parse_args()
    from superionic.database.local import lease
    from superionic.database.stores import server_home

    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as name, lease(server_home(Path(name))):
        sys.stdout.write(f"{'ms':<28}{'worker':>9} {'server':>9} {'wall':>9}   kB per job, per label\n")
        costs = sizes_table(Path(name), options.sizes, options.launches, own_updates=not options.fireworks)
        growth = costs[-1] / costs[0]
        sys.stdout.write(f"growth {growth:.2f} (goal {GOAL_GROWTH}); {costs[-1]:.0f} ms (goal {GOAL_MS:.0f})\n")
        if options.labels:
            last, join, dataset = fan_in(Path(name), options.labels)
            show(f"last of {options.labels} labels", last)
            show("their join", join, f"goal {GOAL_FAN_IN_S:.0f} s")
            show("their data set", dataset)


def sizes_table(folder: Path, sizes: list[int], launches: int, *, own_updates: bool) -> list[float]:
    """Print what a launch costs at each size; processor time of the worker, ms."""
    from superionic.launch.status import campaign_status

    found = []
    for size in sorted(sizes):
        queue, jobs, cost = per_launch(folder, size, launches, own_updates=own_updates)
        label = f"launch, {jobs} jobs{'' if own_updates else ', FireWorks'}"
        show(label, cost, f"{queue.kilobytes_per_job(jobs):8.1f} {queue.kilobytes_per_label():8.1f}")
        if own_updates:
            show(f"status, {jobs} jobs", queue.cost(campaign_status, queue.pad, "key"))
        show(f"fan-out of {LABELS_PER_COMPOSITION}, {jobs} jobs", queue.fan_out(LABELS_PER_COMPOSITION))
        found.append(cost.worker_s * 1000)
    return found


if __name__ == "__main__":
    main()
