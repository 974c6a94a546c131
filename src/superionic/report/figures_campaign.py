"""What the campaign took: timeline and cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

import plotly.graph_objects as go

from superionic.report.numbers import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE, duration, plural
from superionic.report.records import JobRecord, stage_order
from superionic.report.theme import GREY, INK, PALETTE, Chart, axis, style

LEAST_SHARE = 25
"""A stage takes at least this part of the rows."""
STATE_COLOURS = {"completed": PALETTE[0], "failed": PALETTE[1], "running": PALETTE[2], "waiting": GREY}


def lanes(jobs: Sequence[JobRecord]) -> list[int]:
    """Lane of each job such that no two jobs of a lane overlap in time, using as few lanes as possible.

    Parameters
    ----------
    jobs : sequence of JobRecord
        Jobs with start and end, sorted by start.

    Returns
    -------
    list of int
        Lane of each job, counted from 0.
    """
    free_at: list[datetime] = []
    chosen = []
    for job in jobs:
        assert job.started is not None
        assert job.ended is not None
        lane = next((i for i, moment in enumerate(free_at) if moment <= job.started), len(free_at))
        free_at[lane : lane + 1] = [job.ended]
        chosen.append(lane)
    return chosen


def timeline_chart(jobs: Sequence[JobRecord]) -> Chart | None:
    """Gantt chart of the jobs by stage.

    Returns
    -------
    Chart or None
        None if no job has a start and an end.
    """
    timed = [job for job in jobs if job.started and job.ended and job.state != "reused"]
    if not timed:
        return None
    timed.sort(key=lambda job: (job.started, job.ended))
    start = timed[0].started
    assert start is not None
    span = max((job.ended - start).total_seconds() for job in timed if job.ended)
    unit, unit_name = _time_unit(span)
    figure = go.Figure()
    positions, ticks, offset = _rows(timed)
    for state in dict.fromkeys(job.state for job in timed):
        chosen = [i for i, job in enumerate(timed) if job.state == state]
        figure.add_trace(_bars([timed[i] for i in chosen], [positions[i] for i in chosen], start, unit, state))
    style(
        figure,
        barmode="overlay",
        bargap=0.15,
        xaxis=axis(f"time since the start ({unit_name})", range=[0, 1.01 * span / unit]),
        yaxis=axis("", tickvals=[t for t, _ in ticks], ticktext=[s for _, s in ticks], range=[offset - 1, -1]),
        legend={"y": 1.03},
        showlegend=True,
    )
    reused = sum(job.state == "reused" for job in jobs)
    caption = f"{len(timed)} jobs, each a bar; jobs of a stage that ran at the same time stand below each other."
    caption += f" Not drawn: {plural(reused, 'result')} taken over from earlier runs." if reused else ""
    height = min(900, 130 + 16 * offset)
    return Chart("timeline", "Timeline", caption, figure, max(height, 300), wide=True, columns=_columns(timed))


def _rows(timed: Sequence[JobRecord]) -> tuple[dict[int, float], list[tuple[float, str]], int]:
    """Row of each job, row of each stage's name, and the number of rows."""
    members = {stage: [i for i, job in enumerate(timed) if job.stage == stage] for stage in stage_order(timed)}
    taken = {stage: lanes([timed[i] for i in found]) for stage, found in members.items()}
    # hundreds of jobs side by side in one stage must leave room for the names of the others
    least = sum(max(rows) + 1 for rows in taken.values()) // LEAST_SHARE
    positions: dict[int, float] = {}
    ticks, offset = [], 0
    for stage, rows in taken.items():
        positions |= {i: offset + row for i, row in zip(members[stage], rows, strict=True)}
        ticks.append((offset + max(rows) / 2, stage))
        offset += max(*rows, least) + 2
    return positions, ticks, offset


def _bars(jobs: Sequence[JobRecord], rows: Sequence[float], start: datetime, unit: float, state: str) -> Any:  # noqa: ANN401
    texts = [f"{escape(job.name)}<br>{job.state}, {duration(job.wall_s)}" for job in jobs]
    return go.Bar(
        orientation="h",
        y=list(rows),
        base=[(job.started - start).total_seconds() / unit for job in jobs if job.started],
        x=[(job.ended - job.started).total_seconds() / unit for job in jobs if job.started and job.ended],
        width=0.8,
        name=state,
        marker={"color": STATE_COLOURS.get(state, INK), "line": {"color": "white", "width": 0.5}},
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _time_unit(span_s: float) -> tuple[float, str]:
    for limit, unit, name in (
        (3 * SECONDS_PER_MINUTE, 1.0, "s"),
        (3 * SECONDS_PER_HOUR, SECONDS_PER_MINUTE, "min"),
        (3 * SECONDS_PER_DAY, SECONDS_PER_HOUR, "h"),
    ):
        if span_s < limit:
            return unit, name
    return SECONDS_PER_DAY, "d"


def cost_by_stage(jobs: Sequence[JobRecord]) -> dict[str, tuple[int, float, float | None]]:
    """Number of jobs, wall time and processor time (both in s) of each stage; reused results cost nothing."""
    found: dict[str, tuple[int, float, float | None]] = {}
    for stage in stage_order(jobs):
        members = [job for job in jobs if job.stage == stage]
        cpu = [job.cpu_s for job in members if job.cpu_s is not None]
        found[stage] = len(members), sum(job.wall_s for job in members), sum(cpu) if cpu else None
    return found


def cost_chart(jobs: Sequence[JobRecord]) -> Chart | None:
    """Wall and processor time of each stage.

    Returns
    -------
    Chart or None
        None if nothing was measured.
    """
    costs = cost_by_stage(jobs)
    largest = max((max(wall, cpu or 0.0) for _, wall, cpu in costs.values()), default=0.0)
    if largest <= 0:
        return None
    unit, name = _time_unit(largest)
    stages = list(costs)
    figure = go.Figure()
    wall = [cost[1] for cost in costs.values()]
    cpu = [cost[2] for cost in costs.values()]
    for title, values, shade in (("wall time", wall, PALETTE[0]), ("CPU time", cpu, PALETTE[4])):
        texts = ["" if value is None else duration(value) for value in values]
        bars = go.Bar(
            orientation="h",
            y=stages,
            x=[None if value is None else value / unit for value in values],
            name=title,
            marker={"color": shade},
            text=texts,
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra>" + title + "</extra>",
        )
        figure.add_trace(bars)
    style(
        figure,
        barmode="group",
        xaxis=axis(f"time summed over jobs ({name})", range=[0, 1.15 * largest / unit]),
        yaxis=axis("", autorange="reversed"),
    )
    caption = "Wall and CPU time of the jobs of each stage, summed over jobs that ran at the same time."
    columns: dict[str, Sequence[Any]] = {
        "stage": stages,
        "jobs": [cost[0] for cost in costs.values()],
        "wall_time_s": wall,
        "cpu_time_s": cpu,
    }
    return Chart("cost", "Cost per stage", caption, figure, 130 + 46 * len(stages), columns=columns)


def _columns(jobs: Sequence[JobRecord]) -> dict[str, list[Any]]:
    return {
        "stage": [job.stage for job in jobs],
        "name": [job.name for job in jobs],
        "state": [job.state for job in jobs],
        "started": [job.started.isoformat() if job.started else None for job in jobs],
        "ended": [job.ended.isoformat() if job.ended else None for job in jobs],
        "wall_time_s": [job.wall_s for job in jobs],
        "cpu_time_s": [job.cpu_s for job in jobs],
    }
