"""One VASP single point in a folder of its own: prepare, run, judge, tidy up."""

from __future__ import annotations

import platform
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pymatgen.core import Structure

from superionic.errors import NotConfiguredError, SuperionicError
from superionic.labelling.ordering import SortedStructure, for_vasp
from superionic.labelling.results import LabelFailure, SinglePoint
from superionic.labelling.scan import defining_incar, level_of_theory, spin_of
from superionic.labelling.schemas import CalculationInfo
from superionic.labelling.spin import SpinChoice
from superionic.labelling.vasp_calculation import VaspCalculation, read_task
from superionic.labelling.vasp_configuration import require_command
from superionic.labelling.vasp_faults import cause_of, corrections
from superionic.labelling.vasp_gate import ase_stress, calculated_level, is_stand_in, judge_calculation
from superionic.stages import KeepFiles, LabellingSettings, VaspSettings

if TYPE_CHECKING:
    from superionic.labelling.vasp_maker import ScanVaspMaker

PREFIX: Final = "vasp-"
FIRST_STEP: Final = "pbe"
"""Subfolder of the PBE run in the two-step variant; it is removed when that run has ended well."""
LICENSED: Final = ("POTCAR", "POTCAR.gz", "POTCAR.orig", "POTCAR.orig.gz")
BULKY: Final = ("WAVECAR", "CHGCAR", "CHG", "TMPCAR")
WORTH_KEEPING: Final = ("INCAR", "POSCAR", "KPOINTS", "vasprun.xml", "OUTCAR", "custodian.json", "vasp.out")


def scan_single_point(structure: Structure, settings: LabellingSettings | None = None) -> SinglePoint:
    """Energy, forces and stress by VASP-SCAN, in a new folder ``vasp-*`` below the current one.

    Parameters
    ----------
    structure : Structure
        Ordered structure, atoms in any order.
    settings : LabellingSettings, optional
        The defaults if left out.

    Returns
    -------
    SinglePoint
        Admitted by the gate; free energy, forces in the order of the structure, stress with ASE's sign.

    Raises
    ------
    LabelFailure
        If VASP failed or the gate refuses the result; it names the cause and the folder, which is kept.
    NotConfiguredError
        If there is no VASP or no POTCAR.
    InputError
        If the settings leave the spin or a POTCAR open.
    """
    settings = settings or LabellingSettings()
    prepared = for_vasp(structure)
    spin = spin_of(settings.vasp, [site.specie.symbol for site in structure])
    return single_point(prepared, settings, spin)


def single_point(prepared: SortedStructure, settings: LabellingSettings, spin: SpinChoice) -> SinglePoint:
    """As :func:`scan_single_point`, for a sorted structure and a decided spin."""
    require_command()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=Path.cwd()))
    with _causes(folder, settings):
        task, incar = _run(prepared.structure, settings.vasp, spin, folder)
        found = read_task(task, incar)
    info = _information(found, settings, spin, folder)
    problem = judge_calculation(found, settings, prepared.structure)
    if problem is not None:
        raise LabelFailure(*problem, folder=info.folder, calculation=info, level=calculated_level(found, settings))
    if settings.vasp.store_task_document:
        info = info.model_copy(update={"task_document": task.model_dump(mode="json")})
    tidy(folder, settings.vasp.keep_files)
    return SinglePoint(
        energy_eV=float(found.energy_eV),
        forces_eV_per_A=prepared.restored(found.forces_eV_per_A),
        stress_eV_per_A3=ase_stress(found),
        level_of_theory=calculated_level(found, settings),
        calculation=info,
    )


@contextmanager
def _causes(folder: Path, settings: LabellingSettings) -> Iterator[None]:
    """Turn what ends a run into a named failure; errors of the configuration and the machine stay what they are."""
    try:
        yield
    except SuperionicError:
        shutil.rmtree(folder, ignore_errors=True)  # nothing has run
        raise
    except Exception as error:
        where = folder / FIRST_STEP if (folder / FIRST_STEP).is_dir() else folder
        cause, message = cause_of(error, where)
        place = f"{platform.node()}:{where}"
        info = CalculationInfo(code="vasp", corrections=corrections(where), folder=place)
        raise LabelFailure(cause, message, place, info, level_of_theory(settings.vasp)) from error


def _run(structure: Structure, settings: VaspSettings, spin: SpinChoice, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Task document and final INCAR of the calculation in a folder."""
    from superionic.labelling.vasp_maker import PBE_START, scan_vasp_maker

    elements = list(dict.fromkeys(site.specie.symbol for site in structure))
    changes: dict[str, Any] = {}
    if settings.two_step:
        start = folder / FIRST_STEP
        start.mkdir()
        _calculate(scan_vasp_maker(settings, spin, elements, PBE_START), structure, start)
        if (start / "WAVECAR").exists():  # without it only the time is lost
            (start / "WAVECAR").rename(folder / "WAVECAR")
            changes = {"ISTART": 1}
        tidy(start, KeepFiles.NONE)
    task = _calculate(scan_vasp_maker(settings, spin, elements, changes), structure, folder)
    return task, _incar(folder)


def _calculate(maker: ScanVaspMaker, structure: Structure, folder: Path) -> Any:  # noqa: ANN401 (emmet's TaskDoc)
    with chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen about POTCARs and left-out tags, for each label again
        try:
            maker.write(structure)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise NotConfiguredError(
                f"the input of VASP cannot be written: {error}. If a POTCAR is missing, set PMG_VASP_PSP_DIR and see "
                "`superionic doctor SPEC`"
            ) from error
        return maker.run_and_parse()


def _incar(folder: Path) -> dict[str, Any]:
    """The INCAR as custodian left it."""
    from pymatgen.io.vasp import Incar

    return dict(Incar.from_file(str(folder / "INCAR")))


def _information(
    found: VaspCalculation, settings: LabellingSettings, spin: SpinChoice, folder: Path
) -> CalculationInfo:
    titles = found.potcar_titles
    version = found.code_version or "unknown version"
    return CalculationInfo(
        code=f"{'fake-vasp (stand-in)' if is_stand_in(found) else 'vasp'} {version}",
        magnetism=spin.statement,
        potcar_titles={_element(title): title for title in titles},
        settings={**defining_incar(settings.vasp, spin), "POTCAR": settings.vasp.potcar_functional},
        n_scf_steps=len(found.scf_energies_eV),
        bandgap_eV=_finite(found.bandgap_eV),
        corrections=corrections(folder),
        folder=f"{platform.node()}:{folder}",
    )


def _element(title: str) -> str:
    """Element of a POTCAR title such as ``PAW_PBE Li_sv 10Sep2004``."""
    words = title.split()
    return words[min(1, len(words) - 1)].split("_")[0]


def _finite(value: Any) -> float | None:  # noqa: ANN401 (what emmet found)
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None


def tidy(folder: Path, keep: KeepFiles) -> None:
    """Leave of the folder of a finished run what was asked for; POTCARs and wave functions go in any case.

    Parameters
    ----------
    folder : pathlib.Path
        The run folder.
    keep : KeepFiles
        ``all`` files compressed, the ``compressed`` essential ones, or ``none``.
    """
    if keep is KeepFiles.NONE:
        shutil.rmtree(folder)
        return
    from monty.shutil import compress_file

    for path in sorted(folder.iterdir()):
        if path.name in {*LICENSED, *BULKY} or (keep is KeepFiles.COMPRESSED and path.name not in WORTH_KEEPING):
            path.unlink() if path.is_file() else shutil.rmtree(path)
        elif path.is_file() and not path.name.endswith(".gz"):
            compress_file(path, compression="gz")
