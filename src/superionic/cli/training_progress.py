"""Progress of one training: a bar on a terminal, a line per minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superionic.training.progress import OnProgress, TrainingProgress

LINE_EVERY_S = 60.0


@contextmanager
def training_progress() -> Iterator[OnProgress]:
    """Show a training on stderr; what it yields is for ``run_training(..., on_progress=...)``."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        row = bar.add_task("preparing", total=1.0)

        def show(found: TrainingProgress) -> None:
            bar.update(row, description=found.describe(), completed=share_done(found))

        yield show


def share_done(found: TrainingProgress) -> float:
    """Part of all epochs that is done, between 0 and 1."""
    return min((found.epoch + 1 + found.share_of_epoch) / max(found.max_epochs, 1), 1.0)


def _lines() -> OnProgress:
    """A line when the phase changes, and every minute in which an epoch has ended."""
    last: dict[str, object] = {"phase": None, "epoch": -1}
    moment = {"line": 0.0}

    def show(found: TrainingProgress) -> None:
        news = found.epoch != last["epoch"] and time.monotonic() - moment["line"] >= LINE_EVERY_S
        if found.phase != last["phase"] or news:
            sys.stderr.write(f"training: {found.describe()}\n")
            sys.stderr.flush()
            last.update(phase=found.phase, epoch=found.epoch)
            moment["line"] = time.monotonic()

    return show
