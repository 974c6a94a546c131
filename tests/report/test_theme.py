import math

import numpy as np
import pytest

from superionic.report.theme import Chart, colour, log_axis, log_ticks, power_text, symbol, translucent


@pytest.mark.parametrize("span", [0.05, 0.2, 0.5, 1.0, 2.0, 3.5, 7.0, 14.0])
@pytest.mark.parametrize("low", [-6.3, -0.7, 0.0, 1.96])
def test_log_ticks_are_enough_but_not_many_and_inside(low, span):
    ticks = log_ticks(low, low + span)
    assert (1 if span < 0.2 else 3) <= len(ticks) <= 10
    assert all(low <= math.log10(tick) <= low + span for tick in ticks)


def test_log_axis_holds_its_values_and_survives_bad_ones():
    axis = log_axis("MSD", [0.0, -1.0, math.nan, 0.02, 5.0])
    assert axis["range"][0] < math.log10(0.02)
    assert axis["range"][1] > math.log10(5.0)
    assert log_axis("nothing", [])["tickvals"]


@pytest.mark.parametrize(
    ("value", "text"), [(0.01, "0.01"), (1e-3, "10<sup>−3</sup>"), (2e-6, "2×10<sup>−6</sup>"), (1000.0, "1000")]
)
def test_tick_labels(value, text):
    assert power_text(value) == text


def test_colour_and_symbol_tell_49_series_apart():
    assert len({(colour(i), symbol(i)) for i in range(49)}) == 49


def test_columns_become_plain_json():
    chart = Chart("c", "t", "c", None, columns={"x": np.array([1.0, np.nan]), "n": [1, None], "s": ["a", "b"]})
    assert chart.plain_columns() == {"x": [1.0, None], "n": [1, None], "s": ["a", "b"]}
    assert translucent("#0072B2", 0.5) == "rgba(0,114,178,0.5)"
