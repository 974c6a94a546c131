"""The folder of one run: used by one process at a time, taken up where it was left."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms

from superionic.durable import DamagedFileError, read_sealed
from superionic.dynamics.checkpoint import Checkpoint, CheckpointFolder, identity_of, require_same_run
from superionic.dynamics.run import MDRun
from superionic.dynamics.settings import MDSettings
from superionic.dynamics.trajectory_file import TrajectoryFile
from superionic.errors import NotConfiguredError, RunBusyError

TRAJECTORY_FILE, LOCK_FILE = "trajectory.h5", "lock"


@dataclass(frozen=True)
class TakenUp:
    """A run at its start, or where it was left.

    Attributes
    ----------
    run : MDRun
        The run.
    file : TrajectoryFile
        Its trajectory, open; holds the frames that belong to the checkpoint.
    checkpoint : Checkpoint or None
        Where it was left; None at the start.
    identity : dict
        What makes the run this run.
    notes : list of str
        What was wrong with files in the folder.
    """

    run: MDRun
    file: TrajectoryFile
    checkpoint: Checkpoint | None
    identity: dict[str, Any]
    notes: list[str]


@dataclass(frozen=True)
class RunFolder:
    """A folder for one run.

    Attributes
    ----------
    path : Path
        The folder; made when it is locked.
    """

    path: Path

    @property
    def trajectory(self) -> Path:
        """File of the trajectory."""
        return self.path / TRAJECTORY_FILE

    @property
    def checkpoints(self) -> CheckpointFolder:
        """Its checkpoints."""
        return CheckpointFolder(self.path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes and threads out; the system forgets the lock of a process that dies.

        Raises
        ------
        RunBusyError
            If another process or thread is at this run.
        NotConfiguredError
            If the folder cannot be written, or its file system knows no locks.
        """
        with self.explained():
            self.path.mkdir(parents=True, exist_ok=True)
            stream = (self.path / LOCK_FILE).open("ab")
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunBusyError(
                    f"the run in {self.path} is being advanced by another process: wait for it"
                ) from error
            except OSError as error:
                raise NotConfiguredError(
                    f"{self.path} cannot be locked ({error}), so two workers might write into one run: use a folder on "
                    "a file system with locks"
                ) from error
            for scratch in self.path.glob("*.tmp"):  # of a process that was killed
                scratch.unlink()
            yield

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Say what to do when files cannot be written."""
        try:
            yield
        except OSError as error:
            raise NotConfiguredError(
                f"the run in {self.path} cannot be saved ({error}): make room, or give another folder. It goes on from "
                "its last checkpoint when it is started again"
            ) from error

    def holds_end(self, settings: MDSettings) -> bool:
        """Whether the run in it has come to its end, whatever has advanced it; nothing is changed."""
        for file in self.checkpoints.files():
            with suppress(DamagedFileError, FileNotFoundError):
                state = Checkpoint.from_bytes(read_sealed(file)).state
                return state.ended_early is not None or state.step >= settings.n_steps
        return False

    def take_up(
        self,
        atoms: Atoms,
        calculator: Any,  # noqa: ANN401 (any ASE calculator)
        settings: MDSettings,
        model_key: str | None,
        kind: type[MDRun] = MDRun,
    ) -> TakenUp:
        """Go back to the newest intact checkpoint, or begin; other parameters as for :func:`run_segments`.

        Parameters
        ----------
        kind : type
            Kind of run; one kind does not go on with what another has left.

        Raises
        ------
        InputError
            If the folder holds a run with other settings, atoms or potential.
        """
        identity = identity_of(atoms, settings, model_key) | {"engine": kind.engine}
        checkpoint, notes = self.checkpoints.newest()
        if checkpoint is not None:
            require_same_run(checkpoint.identity, identity, self.path)
            run = kind.resumed(atoms, calculator, settings, checkpoint.state)
            try:
                return TakenUp(run, self._frames_of(run, checkpoint), checkpoint, identity, notes)
            except (OSError, KeyError) as error:
                notes.append(f"{self.trajectory.name} could not be used ({error}): the run began again")
        run = kind(atoms, calculator, settings)
        for old in self.checkpoints.files():
            old.unlink()
        with self.explained():
            return TakenUp(
                run, TrajectoryFile.create(self.trajectory, atoms, settings, model_key), None, identity, notes
            )

    def _frames_of(self, run: MDRun, checkpoint: Checkpoint) -> TrajectoryFile:
        """The trajectory, cut back to a checkpoint."""
        file = TrajectoryFile(self.trajectory)
        if file.n_atoms != len(run.atoms) or file.n_frames < checkpoint.n_frames:
            file.close()
            raise KeyError(f"it has room for {file.n_frames} frames of {file.n_atoms} atoms")
        file.mark(checkpoint.n_frames, complete=run.over)
        return file
