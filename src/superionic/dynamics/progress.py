"""How far a run is, how fast it is, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from superionic.dynamics.run import MDRun
from superionic.units import FS_PER_PS

S_PER_DAY = 86400.0
PS_PER_NS = 1000.0


def ns_per_day(time_step_fs: float, seconds_per_step: float) -> float:
    """Simulated nanoseconds per day of wall time."""
    return time_step_fs / FS_PER_PS / PS_PER_NS * S_PER_DAY / seconds_per_step


@dataclass(frozen=True)
class Progress:
    """Where a run is.

    Attributes
    ----------
    step, n_steps : int
        Steps done, by all processes, and steps in all.
    time_ps : float
        Simulated time until now, ps.
    temperature_K : float
        Present kinetic temperature, K.
    seconds_per_step : float
        Wall time per step since the last report, s.
    ns_per_day : float
        Speed since the last report.
    eta_s : float
        Wall time left at this speed, s.
    """

    step: int
    n_steps: int
    time_ps: float
    temperature_K: float
    seconds_per_step: float
    ns_per_day: float
    eta_s: float


OnProgress = Callable[[Progress], None]


class ProgressMeter:
    """Reports at most once per interval of wall time.

    Parameters
    ----------
    on_progress : callable or None
        Gets the reports.
    interval_s : float
        Least wall time between two reports, s.
    clock : callable
        Gives the wall time, s.
    """

    def __init__(
        self, on_progress: OnProgress | None, interval_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_progress, self._interval_s, self._clock = on_progress, interval_s, clock
        self._at: tuple[int, float] | None = None

    def look(self, run: MDRun, *, now: bool = False) -> bool:
        """Report if it is time, or if `now`, and say whether it was; the first look only starts the clock."""
        now_s = self._clock()
        if self._at is None:
            self._at = (run.step, now_s)
            return False
        steps, seconds = run.step - self._at[0], now_s - self._at[1]
        if steps == 0 or not (now or seconds >= self._interval_s):
            return False
        self._at = (run.step, now_s)
        if self._on_progress is not None:
            self._on_progress(_progress(run, seconds / steps))
        return True


def _progress(run: MDRun, seconds_per_step: float) -> Progress:
    settings = run.settings
    return Progress(
        step=run.step,
        n_steps=settings.n_steps,
        time_ps=settings.time_at_ps(run.step),
        temperature_K=run.temperature_K,
        seconds_per_step=seconds_per_step,
        ns_per_day=ns_per_day(settings.time_step_fs, seconds_per_step),
        eta_s=(settings.n_steps - run.step) * seconds_per_step,
    )
