import os
import subprocess
import sys
import time
from dataclasses import replace

from superionic.database.processes import ProcessIdentity, command_line, current_process, identify, is_running


def test_this_process_runs_and_survives_a_round_trip():
    me = current_process()
    assert me.pid == os.getpid()
    assert ProcessIdentity.from_dict(me.as_dict()) == me
    assert is_running(me) is True


def test_a_recycled_pid_is_another_process():
    assert is_running(replace(current_process(), started="1")) is False


def test_an_ended_process_does_not_run_even_as_a_zombie():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identify(child.pid)
    assert is_running(identity) is True
    deadline = time.monotonic() + 5
    while not command_line(child.pid) and time.monotonic() < deadline:
        time.sleep(0.01)  # the kernel shows it a moment after the start
    assert command_line(child.pid)[1:] == ["-c", "input()"]
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped
    assert is_running(identity) is False
    child.wait()
    assert is_running(identity) is False
    assert identify(child.pid) is None


def test_what_cannot_be_seen_from_here_is_unknown_and_a_reboot_is_the_end():
    me = current_process()
    assert is_running(replace(me, host="elsewhere", boot="another")) is None
    assert is_running(replace(me, namespace="pid:[1]")) is None
    assert is_running(replace(me, boot="before the restart")) is False
    assert is_running(replace(me, host="renamed")) is True  # same boot, so the same machine


def test_damaged_records_are_no_identity():
    assert ProcessIdentity.from_dict({}) is None
    assert ProcessIdentity.from_dict(current_process().as_dict() | {"pid": "x"}) is None
