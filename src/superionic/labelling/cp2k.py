"""Single points by CP2K with the SCAN functional: real SCAN labels without a licence.

Gaussian and plane waves (VandeVondele et al., Comput. Phys. Commun. 2005, 167, 103), with the pseudopotentials and
basis sets for SCAN in the files `POTENTIAL_UZH` and `BASIS_MOLOPT_UZH` of CP2K's data folder, through ASE's
calculator. Neither CP2K (before 2024) nor ASE stops at a self-consistency cycle that did not converge, so the output
is read here and judged. Energies are on another scale than VASP's: labels of both must never meet in one data set.
"""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.units import Ry
from numpy.typing import NDArray
from pymatgen.core import Structure

from superionic.labelling.cp2k_input import BASIS_FILE, POTENTIAL_FILE, input_template, k_mesh, require_closed_shell
from superionic.labelling.cp2k_output import Cp2kOutput, read_output
from superionic.labelling.cp2k_process import command_of, end_tree, require_cp2k
from superionic.labelling.results import LabelFailure, SinglePoint
from superionic.labelling.schemas import CalculationInfo, Refusal
from superionic.provenance import content_key
from superionic.stages import Cp2kSettings

__all__ = ["LEVEL_OF_THEORY", "cp2k_single_point", "require_cp2k", "settings_hash"]

logger = logging.getLogger(__name__)
CALCULATION: Final = "label"
LONGEST_PATH: Final = 60
TAIL_LINES: Final = 24
DEFINING: Final = ("cutoff_Ry", "rel_cutoff_Ry", "kspacing_per_A", "basis", "eps_scf")
"""Settings that can change a converged label."""


def LEVEL_OF_THEORY(settings: Cp2kSettings | None = None) -> str:  # noqa: N802 (a constant in the other engines)
    """Name of the method; settings that change labels are part of it, the defaults of the finer ones are left out.

    Parameters
    ----------
    settings : Cp2kSettings, optional
        The defaults if left out.

    Returns
    -------
    str
        For example ``SCAN (CP2K GTH-SCAN, DZVP-MOLOPT-SCAN, 700 Ry)``.
    """
    settings = settings or Cp2kSettings()
    default = Cp2kSettings()
    parts = ["CP2K GTH-SCAN", f"{settings.basis.value}-MOLOPT-SCAN", f"{settings.cutoff_Ry:g} Ry"]
    if settings.rel_cutoff_Ry != default.rel_cutoff_Ry:
        parts.append(f"relative {settings.rel_cutoff_Ry:g} Ry")
    if settings.kspacing_per_A != default.kspacing_per_A:
        parts.append("Gamma" if settings.kspacing_per_A is None else f"k {settings.kspacing_per_A:g}/A")
    return f"SCAN ({', '.join(parts)})"


def settings_hash(settings: Cp2kSettings) -> str:
    """Hash of everything in the settings that can change a label; equal for all labels of a data set."""
    return content_key(["cp2k", 1, _defining(settings)])


