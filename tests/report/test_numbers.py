import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superionic.report.numbers import (
    MINUS,
    duration,
    grouped,
    interval,
    plural,
    relative_energy,
    rmse,
    significant,
    supported,
    with_error,
)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.3142, 0.0217, "0.31 ± 0.02"),
        (0.3142, 0.0147, "0.314 ± 0.015"),
        (-8.31, 6.47, "−8 ± 6"),
        (1234.0, 310.0, "1200 ± 300"),
        (1.234e-5, 3.1e-6, "(1.2 ± 0.3)×10⁻⁵"),
        (0.002, 0.9, "0.0 ± 0.9"),
        (0.0, 0.0096, "0.000 ± 0.010"),
        (9.96, 0.996, "10.0 ± 1.0"),
        (5.0, math.inf, "5 (error unknown)"),
        (math.nan, 1.0, "not finite"),
        (0.3142, None, "0.31"),
    ],
)
def test_value_has_the_digits_of_its_error(value, error, text):
    assert with_error(value, error) == text


@given(
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.floats(1e-9, 1e6),
)
def test_rounding_moves_a_value_by_less_than_its_error(value, error):
    text = with_error(value, error)
    match = re.fullmatch(r"\(?(\S+) ± ([^)×]+)\)?(?:×10(\S+))?", text)
    assert match is not None
    power = 10.0 ** int((match[3] or "⁰").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
    shown, shown_error = float(match[1].replace("−", "-")) * power, float(match[2]) * power
    assert abs(shown - value) <= 0.5001 * error
    assert shown_error == pytest.approx(error, rel=0.5)
    # never more than two significant digits of the error
    assert len(match[2].replace(".", "").strip("0")) <= 2


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.0, 2, "0"), (0.1234, 2, "0.12"), (1234.0, 2, "1200"), (1.3e-7, 2, "1.3×10⁻⁷"), (-2.5e7, 1, "−2×10⁷")],
)
def test_significant_digits(value, digits, text):
    assert significant(value, digits) == text


def test_rmse_of_few_structures_has_few_digits():
    assert rmse(6.473, 8) == "6.5"
    assert rmse(6.473, 4) == "6"
    assert rmse(6.473, 5000) == "6.47"
    assert supported(158.1, 40.0) == "160"


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.34, "2.3 s"), (45, "45 s"), (540, "9.0 min"), (5400, "1.5 h"), (86400 * 3, "3.0 d")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_words():
    assert interval(0.0012, 3.4) == "1.2×10⁻³ to 3.4"
    assert (plural(1, "job"), plural(2, "job")) == ("1 job", "2 jobs")
    assert grouped(160000) == "160\u202f000"


def test_references_are_zero_whatever_rounding_left_of_them():
    assert relative_energy(-2e-12, 1e-14) == relative_energy(3e-13, None) == relative_energy(0.0, 2.1) == "0"
    assert relative_energy(0.02, 2.1) == "0 ± 2"
    assert relative_energy(-12.1, 2.6) == f"{MINUS}12 ± 3"
