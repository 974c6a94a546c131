"""The checks of ``superionic doctor`` that belong to database, stores and queue."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superionic.cli.check import Check, attempt

if TYPE_CHECKING:
    from fireworks import LaunchPad

    from superionic.database.stores import DatabaseChoice

TIMEOUT_S = 3.0
MAX_SKEW_S = 60.0
STORE_CHECK = "results"
ADDITIONAL_CHECK = "store "
"""Begin of the names of the checks of additional stores."""
QUEUE_CHECK = "queue"
OTHERS = 0o077


def database_checks(choice: DatabaseChoice, categories: set[str]) -> Iterator[Check]:
    """All checks of an open database.

    Parameters
    ----------
    choice : DatabaseChoice
        The database.
    categories : set of str
        Categories of worker that are needed, for the check that they are served.
    """
    from superionic.cli.worker_checks import worker_checks
    from superionic.launch.launchpad import launchpad

    yield _configuration(choice)
    pads: list[LaunchPad] = []
    yield _timed(QUEUE_CHECK, lambda: _queue(choice, pads))
    yield _timed(STORE_CHECK, lambda: _results(choice))
    yield from _additional(choice)
    yield attempt("indexes", lambda: _indexes(choice), required=False)
    yield attempt("clocks", lambda: _clocks(choice), required=False)
    if pads:
        yield attempt("code of the jobs on the queue", lambda: _code(pads[0]), required=False)
        yield from worker_checks(choice, launchpad(choice), categories)
    yield from _files(choice)


def _timed(name: str, action: Callable[[], str]) -> Check:
    """A check that must be passed within three seconds."""
    start = time.perf_counter()
    check = attempt(name, action)
    took = time.perf_counter() - start
    if not check.ok or took <= TIMEOUT_S:
        return check
    remedy = f"more than {TIMEOUT_S:g} s: look for a slow network or a busy server"
    return Check(name, False, f"{check.found} ({took:.1f} s)", remedy, required=False)


def _configuration(choice: DatabaseChoice) -> Check:
    from superionic.database.stores import DatabaseKind

    both = choice.kind is DatabaseKind.URI and os.environ.get("FW_CONFIG_FILE")
    remedy = "SUPERIONIC_MONGO_URI wins over the files of FW_CONFIG_FILE, which `rlaunch` uses: unset one of them"
    return Check("database", not both, choice.describe(), remedy if both else "", required=False)


def _queue(choice: DatabaseChoice, pads: list[LaunchPad]) -> str:
    from superionic.database.uris import host_of
    from superionic.launch.launchpad import launchpad, launchpad_settings

    settings = launchpad_settings(choice)
    pads.append(launchpad(choice))
    host = str(settings["host"])
    return f"{settings.get('name', 'fireworks')} on {host_of(host) if '://' in host else host}"


def _results(choice: DatabaseChoice) -> str:
    """Where results go, once a document was written there and deleted again."""
    from superionic.database.stores import job_store

    store: Any = job_store(choice).docs_store
    _probe(store, "uuid", "the docs_store of the results")
    return _place(store)


def _place(store: Any) -> str:  # noqa: ANN401 (maggma Store, untyped)
    """Where a store keeps its documents; its class where it does not say so."""
    from superionic.database.uris import host_of

    if not hasattr(store, "database"):
        return type(store).__name__
    host = host_of(store.uri) if getattr(store, "uri", None) else f"{store.host}:{store.port}"
    return f"{store.database}.{store.collection_name} on {host}"


def _additional(choice: DatabaseChoice) -> Iterator[Check]:
    from superionic.database.stores import job_store
    from superionic.errors import SuperionicError

    try:
        stores: dict[str, Any] = job_store(choice).additional_stores  # type: ignore[has-type]
    except SuperionicError as error:
        yield Check("additional stores", False, "not usable", str(error))
        return
    for name, store in stores.items():
        yield attempt(f"{ADDITIONAL_CHECK}{name}", partial(_probe, store, "blob_uuid", f"the store {name!r}"))


def _probe(store: Any, key: str, where: str) -> str:  # noqa: ANN401 (maggma Store, untyped)
    """Write something, read it back, delete it.

    Raises
    ------
    DatabaseError
        If one of these fails.
    """
    import pymongo

    from superionic.database.uris import redact
    from superionic.errors import DatabaseError

    name = f"superionic doctor {uuid.uuid4()}"
    try:
        with pymongo.timeout(TIMEOUT_S):
            store.connect()
            store.update([{key: name, "data": [1, 2, 3]}], key=key)
            found = store.query_one({key: name})
            store.remove_docs({key: name})
    except Exception as error:  # noqa: BLE001 (stores of any kind raise errors of any kind)
        raise DatabaseError(
            f"{where} ({type(store).__name__}) cannot be written: {redact(str(error))[:160]}. Give the database user "
            "the role readWrite, or mend the store in jobflow.yaml"
        ) from None
    if not found or found.get("data") != [1, 2, 3]:
        raise DatabaseError(f"{where} ({type(store).__name__}) did not return what was written to it: mend the store")
    return f"{_place(store)}, writable"


def _indexes(choice: DatabaseChoice) -> str:
    from superionic.database.indexes import missing_output_indexes
    from superionic.database.stores import outputs_of
    from superionic.errors import DatabaseError

    outputs = outputs_of(choice)
    if outputs.find_one({}, {"_id": 1}) is None:
        return "none needed yet: no results"
    if missing := missing_output_indexes(outputs):
        raise DatabaseError(
            f"no index on {', '.join(missing)} in {outputs.full_name}, so that each look-up reads all of it: "
            "`superionic submit` and `superionic run` make them"
        )
    return "complete"


def _clocks(choice: DatabaseChoice) -> str:
    """Difference between the clock of the server and ours, as heartbeats are judged by it."""
    from superionic.database.stores import mongo_database
    from superionic.errors import DatabaseError
    from superionic.launch.queue_entries import age_s

    skews = []
    for _ in range(3):
        start = time.perf_counter()
        answer = mongo_database(choice).command("hello")
        skews.append(age_s(answer["localTime"]) - (time.perf_counter() - start) / 2)
    skew = min(skews, key=abs)
    if abs(skew) > MAX_SKEW_S:
        raise DatabaseError(
            f"the clock here is {skew:+.0f} s off that of the database server, and runs without a heartbeat for ten "
            "minutes are taken for lost: have the clocks set (ntpd, chronyd)"
        )
    return f"{skew:+.2f} s from the server's"


def _code(pad: LaunchPad) -> str:
    """Versions that made the waiting jobs, which must be those that will run them."""
    from superionic.errors import DatabaseError
    from superionic.launch.inspection import code_on_queue

    here = {name: version(name) for name in ("jobflow", "superionic")}
    found = code_on_queue(pad)
    other = [f"{name} {', '.join(sorted(found[name] - {here[name]}))}" for name in here if found[name] - {here[name]}]
    if other:
        raise DatabaseError(
            f"jobs were made with {' and '.join(other)}, here is jobflow {here['jobflow']} and superionic "
            f"{here['superionic']}: use one installation for submitting and working"
        )
    return f"jobflow {here['jobflow']}, superionic {here['superionic']}" if any(found.values()) else "no jobs wait"


def _files(choice: DatabaseChoice) -> Iterator[Check]:
    """The user's own files: whether FireWorks uses the same, and others can read the password."""
    from superionic.database.stores import DatabaseKind

    if choice.kind is not DatabaseKind.USER_FILES:
        return
    yield _heartbeat(choice)
    readable = [str(path) for path in (choice.launchpad_file, choice.jobflow_file) if _open_to_others(path)]
    remedy = f"chmod 600 {' '.join(readable)}" if readable else ""
    yield Check("passwords", not readable, "readable by others" if readable else "files are yours alone", remedy, False)


