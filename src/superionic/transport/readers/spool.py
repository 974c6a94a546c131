"""Frames on disk: checked as they come, then unwrapped and brought to one cell in place, block by block."""

import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from superionic.errors import TransportInputError
from superionic.transport.readers.formats import Frame

Array = NDArray[np.float64]
CELL_TOLERANCE = 1e-4
"""Strain of the cell that counts as rounding in the file."""
SAME_FRAME_A = 1e-3
"""Two frames closer than this are the same, written twice at the join of two segments."""
CERTAIN_STEP = 0.48
"""Largest step between frames, in cells, from which the way around the cell can be told."""
UNUSUAL_STEPS, LEAST_GAP_A = 2.0, 1.0
"""A join is refused when an atom moves there by more than twice the largest step of the run, and by more than 1 A."""
WRAP_JUMP, WRAP_SLACK = 0.5, 0.3
"""A wrapped axis: some atom jumps by over half a cell although all stay within little more than one."""
BLOCK_FRAMES = 200


class VariableCell(StrEnum):
    """What to do with a cell that changes during the run.

    Attributes
    ----------
    REFUSE
        Refuse the trajectory.
    AFFINE_MEAN
        Fractional coordinates of each frame times the mean cell: the breathing of the cell is taken out.
    """

    REFUSE = "refuse"
    AFFINE_MEAN = "affine-mean"


@dataclass(eq=False)
class Segment:
    """Rows of the spool that came from one file.

    Attributes
    ----------
    path : Path
        The file.
    start, stop : int
        First row, and one past the last.
    """

    path: Path
    start: int
    stop: int


