"""From the way a VASP run ended to a cause of the closed list."""

from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from superionic.labelling.schemas import Refusal

OF_THE_MACHINE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.EROFS, errno.ENOMEM})
"""Errors that say nothing about the calculation; the job fails and can be run again as it is."""
UNCONVERGED: Final = "UnconvergedErrorHandler"
FROZEN: Final = "FrozenJobErrorHandler"
STATE_LETTERS: Final = 160


def cause_of(error: Exception, folder: Path) -> tuple[Refusal, str]:
    """Cause and details of a run that ended with an exception.

    Parameters
    ----------
    error : Exception
        What custodian, the parsers or the operating system raised.
    folder : pathlib.Path
        The run folder.

    Returns
    -------
    tuple
        Refusal and text.

    Raises
    ------
    OSError, MemoryError
        The same error, if it is the machine's and not the calculation's.
    """
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in OF_THE_MACHINE):
        raise error
    kind = type(error).__name__
    if kind == "NonRecoverableError":
        return _not_recoverable(folder)
    if kind.startswith("MaxCorrections"):
        return _worn_out(folder, str(error))
    if kind == "ReturnCodeError":
        return Refusal.CRASHED, f"{error} {_last_words(folder)}"
    if kind == "ValidationError":
        return _invalid(folder, str(error))
    return Refusal.UNREADABLE_OUTPUT, f"{kind}: {error}"


def corrections(folder: Path) -> list[str]:
    """What custodian found and changed, one line per correction.

    Parameters
    ----------
    folder : pathlib.Path
        The run folder, compressed or not.
    """
    return [
        f"{', '.join(map(str, entry.get('errors') or []))} -> {_actions(entry)}" for _, entry in _corrections(folder)
    ]


def _corrections(folder: Path) -> list[tuple[str, Mapping[str, Any]]]:
    """Handler and entry of each correction in custodian's log."""
    found = []
    for job in _log(folder):
        for entry in job.get("corrections") or []:
            handler = entry.get("handler")
            name = handler.get("@class", "") if isinstance(handler, Mapping) else str(handler)
            found.append((name, entry))
    return found


def _log(folder: Path) -> list[Mapping[str, Any]]:
    plain, packed = folder / "custodian.json", folder / "custodian.json.gz"
    if plain.exists():
        text = plain.read_text(encoding="utf-8")
    elif packed.exists():
        text = gzip.decompress(packed.read_bytes()).decode()
    else:
        return []
    log: list[Mapping[str, Any]] = json.loads(text)
    return log


def _actions(entry: Mapping[str, Any]) -> str:
    parts = []
    for action in entry.get("actions") or []:
        changes = action.get("action", {}).get("_set", {})
        parts += [f"{tag} = {value}" for tag, value in changes.items()] or [str(action.get("file", "changed files"))]
    return ", ".join(parts) or "no cure"


def _not_recoverable(folder: Path) -> tuple[Refusal, str]:
    """Custodian found an error and had nothing left to change."""
    uncured = [(name, entry) for name, entry in _corrections(folder) if not entry.get("actions")]
    name, entry = uncured[-1] if uncured else ("", {})
    errors = ", ".join(map(str, entry.get("errors") or [])) or "unknown error"
    if name == FROZEN:
        return Refusal.FROZEN, "no word from the run for labelling.vasp.frozen_after_s"
    if name == UNCONVERGED:
        return Refusal.NOT_CONVERGED, "the self-consistency cycle does not converge, and custodian has no cure left"
    return Refusal.CODE_ERROR, f"{errors}: custodian has no cure that keeps the settings of the label"


def _worn_out(folder: Path, text: str) -> tuple[Refusal, str]:
    tried = _corrections(folder)
    done = "; ".join(corrections(folder))
    if tried and all(name == UNCONVERGED for name, _ in tried):
        return Refusal.NOT_CONVERGED, f"not converged after {len(tried)} changes: {done}"
    return Refusal.TOO_MANY_CORRECTIONS, f"{text} {done}"


def _invalid(folder: Path, text: str) -> tuple[Refusal, str]:
    """An output file is missing, empty or cut off."""
    output = folder / "vasprun.xml"
    missing = [name for name in ("CONTCAR", "OSZICAR", "OUTCAR") if not (folder / name).exists()]
    if not output.exists() or output.stat().st_size == 0 or missing:
        return Refusal.CRASHED, f"{text}: no complete output. {_last_words(folder)}"
    return Refusal.UNREADABLE_OUTPUT, f"{text}: vasprun.xml is cut off or damaged"


def _last_words(folder: Path) -> str:
    """Last line that VASP wrote, where it says why it stopped."""
    for name in ("std_err.txt", "vasp.out"):
        path = folder / name
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if words:
            return f"Last words in {name}: {words[:STATE_LETTERS]}"
    return "It said nothing."
