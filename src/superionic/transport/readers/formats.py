"""One iterator of frames per file format; ASE, pymatgen and h5py do the parsing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from superionic.errors import TransportInputError
from superionic.units import FS_PER_PS

SNIFFED_BYTES = 4096


class TrajectoryFormat(StrEnum):
    """File formats that can be read.

    Attributes
    ----------
    HDF5
        superionic's own (`TrajectoryWriter`).
    ASE
        ASE's binary `.traj`.
    EXTXYZ
        Extended XYZ with a `Lattice` in every frame.
    XDATCAR
        VASP's positions.
    VASPRUN
        VASP's `vasprun.xml`.
    LAMMPS
        Text dump with `id`, and `element`, `mass` or `type`.
    PYMATGEN
        JSON of a pymatgen `Trajectory`.
    """

    HDF5 = "hdf5"
    ASE = "ase-traj"
    EXTXYZ = "extxyz"
    XDATCAR = "xdatcar"
    VASPRUN = "vasprun"
    LAMMPS = "lammps-dump"
    PYMATGEN = "pymatgen-json"


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame as a file holds it.

    Attributes
    ----------
    positions_A : numpy.ndarray, (atoms, 3)
        Cartesian positions in angstrom, wrapped or not.
    cell_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.
    numbers : numpy.ndarray of int, (atoms,)
        Atomic numbers.
    step : int or None
        MD step, where the file records it.
    """

    positions_A: NDArray[np.floating]
    cell_A: NDArray[np.float64]
    numbers: NDArray[np.integer]
    step: int | None = None


@dataclass(eq=False)
class FrameSource:
    """An opened trajectory file.

    Attributes
    ----------
    frames : iterator of Frame
        The frames, read as they are asked for.
    time_step_ps : float or None
        Time between frames in ps, where the file tells it.
    temperature_K : float or None
        Target temperature, where the file tells it.
    notes : list of str
        What was found or assumed; may grow while frames are read.
    """

    frames: Iterator[Frame]
    time_step_ps: float | None = None
    temperature_K: float | None = None
    notes: list[str] = field(default_factory=list)


def detect_format(path: str | Path) -> TrajectoryFormat:
    """Tell the format of a trajectory from its first bytes; names do not matter.

    Parameters
    ----------
    path : path
        The file, possibly compressed (gz, bz2, xz).

    Returns
    -------
    TrajectoryFormat
        The format.

    Raises
    ------
    TransportInputError
        If the file does not exist, is empty or is of no known format.
    """
    file = Path(path)
    if not file.is_file():
        raise TransportInputError(f"{path} is no file: check the path.")
    with _opened(file, "rb") as stream:
        head: bytes = stream.read(SNIFFED_BYTES)
    first_line = head.split(b"\n", 1)[0].strip()
    signs = (
        (TrajectoryFormat.HDF5, head.startswith(b"\x89HDF\r\n")),
        (TrajectoryFormat.ASE, head.startswith(b"- of Ulm")),
        (TrajectoryFormat.LAMMPS, head.startswith(b"ITEM: ")),
        (TrajectoryFormat.XDATCAR, b"Direct configuration=" in head),
        (TrajectoryFormat.VASPRUN, head.startswith(b"<?xml") and b"<modeling" in head),
        (TrajectoryFormat.PYMATGEN, head.lstrip().startswith(b"{")),
        (TrajectoryFormat.EXTXYZ, first_line.isdigit()),
    )
    for file_format, found in signs:
        if found:
            return file_format
    known = ", ".join(item.value for item in TrajectoryFormat)
    raise TransportInputError(
        f"{path} is of no known trajectory format ({known}): convert it, for example with ASE to extxyz with a Lattice."
    )


