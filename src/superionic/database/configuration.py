"""Configuration files of FireWorks and jobflow: find the user's own, write the package's."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from superionic.database.files import private_folder, write_private
from superionic.errors import NotConfiguredError

ADDITIONAL_STORES = ("data", "trajectories", "models")
"""Stores for what is too large for a document: arrays, trajectories, potentials."""

OUTPUTS = "outputs"
"""Collection of the job outputs."""

_MARK = "# Written by superionic and rewritten by it: changes made here are lost.\n"
PING_S = 30
"""Seconds between two heartbeats of a running job."""


@dataclass(frozen=True)
class UserFiles:
    """The user's own configuration files; None where there is none.

    Attributes
    ----------
    fireworks : Path or None
        ``FW_config.yaml``.
    launchpad : Path or None
        ``my_launchpad.yaml``.
    jobflow : Path or None
        ``jobflow.yaml``.
    """

    fireworks: Path | None
    launchpad: Path | None
    jobflow: Path | None


def _load(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError) as error:
        raise NotConfiguredError(f"{path} cannot be read: {str(error)[:200]}. Mend it") from error
    return data if isinstance(data, dict) else {}


def _foreign(path: Path | None) -> Path | None:
    """The path itself if it is a file that superionic did not write."""
    if path is None or not path.is_file():
        return None
    return None if path.read_text(encoding="utf-8", errors="replace").startswith(_MARK) else path


def _named(environ: Mapping[str, str], variable: str) -> Path | None:
    """File that an environment variable names; it must exist if the variable is set."""
    if not environ.get(variable):
        return None
    path = Path(environ[variable]).expanduser()
    if not path.is_file():
        raise NotConfiguredError(f"{variable} names {path}, which does not exist: mend or unset {variable}")
    return path


def find_user_files(project: Path, environ: Mapping[str, str], user_home: Path) -> UserFiles:
    """Look for FireWorks and jobflow configuration that the user wrote.

    Places, in this order: ``FW_CONFIG_FILE`` and ``JOBFLOW_CONFIG_FILE``, the project folder,
    ``~/.fireworks`` and ``~/.jobflow.yaml``. Files written by superionic do not count.

    Raises
    ------
    NotConfiguredError
        If a variable names a missing file, or a file cannot be read.
    """
    folders = [project, user_home / ".fireworks"]
    candidates = [_named(environ, "FW_CONFIG_FILE"), *(folder / "FW_config.yaml" for folder in folders)]
    fireworks = next((path for path in map(_foreign, candidates) if path), None)
    options = {} if fireworks is None else _load(fireworks)
    if options.get("CONFIG_FILE_DIR"):
        folders.insert(0, Path(options["CONFIG_FILE_DIR"]).expanduser())
    pads = [Path(options["LAUNCHPAD_LOC"]).expanduser()] if options.get("LAUNCHPAD_LOC") else []
    pads += [folder / "my_launchpad.yaml" for folder in folders]
    outputs = [_named(environ, "JOBFLOW_CONFIG_FILE"), user_home / ".jobflow.yaml"]
    return UserFiles(
        fireworks=fireworks,
        launchpad=next((path for path in map(_foreign, pads) if path), None),
        jobflow=next((path for path in map(_foreign, outputs) if path), None),
    )


def store_definition(uri: str, database: str) -> dict[str, Any]:
    """JobStore in the words of jobflow's configuration file."""
    where = {"uri": uri, "database": database}
    return {
        "docs_store": {"type": "MongoStore", **where, "collection_name": OUTPUTS},
        "additional_stores": {
            name: {"type": "GridFSStore", **where, "collection_name": name} for name in ADDITIONAL_STORES
        },
    }


def _as_yaml(data: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml, stream = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style = False
    yaml.dump(data, stream)
    return stream.getvalue()


def store_lines(names: tuple[str, ...], database: str = "superionic") -> str:
    """Lines to add to a jobflow.yaml for additional stores of these names."""
    places = {"type": "GridFSStore", "uri": "mongodb://...", "database": database}
    stores = {name: {**places, "collection_name": name} for name in names}
    return _as_yaml({"JOB_STORE": {"additional_stores": stores}})


def write_configuration(folder: Path, uri: str, database: str) -> None:
    """Write the FireWorks and jobflow files of one database into `folder`.

    The files can be read by their owner only, because the URI may hold a password. ``lpad`` and
    ``rlaunch`` work with them when ``FW_CONFIG_FILE`` and ``JOBFLOW_CONFIG_FILE`` point here.

    Parameters
    ----------
    folder : Path
        Made if missing.
    uri : str
        MongoDB URI with its options.
    database : str
        Name of the database for queue and outputs.
    """
    private_folder(folder)
    files: dict[str, dict[str, Any]] = {
        "my_launchpad.yaml": {
            "host": uri,
            "name": database,
            "uri_mode": True,
            "logdir": None,
            "strm_lvl": "WARNING",
            "user_indices": ["spec.campaign"],
            "wf_user_indices": ["metadata.campaign"],
        },
        "my_fworker.yaml": {"name": "local", "category": "", "query": "{}"},
        "FW_config.yaml": {
            "CONFIG_FILE_DIR": str(folder),
            "LAUNCHPAD_LOC": str(folder / "my_launchpad.yaml"),
            "FWORKER_LOC": str(folder / "my_fworker.yaml"),
            "RAPIDFIRE_SLEEP_SECS": 1,
            "PING_TIME_SECS": PING_S,
            "RUN_EXPIRATION_SECS": 20 * PING_S,
            "SORT_FWS": "FIFO",
        },
        "jobflow.yaml": {"JOB_STORE": store_definition(uri, database)},
    }
    for name, data in files.items():
        write_private(folder / name, _MARK + _as_yaml(data))
