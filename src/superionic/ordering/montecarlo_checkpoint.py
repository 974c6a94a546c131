"""Checkpoints of Monte Carlo runs on disk."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from superionic.ordering.montecarlo import RunState

ARRAYS = ("labels", "energies_eV", "accepted", "attempted", "kept_sweeps", "kept_labels")


@dataclass
class CheckpointFile:
    """One file that always holds a complete state.

    Parameters
    ----------
    path : Path
        The file.
    fingerprint : str
        Key of everything that the run depends on; a file with another one is not used.
    interval_s : float
        Shortest time between two writes, s.
    """

    path: Path
    fingerprint: str
    interval_s: float = 30.0
    _written_at: float = field(default_factory=time.monotonic)

    def load(self) -> RunState | None:
        """The state of an interrupted run; None if there is none or it belongs to another run."""
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as data:
                if str(data["fingerprint"]) != self.fingerprint:
                    return None
                return RunState(rng_state=json.loads(str(data["rng_state"])), **{name: data[name] for name in ARRAYS})
        except (OSError, ValueError, KeyError, BadZipFile):
            # a file from a full disk or another version: the run starts again, which is slower but right
            return None

    def keep(self, state: RunState) -> None:
        """Write the state if the last write is long enough ago."""
        if time.monotonic() - self._written_at >= self.interval_s:
            self.save(state)

    def save(self, state: RunState) -> None:
        """Write the state; a reader sees the old file or the new one, never a part."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        with partial.open("wb") as stream:
            np.savez(
                stream,
                fingerprint=np.array(self.fingerprint),
                rng_state=np.array(json.dumps(state.rng_state)),
                **{name: getattr(state, name) for name in ARRAYS},
            )
        partial.replace(self.path)
        self._written_at = time.monotonic()

    def remove(self) -> None:
        """Delete the file of a finished run."""
        self.path.unlink(missing_ok=True)
