"""One process's share of a training: what mace_run_train's loop is given so that it can be killed and continued.

MACE's training loop writes through two objects that it is handed, one for results and one for checkpoints. Those of
this module watch every batch, and at the end of every epoch store all that the next epoch depends on: weights, their
moving average, optimiser, schedule, random numbers, the order of the batches, patience and the best epoch. Used in the
training process only; torch is imported inside functions.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import platform
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from superionic.durable import digest, set_aside, write_whole
from superionic.provenance import software_versions
from superionic.training.checkpoints import (
    FOLDER,
    Checkpoint,
    Checkpoints,
    DamagedCheckpointError,
    keep_results,
)
from superionic.training.standing import PatienceReachedError, Standing, require_finite

PROCESSES_FILE = "processes.jsonl"
PACKAGES = ("mace-torch", "torch")


@dataclass
class Session:
    """A training loop's objects, its standing, and where it starts.

    Attributes
    ----------
    objects : dict
        Arguments of MACE's ``train``.
    effective : dict
        Settings in those objects, to be the same in every process of one training.
    folder : Path
        Folder of the training.
    head : str
        Head that decides on best epoch and patience: the last one, as in MACE.
    standing : Standing
        How the training stands.
    start_epoch : int
        First epoch of this process.
    stop_reason : str
        ``patience`` if that has ended the training.
    best_digest : str
        SHA-256 of the file of the best weights.
    first_trained : int or None
        First epoch of which this process trained a batch.
    """

    objects: dict[str, Any]
    effective: dict[str, Any]
    folder: Path
    head: str = ""
    standing: Standing = field(default_factory=Standing)
    start_epoch: int = 0
    stop_reason: str = ""
    best_digest: str = ""
    first_trained: int | None = None

    def __post_init__(self) -> None:
        self.head = list(self.objects["valid_loaders"])[-1]
        self.checkpoints = Checkpoints(self.folder / FOLDER)
        self.results = Path(self.objects["logger"].path)

    def open(self) -> None:
        """Continue from the newest usable checkpoint, if there is one, and take down what was found."""
        state, problems = self.checkpoints.newest(self._load)
        lost = keep_results(self.results, -1 if state is None else int(state["standing"]["epoch"]))
        if state is not None:
            problems += self._restore(state)
        if lost > 1 or problems:
            problems.append(f"{lost} epochs that had been trained were lost; training went on at {self.start_epoch}")
        for weights in self._unreferenced_weights():
            set_aside(weights)
        _append(
            self.folder / PROCESSES_FILE,
            {"start_epoch": self.start_epoch, "notes": problems, "host": platform.node(), "started": time.time()},
        )

    @property
    def ended(self) -> bool:
        """Whether all epochs had been trained before this process began."""
        return bool(self.stop_reason) or self.start_epoch >= int(self.objects["max_num_epochs"])

    def arguments(self) -> dict[str, Any]:
        """Arguments for MACE's ``train``."""
        return self.objects | {
            "start_epoch": self.start_epoch,
            "logger": Journal(self),
            "checkpoint_handler": Keeper(self),
            # MACE then calls the keeper at the end of every epoch, not only of those that improve
            "save_all_checkpoints": True,
        }

    def _load(self, checkpoint: Checkpoint, content: bytes) -> dict[str, Any]:
        import torch

        try:
            # plain data and tensors: nothing in the file can run code
            state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise DamagedCheckpointError(f"{type(error).__name__}: {error}") from error
        weights = self._weights_file(checkpoint.best_epoch)
        if not weights.exists() or digest(weights.read_bytes()) != state["best_digest"]:
            raise DamagedCheckpointError(f"{weights.name} with the best weights until then is missing or damaged")
        return state

    def _restore(self, state: Mapping[str, Any]) -> list[str]:
        """Put everything back as it was at the end of the checkpoint's epoch; what differs from then, in words."""
        objects = self.objects
        self.standing = Standing(**state["standing"])
        self.start_epoch, self.stop_reason = self.standing.epoch + 1, state["stop_reason"]
        self.best_digest = state["best_digest"]
        objects["model"].load_state_dict(state["model"])
        objects["ema"].load_state_dict(state["ema"] | {"collected_params": None})
        objects["optimizer"].load_state_dict(state["optimizer"])
        objects["lr_scheduler"].load_state_dict(state["scheduler"])
        objects["train_loader"].generator.set_state(state["batches"])
        _set_random_state(state["random"])
        if not self.ended:
            # MACE leaves this step out in the first epoch of a process
            objects["lr_scheduler"].step(metrics=self.standing.valid_loss)
        return _differences(state, self._identity())

    def _identity(self) -> dict[str, Any]:
        versions = software_versions()
        return {"effective": self.effective, "software": {name: versions.get(name, "") for name in PACKAGES}}

    def _weights_file(self, epoch: int) -> Path:
        saver = self.objects["checkpoint_handler"].io
        return Path(saver.directory, str(saver._get_checkpoint_filename(epoch, saver.swa_start)))  # noqa: SLF001

    def _unreferenced_weights(self) -> list[Path]:
        """Weights that belong to no checkpoint; MACE would take those of the latest epoch for the best."""
        needed = {self._weights_file(checkpoint.best_epoch) for checkpoint in self.checkpoints.found()}
        return [
            path for path in Path(self.objects["checkpoint_handler"].io.directory).glob("*.pt") if path not in needed
        ]

    def end_epoch(self, epoch: int, weights: Mapping[str, Any]) -> None:
        """Store the finished epoch.

        Parameters
        ----------
        epoch : int
            The epoch.
        weights : mapping
            MACE's own checkpoint, with the averaged weights.

        Raises
        ------
        PatienceReachedError
            If the training is to end here.
        """
        if self.standing.finished(epoch):
            content = _saved(weights)
            self.best_digest = digest(content)
            write_whole(self._weights_file(epoch), content)
        if self.standing.without_improvement >= int(self.objects["patience"]):
            self.stop_reason = "patience"
        with self.results.open("rb") as stream:
            os.fsync(stream.fileno())
        self.checkpoints.write(epoch, self.standing.best_epoch, _saved(self._state()))
        for old in self._unreferenced_weights():
            old.unlink()
        if self.stop_reason:
            raise PatienceReachedError

    def _state(self) -> dict[str, Any]:
        objects = self.objects
        model, ema = objects["model"], objects["ema"]
        # inside MACE's block of averaged weights, the trained ones are laid aside in the moving average
        trained = {
            name: weight for (name, _), weight in zip(model.named_parameters(), ema.collected_params, strict=True)
        }
        return {
            "standing": asdict(self.standing),
            "stop_reason": self.stop_reason,
            "best_digest": self.best_digest,
            "model": {**model.state_dict(), **trained},
            "ema": ema.state_dict() | {"collected_params": None},
            "optimizer": objects["optimizer"].state_dict(),
            "scheduler": objects["lr_scheduler"].state_dict(),
            "batches": objects["train_loader"].generator.get_state(),
            "random": _random_state(),
            **self._identity(),
        }


