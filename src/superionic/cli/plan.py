"""``superionic plan``: what a campaign would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superionic.cli.console import count_text, emit_json, emit_table, say
from superionic.cli.session import ProfileOption, read_spec
from superionic.documents import structure_name

if TYPE_CHECKING:
    from superionic.flows.plan import CampaignPlan

ROUND_HOURS = 1000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(plan)


def plan(
    spec: Annotated[Path, typer.Argument(help="campaign file (YAML)")],
    profile: ProfileOption = None,
    json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False,
) -> None:
    """Show compositions, exact ordering counts, jobs per stage and a cost estimate; needs no database.

    Example: superionic plan workflows/quickstart.yaml
    """
    from superionic.flows.plan import plan_campaign

    planned = plan_campaign(read_spec(spec, profile=profile))
    if json:
        emit_json(planned.as_dict())
    else:
        _tables(planned)


def _tables(planned: CampaignPlan) -> None:
    further = sum(item.polymorph is not None for item in planned.compositions)
    polymorphs = f", {further} further structures of them" if further else ""
    emit_table(
        f"{planned.name}: {len(planned.compositions) - further} compositions{polymorphs}",
        ("composition", "axes", "symmetry-distinct orderings per supercell", "kept"),
        [
            (
                structure_name(item.formula, item.polymorph),
                item.label,
                ", ".join(f"{size}: {count_text(n)}" for size, n in item.distinct.items()),
                str(item.kept),
            )
            for item in planned.compositions
        ],
    )
    emit_table(
        "stages",
        ("stage", "jobs", "work", "CPU core hours", "of which labels", "rest on a GPU, hours", "basis of the estimate"),
        [
            (s.stage, str(s.jobs), s.work, *map(_hours, (s.cpu_hours, s.label_hours, s.gpu_hours)), s.basis)
            for s in (*planned.stages, planned.total)
        ],
    )
    say(
        "costs are rough, of labels by VASP and of GPUs assumed (docs/howto/three-systems.md); CPU core hours divided "
        "by cores are the least wall time"
    )


def _hours(hours: float | None) -> str:
    if hours is None:
        return "unknown"
    return f"{round(hours):,}" if hours >= ROUND_HOURS else f"{hours:.3g}"
