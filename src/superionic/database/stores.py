"""Which database is used, and the stores in it."""

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superionic.database.configuration import (
    ADDITIONAL_STORES,
    OUTPUTS,
    UserFiles,
    find_user_files,
    store_definition,
    store_lines,
    write_configuration,
)
from superionic.database.local import ensure_server, lease
from superionic.database.uris import (
    CHECK_TIMEOUT_S,
    OUTAGE_TIMEOUT_MS,
    check_server,
    host_of,
    redact,
    with_options,
)
from superionic.errors import DatabaseError, NotConfiguredError

if TYPE_CHECKING:
    from jobflow import JobStore
    from maggma.stores import MongoStore
    from pymongo.collection import Collection
    from pymongo.database import Database

__all__ = [
    "DatabaseChoice",
    "DatabaseKind",
    "collection",
    "environment",
    "is_configured",
    "job_store",
    "mongo_database",
    "open_database",
    "outputs_of",
    "redact",
    "resolve_database",
    "result_store",
    "server_home",
]

DATABASE = "superionic"
STATE_FOLDER = ".superionic"
LOCAL = "local"
"""Value of ``mongo_uri`` that asks for the private server even if other configuration exists."""

_SETTING = "SUPERIONIC_MONGO_URI (or mongo_uri in the settings file)"
_CHOICES = (
    "Or set SUPERIONIC_MONGO_URI to a MongoDB URI (one server for everything), "
    "or to `local` for a private server in the project folder"
)


class DatabaseKind(StrEnum):
    """Who runs the database."""

    URI = "uri"
    USER_FILES = "user_files"
    LOCAL = "local"


@dataclass(frozen=True)
class DatabaseChoice:
    """The database of a project.

    Attributes
    ----------
    kind : DatabaseKind
        Who runs it.
    source : str
        What decided, in words.
    project : Path
        The project folder.
    database : str
        Name of the database; for the user's files that of the job outputs.
    launchpad_file, jobflow_file : Path
        Configuration of the queue (FireWorks) and of the outputs (jobflow).
    fireworks_file : Path or None
        ``FW_config.yaml``.
    config_dir : Path
        Folder of the configuration files.
    started : bool
        Whether the server is the private one, which superionic starts and stops.
    uri : str
        URI of the server; empty for the user's files. It may hold a password and is never shown.
    """

    kind: DatabaseKind
    source: str
    project: Path
    database: str
    launchpad_file: Path
    jobflow_file: Path
    fireworks_file: Path | None
    config_dir: Path
    started: bool
    uri: str = field(repr=False, default="")

    @property
    def home(self) -> Path | None:
        """Folder of the private server; None if the server is the user's."""
        return server_home(self.project) if self.started else None

    def describe(self) -> str:
        """One line for people, without secrets."""
        if self.kind is DatabaseKind.USER_FILES:
            return f"database {self.database!r} of your own files {self.launchpad_file} and {self.jobflow_file}"
        server = "private server" if self.started else f"server {host_of(self.uri)}"
        return f"database {self.database!r} on the {server} ({self.source})"


def server_home(project: Path) -> Path:
    """Folder of the private server of a project."""
    return project.resolve() / STATE_FOLDER / "server"


def _config_dir(project: Path, kind: DatabaseKind, uri: str, database: str) -> Path:
    """A folder per server and database, so that two campaigns with different servers do not meet."""
    name = str(kind) if database == DATABASE else f"{kind}-{database}"
    if kind is DatabaseKind.URI:
        name += f"-{sha256(redact(uri).encode()).hexdigest()[:8]}"
    return project.resolve() / STATE_FOLDER / "config" / name


def _written_choice(project: Path, kind: DatabaseKind, source: str, uri: str, database: str) -> DatabaseChoice:
    folder = _config_dir(project, kind, uri, database)
    write_configuration(folder, uri, database)
    return DatabaseChoice(
        kind=kind,
        source=source,
        project=project.resolve(),
        database=database,
        launchpad_file=folder / "my_launchpad.yaml",
        jobflow_file=folder / "jobflow.yaml",
        fireworks_file=folder / "FW_config.yaml",
        config_dir=folder,
        started=kind is DatabaseKind.LOCAL,
        uri=uri,
    )


def _uri_choice(project: Path, uri: str, database: str) -> DatabaseChoice:
    check_server(uri, database, _SETTING)
    options = {"journal": "true", "serverSelectionTimeoutMS": str(OUTAGE_TIMEOUT_MS)}
    return _written_choice(project, DatabaseKind.URI, _SETTING, with_options(uri, **options), database)


