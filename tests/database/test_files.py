import os
import subprocess
import sys
import time

import pytest

from superionic.database.files import is_locked_by_owner, locked, private_folder, read_json, write_private
from superionic.errors import DatabaseError

HOLDER = """
import sys
from pathlib import Path
from superionic.database.files import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_private_files_are_private_and_written_only_when_they_change(tmp_path):
    path = tmp_path / "secret"
    write_private(path, "{}")
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.stat().st_mtime_ns
    write_private(path, "{}")
    assert path.stat().st_mtime_ns == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_damaged_json_reads_as_empty(tmp_path, text):
    (tmp_path / "f").write_text(text)
    assert read_json(tmp_path / "f") == {}
    assert read_json(tmp_path / "missing") == {}


def test_the_lock_excludes_others_and_is_free_when_its_holder_was_killed(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], **pipes)
    assert holder.stdout.readline() == b"locked\n"
    with pytest.raises(DatabaseError, match="held"), locked(tmp_path, timeout_s=0.2):
        pass
    holder.kill()
    holder.communicate()
    started = time.monotonic()
    with locked(tmp_path, timeout_s=5):
        assert time.monotonic() - started < 2


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match="cannot make the folder"):
        private_folder(tmp_path / "file" / "below")
    assert private_folder(tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_file_without_a_lock_has_no_owner(tmp_path):
    (tmp_path / "mongod.lock").write_text(str(os.getpid()))
    assert not is_locked_by_owner(tmp_path / "mongod.lock")
    assert not is_locked_by_owner(tmp_path / "missing")