def open_frames(path: Path, file_format: TrajectoryFormat, type_symbols: Sequence[str] | None) -> FrameSource:
    """Open a trajectory file.

    Parameters
    ----------
    path : Path
        The file.
    file_format : TrajectoryFormat
        Its format.
    type_symbols : sequence of str, optional
        LAMMPS: chemical symbols of the atom types 1, 2, ...

    Returns
    -------
    FrameSource
        Its frames and what else it tells.

    Raises
    ------
    TransportInputError
        If the file cannot be read.
    """
    if file_format is TrajectoryFormat.LAMMPS:
        return _lammps(path, type_symbols)
    openers: dict[TrajectoryFormat, Callable[[Path], FrameSource]] = {
        TrajectoryFormat.HDF5: _hdf5,
        TrajectoryFormat.ASE: _ase,
        TrajectoryFormat.EXTXYZ: _extxyz,
        TrajectoryFormat.XDATCAR: _xdatcar,
        TrajectoryFormat.VASPRUN: _vasprun,
        TrajectoryFormat.PYMATGEN: _pymatgen,
    }
    return openers[file_format](path)


def _opened(path: Path, mode: str) -> IO[Any]:
    from ase.io.formats import open_with_compression

    stream: IO[Any] = open_with_compression(str(path), mode)
    return stream


def _frame(atoms: Any, step: int | None = None) -> Frame:  # noqa: ANN401 (ase.Atoms, untyped)
    return Frame(atoms.positions, np.asarray(atoms.cell.array, dtype=np.float64), atoms.numbers, step)


def _hdf5(path: Path) -> FrameSource:
    from superionic.transport.trajectory import read_blocks, read_header

    header = read_header(path)
    numbers = _numbers(header.species)
    frames = (Frame(row, header.lattice_A, numbers) for block in read_blocks(path) for row in block)
    notes = [] if header.complete else [f"{path}: the writer never closed the file, the run did not reach its end"]
    return FrameSource(frames, header.time_step_ps, header.temperature_K, notes)


def _numbers(symbols: Sequence[str]) -> NDArray[np.intp]:
    from ase.data import atomic_numbers

    unknown = sorted(set(symbols) - set(atomic_numbers))
    if unknown:
        raise TransportInputError(f"{unknown} are no chemical symbols: write them as in 'Li', without charge.")
    return np.array([atomic_numbers[symbol] for symbol in symbols], dtype=np.intp)


def _ase(path: Path) -> FrameSource:
    from ase.io.trajectory import Trajectory
    from ase.units import fs

    images = Trajectory(str(path))
    about = images.description or {}
    source = FrameSource(_frame(image) for image in images)
    if "timestep" in about and "interval" in about:
        source.time_step_ps = float(about["timestep"]) * int(about["interval"]) / fs / FS_PER_PS
    if isinstance(about.get("temperature_K"), float):
        source.temperature_K = round(float(about["temperature_K"]), 9)
    return source


def _extxyz(path: Path) -> FrameSource:
    from ase.io import iread

    return FrameSource(_frame(image) for image in iread(str(path), index=":", format="extxyz"))


def _xdatcar(path: Path) -> FrameSource:
    source = FrameSource(iter(()))
    source.frames = _xdatcar_frames(path, source.notes)
    return source


def _xdatcar_frames(path: Path, notes: list[str]) -> Iterator[Frame]:
    from ase.io.vasp import read_vasp_xdatcar

    # ASE reads whole files only: it is handed one frame at a time
    with _opened(path, "rt") as lines:
        header: list[str] = []
        frame_read = False
        for line in lines:
            if not line.startswith("Direct configuration="):
                header = [line] if frame_read else [*header, line]
                frame_read = False
                continue
            # POTCAR names and hashes (Li_sv/1a2b) are no symbols to ASE
            header[5] = " ".join(name.split("/")[0].split("_")[0] for name in header[5].split()) + "\n"
            count = sum(int(number) for number in header[6].split())
            rows = list(islice(lines, count))
            if len(rows) < count:
                notes.append(f"{path}: the last frame is incomplete and was dropped")
                return
            yield _frame(read_vasp_xdatcar(StringIO("".join([*header, line, *rows])), index=0))
            frame_read = True


