"""Until when work may go on: the earliest of all ends that are known."""

import time

import pytest

from superionic import deadline
from superionic.deadline import END_VARIABLES, MARGIN_S, WORKER_VARIABLE, set_worker_end, time_left_s
from superionic.errors import InputError


@pytest.fixture(autouse=True)
def _outside_of_queues(monkeypatch):
    for name in (*END_VARIABLES, WORKER_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(deadline.os, "environ", dict(deadline.os.environ))


def test_without_any_limit_there_is_all_the_time():
    assert time_left_s() == float("inf")
    set_worker_end(None)
    assert time_left_s() == float("inf")


@pytest.mark.parametrize("name", END_VARIABLES)
def test_the_queue_ends_work_with_a_margin_for_storing_it(name):
    deadline.os.environ[name] = str(time.time() + 3600)
    assert time_left_s() == pytest.approx(3600 - MARGIN_S, abs=1)
    assert time_left_s(max_hours=0.5) == pytest.approx(1800, abs=1)
    set_worker_end(600.0)
    assert time_left_s(max_hours=0.5) == pytest.approx(600, abs=1)


def test_an_end_in_the_past_leaves_less_than_nothing():
    set_worker_end(-5.0)
    assert time_left_s() < 0


def test_a_variable_that_is_no_time_is_named():
    deadline.os.environ[END_VARIABLES[0]] = "tomorrow"
    with pytest.raises(InputError, match="SUPERIONIC_JOB_END_TIME is 'tomorrow': give the time"):
        time_left_s()
