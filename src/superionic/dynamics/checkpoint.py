"""Checkpoints of a run: all it needs to go on as if nothing had happened, verified before it is used.

A file is a SHA-256 and a NumPy archive without pickles. The last two are kept, so that one may be lost.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
from ase import Atoms

from superionic.durable import DamagedFileError, digest, read_sealed, set_aside, write_sealed
from superionic.dynamics.run import RunState
from superionic.dynamics.settings import MDSettings
from superionic.errors import InputError

FORMAT_VERSION = 1
KEPT = 2
NAME = re.compile(r"^step-(?P<step>\d+)\.checkpoint$")
THERMOSTAT = "thermostat."


def identity_of(atoms: Atoms, settings: MDSettings, model_key: str | None) -> dict[str, Any]:
    """What makes a run this run and no other.

    Parameters
    ----------
    atoms : ase.Atoms
        Start positions.
    settings : MDSettings
        Settings.
    model_key : str or None
        Key of the potential.

    Returns
    -------
    dict
        Plain data: settings, hash of the atoms, key of the potential, version of this module.
    """
    parts = (atoms.positions, atoms.cell.array, atoms.pbc, atoms.numbers, atoms.get_masses())
    content = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
    named = {f"guard.{name}": value for name, value in asdict(settings.guard).items()}
    named |= {name: value for name, value in asdict(settings).items() if name != "guard"}
    own = {"atoms": digest(content), "potential": model_key, "format": FORMAT_VERSION}
    plain: dict[str, Any] = json.loads(json.dumps(named | own))
    return plain


@dataclass(frozen=True)
class Checkpoint:
    """A run at rest.

    Attributes
    ----------
    state : RunState
        What the rest of the run depends on.
    identity : dict
        From :func:`identity_of`.
    n_frames : int
        Frames that were on the disk for good when the checkpoint was written.
    wall_s : float
        Wall time of the run until then, in all its processes, s.
    resumed_at : tuple of int
        Steps at which processes took the run up.
    """

    state: RunState
    identity: dict[str, Any]
    n_frames: int
    wall_s: float = 0.0
    resumed_at: tuple[int, ...] = ()

    def to_bytes(self, atoms: Atoms) -> bytes:
        """The checkpoint as a NumPy archive, with the numbers and the cell of `atoms` for whoever looks into it."""
        state = self.state
        plain = {
            "identity": self.identity,
            "n_frames": self.n_frames,
            "wall_s": self.wall_s,
            "resumed_at": self.resumed_at,
            "step": state.step,
            "ended_early": state.ended_early,
            "random": state.random,
        }
        arrays = {
            "positions_A": state.positions_A,
            "momenta": state.momenta,
            "numbers": atoms.numbers,
            "cell_A": atoms.cell.array,
            "pbc": atoms.pbc,
        }
        memory = {f"{THERMOSTAT}{name}": values for name, values in state.thermostat.items()}
        buffer = BytesIO()
        np.savez(buffer, allow_pickle=False, plain=np.array(json.dumps(plain)), **arrays, **memory)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Inverse of :meth:`to_bytes`.

        Raises
        ------
        DamagedFileError
            If a part is missing.
        """
        try:
            with np.load(BytesIO(content), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            plain = json.loads(str(arrays["plain"]))
            state = RunState(
                step=plain["step"],
                ended_early=plain["ended_early"],
                positions_A=arrays["positions_A"],
                momenta=arrays["momenta"],
                thermostat={key.removeprefix(THERMOSTAT): arrays[key] for key in arrays if key.startswith(THERMOSTAT)},
                random=plain["random"],
            )
            return cls(state, plain["identity"], plain["n_frames"], plain["wall_s"], tuple(plain["resumed_at"]))
        except (KeyError, ValueError, OSError) as error:
            raise DamagedFileError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class CheckpointFolder:
    """The checkpoints of one run.

    Attributes
    ----------
    path : Path
        Where they are; it need not exist.
    """

    path: Path

    def files(self) -> list[Path]:
        """All checkpoints, newest first."""
        steps = {path: int(match["step"]) for path in self.path.glob("*") if (match := NAME.match(path.name))}
        return sorted(steps, key=lambda path: -steps[path])

    def write(self, checkpoint: Checkpoint, atoms: Atoms) -> None:
        """Store a checkpoint, and drop all but the last two."""
        write_sealed(self.path / f"step-{checkpoint.state.step}.checkpoint", checkpoint.to_bytes(atoms))
        for old in self.files()[KEPT:]:
            old.unlink()

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest intact checkpoint, and what was wrong with newer ones, which are set aside.

        Returns
        -------
        checkpoint : Checkpoint or None
            None if there is no intact one.
        problems : list of str
            One sentence per checkpoint that could not be used.
        """
        problems: list[str] = []
        for file in self.files():
            try:
                return Checkpoint.from_bytes(read_sealed(file)), problems
            except DamagedFileError as error:
                problems.append(f"{file.name} could not be used ({error})")
                set_aside(file)
        return None, problems


def require_same_run(found: dict[str, Any], wanted: dict[str, Any], folder: Path) -> None:
    """Refuse to go on with other settings, atoms or another potential.

    Parameters
    ----------
    found, wanted : dict
        Identities of the run in the folder and of the one that was asked for.
    folder : Path
        The folder, for the message.

    Raises
    ------
    InputError
        If they differ; the message says in what.
    """
    names = sorted(name for name in found | wanted if found.get(name) != wanted.get(name))
    if not names:
        return
    differences = ", ".join(
        f"{name} (there {_short(found.get(name))}, now {_short(wanted.get(name))})" for name in names
    )
    raise InputError(
        f"{folder} holds another run, which cannot be continued as this one: it differs in {differences}. "
        "Give another folder, or delete this one"
    )


def _short(value: object) -> str:
    return str(value)[:12]
