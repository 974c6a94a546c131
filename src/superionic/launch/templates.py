"""Fill the launchpad templates: the files that FireWorks, jobflow and atomate2 read on a cluster.

The templates are usable by hand as well; see ``fill.sed`` among them. A placeholder is ``<NAME>``. A line whose
placeholder has no value is left out, as FireWorks does with the lines of its batch scripts.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import superionic
from superionic.database.files import private_folder, write_private
from superionic.database.uris import check_uri, redact
from superionic.errors import InputError

TEMPLATES = Path(superionic.__file__).parent / "data" / "launchpad_templates"
"""Folder of the templates; ``launchpad_templates`` of the repository is the same folder."""

ENVIRONMENT_FILE = "env.sh"
BY_HAND = "fill.sed"
MARGIN_S = 600
"""Time before the end of a batch job in which no new job begins, s."""

_PLACEHOLDER = re.compile(r"<([A-Z][A-Z0-9_]*)>")
_NAME = re.compile(r"[\w.@:/+-]+")
_UNSAFE_IN_PATHS = re.compile(r"[\"'`$\\|<>\n]")
_UNSAFE_IN_URIS = re.compile(r"[\"\\<>\s]")
_SHORTEST_S = 2 * MARGIN_S


class BatchSystem(StrEnum):
    """Batch systems that there are templates for."""

    SLURM = "slurm"
    PBS = "pbs"
    SGE = "sge"


@dataclass(frozen=True)
class Answers:
    """What the templates need to know about a cluster.

    Attributes
    ----------
    config_dir : Path
        Folder of the filled files, as the compute nodes see it.
    mongo_uri : str
        URI of the server, with user and password.
    database : str
        Database for queue and results.
    activate : str
        Shell command that makes ``superionic`` and ``rlaunch`` available in a batch job.
    batch_system : BatchSystem
        Batch system.
    queues : mapping of str to str
        Partition or queue of each category; empty where the default one is to be used.
    account : str
        Account that pays; empty for none.
    cores : int
        Cores of one VASP job.
    walltime_s : int
        Time limit of a batch job, s.
    device : str
        Torch device of potentials and trainings.
    vasp_command, vasp_gamma_command : str
        How VASP is started, and its build for the Gamma point.
    potcar_dir, cp2k_command : str
        Folder of the POTCARs, and how CP2K's interactive mode is started; empty for none.
    """

    config_dir: Path
    mongo_uri: str = field(repr=False)
    database: str = "superionic"
    activate: str = ":"
    batch_system: BatchSystem = BatchSystem.SLURM
    queues: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    cores: int = 32
    walltime_s: int = 86400
    device: str = "cpu"
    vasp_command: str = "srun vasp_std"
    vasp_gamma_command: str = "srun vasp_gam"
    potcar_dir: str = ""
    cp2k_command: str = ""

    def values(self) -> dict[str, str]:
        """Value of each placeholder; empty where its lines are to be left out."""
        no_gpu = "0" if self.batch_system is BatchSystem.PBS else ""
        return {
            "CONFIG_DIR": str(self.config_dir),
            "MONGO_URI": self.mongo_uri,
            "DATABASE": self.database,
            "ACTIVATE": self.activate,
            **{f"QUEUE_{name.upper()}": self.queues.get(name, "") for name in ("vasp", "gpu", "cpu")},
            "ACCOUNT": self.account,
            "CORES": str(self.cores),
            "GPUS": no_gpu if self.device == "cpu" else "1",
            "WALLTIME": _clock(self.walltime_s),
            "WORK_SECONDS": str(self.walltime_s - MARGIN_S),
            "VASP_CMD": self.vasp_command,
            "VASP_GAMMA_CMD": self.vasp_gamma_command,
            "POTCAR_DIR": self.potcar_dir,
            "CP2K_CMD": self.cp2k_command,
            "DEVICE": self.device,
        }


def _clock(seconds: int) -> str:
    """Hours, minutes and seconds as all batch systems read them."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _require_usable(answers: Answers) -> None:
    """Refuse answers that would make a file mean something else."""
    check_uri(answers.mongo_uri, "the MongoDB URI")
    if _UNSAFE_IN_URIS.search(answers.mongo_uri):
        raise InputError("the MongoDB URI: percent-encode spaces, quotes, < and > in user and password")
    for name, value in {"the folder": str(answers.config_dir), "the POTCAR folder": answers.potcar_dir}.items():
        if _UNSAFE_IN_PATHS.search(value):
            raise InputError(f"{name} {value!r}: quotes, $, |, < and > are not possible in its path; choose another")
    names = {"database": answers.database, "account": answers.account, "device": answers.device}
    names |= {f"partition for {category}": queue for category, queue in answers.queues.items()}
    for name, value in names.items():
        if value and not _NAME.fullmatch(value):
            raise InputError(f"{name} {value!r}: only letters, digits and . @ : / + - _ are possible")
    if answers.walltime_s < _SHORTEST_S:
        raise InputError(f"a time limit of {answers.walltime_s} s leaves no time to work: give 20 minutes or more")
    if answers.batch_system is not BatchSystem.SLURM and not all(map(answers.queues.get, ("vasp", "gpu", "cpu"))):
        raise InputError(f"{answers.batch_system}: name the queue, `qlaunch` counts the jobs in it: --partition NAME")
    if any("\n" in value for value in answers.values().values()):
        raise InputError("an answer holds a line break: give it in one line")


