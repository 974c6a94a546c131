"""The folder of one training: found again by its content, used by one process at a time, tidied up afterwards."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import ClassVar

from superionic.durable import write_whole
from superionic.errors import InputError, SuperionicError, TrainingBusyError
from superionic.training.checkpoints import FOLDER as CHECKPOINTS
from superionic.training.mace_command import FOUNDATION_FILE
from superionic.training.mace_main import OUTCOME_FILE
from superionic.work_folder import WorkFolder

IDENTITY_FILE = "training.json"
BULKY = (CHECKPOINTS, "checkpoints", FOUNDATION_FILE, "model.model", "model_compiled.model")


@dataclass(frozen=True)
class TrainingFolder(WorkFolder):
    """A folder for one training; its process holds the lock, so a killed worker's training is waited for."""

    work: ClassVar[str] = "training"
    variable: ClassVar[str] = "SUPERIONIC_TRAINING_DIR"
    end_file: ClassVar[str] = OUTCOME_FILE
    busy_error: ClassVar[type[SuperionicError]] = TrainingBusyError

    def belongs_to(self, identity: str) -> bool:
        """Whether this training was begun here.

        Raises
        ------
        InputError
            If it was another one.
        """
        file = self.path / IDENTITY_FILE
        if not file.exists():
            return False
        if (found := json.loads(file.read_text(encoding="utf-8"))["identity"]) != identity:
            raise InputError(
                f"{self.path} holds another training ({found[:8]}, not {identity[:8]}): settings, structures or "
                "foundation differ. Give another folder, or delete this one"
            )
        return True

    def sign(self, identity: str) -> None:
        """Mark the folder as prepared for a training; done last, so that it is complete."""
        write_whole(self.path / IDENTITY_FILE, json.dumps({"identity": identity}).encode())

    def lighten(self) -> None:
        """Remove what a finished training is not read from: checkpoints, and copies of models."""
        for name in BULKY:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
