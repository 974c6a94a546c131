"""Options of ``superionic analyze``, and what their texts mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superionic.errors import InputError

if TYPE_CHECKING:
    from superionic.transport.diffusion import DiffusionSettings

UNIVALENT = frozenset({"H", "Li", "Na", "K", "Rb", "Cs", "Ag", "Cu"})
COMPONENTS = 3


class CellTreatment(StrEnum):
    """What to do with a cell that changes."""

    REFUSE = "refuse"
    AFFINE_MEAN = "affine-mean"


class FileFormat(StrEnum):
    """Formats of trajectory files."""

    HDF5 = "hdf5"
    ASE = "ase-traj"
    EXTXYZ = "extxyz"
    XDATCAR = "xdatcar"
    VASPRUN = "vasprun"
    LAMMPS = "lammps-dump"
    PYMATGEN = "pymatgen-json"


Files = Annotated[list[Path], typer.Argument(metavar="TRAJECTORY", help="files of any common format")]
Mobile = Annotated[str, typer.Option("--mobile", "-m", help="symbol of the mobile species, e.g. Li")]
TimeStep = Annotated[float | None, typer.Option("--time-step-ps", help="time between frames, ps")]
FrameInterval = Annotated[
    float | None, typer.Option("--frame-interval-fs", help="the same in fs: MD step times steps between frames")
]
MdStep = Annotated[
    float | None, typer.Option("--md-step-fs", help="LAMMPS: length of an MD step, fs; the dump counts the steps")
]
Temperatures = Annotated[
    list[float] | None, typer.Option("--temperature", "-T", help="K; once, or once per file for an Arrhenius fit")
]
Charge = Annotated[float | None, typer.Option("--charge", help="of a mobile ion, e [1 for Li, Na, K, Ag ...]")]
Discard = Annotated[float, typer.Option("--discard-ps", min=0, help="equilibration to drop, ps")]
WindowText = Annotated[str | None, typer.Option("--window", help="lags of the fit by hand, ps: 5,25 [searched]")]
HopLength = Annotated[float, typer.Option("--hop-length-A", help="distance between sites, for counting jumps, A")]
Directions = Annotated[list[str] | None, typer.Option("--direction", help="D along u,v,w of the cell; repeatable")]
Replicas = Annotated[
    bool, typer.Option("--replicas", help="files of one temperature are runs of their own [segments of one run]")
]
CutAtOnset = Annotated[bool, typer.Option("--cut-at-onset", help="where the framework fails, use the time before")]
IgnoreHost = Annotated[
    str | None, typer.Option("--ignore-host", help="host species that do not decide the verdict, e.g. S,O")
]
Reference = Annotated[float, typer.Option("--reference", help="temperature of the prediction, K")]
VariableCellOption = Annotated[
    CellTreatment, typer.Option("--variable-cell", help="what to do with a cell that changes (NPT)")
]
Wrapped = Annotated[
    bool | None, typer.Option("--wrapped/--unwrapped", help="positions are (not) wrapped into the cell [found out]")
]
Every = Annotated[int, typer.Option("--every", min=1, help="take every n-th frame")]
Types = Annotated[str | None, typer.Option("--types", help="LAMMPS: symbols of the types 1, 2, ...: Li,In,Cl")]
Format = Annotated[FileFormat | None, typer.Option("--format", help="format of the files [detected]")]
PathwaysOption = Annotated[
    bool, typer.Option("--pathways", help="sites, jumps, network and bottlenecks of the mobile ions")
]
HostFile = Annotated[
    Path | None,
    typer.Option("--host", help="CIF of the crystal with all sites of the mobile ions; names the sites [--pathways]"),
]
CubeFile = Annotated[
    Path | None, typer.Option("--cube", help="write the ion density, ions/Å³: .cube, or CHGCAR* [--pathways]")
]
Page = Annotated[Path | None, typer.Option("--output", "-o", help="write a self-contained page here")]


@dataclass(frozen=True)
class PathwayRequest:
    """What is asked about pathways.

    Attributes
    ----------
    host : Path, optional
        CIF of the crystal.
    cube : Path, optional
        File for the density.
    """

    host: Path | None = None
    cube: Path | None = None


@dataclass(frozen=True)
class Request:
    """What to read, and how to analyse it.

    Attributes
    ----------
    reading : dict
        Options of `load_trajectory`.
    mobile : str
        Mobile species.
    charge_e : float
        Its charge.
    discard_ps : float
        Start to drop.
    settings : DiffusionSettings
        Thresholds.
    cut_at_onset : bool
        Whether to cut runs whose framework fails.
    ignored : tuple of str
        Host species that do not decide.
    pathways : PathwayRequest, optional
        What is asked about pathways, if anything.
    """

    reading: dict[str, Any]
    mobile: str
    charge_e: float
    discard_ps: float
    settings: DiffusionSettings
    cut_at_onset: bool
    ignored: tuple[str, ...]
    pathways: PathwayRequest | None = None


def interval_ps(time_step_ps: float | None, frame_interval_fs: float | None) -> float | None:
    """Time between frames from either option, in ps."""
    from superionic.units import FS_PER_PS

    if time_step_ps is not None and frame_interval_fs is not None:
        raise InputError("give only one of --time-step-ps and --frame-interval-fs")
    return frame_interval_fs / FS_PER_PS if frame_interval_fs is not None else time_step_ps


def symbols(text: str | None) -> tuple[str, ...]:
    """Symbols separated by commas."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def numbers(text: str, option: str, count: int) -> tuple[float, ...]:
    """A fixed count of numbers separated by commas."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count:
        example = "1,1,0" if count == COMPONENTS else "5,25"
        raise InputError(f"{option} {text!r} is not readable; write {count} numbers, e.g. {option} {example}")
    return values


def directions_of(texts: list[str] | None) -> tuple[tuple[float, float, float], ...]:
    """Lattice directions."""
    found = [numbers(text, "--direction", COMPONENTS) for text in texts or ()]
    return tuple((u, v, w) for u, v, w in found)


def charge_of(mobile: str, charge: float | None) -> float:
    """Charge of the mobile species; a guess only where there is no choice."""
    if charge is not None:
        return charge
    if mobile in UNIVALENT:
        return 1.0
    raise InputError(f"the charge of {mobile} is not obvious; give it, e.g. --charge 2 for Mg or --charge=-1 for F")


def settings_of(window: str | None, hop_length_A: float) -> DiffusionSettings:
    """Settings of the analysis, the window set by hand included."""
    from superionic.transport.diffusion import DiffusionSettings
    from superionic.transport.window import WindowSettings

    if hop_length_A <= 0.0:
        raise InputError(f"--hop-length-A is {hop_length_A}; give a distance above zero")
    if window is None:
        return DiffusionSettings(hop_length_A=hop_length_A)
    low, high = numbers(window, "--window", 2)
    return DiffusionSettings(window=WindowSettings(fixed_ps=(low, high)), hop_length_A=hop_length_A)
