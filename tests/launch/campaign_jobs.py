"""Trivial jobs that leave traces in a folder, one line per run."""

import os
import signal
import subprocess
import time
from pathlib import Path

from fireworks import FiretaskBase, explicit_serialize
from jobflow import Flow, JobConfig, OnMissing, Response, job

from superionic.database.fanout import replace_by


def trace(folder, text):
    with (Path(folder) / "trace").open("a") as handle:
        handle.write(f"{text}\n")


def traces(folder):
    path = Path(folder) / "trace"
    return path.read_text().split("\n")[:-1] if path.exists() else []


@job
def note(folder, text):
    trace(folder, text)
    return text


@job
def spread(folder, n):
    trace(folder, "spread")
    jobs = [note(folder, f"part{i}") for i in range(n)]
    return Response(replace=Flow(jobs, output=[j.output for j in jobs]))


@job(config=JobConfig(on_missing_references=OnMissing.NONE))
def gather(folder, values):
    trace(folder, "gather")
    return values


@job
def fail(message):
    raise ValueError(message)


@job
def slow(folder, text, seconds):
    trace(folder, f"begin {text} {os.getpid()}")
    time.sleep(seconds)
    trace(folder, f"end {text}")
    return text


@job
def slow_once(folder, text, seconds):
    """Slow, with a program of its own; a run after an interruption is quick."""
    again = any(line.startswith(f"begin {text} ") for line in traces(folder))
    child = None if again else subprocess.Popen(["sleep", str(seconds)])
    trace(folder, f"begin {text} {os.getpid()} {0 if child is None else child.pid}")
    if child is not None:
        child.wait()
    trace(folder, f"end {text}")
    return text


@job
def die_once(folder, text):
    again = f"die {text}" in traces(folder)
    trace(folder, f"die {text}")
    if not again:
        os.kill(os.getpid(), signal.SIGKILL)
    return text


@job
def stubborn(folder, seconds):
    trace(folder, f"begin stubborn {os.getpid()}")
    try:
        time.sleep(seconds)
    except KeyboardInterrupt:
        time.sleep(seconds)


@explicit_serialize
class Nothing(FiretaskBase):
    """Task of plain FireWorks."""

    def run_task(self, _fw_spec):
        return None


@job
def label_set(folder, n, seconds):
    """A fan-out as that of the labels: slow jobs, and one that joins them."""
    labels = [slow(folder, f"label {i}", seconds) for i in range(n)]
    join = gather(folder, [label.output for label in labels])
    for i, label in enumerate(labels):
        label.name = f"label: {i}"
    join.name = "label collect"
    return replace_by(labels, join)
