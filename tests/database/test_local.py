"""The private server as several processes see it; real mongod throughout."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pymongo import MongoClient

from superionic.database import local
from superionic.database.local import ensure_server, lease, server_status, stop_server
from superionic.database.mongod import socket_path
from superionic.database.processes import current_process, identify
from superionic.errors import DatabaseError

pytestmark = pytest.mark.integration

# holds a lease until its standard input closes
HOLDER = """
import sys
from pathlib import Path
from superionic.database.local import lease
with lease(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def _hold(home):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", HOLDER, str(home)], **pipes)


def _release(holder):
    holder.stdin.close()
    assert holder.wait(30) == 0
    holder.stdout.close()


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / ("a folder whose path is long and has spaces " * 3) / "server"
    yield folder
    if folder.exists():
        stop_server(folder, force=True)


def _listens_on_tcp(pid):
    inodes = {
        link.readlink().name.removeprefix("socket:[").removesuffix("]")
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if str(link.readlink()).startswith("socket:")
    }
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return any(row[9] in inodes for row in rows)


def test_four_starters_share_one_server_and_the_last_leaver_stops_it(home):
    holders = [_hold(home) for _ in range(4)]
    pids = {int(holder.stdout.readline()) for holder in holders}
    assert len(pids) == 1
    status = server_status(home)
    assert status.answers
    assert status.server.pid == pids.pop()
    assert set(status.lease_pids) == {holder.pid for holder in holders}

    assert (home / "server.json").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700
    assert status.server.socket.stat().st_mode & 0o777 == 0o700
    assert not _listens_on_tcp(status.server.pid)
    with MongoClient(status.server.uri) as client:
        assert client.write_concern.document == {"j": True}

    with pytest.raises(DatabaseError, match=rf"{holders[0].pid} \(.*{holders[1].pid} \("):
        stop_server(home)
    holders[0].kill()  # its lease must not keep the server alive
    holders[0].communicate()
    for holder in holders[1:]:
        assert server_status(home).answers
        _release(holder)
    assert identify(status.server.pid) is None
    assert server_status(home) == replace(status, server=None, answers=False, lease_pids=())
    assert not status.server.socket.exists()
    assert not stop_server(home)


def test_a_killed_server_is_replaced_and_loses_nothing(home):
    with lease(home) as server:
        with MongoClient(server.uri) as client:
            client.test.numbers.insert_many([{"n": n} for n in range(50)])
            os.kill(server.pid, signal.SIGKILL)
        again = ensure_server(home)  # server.json, mongod.lock and the socket are stale now
        assert again.pid != server.pid
        with MongoClient(again.uri) as client:
            assert client.test.numbers.count_documents({}) == 50
    assert server_status(home).server is None


def test_stale_files_that_point_at_a_living_stranger_are_not_believed(home):
    (home / "db").mkdir(parents=True)
    (home / "leases").mkdir()
    me = current_process()
    (home / "server.json").write_text(json.dumps({"process": me.as_dict(), "uri": "mongodb://nonsense"}))
    (home / "db" / "mongod.lock").write_text(f"{os.getpid()}\n")
    recycled = replace(me, pid=os.getppid(), started="1")
    (home / "leases" / f"{os.getppid()}.json").write_text(json.dumps(recycled.as_dict()))
    (home / "leases" / "7.json").write_text("damaged")
    socket_path(home).write_text("left over")
    with lease(home) as server:
        assert server.pid != os.getpid()
        assert server_status(home).lease_pids == (os.getpid(),)
    assert server_status(home).server is None


def test_nested_leases_of_one_process_count(home):
    with lease(home) as outer:
        with lease(home) as inner:
            assert inner == outer
        assert server_status(home).answers


def test_a_server_started_to_stay_outlives_its_users_until_it_is_stopped(home):
    server = ensure_server(home, keep=True)
    with lease(home) as leased:
        assert leased == server
    status = server_status(home)
    assert status.kept
    assert status.answers
    holder = _hold(home)
    holder.stdout.readline()
    assert stop_server(home, force=True)
    assert identify(server.pid) is None
    _release(holder)


def test_a_lost_record_or_socket_does_not_start_a_second_server(home, monkeypatch):
    with lease(home) as server:
        (home / "server.json").unlink()
        assert ensure_server(home) == server  # found by mongod's own lock file and arguments
        server.socket.unlink()
        monkeypatch.setattr(local, "SOCKET_TIMEOUT_S", 0.2)
        again = ensure_server(home)  # unreachable for everybody, so it is replaced
        assert identify(server.pid) is None
        assert server_status(home).server == again


def test_a_deleted_folder_does_not_leave_a_server_behind(home):
    with lease(home) as server:
        for path in sorted(home.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        home.rmdir()
    assert identify(server.pid) is None


def test_a_server_of_another_machine_is_neither_used_nor_stopped(home):
    home.mkdir(parents=True)
    other = replace(current_process(), host="node17", boot="another", pid=4242)
    (home / "server.json").write_text(json.dumps({"process": other.as_dict()}))
    for action in (ensure_server, stop_server):
        with pytest.raises(DatabaseError, match=r"node17 \(process 4242\)"):
            action(home)
    assert server_status(home).other_host == "node17"
    (home / "server.json").unlink()  # what the message says to do if that machine is gone
    assert not stop_server(home)


def test_the_record_of_an_ended_container_on_this_machine_is_stale(home):
    (home / "db").mkdir(parents=True)
    gone = replace(current_process(), host="container", namespace="pid:[1]", pid=1)
    (home / "server.json").write_text(json.dumps({"process": gone.as_dict()}))
    with lease(home) as server:
        assert server.pid != 1
