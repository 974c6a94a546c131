"""Which GPU a training sees: mace_run_train always takes the first visible one."""

import pytest

from superionic.errors import InputError
from superionic.training.mace_run import _visible_device


@pytest.mark.parametrize(
    ("device", "visible", "expected"),
    [
        ("cpu", None, {}),
        ("cuda", "3", {}),
        ("mps", None, {}),
        ("cuda:1", None, {"CUDA_VISIBLE_DEVICES": "1"}),
        ("cuda:1", "4,7", {"CUDA_VISIBLE_DEVICES": "7"}),
        ("cuda:0", "GPU-aa,GPU-bb", {"CUDA_VISIBLE_DEVICES": "GPU-aa"}),
    ],
)
def test_index_counts_the_visible_gpus(device, visible, expected, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert _visible_device(device) == expected


def test_gpu_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(InputError, match="device cuda:2: CUDA_VISIBLE_DEVICES shows only 1 GPUs"):
        _visible_device("cuda:2")
