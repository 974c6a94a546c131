"""The folder of one production run, and what all processes that worked in it have cost."""

from __future__ import annotations

import json
import os
import platform
import time
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from superionic.documents import Resources
from superionic.durable import write_whole
from superionic.errors import RunBusyError, SuperionicError
from superionic.work_folder import WorkFolder

PROCESSES = "processes"
NOTE_EVERY_S = 20.0


@dataclass(frozen=True)
class ProductionFolder(WorkFolder):
    """A folder for one production run, named after the key of its document."""

    work: ClassVar[str] = "MD run"
    variable: ClassVar[str] = "SUPERIONIC_MD_DIR"
    end_file: ClassVar[str] = "end.json"
    busy_error: ClassVar[type[SuperionicError]] = RunBusyError

    @property
    def run(self) -> Path:
        """Folder of trajectory and checkpoints."""
        return self.path / "run"

    @property
    def processes(self) -> list[ProcessNote]:
        """What each process did here, first one first."""
        files = self.path.glob(f"{PROCESSES}/*.json")
        notes = [ProcessNote(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
        return sorted(notes, key=lambda note: note.started_at)

    def end(self) -> None:
        """Note that the run has come to its end."""
        write_whole(self.path / self.end_file, b"{}")


@dataclass
class ProcessNote:
    """What one process did for a run.

    Attributes
    ----------
    started_at : str
        Start, ISO 8601, UTC.
    hostname : str
        Machine.
    device : str
        Torch device.
    together : int
        Runs that it advanced side by side.
    wall_time_s, cpu_time_s : float
        Its wall and processor time for this run: an n-th of what `n` runs side by side took, s.
    """

    started_at: str
    hostname: str
    device: str
    together: int
    wall_time_s: float = 0.0
    cpu_time_s: float = 0.0


@dataclass
class CostMeter:
    """Keeps note of what this process costs in the folders of its runs, so that a kill loses little of the account.

    Attributes
    ----------
    folders : list of ProductionFolder
        Folders of the runs, all of which share the cost.
    device : str
        Torch device.
    """

    folders: list[ProductionFolder]
    device: str
    _identity: str = field(default_factory=lambda: uuid.uuid4().hex)
    _started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=lambda: sum(os.times()[:4]))
    _next: float = 0.0

    def note(self, *, last: bool = False) -> None:
        """Write the cost until now, unless that was done a moment ago."""
        now = time.perf_counter()
        if not self.folders or (now < self._next and not last):
            return
        self._next = now + NOTE_EVERY_S
        n = len(self.folders)
        entry = ProcessNote(
            started_at=self._started_at.isoformat(),
            hostname=platform.node(),
            device=self.device,
            together=n,
            wall_time_s=(now - self._wall) / n,
            cpu_time_s=(sum(os.times()[:4]) - self._cpu) / n,
        )
        content = json.dumps(asdict(entry)).encode()
        for folder in self.folders:
            write_whole(folder.path / PROCESSES / f"{self._identity}.json", content)


def total_cost(notes: list[ProcessNote]) -> Resources:
    """Cost of a run over all processes that worked at it, killed ones included."""
    return Resources(
        wall_time_s=sum(note.wall_time_s for note in notes),
        cpu_time_s=sum(note.cpu_time_s for note in notes),
        device=notes[-1].device,
        hostname=notes[-1].hostname,
        started_at=datetime.fromisoformat(notes[0].started_at),
    )
