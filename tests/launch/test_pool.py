"""The pool of worker processes; any program does for these."""

import os
import signal
import sys

from superionic.launch.workers import _Pool


def pool(folder, max_restarts):
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    return _Pool(sleeper, {}, folder, n=1, max_restarts=max_restarts)


def kill(workers):
    (process,) = workers.running()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_worker_that_died_between_two_looks_is_replaced(tmp_path):
    workers = pool(tmp_path, max_restarts=1)
    workers.refill()
    kill(workers)
    assert workers.running() == []
    assert not workers.exhausted()
    assert workers.reap() == 1
    workers.refill()
    assert len(workers.running()) == 1
    kill(workers)
    workers.reap()
    workers.refill()
    assert workers.exhausted()
    assert workers.n_restarts == 1