def _template_files(batch_system: BatchSystem) -> dict[str, Path]:
    """Template of each file; those of the batch system replace the general ones, which are for Slurm."""
    special = TEMPLATES / batch_system
    folders = [TEMPLATES, *([special] if special.is_dir() else [])]
    found = {path.name: path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()}
    return {name: path for name, path in found.items() if name != BY_HAND and path.suffix != ".md"}


def _filled_line(line: str, values: dict[str, str], name: str) -> str | None:
    """A line with its placeholders replaced; None if one has no value."""
    placeholders = _PLACEHOLDER.findall(line)
    if any(not values[placeholder] for placeholder in placeholders):
        return None

    def value(match: re.Match[str]) -> str:
        text = values[match.group(1)]
        quoted = line[: match.start()].count('"') % 2 == 1
        if not quoted or not name.endswith((".yaml", ".sh")):
            return text
        special = r'(["\\])' if name.endswith(".yaml") else r'(["\\$`])'
        return re.sub(special, r"\\\1", text)

    return _PLACEHOLDER.sub(value, line)


def fill(answers: Answers) -> dict[str, str]:
    """Text of each configuration file.

    Parameters
    ----------
    answers : Answers
        What is known about the cluster.

    Returns
    -------
    dict of str to str
        Text by file name.

    Raises
    ------
    InputError
        If an answer cannot be written into these files.
    NotConfiguredError
        If the MongoDB URI is none.
    """
    _require_usable(answers)
    values, files = answers.values(), {}
    for name, path in _template_files(answers.batch_system).items():
        lines = (_filled_line(line, values, name) for line in path.read_text(encoding="utf-8").splitlines())
        files[name] = "\n".join(line for line in lines if line is not None) + "\n"
    return files


@dataclass(frozen=True)
class Written:
    """What happened to the files of a folder.

    Attributes
    ----------
    written, unchanged : tuple of str
        Files that were written, and those that were so already.
    kept : tuple of str
        Files that differ and were left as they are.
    diff : str
        How those files, or their saved copies, differ from what was to be written; without passwords.
    """

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    kept: tuple[str, ...]
    diff: str


def _difference(name: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"{name} (there)", f"{name} (new)", "", "", 1, "")
    return "\n".join(redact(line) for line in lines)


def write_files(folder: Path, files: dict[str, str], *, force: bool = False) -> Written:
    """Write configuration files that only their owner can read; a file that differs is not replaced.

    Parameters
    ----------
    folder : Path
        Made if missing, for its owner only.
    files : dict of str to str
        Text by file name.
    force : bool
        Replace files that differ; their old text is kept as ``NAME.bak``.

    Raises
    ------
    DatabaseError
        If the folder cannot be made or written.
    """
    private_folder(folder)
    folder.chmod(0o700)
    old = {name: path.read_text(encoding="utf-8") for name in files if (path := folder / name).exists()}
    differing = [name for name in files if name in old and old[name] != files[name]]
    kept = [] if force else differing
    for name in set(differing) - set(kept):
        write_private(folder / f"{name}.bak", old[name])
    for name, text in files.items():
        if name not in kept:
            write_private(folder / name, text)
            (folder / name).chmod(0o600)  # it may have been there with other permissions
    return Written(
        written=tuple(name for name in files if name not in kept and old.get(name) != files[name]),
        unchanged=tuple(name for name in files if old.get(name) == files[name]),
        kept=tuple(kept),
        diff="\n".join(_difference(name, old[name], files[name]) for name in differing),
    )
