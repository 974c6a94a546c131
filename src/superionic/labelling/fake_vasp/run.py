"""One run of the stand-in (NOT VASP) in one folder."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TextIO

from superionic.labelling.fake_vasp.faults import MESSAGES, WARNINGS, Fault, next_fault, planned_faults
from superionic.labelling.fake_vasp.inputs import InputFileError, Inputs, Poscar, read_inputs
from superionic.labelling.fake_vasp.outcar import Texts
from superionic.labelling.fake_vasp.pair_model import ModelResult, evaluate
from superionic.labelling.fake_vasp.scf import (
    ABORTED_STEPS,
    Ending,
    Energies,
    energies,
    plan_cycle,
    smearing_entropy,
    stop_request,
)
from superionic.labelling.fake_vasp.state import magnetization
from superionic.labelling.fake_vasp.vasprun import Vasprun, fermi_level

PREFIX: Final = "SUPERIONIC_FAKE_VASP_"
CRASH_CODE: Final = 174
KILLED_CODE: Final = 143
MODELS: Final = ("pair", "chgnet")
SLOW_S_PER_STEP: Final = 1.0
POLL_S: Final = 0.2
UNFINISHED_FACTOR: Final = 1.1
"""Forces and stress of a cycle that did not converge are off by this factor, so that none passes unnoticed."""
HANGING: Final = frozenset({Fault.FROZEN, Fault.HANG})


@dataclass(frozen=True)
class Options:
    """What environment variables ask for.

    Attributes
    ----------
    model : str
        ``pair`` or ``chgnet``.
    seconds_per_step : float
        Pause after each electronic step, s.
    limit_s : float
        For how long a run hangs or waits for its wall time at most, s.
    """

    model: str = "pair"
    seconds_per_step: float = 0.0
    limit_s: float = 3600.0


def options(environment: dict[str, str]) -> Options:
    """Read the variables ``SUPERIONIC_FAKE_VASP_*``.

    Raises
    ------
    InputFileError
        If a value is not usable.
    """
    model = environment.get(f"{PREFIX}MODEL", "pair").lower()
    if model not in MODELS:
        raise InputFileError(f"{PREFIX}MODEL is {model!r}: choose from {', '.join(MODELS)}")
    try:
        pause = float(environment.get(f"{PREFIX}SECONDS", "0"))
        limit = float(environment.get(f"{PREFIX}LIMIT_SECONDS", "3600"))
    except ValueError as error:
        raise InputFileError(f"{PREFIX}SECONDS and {PREFIX}LIMIT_SECONDS are numbers: {error}") from error
    return Options(model, pause, limit)


def run_folder(folder: Path, environment: dict[str, str], out: TextIO) -> int:
    """Run in a folder that holds INCAR, POSCAR, POTCAR and perhaps KPOINTS.

    Parameters
    ----------
    folder : pathlib.Path
        Run folder.
    environment : dict
        Environment variables.
    out : io.TextIOBase
        Standard output.

    Returns
    -------
    int
        Exit code: 0 if the run came to its end, however wrong its result.

    Raises
    ------
    InputFileError
        If the input cannot be used.
    """
    inputs, chosen = read_inputs(folder), options(environment)
    fault = next_fault(folder, planned_faults(environment, inputs), inputs.incar)
    with Texts(folder, inputs, out) as texts, Vasprun(folder, inputs) as vasprun:
        if fault in MESSAGES and fault not in WARNINGS:
            return _break_off(folder, texts, fault)
        texts.begin()
        vasprun.begin()
        code = _calculate(_Run(folder, inputs, chosen, fault, texts, vasprun))
    if fault is Fault.TRUNCATED:
        content = vasprun.path.read_bytes()
        vasprun.path.write_bytes(content[: len(content) * 3 // 5])
    return code


def _break_off(folder: Path, texts: Texts, fault: Fault) -> int:
    """End as VASP does on a fatal error: a line on standard output, and files that were never filled."""
    (folder / "CONTCAR").write_text("", encoding="ascii")
    texts.say(MESSAGES[fault])
    return 1


@dataclass(frozen=True, eq=False)
class _Run:
    folder: Path
    inputs: Inputs
    options: Options
    fault: Fault
    texts: Texts
    vasprun: Vasprun


@dataclass(frozen=True)
class _End:
    ending: Ending
    energies: Energies
    stop: str


def _calculate(run: _Run) -> int:
    if run.fault in WARNINGS:
        run.texts.say(MESSAGES[run.fault])
    result = _model(run.inputs.poscar, run.options.model)
    end = _iterate(run, result)
    if isinstance(end, int):
        return end
    if end.ending is not Ending.CONVERGED:
        result = replace(
            result,
            forces_eV_per_A=UNFINISHED_FACTOR * result.forces_eV_per_A,
            stress_eV_per_A3=UNFINISHED_FACTOR * result.stress_eV_per_A3,
        )
    run.texts.end_cycle(end.ending)
    run.texts.finish(result, end.energies, fermi_level(run.fault), magnetization(run.inputs))
    run.vasprun.finish(result, end.energies, run.fault)
    _write_contcar(run.folder, run.inputs.poscar)
    if end.stop == "LSTOP" or run.fault is Fault.SOFT_STOP:
        run.texts.soft_stop()
    if end.stop:
        (run.folder / "STOPCAR").unlink(missing_ok=True)
    run.texts.end()
    return 0


def _model(poscar: Poscar, name: str) -> ModelResult:
    positions = poscar.fractions @ poscar.cell_A
    if name == "pair":
        return evaluate(poscar.cell_A, positions, poscar.symbols)
    from pymatgen.core import Structure

    from superionic.labelling.teacher import teacher_single_point

    point = teacher_single_point(Structure(poscar.cell_A, poscar.symbols, poscar.fractions))
    return ModelResult(point.energy_eV, point.forces_eV_per_A, point.stress_eV_per_A3)


def _iterate(run: _Run, result: ModelResult) -> _End | int:
    """Go through the cycle; an exit code if the run does not survive it."""
    cycle, entropy = plan_cycle(run.inputs, run.fault), smearing_entropy(run.inputs)
    previous, stop, now = 0.0, "", energies(result.energy_eV, entropy)
    for number, offset in enumerate(cycle.offsets(), start=1):
        now = energies(result.energy_eV + offset, entropy)
        run.texts.step(number, now.free_eV, now.free_eV - previous)
        run.vasprun.step(now)
        previous = now.free_eV
        time.sleep(_pause(run))
        stop = stop_request(run.folder)
        if number == ABORTED_STEPS:
            code = _interrupt(run)
            if code is not None:
                return code
            stop = stop_request(run.folder)
        stopped_by_fault = run.fault in {Fault.SOFT_STOP, Fault.HARD_STOP} and number == ABORTED_STEPS
        if stop == "LABORT" or stopped_by_fault:
            return _End(Ending.ABORTED, now, stop)
    return _End(Ending.CONVERGED if cycle.converges else Ending.EXHAUSTED, now, stop)


def _pause(run: _Run) -> float:
    return max(run.options.seconds_per_step, SLOW_S_PER_STEP if run.fault is Fault.SLOW else 0.0)


def _interrupt(run: _Run) -> int | None:
    """What some faults do in the middle of the cycle."""
    if run.fault is Fault.CRASH:
        run.texts.say("forrtl: severe (174): SIGSEGV, segmentation fault occurred")
        return CRASH_CODE
    if run.fault in HANGING or run.fault is Fault.WALL_TIME:
        return _wait(run)
    return None


def _wait(run: _Run) -> int | None:
    """Do nothing until the limit, or until the parent is gone; a wall time ends early if a STOPCAR comes."""
    parent, deadline = os.getppid(), time.monotonic() + run.options.limit_s
    while time.monotonic() < deadline and os.getppid() == parent:
        if run.fault is Fault.WALL_TIME and stop_request(run.folder):
            return None
        time.sleep(POLL_S)
    run.texts.say("slurmstepd: error: *** STEP CANCELLED DUE TO TIME LIMIT ***")
    return KILLED_CODE


def _write_contcar(folder: Path, poscar: Poscar) -> None:
    rows = [" ".join(f"{value:20.16f}" for value in row) for row in (*poscar.cell_A, *poscar.fractions)]
    lines = [
        "written by fake-vasp, NOT VASP",
        "1.0",
        *rows[:3],
        " ".join(symbol for symbol, _ in poscar.runs),
        " ".join(str(count) for _, count in poscar.runs),
        "Direct",
        *rows[3:],
    ]
    (folder / "CONTCAR").write_text("\n".join(lines) + "\n", encoding="ascii")
