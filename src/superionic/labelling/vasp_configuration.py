"""Whether VASP and its POTCARs are set up: what ``superionic doctor`` and the first job of a campaign ask."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from superionic.errors import NotConfiguredError
from superionic.labelling.scan import potcar_symbols
from superionic.stages import VaspSettings

PACKAGES = ("atomate2", "custodian")
FOLDERS = {"PBE": "POT_GGA_PAW_PBE", "PBE_52": "POT_GGA_PAW_PBE_52", "PBE_54": "POT_GGA_PAW_PBE_54"} | {
    "PBE_64": "POT_PAW_PBE_64"
}
"""Folders of the POTCAR releases below PMG_VASP_PSP_DIR, as pymatgen names them."""
COMMAND_VARIABLES = ("ATOMATE2_VASP_CMD", "ATOMATE2_VASP_GAMMA_CMD")


def require_packages() -> None:
    """Check that atomate2 and custodian are installed.

    Raises
    ------
    NotConfiguredError
        If one is not.
    """
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        raise NotConfiguredError(f"{' and '.join(absent)} not installed: pip install 'superionic[vasp]'")


def vasp_command() -> str:
    """The command of atomate2's settings, with environment variables filled in.

    Raises
    ------
    NotConfiguredError
        If atomate2 is not installed.
    """
    require_packages()
    from atomate2.settings import Atomate2Settings

    return os.path.expandvars(Atomate2Settings().VASP_CMD)


def require_command() -> str:
    """Full path of the first word of the VASP command.

    Raises
    ------
    NotConfiguredError
        If it is not an executable.
    """
    command = vasp_command()
    words = shlex.split(command)
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise NotConfiguredError(
            f"labelling.engine vasp-scan: the VASP command {command!r} is no executable. Set "
            "ATOMATE2_VASP_CMD='srun -n 32 vasp_std' (or VASP_CMD in ~/.atomate2.yaml). Without VASP: engine cp2k-scan "
            "makes real SCAN labels, teacher-chgnet-r2scan rehearses a campaign; the labels carry their names"
        )
    return program


def potcar_folder() -> Path:
    """Folder of the POTCARs, from PMG_VASP_PSP_DIR or ~/.config/.pmgrc.yaml.

    Raises
    ------
    NotConfiguredError
        If it is not set or not there.
    """
    from pymatgen.core import SETTINGS

    folder = os.environ.get("PMG_VASP_PSP_DIR") or SETTINGS.get("PMG_VASP_PSP_DIR")
    if not folder or not Path(folder).is_dir():
        raise NotConfiguredError(
            f"PMG_VASP_PSP_DIR is {folder!r}, which is no folder. Unpack VASP's POTCAR archives with `pmg config -p "
            "ARCHIVE FOLDER` and `pmg config --add PMG_VASP_PSP_DIR FOLDER`, or export the variable"
        )
    return Path(folder)


def potcar_titles(settings: VaspSettings, elements: Sequence[str]) -> dict[str, str]:
    """Title of the POTCAR of each element.

    Raises
    ------
    NotConfiguredError
        If one is missing or unreadable; the message names all of them.
    InputError
        If an element has no default POTCAR.
    """
    release = potcar_folder() / FOLDERS[settings.potcar_functional]
    symbols = dict(zip(elements, potcar_symbols(settings, elements), strict=True))
    titles = {element: _title(release, symbol) for element, symbol in symbols.items()}
    missing = [symbols[element] for element, title in titles.items() if title is None]
    if missing:
        raise NotConfiguredError(
            f"no POTCAR for {', '.join(missing)} in {release} (as POTCAR.{missing[0]}, .gz too, or "
            f"{missing[0]}/POTCAR). Install the release {settings.potcar_functional}, or set labelling.vasp.potcar and "
            "potcar_functional"
        )
    return {element: str(title) for element, title in titles.items()}


def _title(release: Path, symbol: str) -> str | None:
    """First line of a POTCAR in one of the layouts that pymatgen reads."""
    from monty.io import zopen

    for name in (f"POTCAR.{symbol}", f"{symbol}/POTCAR"):
        for path in (release / name, release / f"{name}.gz", release / f"{name}.bz2"):
            if path.is_file():
                with zopen(path, "rt", encoding="utf-8") as file:
                    return str(file.readline()).strip() or None
    return None


def custodian_summary(settings: VaspSettings) -> dict[str, Any]:
    """What custodian does with a label, for people."""
    return {
        "corrections": settings.max_errors,
        "looks every": f"{settings.poll_s:g} s",
        "ends a silent run after": f"{settings.frozen_after_s:g} s",
        "wall time": "none" if settings.wall_time_s is None else f"{settings.wall_time_s} s",
    }
