import os
from pathlib import Path

import pytest

from superionic.database import mongod
from superionic.database.local import ensure_server
from superionic.errors import DatabaseError, NotConfiguredError


def _script(path, text, mode=0o755):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


def test_without_mongod_the_message_names_every_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod, "_wheel_mongod", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotConfiguredError) as error:
        mongod.find_mongod(tmp_path)
    for remedy in ("superionic[localdb]", "SUPERIONIC_MONGOD", "SUPERIONIC_MONGO_URI"):
        assert remedy in str(error.value)


def test_a_named_program_must_exist(tmp_path):
    with pytest.raises(NotConfiguredError, match="SUPERIONIC_MONGOD"):
        mongod.find_mongod(tmp_path, tmp_path / "nothing")


def test_the_x_bit_is_added_or_a_copy_made_where_it_cannot_be(tmp_path, monkeypatch):
    program = _script(tmp_path / "mongod", "exit 0", mode=0o644)
    assert mongod.find_mongod(tmp_path, program) == program
    assert os.access(program, os.X_OK)

    program.chmod(0o644)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(type(program), "chmod", _refuse_below(program))
    copy = mongod.find_mongod(home, program)
    assert copy.is_relative_to(home)
    assert os.access(copy, os.X_OK)
    assert copy.read_bytes() == program.read_bytes()
    assert mongod.find_mongod(home, program) == copy


def _refuse_below(program):
    original = type(program).chmod

    def chmod(path, mode, **options):
        if path == program:
            raise PermissionError("read-only file system")
        original(path, mode, **options)

    return chmod


def test_the_socket_path_is_short_private_and_the_same_for_all(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    home = tmp_path / ("a very long and spaced name " * 6) / "server"
    path = mongod.socket_path(home)
    assert len(os.fsencode(path)) <= mongod.SOCKET_PATH_LIMIT
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert mongod.socket_path(home) == path != mongod.socket_path(home.with_name("other"))


@pytest.mark.parametrize("trap", ["symlink", "file"])
def test_a_socket_folder_that_somebody_else_prepared_is_not_used(tmp_path, monkeypatch, trap):
    runtime, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    runtime.mkdir()
    elsewhere.mkdir()
    taken = runtime / f"superionic-{os.getuid()}"
    taken.symlink_to(elsewhere) if trap == "symlink" else taken.write_text("")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    path = mongod.socket_path(tmp_path / "home")
    assert not path.is_relative_to(runtime)
    assert list(elsewhere.iterdir()) == []


def test_without_any_private_folder_a_random_one_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod, "_private_folder", lambda _base: None)
    path = mongod.socket_path(tmp_path)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.parent.rmdir()


def test_only_a_socket_of_ours_counts(tmp_path):
    (tmp_path / "file").write_text("")
    assert not mongod.is_own_socket(tmp_path / "file")
    assert not mongod.is_own_socket(tmp_path / "missing")


def test_the_uri_of_a_socket_is_journaled_and_quoted():
    assert mongod.socket_uri(Path("/run/a b.sock")) == "mongodb://%2Frun%2Fa%20b.sock/?journal=true"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'error while loading shared libraries: libcrypto.so.1.1' >&2; exit 127", "libcrypto.so.1.1"),
        ("kill -ILL $$", "AVX"),
    ],
)
def test_a_program_that_dies_is_quoted(tmp_path, script, words):
    with pytest.raises(DatabaseError, match=words) as error:
        ensure_server(tmp_path / "home", mongod=_script(tmp_path / "mongod", script))
    assert "SUPERIONIC_MONGO_URI" in str(error.value)
    assert not (tmp_path / "home" / "server.json").exists()


def test_the_reason_is_taken_from_this_start_only(tmp_path):
    log = tmp_path / "mongod.log"
    log.write_text('{"s":"E","msg":"old trouble"}\n')
    start = log.stat().st_size
    with log.open("a") as handle:
        handle.write('{"s":"I","msg":"hello"}\n{"s":"F","msg":"Wrong version","attr":{"error":"UPGRADE PROBLEM"}}\n')
    assert mongod.failure_reason(tmp_path, start, 62) == "exit status 62: Wrong version UPGRADE PROBLEM"


@pytest.mark.integration
def test_damaged_data_are_reported_in_mongods_own_words(tmp_path):
    home = tmp_path / "home"
    (home / "db").mkdir(parents=True)
    (home / "db" / "WiredTiger.wt").write_text("not a database")
    (home / "db" / "storage.bson").write_text("not a database")
    with pytest.raises(DatabaseError, match=r"storage\.bson|[Mm]etadata|corrupt") as error:
        ensure_server(home)
    assert str(home / "mongod.log") in str(error.value)
