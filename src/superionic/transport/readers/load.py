"""Load trajectory files of any common format for the transport analysis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from superionic.errors import TransportInputError
from superionic.transport.checks import MIN_FRAMES, check_positive
from superionic.transport.readers.formats import Frame, FrameSource, TrajectoryFormat, detect_format, open_frames
from superionic.transport.readers.spool import Spool, VariableCell
from superionic.units import FS_PER_PS


@dataclass(frozen=True, eq=False)
class LoadedTrajectory:
    """One run, ready for `analyze_trajectory`.

    Attributes
    ----------
    positions_A : numpy.ndarray of float32, (frames, atoms, 3)
        Unwrapped Cartesian positions in angstrom, memory-mapped to a temporary file.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : tuple of str
        One chemical symbol per atom.
    time_step_ps : float
        Time between frames, in ps.
    temperature_K : float or None
        Target temperature, where the files tell it.
    was_wrapped : bool
        Whether positions in the files were wrapped.
    variable_cell : VariableCell or None
        How a changing cell was treated; None for a constant one.
    files : tuple of Path
        The files, in order.
    notes : tuple of str
        What was found, assumed or changed.
    """

    positions_A: NDArray[np.float32]
    lattice_A: NDArray[np.float64]
    species: tuple[str, ...]
    time_step_ps: float
    temperature_K: float | None
    was_wrapped: bool
    variable_cell: VariableCell | None
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def load_trajectory(
    files: str | Path | Sequence[str | Path],
    *,
    time_step_ps: float | None = None,
    md_step_fs: float | None = None,
    file_format: TrajectoryFormat | str | None = None,
    wrapped: bool | None = None,
    variable_cell: VariableCell | str = VariableCell.REFUSE,
    every: int = 1,
    type_symbols: Sequence[str] | None = None,
) -> LoadedTrajectory:
    """Read one run from one or more files, frame by frame.

    Several files are segments of one run, in the order given. A frame that is written twice at a join is dropped, and
    segments are shifted by whole cells where wrapping made them jump. Memory holds one frame; positions go to a
    temporary file (12 bytes per atom and frame).

    Parameters
    ----------
    files : path or sequence of paths
        The files; formats are told from their contents.
    time_step_ps : float, optional
        Time between the frames of the files, in ps; needed where they do not tell it, and stronger where they do.
    md_step_fs : float, optional
        LAMMPS: length of one MD step in fs, to be multiplied with the steps between frames.
    file_format : TrajectoryFormat or str, optional
        The format, if it shall not be detected.
    wrapped : bool, optional
        Whether positions are wrapped into the cell; by default this is found out.
    variable_cell : VariableCell or str
        What to do with a cell that changes: "refuse", or "affine-mean".
    every : int
        Take every n-th frame of each file.
    type_symbols : sequence of str, optional
        LAMMPS dumps without elements: the symbols of the types 1, 2, ...

    Returns
    -------
    LoadedTrajectory
        The run.

    Raises
    ------
    TransportInputError
        If the files cannot be read, do not belong together, or do not tell the time between frames.
    """
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    if not paths or every < 1:
        raise TransportInputError(f"{len(paths)} files and every = {every}: give at least one file, and every >= 1.")
    spool, told = Spool(), []
    for path in paths:
        source = _read_into(spool, path, file_format, type_symbols, every)
        told.append((_time_step(source, spool, path, time_step_ps, md_step_fs, every), source))
    count = sum(segment.stop - segment.start for segment in spool.segments)
    if count < MIN_FRAMES:
        raise TransportInputError(
            f"{', '.join(str(path) for path in paths)}: {count} frames; {MIN_FRAMES} are the least that can be used. "
            "Run longer or save more often."
        )
    treatment = _treatment(variable_cell)
    positions, lattice, notes, was_wrapped = spool.finish(treatment, wrapped)
    temperatures = [source.temperature_K for _, source in told if source.temperature_K is not None]
    return LoadedTrajectory(
        positions_A=positions,
        lattice_A=lattice,
        species=tuple(chemical_symbols[number] for number in spool.numbers),
        time_step_ps=every * _common([step for step, _ in told], "time between frames, ps"),
        temperature_K=_common(temperatures, "temperature, K") if temperatures else None,
        was_wrapped=was_wrapped,
        variable_cell=treatment if any(note.startswith("variable cell") for note in notes) else None,
        files=tuple(paths),
        notes=tuple([note for _, source in told for note in source.notes] + notes),
    )


def told_temperature(
    path: Path, file_format: TrajectoryFormat | str | None = None, type_symbols: Sequence[str] | None = None
) -> float | None:
    """Temperature that a file tells, without reading its frames.

    Parameters
    ----------
    path : Path
        The file.
    file_format : TrajectoryFormat or str, optional
        Its format, if it shall not be detected.
    type_symbols : sequence of str, optional
        LAMMPS: the symbols of the types.

    Returns
    -------
    float or None
        In K; None where it does not tell.
    """
    return _source(path, file_format, type_symbols)[0].temperature_K


def _source(
    path: Path, file_format: TrajectoryFormat | str | None, type_symbols: Sequence[str] | None
) -> tuple[FrameSource, TrajectoryFormat]:
    chosen = detect_format(path) if file_format is None else _named(file_format)
    try:
        return open_frames(path, chosen, type_symbols), chosen
    except TransportInputError:
        raise
    except Exception as error:
        raise TransportInputError(f"{path} cannot be read as {chosen.value}: {_said(error)}.") from error


def _named(file_format: TrajectoryFormat | str) -> TrajectoryFormat:
    try:
        return TrajectoryFormat(file_format)
    except ValueError as error:
        known = ", ".join(item.value for item in TrajectoryFormat)
        raise TransportInputError(f"file_format is {file_format!r}: give one of {known}, or none.") from error


def _treatment(variable_cell: VariableCell | str) -> VariableCell:
    try:
        return VariableCell(variable_cell)
    except ValueError as error:
        known = ", ".join(item.value for item in VariableCell)
        raise TransportInputError(f"variable_cell is {variable_cell!r}: give one of {known}.") from error


def _read_into(
    spool: Spool,
    path: Path,
    file_format: TrajectoryFormat | str | None,
    type_symbols: Sequence[str] | None,
    every: int,
) -> FrameSource:
    spool.begin(path)
    source, chosen = _source(path, file_format, type_symbols)
    for index, frame in _numbered(source.frames, path, chosen):
        if index % every == 0:
            spool.add(frame, index)
    if spool.segments[-1].stop == spool.segments[-1].start:
        raise TransportInputError(f"{path} holds no complete frame: did the run start?")
    return source


def _numbered(frames: Iterator[Frame], path: Path, file_format: TrajectoryFormat) -> Iterator[tuple[int, Frame]]:
    """Number the frames; whatever a parser raises becomes a message that names the place."""
    index = 0
    while True:
        try:
            frame = next(frames, None)
        except TransportInputError:
            raise
        except Exception as error:
            raise TransportInputError(
                f"frame {index} of {path} cannot be read as {file_format.value} ({_said(error)}): the file is damaged "
                "or was cut off. Remove that frame and what follows, or choose the format yourself."
            ) from error
        if frame is None:
            return
        yield index, frame
        index += 1


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().rstrip(".:")


def _time_step(
    source: FrameSource, spool: Spool, path: Path, given_ps: float | None, md_step_fs: float | None, every: int
) -> float:
    """Time between the frames of a file, in ps."""
    if given_ps is not None:
        step = check_positive("time_step_ps", given_ps)
        if source.time_step_ps is not None and abs(source.time_step_ps - step) > 1e-6 * step:
            source.notes.append(
                f"{path}: says {source.time_step_ps:g} ps between frames; {step:g} ps was given and counts"
            )
        return step
    if md_step_fs is not None and spool.steps_per_frame is not None:
        return check_positive("md_step_fs", md_step_fs) * spool.steps_per_frame / every / FS_PER_PS
    if source.time_step_ps is None:
        hint = ""
        if spool.steps_per_frame is not None:
            hint = f" (it says {spool.steps_per_frame // every} MD steps; or give --md-step-fs)"
        raise TransportInputError(
            f"{path} does not tell the time between its frames{hint}: give it with --time-step-ps or "
            "--frame-interval-fs (time_step_ps in Python). It is the MD time step times "
            "the number of steps between stored frames."
        )
    return source.time_step_ps


def _common(values: Sequence[float], what: str) -> float:
    if max(values) - min(values) > 1e-6 * abs(values[0]):
        raise TransportInputError(
            f"the files differ in {what}: {[round(value, 6) for value in values]}. They are not segments of one run: "
            "analyse them one by one, as replicas, or give the value yourself."
        )
    return values[0]