def _user_choice(project: Path, files: UserFiles) -> DatabaseChoice:
    """The choice for the user's own files, which must be complete."""
    if files.launchpad is None:
        raise NotConfiguredError(
            f"{files.jobflow or files.fireworks} is your own configuration, but there is no my_launchpad.yaml for "
            "FireWorks: make one with `lpad init` and name it as LAUNCHPAD_LOC in the FW_config.yaml that "
            f"FW_CONFIG_FILE names. {_CHOICES}"
        )
    if files.jobflow is None:
        raise NotConfiguredError(
            f"{files.launchpad} is your own FireWorks configuration, but there is no jobflow configuration, so that "
            "outputs would be lost: name a jobflow.yaml in JOBFLOW_CONFIG_FILE, with a docs_store and\n"
            f"{store_lines(ADDITIONAL_STORES)}{_CHOICES}"
        )
    choice = DatabaseChoice(
        kind=DatabaseKind.USER_FILES,
        source=f"your files {files.launchpad} and {files.jobflow}",
        project=project.resolve(),
        database="",
        launchpad_file=files.launchpad.resolve(),
        jobflow_file=files.jobflow.resolve(),
        fireworks_file=files.fireworks,
        config_dir=files.launchpad.resolve().parent,
        started=False,
    )
    docs_store: Any = job_store(choice).docs_store
    _check_docs_store(docs_store, files.jobflow)
    return replace(choice, database=str(docs_store.database))


def _check_docs_store(docs_store: Any, jobflow_file: Path) -> None:  # noqa: ANN401 (maggma Store, untyped)
    import pymongo
    from pymongo.errors import PyMongoError

    if not hasattr(docs_store, "database"):
        raise NotConfiguredError(
            f"{jobflow_file}: the docs_store is a {type(docs_store).__name__}, but several workers need a MongoStore. "
            f"{_CHOICES}"
        )
    try:
        with pymongo.timeout(CHECK_TIMEOUT_S):
            docs_store.connect()
            docs_store._collection.database.list_collection_names()  # noqa: SLF001 (maggma gives no other way)
    except PyMongoError as error:
        host = host_of(docs_store.uri) if getattr(docs_store, "uri", None) else f"{docs_store.host}:{docs_store.port}"
        raise DatabaseError(
            f"the MongoDB server {host} (from {jobflow_file}) does not answer or refuses: {redact(str(error))[:160]}. "
            "Start it or mend the file"
        ) from None


def _user_files(project: Path, environ: Mapping[str, str] | None, user_home: Path | None) -> UserFiles | None:
    files = find_user_files(project, os.environ if environ is None else environ, user_home or Path.home())
    return files if files.launchpad or files.jobflow else None


def resolve_database(
    project: Path,
    mongo_uri: str | None = None,
    *,
    database: str = DATABASE,
    mongod: Path | None = None,
    environ: Mapping[str, str] | None = None,
    user_home: Path | None = None,
) -> DatabaseChoice:
    """Decide which database a project uses, and start the private server if it is that one.

    Order: `mongo_uri`; the user's own FireWorks and jobflow files, which are never changed; the
    private server of the project folder. Prefer :func:`open_database`, which also keeps the private
    server from being stopped by somebody else and stops it when the last user leaves.

    Parameters
    ----------
    project : Path
        Project folder; what superionic writes is below ``project/.superionic``.
    mongo_uri : str, optional
        URI of a server, or ``local``.
    database : str
        Name of the database for queue and outputs (not for the user's own files).
    mongod : Path, optional
        ``mongod`` program for the private server.
    environ : mapping, optional
        Environment; ``os.environ`` by default.
    user_home : Path, optional
        Home folder of the user.

    Raises
    ------
    NotConfiguredError
        If there is no ``mongod``, the URI is none, or the user's files are incomplete.
    DatabaseError
        If the server does not answer within 3 s.
    """
    if mongo_uri and mongo_uri != LOCAL:
        return _uri_choice(project, mongo_uri, database)
    files = None if mongo_uri == LOCAL else _user_files(project, environ, user_home)
    if files is not None:
        return _user_choice(project, files)
    server = ensure_server(server_home(project), mongod=mongod)
    return _written_choice(project, DatabaseKind.LOCAL, "no other is configured", server.uri, database)


def is_configured(project: Path, mongo_uri: str | None = None) -> bool:
    """Whether a project has a database of its own or a server to use; nothing is started to find out.

    Parameters
    ----------
    project : Path
        Project folder.
    mongo_uri : str, optional
        URI of a server, or ``local``.
    """
    own = bool(mongo_uri) and mongo_uri != LOCAL
    users = mongo_uri != LOCAL and _user_files(project, None, None) is not None
    return own or users or server_home(project).exists()


