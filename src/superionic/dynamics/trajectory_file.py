"""Frames on the disk while a run goes on: an HDF5 file whose structure is finished before the first step.

All space is taken up, and filled with NaN, when the file is made; it is closed then and never opened by HDF5 for
writing again. Frames go to their places in it by plain writes, so that whenever the process is killed the file is
sound, anybody may read it meanwhile, and a frame that is written again after a resume lands where it was.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import h5py
import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from superionic.durable import move_whole, scratch_name
from superionic.dynamics.frames import MDFrame
from superionic.dynamics.settings import MDSettings
from superionic.units import FS_PER_PS

FloatArray = NDArray[np.float64]
FORMAT: Final = "superionic-trajectory"
FORMAT_VERSION: Final = 2
CHUNK_FRAMES: Final = 500
CHUNK_ATOMS: Final = 64
BUFFERED_FRAMES: Final = 64
POSITIONS, ENERGIES, TEMPERATURES, PROGRESS = "positions_A", "energies_eV", "temperatures_K", "progress"
"""Names of the data sets; progress is the number of frames written, and whether the run has reached its end."""


def chunk_length(length: int, most: int) -> int:
    """Largest chunk of at most `most` rows that wastes next to nothing at the end of `length` rows."""
    return -(-length // -(-length // most))


@dataclass(frozen=True)
class _Places:
    """Where data lie in the file, in bytes from its start."""

    chunk: tuple[int, int]
    positions: dict[tuple[int, int], int]
    energies: int
    temperatures: int
    progress: int


class TrajectoryFile:
    """A trajectory in the making; close it after use.

    Parameters
    ----------
    path : Path
        A file that :meth:`create` has made.

    Raises
    ------
    OSError, KeyError
        If the file does not exist or is none of this kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with h5py.File(path, "r") as file:
            self.n_frames, self.n_atoms = (int(length) for length in file[POSITIONS].shape[:2])
            self._places = _places(file)
        self._descriptor = os.open(path, os.O_RDWR)
        self._first = 0
        self._frames: list[MDFrame] = []

    @classmethod
    def create(cls, path: Path, atoms: Atoms, settings: MDSettings, model_key: str | None) -> Self:
        """Make the file for all frames of a run; one that is there is replaced.

        Raises
        ------
        OSError
            If there is no room for all frames.
        """
        header = {
            "time_step_ps": settings.stride * settings.time_step_fs / FS_PER_PS,
            "temperature_K": settings.temperature_K,
            "seed": settings.seed,
            "thermostat": settings.thermostat.value,
        }
        header |= {} if model_key is None else {"model_key": model_key}
        n_frames = settings.frames_until(settings.n_steps)
        _make(path, n_frames, atoms.get_chemical_symbols(), header | {"lattice_A": atoms.cell.array})
        return cls(path)

    def put(self, frame: MDFrame, index: int) -> None:
        """Take a frame, the next of the last one; it reaches the file after some more, or with :meth:`flush`."""
        if not self._frames:
            self._first = index
        self._frames.append(frame)
        if len(self._frames) == BUFFERED_FRAMES:
            self.flush()

    def flush(self) -> None:
        """Write the frames that were taken, for other processes to see."""
        if not self._frames:
            return
        first, last = self._first, self._first + len(self._frames)
        self._write_positions(first, np.array([frame.positions_A for frame in self._frames], dtype="<f4"))
        energies = [frame.potential_energy_eV for frame in self._frames]
        temperatures = [frame.temperature_K for frame in self._frames]
        self._write(self._places.energies + 8 * first, np.array(energies, dtype="<f8"))
        self._write(self._places.temperatures + 8 * first, np.array(temperatures, dtype="<f8"))
        self._frames = []
        self.mark(last)

    def mark(self, n_frames: int, complete: bool = False) -> None:
        """Note how many frames are valid, and whether these are all."""
        self._write(self._places.progress, np.array([n_frames, complete], dtype="<i8"))

    def make_durable(self) -> None:
        """Return when all frames that were taken would survive a loss of power."""
        self.flush()
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file; frames that were not flushed are lost."""
        os.close(self._descriptor)

    def _write_positions(self, first: int, positions: NDArray[np.float32]) -> None:
        rows, width = self._places.chunk
        blocks = -(-self.n_atoms // width)
        padded = np.full((len(positions), blocks * width, 3), np.nan, dtype="<f4")
        padded[:, : self.n_atoms] = positions
        start = first
        while start < first + len(positions):
            end = min(first + len(positions), (start // rows + 1) * rows)
            for block in range(blocks):
                part = padded[start - first : end - first, block * width : (block + 1) * width]
                place = self._places.positions[start // rows, block]
                self._write(place + start % rows * width * 12, np.ascontiguousarray(part))
            start = end

    def _write(self, place: int, values: NDArray[Any]) -> None:
        content = memoryview(values.tobytes())
        while content:
            written = os.pwrite(self._descriptor, content, place)
            content, place = content[written:], place + written


def _make(path: Path, n_frames: int, symbols: Sequence[str], header: dict[str, Any]) -> None:
    scratch = scratch_name(path)
    try:
        with h5py.File(scratch, "w") as file:
            file.attrs.update({"format": FORMAT, "format_version": FORMAT_VERSION} | header)
            # a dataset, not an attribute: attributes end at 64 kB
            file.create_dataset("species", data=list(symbols), dtype=h5py.string_dtype())
            chunk = (chunk_length(n_frames, CHUNK_FRAMES), chunk_length(len(symbols), CHUNK_ATOMS), 3)
            _allocate(file, POSITIONS, (n_frames, len(symbols), 3), "<f4", chunks=chunk)
            _allocate(file, ENERGIES, (n_frames,), "<f8")
            _allocate(file, TEMPERATURES, (n_frames,), "<f8")
            file.create_dataset(PROGRESS, data=np.zeros(2, dtype="<i8"))
        with scratch.open("rb") as stream:
            os.fsync(stream.fileno())
        move_whole(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def _allocate(
    file: h5py.File, name: str, shape: tuple[int, ...], dtype: str, chunks: tuple[int, ...] | None = None
) -> None:
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    early.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
    file.create_dataset(name, shape, dtype, chunks=chunks, fillvalue=np.nan, dcpl=early)


def _places(file: h5py.File) -> _Places:
    dataset = file[POSITIONS]
    rows, width, _ = dataset.chunks
    infos = [dataset.id.get_chunk_info(number) for number in range(dataset.id.get_num_chunks())]
    return _Places(
        chunk=(rows, width),
        positions={(info.chunk_offset[0] // rows, info.chunk_offset[1] // width): info.byte_offset for info in infos},
        energies=file[ENERGIES].id.get_offset(),
        temperatures=file[TEMPERATURES].id.get_offset(),
        progress=file[PROGRESS].id.get_offset(),
    )


def shorten(path: Path, n_frames: int, reason: str) -> None:
    """Replace the file of a run that ended early by one without room for the frames that never came.

    Parameters
    ----------
    path : Path
        The file, closed.
    n_frames : int
        Frames to keep.
    reason : str
        Why the run ended.
    """
    short = scratch_name(path.with_suffix(".short"))
    with h5py.File(path, "r") as old:
        if "ended_early" in old.attrs:
            return
        header = {name: value for name, value in old.attrs.items() if not name.startswith("format")}
        _make(short, n_frames, old["species"].asstr()[:].tolist(), header | {"ended_early": reason})
        with h5py.File(short, "r+") as new:
            for first in range(0, n_frames, CHUNK_FRAMES):
                rows = slice(first, min(first + CHUNK_FRAMES, n_frames))
                for name in (POSITIONS, ENERGIES, TEMPERATURES):
                    new[name][rows] = old[name][rows]
            new[PROGRESS][:] = (n_frames, True)
    with short.open("rb") as stream:
        os.fsync(stream.fileno())
    move_whole(short, path)


def read_scalars(path: Path, n_frames: int) -> tuple[FloatArray, FloatArray]:
    """Kinetic temperatures, K, and potential energies, eV, of the first frames."""
    with h5py.File(path, "r") as file:
        return np.asarray(file[TEMPERATURES][:n_frames]), np.asarray(file[ENERGIES][:n_frames])
