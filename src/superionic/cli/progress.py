"""Progress of a campaign: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superionic.launch.running import RunningWork
    from superionic.launch.status import CampaignStatus, StageStatus
    from superionic.spec import ElectrolyteSpec

Show = Callable[["CampaignStatus"], None]
Running = Callable[[], "Sequence[RunningWork]"]
SECONDS_PER_MINUTE = 60
LINE_EVERY_S = 15.0
LONG_STAGES = ("training", "transport")
MOST_LINES = 8
UNPLANNED_HOURS = 0.002
"""Weight of a stage whose cost the plan does not estimate: a few seconds."""


@contextmanager
def campaign_progress(spec: ElectrolyteSpec, n_workers: int, running: Running = tuple) -> Iterator[Show]:
    """Show a campaign's progress on stderr.

    Parameters
    ----------
    spec : ElectrolyteSpec
        The campaign; its plan weighs the stages for the time left.
    n_workers : int
        Number of workers, for the heading.
    running : callable
        Looks up the trainings and production runs that are going on.
    """
    clock = Clock(_weights(spec))
    if sys.stderr.isatty():
        with _live(clock, n_workers, running) as show:
            yield show
    else:
        yield _lines(clock, running)


def running_lines(status: CampaignStatus, running: Running) -> list[str]:
    """How far trainings and production runs are; looked up only while there are any."""
    if not any(stage.stage in LONG_STAGES and stage.running for stage in status.stages):
        return []
    lines = [f"{work.name}: {work.describe()}" for work in running()]
    more = len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:MOST_LINES], f"and {more} more: see `superionic status`"]


def worker_progress(running: Running) -> Show:
    """Lines on stderr about the trainings and production runs of this machine, at every call."""
    here = platform.node()

    def show(status: CampaignStatus) -> None:
        for line in running_lines(status, lambda: [work for work in running() if work.hostname == here]):
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    return show


class Clock:
    """Estimates the time left from the planned weight of the stages and what of them is done."""

    def __init__(self, weights: dict[str, float]) -> None:
        self.weights = weights
        self.started = time.monotonic()
        self.first_share: float | None = None

    def share_done(self, status: CampaignStatus) -> float:
        """Planned weight that is done, between 0 and 1."""
        done = {stage.stage: _share(stage) for stage in status.stages}
        total = sum(self.weights.values())
        return sum(weight * done.get(stage, 0.0) for stage, weight in self.weights.items()) / total

    def text(self, status: CampaignStatus) -> str:
        """Elapsed time and, once enough is done to tell, the time left."""
        elapsed = time.monotonic() - self.started
        share = self.share_done(status)
        if self.first_share is None:
            self.first_share = share
        gained = share - self.first_share
        if status.finished or gained < 0.02:  # noqa: PLR2004 (too early for an estimate)
            return _minutes(elapsed)
        return f"{_minutes(elapsed)}, about {_minutes(elapsed * (1 - share) / gained)} left"


def _weights(spec: ElectrolyteSpec) -> dict[str, float]:
    from superionic.flows.plan import plan_campaign

    return {str(stage.stage): stage.cpu_hours or UNPLANNED_HOURS for stage in plan_campaign(spec).stages}


def _share(stage: StageStatus) -> float:
    ended = stage.completed + stage.failed + stage.blocked + stage.stopped
    return ended / stage.total if stage.total else 0.0


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), SECONDS_PER_MINUTE)
    return f"{minutes}:{rest:02d} min"


def _lines(clock: Clock, running: Running) -> Show:
    """One line whenever something changed, at most every 15 s."""
    last: dict[str, Any] = {"text": "", "time": -LINE_EVERY_S}

    def show(status: CampaignStatus) -> None:
        parts = [
            f"{s.stage} {s.completed}/{s.total}" + (f" ({s.failed} failed)" if s.failed else "") for s in status.stages
        ]
        text = "; ".join([", ".join(parts), *running_lines(status, running)])
        now = time.monotonic()
        if text != last["text"] and (now - last["time"] >= LINE_EVERY_S or status.finished):
            sys.stderr.write(f"[{clock.text(status)}] {text}\n")
            sys.stderr.flush()
            last.update(text=text, time=now)

    return show


@contextmanager
def _live(clock: Clock, n_workers: int, running: Running) -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=4) as live:

        def show(status: CampaignStatus) -> None:
            table = _table(clock, n_workers, status)
            table.caption = "\n".join(running_lines(status, running))
            live.update(table)

        yield show


def _table(clock: Clock, n_workers: int, status: CampaignStatus) -> Any:  # noqa: ANN401 (rich.table.Table)
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    title = f"{n_workers} workers, {clock.text(status)}"
    table = Table(title=title, title_justify="left", header_style="bold", caption_justify="left")
    for column in ("stage", "", "done", "running", "failed"):
        table.add_column(column, justify="left" if column in {"stage", ""} else "right")
    for stage in status.stages:
        bar = ProgressBar(total=max(stage.total, 1), completed=stage.completed + stage.failed, width=30)
        table.add_row(stage.stage, bar, f"{stage.completed}/{stage.total}", str(stage.running), str(stage.failed))
    return table
