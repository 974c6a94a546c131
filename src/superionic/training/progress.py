"""How far a running training is, read from the files that it writes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from superionic.training.mace_command import HEAD, NAME, TrainingRequest
from superionic.training.mace_main import PHASE_FILE
from superionic.units import MEV_PER_EV

SECONDS_PER_MINUTE = 60


class Phase(StrEnum):
    """What a training is doing."""

    WAITING = "waiting"
    PREPARING = "preparing"
    TRAINING = "training"
    EVALUATING = "evaluating"
    FINISHED = "finished"
    FAILED = "failed"


PHASES = {"before": Phase.PREPARING, "train": Phase.TRAINING, "after": Phase.EVALUATING}


@dataclass(frozen=True)
class HeadErrors:
    """Validation of one head after the last finished epoch.

    Attributes
    ----------
    loss : float
        Validation loss.
    energy_rmse_meV_per_atom, force_rmse_meV_per_A : float
        Root-mean-square errors.
    """

    loss: float
    energy_rmse_meV_per_atom: float
    force_rmse_meV_per_A: float


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes
    ----------
    phase : Phase
        What it is doing; ``waiting`` is for another process that runs the same training.
    epoch : int
        Last finished epoch, counted from 0; -1 before the first.
    max_epochs : int
        Largest number of epochs; patience may end the training before.
    share_of_epoch : float
        Part of the running epoch that is done.
    train_loss : float or None
        Mean loss of the batches of the last finished epoch.
    heads : dict
        Validation errors per head; ``target`` is the new one, ``pt_head`` that of the replay structures.
    best_epoch : int
        Epoch with the lowest validation loss; -1 before the first.
    without_improvement, patience : int
        Epochs since then, and how many of them end the training.
    first_epoch : int
        Epoch at which this process began; above 0 after an interruption.
    elapsed_s : float
        Time since this process began, s.
    seconds_left_at_most : float or None
        Time that all epochs up to the largest number would take, s; None before the first is done.
    """

    phase: Phase
    epoch: int = -1
    max_epochs: int = 0
    share_of_epoch: float = 0.0
    train_loss: float | None = None
    heads: dict[str, HeadErrors] = field(default_factory=dict)
    best_epoch: int = -1
    without_improvement: int = 0
    patience: int = 0
    first_epoch: int = 0
    elapsed_s: float = 0.0
    seconds_left_at_most: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON and the database."""
        return asdict(self)

    def describe(self) -> str:
        """One line for people."""
        if self.phase is not Phase.TRAINING or self.epoch < 0:
            return str(self.phase)
        parts = [f"epoch {self.epoch + 1}/{self.max_epochs}"]
        parts += [
            f"{name} {head.energy_rmse_meV_per_atom:.3g} meV/atom {head.force_rmse_meV_per_A:.3g} meV/A"
            for name, head in sorted(self.heads.items(), reverse=True)
        ]
        parts.append(f"best {self.best_epoch + 1}")
        if self.seconds_left_at_most is not None:
            parts.append(f"at most {self.seconds_left_at_most / SECONDS_PER_MINUTE:.0f} min left")
        return ", ".join(parts)


OnProgress = Callable[[TrainingProgress], None]


class ProgressReader:
    """Follows the results file of a training in its folder.

    Parameters
    ----------
    folder : Path
        Folder of the training.
    request : TrainingRequest
        What was asked for.
    """

    def __init__(self, folder: Path, request: TrainingRequest) -> None:
        self._results = folder / "results" / f"{NAME}_run-{request.seed}_train.txt"
        self._phase_file = folder / PHASE_FILE
        self._request = request
        self._batches = sum(n for n, _ in request.counts().values()) // request.settings.batch_size
        self._started = time.monotonic()
        self._times: list[tuple[int, float]] = []
        self._forget()

    def _forget(self) -> None:
        self._read = 0
        self._losses: dict[int, float] = {}
        self._heads: dict[str, HeadErrors] = {}
        self._steps: dict[int, list[float]] = {}

    def read(self) -> TrainingProgress:
        """The present state; reads only what is new in the file."""
        for row in self._new_rows():
            self._take(row)
        epoch, phase = max(self._losses, default=-1), self._phase()
        self._keep_time(epoch, phase)
        best = min(self._losses, key=lambda e: (self._losses[e], e), default=-1)
        steps = self._steps.get(epoch, [])
        return TrainingProgress(
            phase=phase,
            epoch=epoch,
            max_epochs=self._request.settings.max_epochs,
            share_of_epoch=min(len(self._steps.get(epoch + 1, [])) / max(self._batches, 1), 1.0),
            train_loss=sum(steps) / len(steps) if steps else None,
            heads=dict(self._heads),
            best_epoch=best,
            without_improvement=epoch - best,
            patience=self._request.settings.patience,
            first_epoch=self._times[0][0] + 1 if self._times else 0,
            elapsed_s=time.monotonic() - self._started,
            seconds_left_at_most=self._seconds_left() if phase is Phase.TRAINING else None,
        )

    def _phase(self) -> Phase:
        if not self._phase_file.exists():
            return Phase.PREPARING
        return PHASES.get(self._phase_file.read_text(encoding="utf-8").strip(), Phase.PREPARING)

    def _new_rows(self) -> list[dict[str, Any]]:
        if not self._results.exists():
            return []
        with self._results.open("rb") as stream:
            if stream.seek(0, os.SEEK_END) < self._read:  # a resumed training cuts off what had no checkpoint
                self._forget()
            stream.seek(self._read)
            fresh = stream.read()
        complete = fresh.rfind(b"\n") + 1
        self._read += complete
        return [json.loads(line) for line in fresh[:complete].splitlines() if line.strip()]

    def _take(self, row: dict[str, Any]) -> None:
        epoch = -1 if row["epoch"] is None else int(row["epoch"])
        if row["mode"] == "opt":
            self._steps.setdefault(epoch, []).append(float(row["loss"]))
            self._steps.pop(epoch - 2, None)
            return
        self._heads[row["head"]] = HeadErrors(
            loss=float(row["loss"]),
            energy_rmse_meV_per_atom=MEV_PER_EV * float(row["rmse_e_per_atom"]),
            force_rmse_meV_per_A=MEV_PER_EV * float(row["rmse_f"]),
        )
        if row["head"] == HEAD and epoch >= 0:
            self._losses[epoch] = float(row["loss"])

    def _keep_time(self, epoch: int, phase: Phase) -> None:
        """Note when the first and the last epoch of this process ended."""
        if phase is not Phase.TRAINING:
            return
        if not self._times or epoch < self._times[0][0]:
            self._times = [(epoch, time.monotonic())]
        elif epoch not in {self._times[0][0], self._times[-1][0]}:
            self._times = [self._times[0], (epoch, time.monotonic())]

    def _seconds_left(self) -> float | None:
        if len(self._times) < 2:  # noqa: PLR2004 (the beginning and one epoch)
            return None
        (first, began), (last, ended) = self._times
        remaining = self._request.settings.max_epochs - 1 - last
        return max(remaining * (ended - began) / (last - first) - (time.monotonic() - ended), 0.0)
