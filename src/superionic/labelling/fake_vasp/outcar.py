"""The text files of a run of the stand-in (NOT VASP): OUTCAR, OSZICAR and standard output."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Self, TextIO

import numpy as np

from superionic.labelling.fake_vasp.inputs import Inputs
from superionic.labelling.fake_vasp.pair_model import ModelResult
from superionic.labelling.fake_vasp.scf import Ending, Energies
from superionic.labelling.fake_vasp.state import BANNER, n_bands

HARD_STOP: Final = "aborting loop because hard stop was set"
SOFT_STOP: Final = "soft stop encountered!  aborting job ..."
ENDINGS: Final = {
    Ending.CONVERGED: "aborting loop because EDIFF is reached",
    Ending.EXHAUSTED: "EDIFF was not reached (unconverged)",
    Ending.ABORTED: HARD_STOP,
}
COLUMNS: Final = "       N       E                     dE             d eps       ncg     rms          rms(c)\n"
KBAR_PER_EV_PER_A3: Final = 1602.1766208


class Texts:
    """OUTCAR, OSZICAR and standard output, written while the run goes on, as monitors expect.

    Parameters
    ----------
    folder : pathlib.Path
        Run folder.
    inputs : Inputs
        What the run was told.
    out : io.TextIOBase
        Standard output.
    """

    def __init__(self, folder: Path, inputs: Inputs, out: TextIO) -> None:
        self._inputs, self._out = inputs, out
        self._outcar = (folder / "OUTCAR").open("w", encoding="ascii")
        self._oszicar = (folder / "OSZICAR").open("w", encoding="ascii")
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._outcar.close()
        self._oszicar.close()

    def say(self, line: str) -> None:
        """Write one line to standard output."""
        self._out.write(f" {line}\n")
        self._out.flush()

    def begin(self) -> None:
        """Write what stands above the first step."""
        poscar, incar = self._inputs.poscar, self._inputs.incar
        n_points = int(np.prod(self._inputs.mesh))
        grid = (8 * len(poscar.symbols)) ** 3  # any number will do: nothing is ever put on this grid
        lines = [
            f" {BANNER}",
            " running on    1 total cores",
            *(f" POTCAR:    {entry.title}" for entry in self._inputs.potcar),
            f"   k-points           NKPTS = {n_points:6d}   number of bands    NBANDS= {n_bands(self._inputs):6d}",
            f"   total plane-waves  NPLWV = {grid}",
            f"   IBRION = {incar.get('IBRION', '-1'):>6}    ionic relax",
            f"   ISPIN  = {incar.get('ISPIN', '1'):>6}    spin polarized calculation?",
            f"   NELM   = {incar.get('NELM', '60'):>6};   EDIFF = {incar.get('EDIFF', '1E-4')}",
        ]
        self._outcar.write("\n".join(lines) + "\n\n")
        self._oszicar.write(COLUMNS)
        self.say("running on    1 total cores")
        self.say(BANNER)
        self.say("entering main loop")
        self._out.write(COLUMNS)
        self._flush()

    def step(self, number: int, energy_eV: float, change_eV: float) -> None:
        """Write one electronic step."""
        line = f"DAV: {number:3d}    {energy_eV:.12E}   {change_eV:.5E}  {change_eV:.5E}  {100:5d}   0.100E-01\n"
        self._oszicar.write(line)
        self._out.write(line)
        self._outcar.write(
            f"----------------------------------- Iteration {1:6d}({number:4d})  -----------------------------\n"
            f"      LOOP:  cpu time {self._elapsed():9.4f}: real time {self._elapsed():9.4f}\n"
            f"  free energy    TOTEN  = {energy_eV:18.8f} eV\n\n"
        )
        self._flush()

    def end_cycle(self, ending: Ending) -> None:
        """Write how the cycle ended."""
        if ending is Ending.ABORTED:
            self.say("hard stop encountered!  aborting job ...")
        self._outcar.write(f"------------------------ {ENDINGS[ending]} ----------------------------------------\n\n")

    def finish(self, result: ModelResult, final: Energies, efermi_eV: float, magnetization: float | None) -> None:
        """Write energies, forces, stress and the timing that custodian's wall-time monitor reads."""
        spin = "" if magnetization is None else f" magnetization {magnetization:14.7f}"
        self._outcar.write(f" E-fermi : {efermi_eV:8.4f}     XC(G=0):   0.0000     alpha+bet :   0.0000\n\n")
        self._outcar.write(f" number of electron {self._inputs.n_electrons:14.7f}{spin or ' magnetization'}\n\n")
        self._outcar.write(_force_table(self._inputs, result) + _stress_lines(result) + _energy_lines(final))
        self._outcar.write(f"     LOOP+:  cpu time {self._elapsed():9.4f}: real time {self._elapsed():9.4f}\n")
        moment = "" if magnetization is None else f"  mag= {magnetization:10.4f}"
        line = f"   1 F= {final.free_eV:.8E} E0= {final.zero_sigma_eV:.8E}  d E =0.000000E+00{moment}\n"
        self._oszicar.write(line)
        self._out.write(line)
        self._flush()

    def soft_stop(self) -> None:
        """Write that a STOPCAR ended the job after the ionic step."""
        self.say(SOFT_STOP)
        self._outcar.write(f" {SOFT_STOP}\n")

    def end(self) -> None:
        """Write the accounting that stands below a finished job."""
        elapsed = self._elapsed()
        self._outcar.write(
            "\n General timing and accounting informations for this job:\n ========================================\n\n"
            f"                  Total CPU time used (sec): {elapsed:12.3f}\n"
            f"                            User time (sec): {elapsed:12.3f}\n"
            f"                          System time (sec): {0.0:12.3f}\n"
            f"                         Elapsed time (sec): {elapsed:12.3f}\n\n"
            f"                   Maximum memory used (kb): {0.0:12.0f}.\n"
        )
        self._flush()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _flush(self) -> None:
        for stream in (self._outcar, self._oszicar, self._out):
            stream.flush()


def _force_table(inputs: Inputs, result: ModelResult) -> str:
    positions = inputs.poscar.fractions @ inputs.poscar.cell_A
    rule = " " + "-" * 83 + "\n"
    rows = [
        " ".join(f"{value:12.5f}" for value in (*position, *force)) + "\n"
        for position, force in zip(positions, result.forces_eV_per_A, strict=True)
    ]
    drift = " ".join(f"{value:12.6f}" for value in result.forces_eV_per_A.sum(axis=0))
    title = " POSITION                                       TOTAL-FORCE (eV/Angst)\n"
    return title + rule + "".join(rows) + rule + f"    total drift:                      {drift}\n\n"


def _stress_lines(result: ModelResult) -> str:
    kbar = -KBAR_PER_EV_PER_A3 * result.stress_eV_per_A3
    values = " ".join(f"{kbar[i, j]:11.5f}" for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0)))
    return f"  in kB  {values}\n  external pressure = {kbar.trace() / 3:11.2f} kB  Pullay stress =        0.00 kB\n\n"


def _energy_lines(final: Energies) -> str:
    return (
        "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  ---------------------------------------------------\n"
        f"  free  energy   TOTEN  = {final.free_eV:18.8f} eV\n\n"
        f"  energy  without entropy= {final.without_entropy_eV:18.8f}  "
        f"energy(sigma->0) = {final.zero_sigma_eV:18.8f}\n\n"
    )