@contextmanager
def open_database(
    project: Path,
    mongo_uri: str | None = None,
    *,
    database: str = DATABASE,
    mongod: Path | None = None,
    environ: Mapping[str, str] | None = None,
    user_home: Path | None = None,
) -> Iterator[DatabaseChoice]:
    """Use the database of a project for the duration of a ``with`` block.

    As :func:`resolve_database`, but the private server is under a lease: it is stopped at the end
    unless other processes use it or it was started to stay.

    Parameters
    ----------
    project : Path
        Project folder, below which the private server lives.
    mongo_uri : str, optional
        URI of a server of your own, or ``local`` for the private one whatever else is configured.
    database : str
        Name of the database.
    mongod : Path, optional
        Program of the private server; by default it is looked for.
    environ, user_home : mapping of str to str and Path, optional
        Environment variables, and home folder with the user's own files; by default those of this process.

    Yields
    ------
    DatabaseChoice
        The database, for :func:`collection`, :func:`outputs_of` and :func:`job_store`.
    """
    own = bool(mongo_uri) and mongo_uri != LOCAL
    if own or (mongo_uri != LOCAL and _user_files(project, environ, user_home) is not None):
        yield resolve_database(project, mongo_uri, database=database, environ=environ, user_home=user_home)
        return
    with lease(server_home(project), mongod=mongod) as server:
        yield _written_choice(project, DatabaseKind.LOCAL, "no other is configured", server.uri, database)


def environment(choice: DatabaseChoice) -> dict[str, str]:
    """Environment variables that lead FireWorks and jobflow in child processes to this database."""
    variables = {"JOBFLOW_CONFIG_FILE": str(choice.jobflow_file)}
    if choice.fireworks_file is not None:
        variables["FW_CONFIG_FILE"] = str(choice.fireworks_file)
    return variables


def job_store(choice: DatabaseChoice) -> "JobStore":
    """Store of the job outputs, not yet connected.

    Raises
    ------
    NotConfiguredError
        If the user's own jobflow file cannot be used or lacks an additional store; the message shows
        the lines to add.
    """
    from jobflow import JobStore
    from jobflow.settings import JobflowSettings

    if choice.kind is not DatabaseKind.USER_FILES:
        return JobStore.from_dict_spec(store_definition(choice.uri, choice.database))
    try:
        store: Any = JobflowSettings(CONFIG_FILE=str(choice.jobflow_file)).JOB_STORE
    except (ValueError, TypeError, KeyError, ImportError) as error:
        raise NotConfiguredError(f"{choice.jobflow_file} cannot be used: {redact(str(error))[:200]}. Mend it") from None
    missing = tuple(name for name in ADDITIONAL_STORES if name not in store.additional_stores)
    if missing:
        raise NotConfiguredError(
            f"{choice.jobflow_file} lacks the additional store{'s' if len(missing) > 1 else ''} {', '.join(missing)}, "
            f"where superionic puts arrays, trajectories and models. Add these lines (with your server):\n"
            f"{store_lines(missing)}"
        )
    return store  # type: ignore[no-any-return]


@cache
def _connect(uri: str, process: int) -> Any:  # noqa: ANN401, ARG001 (one client per process: they do not survive a fork)
    from pymongo import MongoClient

    return MongoClient(uri, tz_aware=False)


def mongo_database(choice: DatabaseChoice) -> "Database[dict[str, Any]]":
    """The database of the outputs, connected; clients are shared within a process."""
    if choice.kind is not DatabaseKind.USER_FILES:
        return _connect(choice.uri, os.getpid())[choice.database]  # type: ignore[no-any-return]
    docs_store: Any = job_store(choice).docs_store
    docs_store.connect()
    return docs_store._collection.database  # type: ignore[no-any-return]  # noqa: SLF001


def collection(choice: DatabaseChoice, name: str) -> "Collection[dict[str, Any]]":
    """One collection of the database, for queries."""
    return mongo_database(choice)[name]


def outputs_of(choice: DatabaseChoice) -> "Collection[dict[str, Any]]":
    """Collection of the job outputs, which has another name in some users' files."""
    if choice.kind is not DatabaseKind.USER_FILES:
        return collection(choice, OUTPUTS)
    docs_store: Any = job_store(choice).docs_store
    return collection(choice, docs_store.collection_name)


def result_store(choice: DatabaseChoice, name: str, key: str = "key") -> "MongoStore":
    """A maggma store for one result collection, for builders; not yet connected.

    Parameters
    ----------
    choice : DatabaseChoice
        The database.
    name : str
        Name of the collection.
    key : str
        Field that identifies a document.
    """
    store: Any = copy.copy(job_store(choice).docs_store)
    store.collection_name, store.key, store._coll = name, key, None  # noqa: SLF001 (as maggma's constructor does)
    return store  # type: ignore[no-any-return]
