"""Molecular dynamics: thermostats, guarded runs, and long runs that survive kills."""

from superionic.dynamics.equilibrate import CellSettings, EquilibratedCell, equilibrate_cell
from superionic.dynamics.frames import MDFrame, MDResult, OnFrame
from superionic.dynamics.guard import MDGuard
from superionic.dynamics.progress import OnProgress, Progress, ns_per_day
from superionic.dynamics.run import run_md
from superionic.dynamics.segments import RunStatus, SegmentControl, SegmentOutcome, run_segments
from superionic.dynamics.settings import MDSettings
from superionic.dynamics.thermostats import kinetic_temperature_K
from superionic.dynamics.together import RunRequest, run_together
from superionic.stages import CellFreedom

__all__ = [
    "CellFreedom",
    "CellSettings",
    "EquilibratedCell",
    "MDFrame",
    "MDGuard",
    "MDResult",
    "MDSettings",
    "OnFrame",
    "OnProgress",
    "Progress",
    "RunRequest",
    "RunStatus",
    "SegmentControl",
    "SegmentOutcome",
    "equilibrate_cell",
    "kinetic_temperature_K",
    "ns_per_day",
    "run_md",
    "run_segments",
    "run_together",
]
