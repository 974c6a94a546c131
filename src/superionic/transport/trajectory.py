"""Trajectories on disk: chunked HDF5, written while the run goes on, read back whole or from bytes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from superionic.dynamics.trajectory_file import CHUNK_ATOMS, CHUNK_FRAMES, FORMAT, FORMAT_VERSION, PROGRESS
from superionic.errors import TransportInputError
from superionic.transport.checks import check_lattice, check_positive, check_species

OPEN_END: Final = 1
"""Version of files that grow with every frame; runs of known length write the next one."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A trajectory read from a file.

    Attributes
    ----------
    positions_A : numpy.ndarray of float32, (frames, atoms, 3)
        Unwrapped Cartesian positions in angstrom.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : tuple of str
        One chemical symbol per atom.
    time_step_ps : float
        Time between frames, in ps.
    temperature_K : float
        Target temperature in K.
    energies_eV, temperatures_K : numpy.ndarray or None, (frames,)
        Potential energy and instantaneous temperature of each frame, where they were written.
    seed : int or None
        Seed of the run.
    model_key : str or None
        Key of the potential.
    complete : bool
        False when the writer never closed the file: the run crashed or is still going on.
    format_version : int
        Version of the file format.
    ended_early : str or None
        Why the run ended before its time, if it exploded.
    """

    positions_A: NDArray[np.float32]
    lattice_A: NDArray[np.float64]
    species: tuple[str, ...]
    time_step_ps: float
    temperature_K: float
    energies_eV: NDArray[np.float64] | None
    temperatures_K: NDArray[np.float64] | None
    seed: int | None
    model_key: str | None
    complete: bool
    format_version: int
    ended_early: str | None = None


class TrajectoryWriter:
    """Append frames to an HDF5 file while a run goes on; use as a context manager.

    At most one chunk of 500 frames is held in memory. Positions are stored in float32, uncompressed, in chunks of
    (500 frames, 64 atoms, 3), because the analysis reads all frames of a few atoms at a time. After :meth:`flush` all
    frames appended so far survive a crash.

    Parameters
    ----------
    path : path
        File to create; must not exist.
    lattice_A : array_like, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : sequence of str
        One chemical symbol per atom.
    time_step_ps : float
        Time between frames, in ps.
    temperature_K : float
        Target temperature in K.
    seed : int, optional
        Seed of the run.
    model_key : str, optional
        Key of the potential.

    Raises
    ------
    TransportInputError
        If the file exists or cannot be created, or an argument cannot be used.
    """

    def __init__(
        self,
        path: str | Path,
        lattice_A: ArrayLike,
        species: Sequence[str],
        time_step_ps: float,
        temperature_K: float,
        *,
        seed: int | None = None,
        model_key: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.n_atoms = len(species)
        symbols = check_species(species, species[0] if self.n_atoms else "", self.n_atoms)
        header: dict[str, Any] = {
            "format": FORMAT,
            "format_version": OPEN_END,
            "lattice_A": check_lattice(lattice_A),
            "time_step_ps": check_positive("time_step_ps", time_step_ps),
            "temperature_K": check_positive("temperature_K", temperature_K),
            "complete": False,
        }
        header |= {} if seed is None else {"seed": seed}
        header |= {} if model_key is None else {"model_key": model_key}
        self._file = self._create(header, symbols.tolist())
        self._positions: list[NDArray[np.float32]] = []
        self._scalars: list[tuple[float, float]] = []

    def _create(self, header: dict[str, Any], symbols: list[str]) -> h5py.File:
        try:
            file = h5py.File(self.path, "x")
        except OSError as error:
            raise TransportInputError(
                f"cannot create the trajectory {self.path}: {error}. Remove an existing file or choose another name."
            ) from error
        file.attrs.update(header)
        # a dataset, not an attribute: attributes end at 64 kB
        file.create_dataset("species", data=symbols, dtype=h5py.string_dtype())
        atoms = min(CHUNK_ATOMS, self.n_atoms)
        shape = (0, self.n_atoms, 3)
        chunk = (CHUNK_FRAMES, atoms, 3)
        file.create_dataset("positions_A", shape, np.float32, maxshape=(None, *shape[1:]), chunks=chunk)
        for name in ("energies_eV", "temperatures_K"):
            file.create_dataset(name, (0,), np.float64, maxshape=(None,), chunks=(CHUNK_FRAMES,))
        file.flush()
        return file

    @property
    def n_frames(self) -> int:
        """Number of frames appended so far."""
        return len(self._file["positions_A"]) + len(self._positions)

    def append(
        self, positions_A: ArrayLike, *, energy_eV: float | None = None, temperature_K: float | None = None
    ) -> None:
        """Append one frame.

        Parameters
        ----------
        positions_A : array_like, (atoms, 3)
            **Unwrapped** Cartesian positions in angstrom.
        energy_eV : float, optional
            Potential energy of the frame in eV.
        temperature_K : float, optional
            Instantaneous temperature of the frame in K.

        Raises
        ------
        TransportInputError
            If the shape is wrong or a position is not finite.
        """
        positions = np.array(positions_A, dtype=np.float32)
        if positions.shape != (self.n_atoms, 3) or not np.all(np.isfinite(positions)):
            raise TransportInputError(
                f"frame {self.n_frames} for {self.path} has shape {positions.shape} or values that are not finite; "
                f"expected finite ({self.n_atoms}, 3): if the run exploded, shorten its time step."
            )
        self._positions.append(positions)
        self._scalars.append((_or_nan(energy_eV), _or_nan(temperature_K)))
        if self.n_frames % CHUNK_FRAMES == 0:
            self.flush()

    def flush(self) -> None:
        """Write all frames appended so far to the disk."""
        if self._positions:
            scalars = np.array(self._scalars)
            # positions last: the reader trusts no frame beyond the shortest dataset
            for name, data in (
                ("energies_eV", scalars[:, 0]),
                ("temperatures_K", scalars[:, 1]),
                ("positions_A", np.stack(self._positions)),
            ):
                dataset = self._file[name]
                start = len(dataset)
                dataset.resize(start + len(data), axis=0)
                dataset[start:] = data
            self._positions, self._scalars = [], []
        self._file.flush()

    def close(self, *, complete: bool = True) -> None:
        """Write what is left and close the file.

        Parameters
        ----------
        complete : bool
            Whether the run reached its end.
        """
        if self._file:
            self.flush()
            self._file.attrs["complete"] = complete
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(complete=kind is None)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def read_trajectory(source: str | Path | bytes) -> Trajectory:
    """Read a trajectory of :class:`TrajectoryWriter` or of a run, which may still be going on.

    Parameters
    ----------
    source : path or bytes
        The file, or its contents (as a database returns them).

    Returns
    -------
    Trajectory
        All frames written until now. Those that a crash left half-written are dropped.

    Raises
    ------
    TransportInputError
        If the file does not exist, is truncated or damaged, or is not a superionic trajectory.
    """
    with _opened(source) as file:
        return _read(file)


def read_header(source: str | Path | bytes) -> Trajectory:
    """Read everything but the frames of a trajectory.

    Parameters
    ----------
    source : path or bytes
        The file, or its contents.

    Returns
    -------
    Trajectory
        With no frames.

    Raises
    ------
    TransportInputError
        As :func:`read_trajectory`.
    """
    with _opened(source) as file:
        return _read(file, 0)


def read_blocks(source: str | Path | bytes) -> Iterator[NDArray[np.float32]]:
    """Read the positions of a trajectory piece by piece.

    Parameters
    ----------
    source : path or bytes
        The file, or its contents.

    Yields
    ------
    numpy.ndarray of float32, (frames, atoms, 3)
        Up to 500 frames each, in angstrom.

    Raises
    ------
    TransportInputError
        As :func:`read_trajectory`.
    """
    with _opened(source) as file:
        n_frames = _frames_in(file)
        for start in range(0, n_frames, CHUNK_FRAMES):
            yield np.asarray(file["positions_A"][start : min(start + CHUNK_FRAMES, n_frames)])


@contextmanager
def _opened(source: str | Path | bytes) -> Iterator[h5py.File]:
    name = "the trajectory in memory" if isinstance(source, bytes) else f"the trajectory {source}"
    if not isinstance(source, bytes) and not Path(source).is_file():
        raise TransportInputError(f"{name} does not exist: check the path.")
    try:
        with h5py.File(BytesIO(source) if isinstance(source, bytes) else Path(source), "r") as file:
            _check_format(file, name)
            yield file
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise TransportInputError(
            f"{name} cannot be read ({error}): it is truncated, damaged or no HDF5 file. Copy it again or rerun."
        ) from error


def _check_format(file: h5py.File, name: str) -> None:
    if file.attrs.get("format") != FORMAT:
        raise TransportInputError(
            f"{name} is an HDF5 file, but not one of superionic: convert it with TrajectoryWriter, or pass arrays to "
            "analyze_trajectory."
        )
    version = int(file.attrs["format_version"])
    if version > FORMAT_VERSION:
        raise TransportInputError(
            f"{name} has format version {version}, this superionic reads up to {FORMAT_VERSION}: upgrade superionic."
        )


def _frames_in(file: h5py.File) -> int:
    if PROGRESS in file:
        return int(file[PROGRESS][0])
    return min(len(file[key]) for key in ("positions_A", "energies_eV", "temperatures_K"))


def _read(file: h5py.File, most_frames: int | None = None) -> Trajectory:
    n_frames = _frames_in(file) if most_frames is None else most_frames
    positions = np.empty((n_frames, *file["positions_A"].shape[1:]), dtype=np.float32)
    if n_frames:
        file["positions_A"].read_direct(positions, np.s_[:n_frames])
    attrs = file.attrs
    return Trajectory(
        positions_A=positions,
        lattice_A=np.asarray(attrs["lattice_A"], dtype=np.float64),
        species=tuple(file["species"].asstr()[:].tolist()),
        time_step_ps=float(attrs["time_step_ps"]),
        temperature_K=float(attrs["temperature_K"]),
        energies_eV=_scalars(file, "energies_eV", n_frames),
        temperatures_K=_scalars(file, "temperatures_K", n_frames),
        seed=int(attrs["seed"]) if "seed" in attrs else None,
        model_key=str(attrs["model_key"]) if "model_key" in attrs else None,
        complete=bool(file[PROGRESS][1] if PROGRESS in file else attrs["complete"]),
        format_version=int(attrs["format_version"]),
        ended_early=str(attrs["ended_early"]) if "ended_early" in attrs else None,
    )


def _scalars(file: h5py.File, name: str, n_frames: int) -> NDArray[np.float64] | None:
    values = np.asarray(file[name][:n_frames], dtype=np.float64)
    return None if np.all(np.isnan(values)) else values