class Spool:
    """Positions in a temporary file that vanishes with the object, cells and species in memory."""

    def __init__(self) -> None:
        # not a context manager: the memory map outlives this object and closes the file
        self._file = tempfile.TemporaryFile(prefix="superionic-")  # noqa: SIM115
        self.segments: list[Segment] = []
        self.numbers: NDArray[np.integer] = np.empty(0, dtype=np.intp)
        self._cells: list[Array] = []
        self._steps: list[int | None] = []

    def begin(self, path: Path) -> None:
        """Start a new file."""
        self.segments.append(Segment(path, len(self._cells), len(self._cells)))
        self._steps = []

    def add(self, frame: Frame, index: int) -> None:
        """Check a frame and store it.

        Parameters
        ----------
        frame : Frame
            The frame.
        index : int
            Its number in the file, for messages.

        Raises
        ------
        TransportInputError
            If atoms were lost or changed, a number is not finite, there is no cell, or steps are uneven.
        """
        segment = self.segments[-1]
        where = f"frame {index} of {segment.path}"
        if not self._cells:
            self.numbers = np.array(frame.numbers)
        self._check_atoms(frame, where)
        if not np.all(np.isfinite(frame.positions_A)) or not np.all(np.isfinite(frame.cell_A)):
            raise TransportInputError(
                f"{where} holds numbers that are not finite: the run exploded or the file is damaged. Cut it before."
            )
        if abs(np.linalg.det(frame.cell_A)) < 1e-6:  # noqa: PLR2004 (no volume)
            raise TransportInputError(
                f"{where} has no cell: the analysis needs a periodic crystal. In (ext)xyz, write Lattice=... per frame."
            )
        self._check_step(frame.step, where)
        self._write(np.ascontiguousarray(frame.positions_A, dtype=np.float32).tobytes())
        self._cells.append(np.array(frame.cell_A, dtype=np.float64))
        segment.stop += 1

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise TransportInputError(
                f"cannot write positions to a temporary file in {tempfile.gettempdir()} ({error}): make room there, "
                "set TMPDIR to a folder with room, or take fewer frames with --every (every in Python)."
            ) from error

    def _check_atoms(self, frame: Frame, where: str) -> None:
        if len(frame.numbers) != len(self.numbers):
            raise TransportInputError(
                f"{where} has {len(frame.numbers)} atoms, the first frame of {self.segments[0].path} has "
                f"{len(self.numbers)}: atoms were lost, or the files belong to different runs (then analyse them one "
                "by one or as replicas)."
            )
        if not np.array_equal(frame.numbers, self.numbers):
            raise TransportInputError(
                f"{where} has other species, or in another order, than the first frame of {self.segments[0].path}: "
                "atoms cannot be followed. Sort them alike, or analyse the files as replicas."
            )

    def _check_step(self, step: int | None, where: str) -> None:
        self._steps = [*self._steps[-2:], step]
        known = [s for s in self._steps if s is not None]
        if len(known) == 3 and known[2] - known[1] != known[1] - known[0]:  # noqa: PLR2004 (two intervals)
            raise TransportInputError(
                f"{where} is at MD step {known[2]}, after {known[0]} and {known[1]}: frames must be equally spaced. "
                "Remove frames, or give the parts as separate files."
            )

    @property
    def steps_per_frame(self) -> int | None:
        """MD steps between frames of the last file, where it records them."""
        last = self._steps[-2:]
        if len(last) < 2 or last[0] is None or last[1] is None:  # noqa: PLR2004 (an interval has two ends)
            return None
        return last[1] - last[0]

    def finish(
        self, treatment: VariableCell, wrapped: bool | None
    ) -> tuple[NDArray[np.float32], Array, list[str], bool]:
        """Bring all frames to one cell, unwrap them, join the segments.

        Parameters
        ----------
        treatment : VariableCell
            What to do with a changing cell.
        wrapped : bool or None
            Whether positions are wrapped; None to find out.

        Returns
        -------
        positions_A : numpy.ndarray of float32, (frames, atoms, 3)
            Unwrapped, memory-mapped.
        lattice_A : numpy.ndarray, (3, 3)
            The cell.
        notes : list of str
            What was done.
        was_wrapped : bool
            Whether any segment was wrapped.
        """
        self._file.flush()
        rows = np.memmap(self._file, dtype=np.float32, mode="r+", shape=(len(self._cells), len(self.numbers), 3))
        cells = np.stack(self._cells)
        lattice, notes, varies = self._one_cell(cells, treatment)
        pieces: list[NDArray[np.float32]] = []
        was_wrapped = False
        for segment in self.segments:
            part, part_cells = rows[segment.start : segment.stop], cells[segment.start : segment.stop]
            unwrap = _look_wrapped(part, part_cells) if wrapped is None else np.full(3, wrapped)
            if unwrap.any():
                was_wrapped = True
                axes = ", ".join("abc"[i] for i in np.flatnonzero(unwrap))
                how = "" if wrapped else " (found: atoms jump across the whole cell)"
                notes.append(f"{segment.path}: wrapped along {axes}{how}; unwrapped by the minimum image")
            if unwrap.any() or varies:
                _rewrite(part, part_cells, lattice, unwrap=bool(unwrap.any()), where=str(segment.path))
            if pieces:
                part, joined = _join(part, pieces[-1], lattice, segment.path)
                notes += joined
            pieces.append(part)
        return _closed_up(rows, pieces), lattice, notes, was_wrapped

    def _one_cell(self, cells: Array, treatment: VariableCell) -> tuple[Array, list[str], bool]:
        mean = cells.mean(axis=0)
        strain = np.abs(cells @ np.linalg.inv(cells[0]) - np.eye(3)).max(axis=(1, 2))
        if strain.max() <= CELL_TOLERANCE:
            return cells[0], [], False
        worst = int(strain.argmax())
        within = [np.ptp(strain[s.start : s.stop]) > CELL_TOLERANCE for s in self.segments]
        volumes = np.abs(np.linalg.det(cells))
        if not any(within):
            raise TransportInputError(
                f"the cells of the files differ by {100 * strain.max():.2g} %: they are not segments of one run. "
                "Analyse them one by one, or as replicas."
            )
        if treatment is VariableCell.REFUSE:
            raise TransportInputError(
                f"the cell changes during the run (frame {worst}: strain {100 * strain.max():.2g} %, volume from "
                f"{volumes.min():.1f} to {volumes.max():.1f} A^3): in a breathing cell displacements are not those of "
                "ions alone, and the density is not defined. Run NVT at the mean cell; or accept fractional "
                "displacements in the mean cell with --variable-cell affine-mean."
            )
        return mean, [f"variable cell, treated as {treatment.value}: fractional coordinates times the mean cell"], True


