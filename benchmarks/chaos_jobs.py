"""Jobs for chaos.py, shaped as a campaign's but cheap: dynamic children, loss-tolerant fan-in, arrays."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from jobflow import Flow, Maker, Response, job

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import BaseDoc

N_VALUES = 500


class NumberDoc(BaseDoc):
    """A number and an array that goes to an additional store."""

    number: int
    values: list[float]


class SumDoc(BaseDoc):
    """Sum over documents."""

    total: float
    n_missing: int


def trace(folder: str, event: str, name: str) -> None:
    """Add one line to the trace; a single write is never torn."""
    handle = os.open(Path(folder) / "trace", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{event} {name} {os.getpid()} {time.time():.3f}\n".encode())
    os.close(handle)


@dataclass
class NumberMaker(Maker):
    """Computes an array from a number, slowly."""

    name: str = "number"
    seconds: float = 0.2

    @stage_job(data=["values"], output_schema=NumberDoc)
    def make(self, number: int, folder: str, parents: list[NumberDoc] | None = None) -> NumberDoc:
        """One document."""

        def work() -> NumberDoc:
            trace(folder, "begin", str(number))
            time.sleep(self.seconds)
            shift = sum(parent.number for parent in parents or [])
            values = [(number + shift + i) ** 0.5 for i in range(N_VALUES)]
            trace(folder, "end", str(number))
            return NumberDoc(number=number, values=values)

        return produce(NumberDoc, work, parents=parents or [], settings={"number": number})


@dataclass
class SumMaker(Maker):
    """Adds up what there is."""

    name: str = "sum"

    @stage_job(on_missing_none=True, output_schema=SumDoc)
    def make(self, documents: list[NumberDoc | SumDoc | None]) -> SumDoc:
        """One document."""
        found = [document for document in documents if document is not None]

        def work() -> SumDoc:
            parts = [sum(d.values) if isinstance(d, NumberDoc) else d.total for d in found]
            return SumDoc(total=sum(parts), n_missing=len(documents) - len(found))

        return produce(SumDoc, work, parents=found, settings={"n": len(documents)})


@job
def spread(first: NumberDoc, n: int, folder: str, seconds: float) -> Response:
    """Make n jobs at run time."""
    start = 1000 * first.number
    jobs = [NumberMaker(seconds=seconds).make(start + i, folder, [first]) for i in range(n)]
    return Response(replace=Flow(jobs, output=[j.output for j in jobs]))


def campaign(groups: int, n: int, folder: str, seconds: float) -> Flow:
    """The flow: in each group a job, its n children, and their sum; at last the sum of all."""
    jobs, sums = [], []
    for group in range(1, groups + 1):
        first = NumberMaker(seconds=seconds).make(group, folder)
        children = spread(first.output, n, folder, seconds)
        sums.append(SumMaker().make(children.output))
        jobs += [first, children, sums[-1]]
    return Flow([*jobs, SumMaker(name="last sum").make([j.output for j in sums])])
