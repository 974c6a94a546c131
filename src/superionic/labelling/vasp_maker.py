"""The atomate2 Maker of a SCAN single point. Importing this module imports atomate2, emmet and custodian (5 s)."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from atomate2.settings import Atomate2Settings
from atomate2.vasp.files import write_vasp_input_set
from atomate2.vasp.jobs.base import BaseVaspMaker, get_vasp_task_document
from atomate2.vasp.run import run_vasp
from atomate2.vasp.sets.core import StaticSetGenerator
from custodian.vasp.handlers import FrozenJobErrorHandler, StdErrHandler, UnconvergedErrorHandler, VaspErrorHandler
from pymatgen.core import Structure

from superionic.labelling.scan import potcar_symbols, requested_incar
from superionic.labelling.spin import SpinChoice
from superionic.stages import VaspSettings

NO_CURE: Final = frozenset({"subspacematrix", "zbrent", "brions", "algo_tet", "auto_nbands", "dentet"})
"""Warnings that custodian would end a good run for, or cure by changing what defines the label."""
MONITOR_EVERY_S: Final = 30.0
PBE_START: Final = {"METAGGA": None, "GGA": "PE", "LMIXTAU": None, "LWAVE": True, "EDIFF": 1e-4}
"""Changes for the first of two steps, whose wave functions start the meta-GGA."""
TETHER: Final = (
    "import ctypes,os,sys;ctypes.CDLL(None).prctl(1,15);"
    "sys.exit(143) if os.getppid()!=int(sys.argv[1]) else os.execvp(sys.argv[2],sys.argv[2:])"
)
"""Lets VASP end with the worker that started it, however that ends; custodian puts VASP into a session of its own."""


@dataclass
class ScanVaspMaker(BaseVaspMaker):
    """Single point with VASP in the current folder: ``make`` is atomate2's own job, the other methods its steps."""

    name: str = "scan static"

    def write(self, structure: Structure) -> None:
        """Write the input files of a structure in VASP's order (see :mod:`superionic.labelling.ordering`)."""
        write_vasp_input_set(structure, self.input_set_generator, **self.write_input_set_kwargs)

    def run_and_parse(self) -> Any:  # noqa: ANN401 (emmet's TaskDoc)
        """Run VASP under custodian and parse its output.

        Returns
        -------
        TaskDoc
            Whatever its state is: judging is the gate's work.

        Raises
        ------
        CustodianError
            If VASP failed beyond repair.
        """
        run_vasp(**self.run_vasp_kwargs)
        return get_vasp_task_document(Path.cwd(), **self.task_document_kwargs)


def scan_vasp_maker(
    settings: VaspSettings, spin: SpinChoice, elements: list[str], changes: dict[str, Any] | None = None
) -> ScanVaspMaker:
    """The Maker for structures of some elements.

    Parameters
    ----------
    settings : VaspSettings
        What was asked for.
    spin : SpinChoice
        Treatment of the spin.
    elements : list of str
        Elements of the structure.
    changes : dict, optional
        Further INCAR tags.
    """
    potcars = dict(zip(elements, potcar_symbols(settings, elements), strict=True))
    generator = StaticSetGenerator(
        user_incar_settings=requested_incar(settings, spin) | (changes or {}),
        user_potcar_settings=potcars,
        user_potcar_functional=cast("Any", settings.potcar_functional),
        auto_ismear=False,
    )
    return ScanVaspMaker(
        input_set_generator=generator,
        run_vasp_kwargs=run_settings(settings),
        task_document_kwargs={"store_additional_json": False, "vasprun_kwargs": {"parse_potcar_file": False}},
        stop_children_kwargs={"handle_unsuccessful": False},
    )


def run_settings(settings: VaspSettings) -> dict[str, Any]:
    """Arguments of atomate2's ``run_vasp``: commands from atomate2's settings, handlers and pace from ours."""
    commands = Atomate2Settings()
    monitor_s = min(MONITOR_EVERY_S, settings.frozen_after_s / 2)
    return {
        "vasp_cmd": tethered(commands.VASP_CMD),
        "vasp_gamma_cmd": tethered(commands.VASP_GAMMA_CMD),
        "handlers": handlers(settings),
        "max_errors": settings.max_errors,
        "wall_time": settings.wall_time_s,
        "custodian_kwargs": {
            "polling_time_step": settings.poll_s,
            "monitor_freq": max(1, round(monitor_s / settings.poll_s)),
        },
    }


def handlers(settings: VaspSettings) -> list[Any]:
    """New handlers for one label: they count what they have tried, so they must not be shared by the next label."""
    caught = sorted(set(VaspErrorHandler.error_msgs) - NO_CURE)
    return [
        VaspErrorHandler(errors_subset_to_catch=caught),
        UnconvergedErrorHandler(),
        StdErrHandler(),
        FrozenJobErrorHandler(timeout=settings.frozen_after_s),
    ]


def tethered(command: str) -> str:
    """The command, ended by the kernel when this process ends (Linux only; elsewhere it is unchanged)."""
    if sys.platform != "linux":
        return command
    return f"{shlex.join([sys.executable, '-I', '-S', '-c', TETHER, str(os.getpid())])} {command}"
