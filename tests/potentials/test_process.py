"""The number of threads comes from the settings unless it is given."""

import pytest

from superionic.potentials.process import set_up_process

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_threads(monkeypatch):
    set_up_process(3)
    assert torch.get_num_threads() == 3
    monkeypatch.setenv("SUPERIONIC_THREADS_PER_WORKER", "2")
    set_up_process()
    assert torch.get_num_threads() == 2
