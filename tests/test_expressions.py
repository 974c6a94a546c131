from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superionic.errors import SpecError
from superionic.expressions import Constraint, LinearExpression, as_fraction

small = st.fractions(min_value=-5, max_value=5, max_denominator=20)


@given(small, small, small, small, small)
def test_expressions_are_evaluated_exactly(constant, a, b, x, y):
    text = f"({constant}) + ({a})*x - y*({b})"
    assert LinearExpression.parse(text).at({"x": x, "y": y}) == constant + a * x - b * y


def test_decimals_are_read_as_written():
    assert as_fraction(0.1) == Fraction(1, 10)
    assert LinearExpression.parse("6.43 + 0.49*y").at({"y": Fraction(1, 2)}) == Fraction("6.675")
    assert as_fraction("1/3") == Fraction(1, 3)


@pytest.mark.parametrize("text", ["x*y", "x**2", "1/x", "sin(x)", "x if y else 1"])
def test_nonlinear_expressions_are_refused(text):
    with pytest.raises(SpecError, match=r"not linear|may hold only"):
        LinearExpression.parse(text)


def test_unknown_axis_is_named():
    with pytest.raises(SpecError, match="uses z"):
        LinearExpression.parse("1 - z").at({"x": Fraction(1)})


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [("x + y >= 1", (1, 0), (0, 0)), ("x <= 0.5", (0.5, 0), (0.51, 0)), ("x == 2*y", (1, 0.5), (1, 1))],
)
def test_constraints(text, inside, outside):
    constraint = Constraint.parse(text)
    assert constraint.holds({"x": as_fraction(inside[0]), "y": as_fraction(inside[1])})
    assert not constraint.holds({"x": as_fraction(outside[0]), "y": as_fraction(outside[1])})


def test_constraint_without_relation():
    with pytest.raises(SpecError, match="none of"):
        Constraint.parse("x + y")
