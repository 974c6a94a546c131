"""The pool of worker processes; any program does for these."""

import os
import signal
import sys
import time

import pytest

from superionic.launch.pool import Pool, gpu_of


@pytest.fixture
def make_pool(tmp_path):
    """Function that makes a pool of sleeping processes, which are ended after the test."""
    made = []

    def make(n=1, stagger_s=0.0, **changes):
        sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
        made.append(Pool(sleeper, {}, tmp_path, n, stagger_s=stagger_s, **changes))
        return made[-1]

    yield make
    for pool in made:
        pool.stop(0.0, hurry=lambda: True)


def kill(workers):
    (process,) = workers.running()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_worker_that_died_between_two_looks_is_replaced(make_pool):
    workers = make_pool(max_restarts=1)
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


def test_workers_start_one_after_the_other_and_the_pool_is_not_given_up_meanwhile(make_pool):
    workers = make_pool(n=3, max_restarts=1, stagger_s=0.3)
    workers.refill()
    workers.refill()
    assert len(workers.running()) == 1, "the next one has to wait"
    kill(workers)
    workers.reap()
    workers.refill()
    assert workers.running() == []
    assert not workers.exhausted(), "it waits for the time of the next start"
    began = time.monotonic()
    while len(workers.running()) < 3:
        workers.refill()
        time.sleep(0.01)
        assert time.monotonic() - began < 30
    assert time.monotonic() - began >= 0.6
    assert workers.n_restarts == 1, "first starts are no replacements"


@pytest.mark.parametrize(
    ("allowed", "given"),
    [
        (None, [None] * 3),
        ("", [None] * 3),
        ("3", [None] * 3),
        ("0,2", ["0", "2", "0"]),
        ("GPU-a,GPU-b", ["GPU-a", "GPU-b", "GPU-a"]),
    ],
)
def test_packed_workers_share_the_gpus_of_their_batch_job_in_turn(allowed, given):
    variables = {} if allowed is None else {"CUDA_VISIBLE_DEVICES": allowed}
    assert [gpu_of(number, variables).get("CUDA_VISIBLE_DEVICES") for number in range(3)] == given