def _vasprun(path: Path) -> FrameSource:
    from ase.io import iread

    images = iread(str(path), index=":", format="vasp-xml")
    first = next(images)
    about = first.calc.parameters if first.calc is not None else {}
    source = FrameSource(_frame(image) for image in _chain(first, images))
    source.notes.append(f"{path}: vasprun.xml is held in memory while it is read; XDATCAR is not")
    if about.get("ibrion") == 0 and about.get("potim"):
        source.time_step_ps = float(about["potim"]) / FS_PER_PS
        source.notes.append(f"{path}: time between frames from POTIM = {about['potim']:g} fs")
    begin, end = about.get("tebeg"), about.get("teend")
    if begin and begin == end:
        source.temperature_K = float(begin)
    return source


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:  # noqa: ANN401 (ase.Atoms, untyped)
    yield first
    yield from rest


def _pymatgen(path: Path) -> FrameSource:
    from monty.serialization import loadfn
    from pymatgen.core.trajectory import Trajectory

    data = loadfn(str(path), fmt="json")
    if not isinstance(data, Trajectory) or data.lattice is None:
        raise TransportInputError(
            f"{path} holds JSON, but no pymatgen Trajectory of periodic structures (it holds {type(data).__name__})."
        )
    data.to_positions()
    lattices = np.broadcast_to(np.asarray(data.lattice, dtype=np.float64), (len(data.coords), 3, 3))
    numbers = _numbers([str(getattr(item, "symbol", item)) for item in data.species])
    frames = (Frame(xyz @ cell, cell, numbers) for xyz, cell in zip(data.coords, lattices, strict=True))
    source = FrameSource(frames)
    if data.time_step:
        source.time_step_ps = float(data.time_step) / FS_PER_PS
        source.notes.append(
            f"{path}: {data.time_step:g} fs between frames, from the file's time_step; if only every n-th MD step was "
            "stored, give the time between frames yourself"
        )
    return source


def _lammps(path: Path, type_symbols: Sequence[str] | None) -> FrameSource:
    if type_symbols:
        _numbers(type_symbols)
    source = FrameSource(iter(()))
    source.frames = _lammps_frames(path, list(type_symbols or ()), source.notes)
    return source


def _lammps_frames(path: Path, type_symbols: list[str], notes: list[str]) -> Iterator[Frame]:
    from ase.io.lammpsrun import read_lammps_dump_text

    checked = False
    for text in _lammps_pieces(path):
        columns = text[text.find("ITEM: ATOMS") :].split("\n", 1)[0].split()[2:]
        if not checked:
            _check_columns(path, columns, type_symbols)
            checked = True
        count = text.split("NUMBER OF ATOMS", 1)[-1].split(maxsplit=1)[:1]
        if not count or text[text.find("ITEM: ATOMS") :].count("\n") < int(count[0]) + 1:
            notes.append(f"{path}: the last frame is incomplete and was dropped")
            return
        atoms = read_lammps_dump_text(StringIO(text), index=0, specorder=type_symbols or None)
        yield _frame(atoms, step=int(text.split("\n", 2)[1]))


def _lammps_pieces(path: Path) -> Iterator[str]:
    with _opened(path, "rt") as lines:
        piece: list[str] = []
        for line in lines:
            if line.startswith("ITEM: TIMESTEP") and piece:
                yield "".join(piece)
                piece = []
            piece.append(line)
        if piece:
            yield "".join(piece)


def _check_columns(path: Path, columns: list[str], type_symbols: list[str]) -> None:
    """Refuse what ASE would read without a word as other elements, or in changing order."""
    if not {"element", "mass"} & set(columns) and not type_symbols:
        raise TransportInputError(
            f"{path} names atoms by type only: give their chemical symbols in the order of the types "
            "(--types Li,In,Cl on the command line, type_symbols in Python), or dump the column 'element'."
        )
    if "id" not in columns:
        raise TransportInputError(
            f"{path} has no column 'id', so that atoms cannot be followed from frame to frame: dump it with id."
        )
