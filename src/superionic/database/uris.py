"""MongoDB URIs: name the server without the password, add options, check that it answers."""

import re
from typing import Any
from urllib.parse import unquote

from superionic.errors import DatabaseError, NotConfiguredError

CHECK_TIMEOUT_S = 2.5
OUTAGE_TIMEOUT_MS = 600_000
"""How long clients of a remote server wait for it to come back before a job is lost."""

_CREDENTIALS = re.compile(r"(mongodb(?:\+srv)?://)([^:@/\s]*)(?::\S*)?@")
_PASSWORD = re.compile(r"mongodb(?:\+srv)?://[^:@/\s]*:\S*@")
_SECRET_OPTIONS = re.compile(r"(?i)([?&][^=&\s]*(?:password|token|authmechanismproperties)[^=&\s]*=)[^&\s]+")
_HOSTS = re.compile(r"mongodb(?:\+srv)?://(?:\S*@)?([^/?\s]+)")
_SCHEME = re.compile(r"mongodb(?:\+srv)?://")
_AUTHENTICATION_FAILED, _UNAUTHORIZED = 18, 13


def redact(text: str) -> str:
    """Replace every password in a URI, or in a text that holds URIs, by ``***``.

    Examples
    --------
    >>> redact("mongodb://ann:secret@db.example.org/?authSource=admin")
    'mongodb://ann:***@db.example.org/?authSource=admin'
    """
    return _SECRET_OPTIONS.sub(r"\1***", _CREDENTIALS.sub(r"\1\2:***@", text))


def holds_password(uri: str) -> bool:
    """Tell whether a URI carries a password or another secret.

    Examples
    --------
    >>> holds_password("mongodb://ann@db.example.org"), holds_password("mongodb://ann:secret@db.example.org")
    (False, True)
    """
    return bool(_PASSWORD.match(uri) or _SECRET_OPTIONS.search(uri))


def host_of(uri: str) -> str:
    """Host (and port), or path of the unix socket, that a URI names."""
    match = _HOSTS.match(uri)
    return unquote(match.group(1)) if match else "?"


def with_options(uri: str, **options: str) -> str:
    """Add options to a URI; those that it has already stay as they are.

    ``journal`` is left out where the URI asks for unacknowledged writes (``w=0``), which exclude it.
    """
    base, _, query = uri.partition("?")
    present = dict(part.partition("=")[::2] for part in query.split("&") if part)
    known = {name.lower() for name in present}
    added = {name: value for name, value in options.items() if name.lower() not in known}
    if present.get("w") == "0":
        added.pop("journal", None)
    if "/" not in _SCHEME.sub("", base, count=1):
        base += "/"
    joined = "&".join([*([query] if query else []), *(f"{name}={value}" for name, value in added.items())])
    return f"{base}?{joined}" if joined else base


def check_uri(uri: str, source: str) -> None:
    """Refuse a text that is not a MongoDB URI.

    Parameters
    ----------
    uri : str
        The URI.
    source : str
        Where it came from, for the message.

    Raises
    ------
    NotConfiguredError
        If it is none.
    """
    if not _SCHEME.match(uri) or not _HOSTS.match(uri):
        raise NotConfiguredError(
            f"{source} is no MongoDB URI: expected mongodb://user:password@host:port/?authSource=admin or "
            "mongodb+srv://..., or `local` for the private server"
        )


def check_server(uri: str, database: str, source: str) -> None:
    """Make sure that the server answers within 3 s and lets us into the database.

    Parameters
    ----------
    uri, source
        As for :func:`check_uri`.
    database : str
        Name of the database that will be used.

    Raises
    ------
    NotConfiguredError
        If the URI cannot be understood.
    DatabaseError
        If the server does not answer or refuses; the message names host and source, never the password.
    """
    import pymongo
    from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

    check_uri(uri, source)
    limit_ms = int(1000 * CHECK_TIMEOUT_S)
    limits = dict.fromkeys(("serverSelectionTimeoutMS", "connectTimeoutMS", "socketTimeoutMS"), limit_ms)
    where = f"the MongoDB server {host_of(uri)} (from {source})"
    try:
        with pymongo.timeout(CHECK_TIMEOUT_S), pymongo.MongoClient[dict[str, Any]](uri, **limits) as client:  # type: ignore[arg-type]
            client[database].list_collection_names()
    except OperationFailure as error:
        if error.code not in {_AUTHENTICATION_FAILED, _UNAUTHORIZED}:
            raise DatabaseError(f"{where} refused: {redact(str(error))[:200]}") from None
        raise DatabaseError(
            f"{where} does not let this user into the database {database!r}: check user, password and authSource "
            "in the URI, and that the user has the role readWrite on it"
        ) from None
    except (ConfigurationError, ValueError) as error:
        # a URI that cannot be parsed cannot be redacted either: quote the parser only if there is nothing to hide
        words = "percent-encode special characters in user and password" if "@" in uri else str(error)[:200]
        raise NotConfiguredError(f"{source}: unusable MongoDB URI: {words}") from None
    except PyMongoError as error:
        raise DatabaseError(
            f"{where} does not answer within {CHECK_TIMEOUT_S:g} s ({redact(str(error))[:160]}). Start it, mend the "
            "address, or unset it to use the private server of the project folder"
        ) from None