def _defining(settings: Cp2kSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", include=set(DEFINING))


def cp2k_single_point(
    structure: Structure, settings: Cp2kSettings | None = None, folder: Path | None = None
) -> SinglePoint:
    """Energy, forces and stress by CP2K-SCAN.

    Input and output of CP2K stay in a new folder ``cp2k-*``.

    Parameters
    ----------
    structure : Structure
        Ordered, closed-shell structure.
    settings : Cp2kSettings, optional
        The defaults if left out.
    folder : pathlib.Path, optional
        Where the new folder is made; default: the current folder.

    Returns
    -------
    SinglePoint
        With the energy that the forces belong to (no smearing) and ASE's sign of the stress.

    Raises
    ------
    NotConfiguredError
        If there is no CP2K.
    InputError
        If an element has no potential here, or the electrons cannot all be paired.
    LabelFailure
        If CP2K stopped, took too long, did not converge or returned no finite numbers; it names the cause and the
        folder.
    """
    settings = settings or Cp2kSettings()
    require_closed_shell(structure)
    command = command_of(settings)
    mesh = k_mesh(structure.lattice.matrix, settings.kspacing_per_A)
    here = Path(tempfile.mkdtemp(prefix="cp2k-", dir=folder or Path.cwd()))
    atoms = _atoms(structure)
    with _short_label(here) as label, _calculator(atoms, settings, mesh, here, label, command) as calculator:
        result = _evaluate(calculator, atoms, settings, here)
    output = read_output((here / f"{CALCULATION}.out").read_text(encoding="utf-8", errors="replace"))
    return replace(result, calculation=_judged(output, settings, mesh, here))


def _atoms(structure: Structure) -> Atoms:
    symbols = [site.specie.symbol for site in structure]
    return Atoms(symbols, positions=structure.cart_coords, cell=structure.lattice.matrix, pbc=True)


@contextmanager
def _calculator(
    atoms: Atoms, settings: Cp2kSettings, mesh: tuple[int, int, int], here: Path, label: str, command: str
) -> Iterator[Any]:
    """ASE's calculator; its CP2K process is gone when the block ends, however it ends."""
    from superionic.labelling.cp2k_calculator import FileInputCp2k

    factory: Any = FileInputCp2k  # ASE's classes have no types
    try:
        calculator = factory(
            label=label,
            command=command,
            inp=input_template(sorted(set(atoms.get_chemical_symbols())), settings, mesh),
            basis_set=None,  # ASE would add its own defaults to ours
            pseudo_potential=None,
            xc=None,
            basis_set_file=BASIS_FILE,
            potential_file=POTENTIAL_FILE,
            cutoff=settings.cutoff_Ry * Ry,
            max_scf=settings.max_scf,
            stress_tensor=True,
            print_level="MEDIUM",  # LOW leaves out what tells whether the cycle converged
        )
    except (AssertionError, RuntimeError, OSError) as error:
        raise _failure(
            Refusal.CRASHED, f"CP2K did not start with the command {command!r}: {_problem(error)}", here
        ) from error
    child = calculator._shell._child  # noqa: SLF001 (ASE has no public name for it)
    try:
        yield calculator
    finally:
        _close(calculator, child)


@contextmanager
def _short_label(here: Path) -> Iterator[str]:
    """A path of the calculation that is short enough: CP2K refuses words of over 80 characters."""
    path = min((str(here), os.path.relpath(here)), key=len)
    if len(path) <= LONGEST_PATH:
        yield f"{path}/{CALCULATION}"
        return
    with tempfile.TemporaryDirectory(prefix="cp2k-") as shelter:
        link = Path(shelter) / "run"
        link.symlink_to(here.resolve(), target_is_directory=True)
        yield f"{link}/{CALCULATION}"


def _close(calculator: Any, child: subprocess.Popen[str]) -> None:  # noqa: ANN401 (ASE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # that it ends a process which is not ready
            calculator.close()
    except (AssertionError, OSError, ValueError) as error:
        logger.debug("CP2K did not end by itself: %r", error)
        calculator._shell = None  # noqa: SLF001 (else ASE tries again when it is collected)
    finally:
        if child.poll() is None:
            end_tree(child.pid)
            child.wait()


def _evaluate(calculator: Any, atoms: Atoms, settings: Cp2kSettings, here: Path) -> SinglePoint:  # noqa: ANN401 (ASE)
    """Run the calculation, for no longer than the settings allow."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        end_tree(calculator._shell._child.pid)  # noqa: SLF001 (ASE waits for an answer for ever)

    timer = threading.Timer(settings.timeout_s, expire)
    timer.daemon = True
    timer.start()
    try:
        return _single_point(calculator.evaluate(atoms), len(atoms), here)
    except (AssertionError, RuntimeError, OSError, ValueError) as error:
        if expired.is_set():
            problem = (
                f"CP2K took longer than labelling.cp2k.timeout_s = {settings.timeout_s:g} s; give it more time or more "
                "cores (`command: mpirun -np 16 cp2k_shell.psmp`)"
            )
            raise _failure(Refusal.FROZEN, problem, here) from error
        raise _failure(Refusal.CRASHED, f"CP2K stopped: {_problem(error)}\n{_tail(here)}", here) from error
    finally:
        timer.cancel()


def _problem(error: Exception) -> str:
    return str(error) or "it ended or gave another answer than ASE expects"


def _tail(here: Path) -> str:
    """The last lines of the output, where CP2K says why it stopped."""
    output = here / f"{CALCULATION}.out"
    if not output.exists():
        return "(there is no output; CP2K writes problems with its input to the standard output of the job)"
    lines = [line for line in output.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-TAIL_LINES:])


def _single_point(results: dict[str, Any], n_atoms: int, here: Path) -> SinglePoint:
    forces = np.asarray(results["forces"], dtype=np.float64)
    stress = _tensor(np.asarray(results["stress"], dtype=np.float64))
    energy = float(results["energy"])
    if forces.shape != (n_atoms, 3) or not all(np.isfinite(values).all() for values in (energy, forces, stress)):
        raise _failure(Refusal.NOT_FINITE, "CP2K returned numbers that are not finite", here)
    return SinglePoint(energy, forces, stress)


def _tensor(voigt: NDArray[np.float64]) -> NDArray[np.float64]:
    xx, yy, zz, yz, xz, xy = voigt
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def _judged(output: Cp2kOutput, settings: Cp2kSettings, mesh: tuple[int, int, int], here: Path) -> CalculationInfo:
    """How it was calculated, if the cycle converged."""
    info = CalculationInfo(
        code=f"CP2K {output.version}",
        magnetism="closed shell",
        settings=_defining(settings) | {"k_mesh": list(mesh)},
        n_scf_steps=output.scf_steps,
        folder=_place(here),
    )
    if output.converged:
        return info
    problem = (
        f"the self-consistency cycle of CP2K did not converge to {settings.eps_scf:g} in {output.scf_steps} steps; "
        "raise labelling.cp2k.max_scf, or look at the structure"
    )
    raise LabelFailure(Refusal.NOT_CONVERGED, problem, folder=info.folder, calculation=info)


def _failure(cause: Refusal, message: str, here: Path) -> LabelFailure:
    return LabelFailure(cause, message, folder=_place(here))


def _place(here: Path) -> str:
    return f"{platform.node()}:{here.resolve()}"