def _open_to_others(path: Path) -> bool:
    from superionic.database.uris import holds_password

    words = path.read_text(encoding="utf-8", errors="replace").split()
    secret = any(holds_password(word.strip("\"'")) for word in words) or "password:" in words
    return secret and bool(path.stat().st_mode & OTHERS)


def _heartbeat(choice: DatabaseChoice) -> Check:
    from superionic.launch.inspection import fireworks_settings
    from superionic.launch.liveness import HEARTBEAT_LIMIT_S

    name, settings = "FireWorks' own commands", fireworks_settings()
    if settings.launchpad_file != choice.launchpad_file:
        remedy = (
            f"`lpad` and `rlaunch` would use {settings.launchpad_file}, superionic uses {choice.launchpad_file}: a "
            "FW_config.yaml here or in ~/.fireworks wins over FW_CONFIG_FILE for them; remove it, or give them -c"
        )
        return Check(name, False, "another queue", remedy, required=False)
    if 2 * settings.ping_s > HEARTBEAT_LIMIT_S:
        remedy = (
            f"a lost job of `rlaunch` is noticed after hours instead of {HEARTBEAT_LIMIT_S:.0f} s, and a machine whose "
            "FW_config.yaml says otherwise would run live ones twice: set PING_TIME_SECS: 60 on all"
        )
        return Check(name, False, f"heartbeat every {settings.ping_s:.0f} s", remedy, required=False)
    return Check(name, True, f"the same queue, heartbeat every {settings.ping_s:.0f} s", required=False)