def _look_wrapped(rows: NDArray[np.float32], cells: Array) -> NDArray[np.bool_]:
    low, high, jump = np.full(3, np.inf), np.full(3, -np.inf), np.zeros(3)
    for start in range(0, len(rows), BLOCK_FRAMES):
        stop = start + BLOCK_FRAMES + 1
        fractional = rows[start:stop].astype(np.float64) @ np.linalg.inv(cells[start:stop])
        low = np.minimum(low, fractional.min(axis=(0, 1)))
        high = np.maximum(high, fractional.max(axis=(0, 1)))
        if len(fractional) > 1:
            jump = np.maximum(jump, np.abs(np.diff(fractional, axis=0)).max(axis=(0, 1)))
    return np.asarray((jump > WRAP_JUMP) & (high - low < 1.0 + WRAP_SLACK))


def _rewrite(rows: NDArray[np.float32], cells: Array, lattice: Array, *, unwrap: bool, where: str) -> None:
    """Fractional coordinates of each frame, unwrapped if asked, times one cell; in place."""
    previous: Array | None = None
    images: Array = np.zeros(rows.shape[1:])
    for start in range(0, len(rows), BLOCK_FRAMES):
        fractional = rows[start : start + BLOCK_FRAMES].astype(np.float64) @ np.linalg.inv(
            cells[start : start + BLOCK_FRAMES]
        )
        if unwrap:
            steps = np.diff(fractional, axis=0, prepend=fractional[:1] if previous is None else previous)
            turns = np.rint(steps)
            _check_certain(steps - turns, start, where)
            previous = fractional[-1:].copy()
            shifts = images - np.cumsum(turns, axis=0)
            images = shifts[-1]
            fractional += shifts
        rows[start : start + BLOCK_FRAMES] = fractional @ lattice


def _check_certain(steps: Array, start: int, where: str) -> None:
    longest = float(np.abs(steps).max())
    if longest > CERTAIN_STEP:
        frame, atom, _ = (int(i) for i in np.unravel_index(np.abs(steps).argmax(), steps.shape))
        raise TransportInputError(
            f"{where}: atom {atom} moves by {longest:.2f} of the cell at frame {start + frame}, so wrapped positions "
            "cannot be unwrapped with certainty. Store frames more often or use a larger cell."
        )


def _join(
    part: NDArray[np.float32], before: NDArray[np.float32], lattice: Array, path: Path
) -> tuple[NDArray[np.float32], list[str]]:
    """Shift a segment by whole cells so that it continues the one before; drop a frame written twice."""
    gap = (part[0].astype(np.float64) - before[-1]) @ np.linalg.inv(lattice)
    shift = np.rint(gap)
    remaining = float(np.linalg.norm((gap - shift) @ lattice, axis=1).max())
    tail = before[-BLOCK_FRAMES:].astype(np.float64)
    usual = float(np.linalg.norm(np.diff(tail, axis=0), axis=-1).max()) if len(tail) > 1 else 0.0
    if np.abs(gap - shift).max() > CERTAIN_STEP or remaining > max(UNUSUAL_STEPS * usual, LEAST_GAP_A):
        raise TransportInputError(
            f"{path} does not continue the file before it: an atom jumps by {remaining:.1f} A, while the largest step "
            f"between frames is {usual:.1f} A. Check the order of the files, or analyse them as replicas."
        )
    if shift.any():
        for start in range(0, len(part), BLOCK_FRAMES):
            part[start : start + BLOCK_FRAMES] -= (shift @ lattice).astype(np.float32)
    if remaining < SAME_FRAME_A and len(part) > 1:
        return part[1:], [f"{path}: its first frame repeats the last of the file before and was dropped"]
    return part, [f"{path}: joined; the largest step there is {remaining:.2f} A"]


def _closed_up(rows: NDArray[np.float32], pieces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Move the pieces together where frames were dropped between them."""
    done = 0
    for piece in pieces:
        for start in range(0, len(piece), BLOCK_FRAMES):
            block = piece[start : start + BLOCK_FRAMES].copy()
            rows[done : done + len(block)] = block
            done += len(block)
    return rows[:done]
