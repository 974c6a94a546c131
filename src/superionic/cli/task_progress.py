"""Progress of a few tasks done one after the other: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Self

LINE_EVERY_S = 15.0


class TaskProgress:
    """Shows on stderr which task is running and how far it is; a context manager.

    Parameters
    ----------
    n_tasks : int
        Number of tasks.
    """

    def __init__(self, n_tasks: int) -> None:
        self._n_tasks, self._n_finished = n_tasks, 0
        self._bar: Any = None
        self._row: Any = None
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._row = self._bar.add_task("", total=self._n_tasks)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def of(self, name: str) -> Callable[[str, float], None]:
        """Return what a task calls with its activity and the fraction of it that is done."""

        def show(activity: str, fraction: float) -> None:
            text = f"[{self._n_finished + 1}/{self._n_tasks}] {name}: {activity}"
            if self._bar is not None:
                self._bar.update(self._row, description=text, completed=self._n_finished + min(fraction, 1.0))
            elif time.monotonic() - self._last >= LINE_EVERY_S:
                self._line(f"{text}, {fraction:.0%}")

        return show

    def finished(self, name: str, result: str) -> None:
        """Count a task as finished; where several run, a line says so."""
        self._n_finished += 1
        if self._bar is not None:
            self._bar.update(self._row, completed=self._n_finished)
        elif self._n_tasks > 1:
            self._line(f"[{self._n_finished}/{self._n_tasks}] {name}: {result}")

    def _line(self, text: str) -> None:
        self._last = time.monotonic()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
