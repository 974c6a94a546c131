import time
from enum import StrEnum
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from superionic.provenance import content_key, derived_seed, software_versions, stopwatch
from superionic.stages import SamplingSettings


class Colour(StrEnum):
    RED = "red"


def test_equal_content_has_equal_keys():
    first = {"a": 0.1 + 0.2, "b": [1, 2.0], "c": np.array([1.5, 2]), "d": Colour.RED, "e": SamplingSettings()}
    second = {"e": SamplingSettings(), "d": "red", "c": [1.5, 2.0], "b": (1, 2.0), "a": 0.3}
    assert content_key(first) == content_key(second)


@pytest.mark.parametrize("other", [{"a": 2}, {"b": 1}, {"a": "1"}, {"a": [1]}, {"a": None}])
def test_different_content_has_different_keys(other):
    assert content_key({"a": 1}) != content_key(other)


@given(arrays(np.float64, array_shapes(min_dims=0), elements=st.floats(allow_nan=False, allow_infinity=False)))
@settings(deadline=None)
def test_an_array_has_the_key_of_its_numbers(values):
    assert content_key(values) == content_key(values.tolist())


def test_content_without_canonical_form_is_refused():
    with pytest.raises(TypeError, match="no canonical form"):
        content_key({"a": object()})
    assert content_key(Fraction(1, 3)) != content_key(Fraction(1, 4))


def test_seeds_differ_by_label_and_repeat():
    seeds = {derived_seed(1, "md", t, r) for t in range(20) for r in range(20)}
    assert len(seeds) == 400
    assert derived_seed(1, "md", 3, 4) in seeds
    assert derived_seed(2, "md", 3, 4) not in seeds


def test_stopwatch_counts_wall_time_also_when_the_work_fails():
    watch = None

    def work():
        nonlocal watch
        with stopwatch() as watch:
            time.sleep(0.05)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert 0.05 <= watch.wall_time_s < 5
    assert watch.cpu_time_s >= 0


def test_versions_name_superionic():
    assert "superionic" in software_versions()
