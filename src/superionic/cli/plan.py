"""``superionic plan``: what a campaign would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superionic.cli.console import count_text, emit_json, emit_table
from superionic.cli.session import ProfileOption, read_spec

if TYPE_CHECKING:
    from superionic.flows.plan import CampaignPlan


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
    emit_table(
        f"{planned.name}: {len(planned.compositions)} compositions",
        ("composition", "axes", "symmetry-distinct orderings per supercell", "kept"),
        [
            (
                item.formula,
                item.label,
                ", ".join(f"{size}: {count_text(n)}" for size, n in item.distinct.items()),
                str(item.kept),
            )
            for item in planned.compositions
        ],
    )
    emit_table(
        "stages",
        ("stage", "jobs", "work", "CPU hours", "basis of the estimate"),
        [
            (s.stage, str(s.jobs), s.work, "-" if s.cpu_hours is None else f"{s.cpu_hours:.3g}", s.basis)
            for s in planned.stages
        ],
    )