class Journal:
    """Takes the place of MACE's writer of results: looks at every record before it passes it on."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._writer = session.objects["logger"]
        self._epoch, self._batch = -1, 0

    def log(self, record: dict[str, Any]) -> None:
        """Write one record, and end a training that diverges.

        Raises
        ------
        DivergedError
            If a loss is not finite, or the validation loss has blown up.
        """
        before_training = record["epoch"] is None
        if before_training and self._session.start_epoch > 0:
            return  # the errors before training are in the results already
        self._writer.log(record)
        epoch = -1 if before_training else int(record["epoch"])
        if record["mode"] == "opt":
            self._batch_done(epoch, float(record["loss"]))
        else:
            self._validated(epoch, record)

    def _batch_done(self, epoch: int, loss: float) -> None:
        if self._session.first_trained is None:
            self._session.first_trained = epoch
        self._batch = self._batch + 1 if epoch == self._epoch else 1
        self._epoch = epoch
        require_finite(loss, f"in epoch {epoch} the loss of batch {self._batch}")

    def _validated(self, epoch: int, record: Mapping[str, Any]) -> None:
        when = "before training" if epoch < 0 else f"in epoch {epoch}"
        require_finite(float(record["loss"]), f"{when} the validation loss of head {record['head']}")
        if record["head"] == self._session.head:
            self._session.standing.validated(epoch, record)


class Keeper:
    """Takes the place of MACE's handler of checkpoints, which deletes the old file before it writes the new one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._builder = session.objects["checkpoint_handler"].builder

    def save(self, state: Any, epochs: int, keep_last: bool = False) -> None:  # noqa: ANN401, ARG002 (MACE's signature)
        """Store the epoch that has just ended; MACE calls this once per epoch, with the averaged weights in place."""
        self._session.end_epoch(epochs, self._builder.create_checkpoint(state))


def _saved(content: Mapping[str, Any]) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    return buffer.getvalue()


def _random_state() -> dict[str, Any]:
    import torch

    kind, words, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002 (the generator that MACE seeds)
    version, internal, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [str(kind), [int(word) for word in words], int(position), int(has_gauss), float(gauss)],
        "python": [version, list(internal), gauss_next],
    }


def _set_random_state(state: Mapping[str, Any]) -> None:
    import torch

    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all(state["cuda"])
    kind, words, *rest = state["numpy"]
    np.random.set_state((kind, np.array(words, dtype=np.uint32), *rest))  # noqa: NPY002
    version, internal, gauss_next = state["python"]
    random.setstate((version, tuple(internal), gauss_next))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    old, new = ({**state["effective"], **state["software"]} for state in (before, now))
    changed = [name for name in sorted(set(old) | set(new)) if old.get(name) != new.get(name)]
    return [f"resumed with {name} {new.get(name)}, begun with {old.get(name)}" for name in changed]


def _append(path: Path, row: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
