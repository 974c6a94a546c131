"""How far a running production run is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from superionic.dynamics import MDSettings, Progress

S_PER_MINUTE, S_PER_HOUR, S_PER_DAY = 60.0, 3600.0, 86400.0


class MDPhase(StrEnum):
    """What a production run is doing."""

    WAITING = "waiting"
    PREPARING = "preparing"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True)
class MDProgress:
    """How far a production run is.

    Attributes
    ----------
    phase : MDPhase
        What it is doing; ``waiting`` is for another process at the same run, ``paused`` for another job to go on.
    set_temperature_K : float
        Temperature of the thermostat, K.
    total_ps : float
        Length asked for, ps.
    together : int
        Runs that the job advances side by side.
    step : int
        Steps done by all processes.
    time_ps : float
        Simulated time, ps.
    temperature_K : float or None
        Present temperature, K.
    ns_per_day : float or None
        Speed of this run now.
    eta_s : float or None
        Wall time left at this speed, s.
    """

    phase: MDPhase
    set_temperature_K: float
    total_ps: float
    together: int = 1
    step: int = 0
    time_ps: float = 0.0
    temperature_K: float | None = None
    ns_per_day: float | None = None
    eta_s: float | None = None

    @classmethod
    def of(cls, found: Progress, settings: MDSettings, together: int) -> MDProgress:
        """Progress of a run that is being advanced."""
        return cls(
            MDPhase.RUNNING,
            settings.temperature_K,
            settings.time_ps,
            together,
            found.step,
            found.time_ps,
            found.temperature_K,
            found.ns_per_day,
            found.eta_s,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON and the database."""
        return asdict(self)

    def describe(self) -> str:
        """One line for people."""
        if self.phase is not MDPhase.RUNNING:
            return str(self.phase)
        parts = [f"{self.time_ps:.4g}/{self.total_ps:.4g} ps"]
        parts += [f"{self.temperature_K:.0f} K"] if self.temperature_K is not None else []
        if self.ns_per_day is not None:
            beside = f" (1 of {self.together} side by side)" if self.together > 1 else ""
            parts.append(f"{self.ns_per_day:.3g} ns/day{beside}")
        return ", ".join([*parts, f"about {_duration(self.eta_s)} left"] if self.eta_s is not None else parts)


OnMDProgress = Callable[[MDProgress], None]


def _duration(seconds: float) -> str:
    if seconds < 2 * S_PER_HOUR:
        return f"{seconds / S_PER_MINUTE:.0f} min"
    return f"{seconds / S_PER_HOUR:.0f} h" if seconds < 2 * S_PER_DAY else f"{seconds / S_PER_DAY:.1f} days"
