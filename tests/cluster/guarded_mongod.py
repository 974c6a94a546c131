"""A MongoDB server with users and passwords on a local port, as a cluster has one."""

import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pymongo import MongoClient

from superionic.database.files import wait_until
from superionic.database.mongod import find_mongod
from superionic.database.uris import check_server
from superionic.errors import DatabaseError

USER, PASSWORD = "ann", "S3cr3t/of@ann:x"
READER, READER_PASSWORD = "guest", "only-look"
ADMIN = "0nly-4-th3-t3st"
DATABASE = "superionic"


@dataclass(frozen=True)
class Guarded:
    """The server: its address, log and files."""

    port: int
    folder: Path

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self):
        """URI of the user without the password."""
        return f"mongodb://{USER}@{self.host}/?authSource=admin"

    def client(self):
        """All that is in the server, as its administrator sees it."""
        return MongoClient(f"mongodb://admin:{quote(ADMIN, safe='')}@{self.host}/?authSource=admin")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(uri):
    try:
        check_server(uri, "admin", "test")
    except DatabaseError as error:
        return "does not let" in str(error)
    return True


def _make_users(server):
    with MongoClient(f"mongodb://{server.host}/?directConnection=true") as client:  # allowed until there is a user
        client.admin.command("createUser", "admin", pwd=ADMIN, roles=["root"])
    with server.client() as client:
        roles = [{"role": "readWrite", "db": DATABASE}]
        client.admin.command("createUser", USER, pwd=PASSWORD, roles=roles)
        roles = [{"role": "read", "db": DATABASE}]
        client.admin.command("createUser", READER, pwd=READER_PASSWORD, roles=roles)


@contextmanager
def guarded_mongod(folder):
    """Start it in `folder`; yields a Guarded."""
    (folder / "db").mkdir(parents=True)
    server = Guarded(_free_port(), folder)
    command = [find_mongod(folder), "--auth", "--dbpath", folder / "db", "--port", str(server.port)]
    command += ["--bind_ip", "127.0.0.1", "--nounixsocket", "--logpath", folder / "mongod.log"]
    command += ["--wiredTigerCacheSizeGB", "0.25"]
    with (folder / "mongod.out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        assert wait_until(lambda: _answers(f"mongodb://{server.host}/"), 60, 0.2)
        _make_users(server)
        yield server
    finally:
        process.terminate()
        process.wait()
