"""The heartbeat of a run goes on after an outage of the database; FireWorks' own ends at the first failure."""

import threading
import time

import pytest
from fireworks import LaunchPad
from pymongo.errors import ServerSelectionTimeoutError

from superionic.launch import worker


@pytest.fixture
def beats(monkeypatch):
    """Beats that were tried; the server is away for those from the second to the fifth."""
    tried = []

    def ping(_pad, launch_id):
        tried.append(launch_id)
        if 2 <= len(tried) <= 5:
            raise ServerSelectionTimeoutError("away")

    monkeypatch.setattr(LaunchPad, "ping_launch", ping)
    monkeypatch.setattr(worker, "PING_S", 0.01)
    return tried


def run(stop, master):
    thread = threading.Thread(target=worker._ping_steadily, args=(None, 7, stop, master), daemon=True)
    thread.start()
    return thread


def test_it_survives_an_outage_and_ends_with_the_run(beats, caplog):
    stop = threading.Event()
    thread = run(stop, threading.current_thread())
    deadline = time.monotonic() + 20
    while len(beats) < 8 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert set(beats) == {7}
    assert len(beats) >= 8, "it went on when the server was back"
    assert caplog.text.count("heartbeat not delivered: ServerSelectionTimeoutError") == 4


def test_it_ends_with_a_worker_that_died_in_the_job(beats):
    master = threading.Thread(target=lambda: None)
    master.start()
    master.join()
    thread = run(threading.Event(), master)
    thread.join(5)
    assert not thread.is_alive()
    assert beats == []
