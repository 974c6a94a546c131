"""Command line of the stand-in (NOT VASP)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HELP: Final = """superionic-fake-vasp: a stand-in for VASP, for rehearsals. It is NOT VASP; its numbers mean nothing.

  superionic-fake-vasp                                run in the current folder (INCAR, POSCAR, POTCAR, KPOINTS)
  superionic-fake-vasp --write-potcars DIR [SYM ...]  write synthetic POTCARs for PMG_VASP_PSP_DIR=DIR (all if no SYM)
  superionic-fake-vasp --hash POSCAR                  hash of a structure, for the fault file
  superionic-fake-vasp --faults                       names of the faults

Environment: SUPERIONIC_FAKE_VASP_MODEL (pair, chgnet), _FAULTS (comma list), _FAULT_FILE (JSON), _SECONDS (pause per
electronic step), _LIMIT_SECONDS (for how long a hanging run hangs). See the page "Rehearse VASP without VASP".
"""
USAGE_CODE: Final = 2


def run(arguments: Sequence[str] | None = None) -> int:
    """Entry point of ``superionic-fake-vasp``.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command line without the program's name.

    Returns
    -------
    int
        Exit code.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy starts its threads: they cost more than a run
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments:
        return _single_point()
    command, *rest = arguments
    if command == "--write-potcars" and rest:
        return _write_potcars(Path(rest[0]), rest[1:])
    if command == "--hash" and len(rest) == 1:
        from superionic.labelling.fake_vasp.inputs import read_poscar

        return _print(read_poscar(Path(rest[0]).read_text(encoding="utf-8")).content_hash)
    if command == "--faults":
        from superionic.labelling.fake_vasp.faults import Fault

        return _print("\n".join(Fault))
    _print(HELP)
    return 0 if command in {"-h", "--help"} else USAGE_CODE


def _single_point() -> int:
    from superionic.labelling.fake_vasp.inputs import InputFileError
    from superionic.labelling.fake_vasp.run import run_folder

    try:
        return run_folder(Path(), dict(os.environ), sys.stdout)
    except InputFileError as error:
        sys.stdout.write(f" ERROR: {error}\n")
        return 1


def _write_potcars(folder: Path, symbols: Sequence[str]) -> int:
    from superionic.errors import InputError
    from superionic.labelling.fake_vasp.potcars import write_synthetic_potcars

    try:
        written = write_synthetic_potcars(folder, symbols)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE_CODE
    return _print(f"{len(written)} synthetic POTCARs (no VASP data) below {folder}: export PMG_VASP_PSP_DIR={folder}")


def _print(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0
