"""Linear expressions of composition axes, kept in exact rational arithmetic.

A spec says ``{In: x, Y: 1 - x}`` or ``a: 6.41 + 0.51*y``. Whether a grid point is charge
neutral or fits a supercell must never depend on rounding, so values stay fractions.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from superionic.errors import SpecError

MAX_DENOMINATOR = 10_000


def as_fraction(value: float | str | Fraction) -> Fraction:
    """Turn a number as written by a person into an exact fraction.

    Parameters
    ----------
    value : float or str or Fraction
        A decimal (``0.125``), a ratio (``"1/3"``) or a fraction. Decimals are read as written, so
        0.1 is 1/10; a repeating decimal such as 0.333333 becomes the nearest small fraction.

    Returns
    -------
    Fraction
        The exact value with a denominator of at most 10,000.

    Raises
    ------
    SpecError
        If the text is no number.
    """
    try:
        return Fraction(str(value).replace(" ", "")).limit_denominator(MAX_DENOMINATOR)
    except (ValueError, ZeroDivisionError) as error:
        raise SpecError(f"{value!r} is not a number: write a decimal such as 0.25 or a ratio such as 1/4") from error


@dataclass(frozen=True)
class LinearExpression:
    """A constant plus a multiple of each axis, e.g. ``1 - x`` or ``3 + x/2``.

    Attributes
    ----------
    text : str
        The expression as the user wrote it, for messages.
    constant : Fraction
        The part that depends on no axis.
    coefficients : dict of str to Fraction
        The factor of each axis.
    """

    text: str
    constant: Fraction
    coefficients: dict[str, Fraction]

    @classmethod
    def parse(cls, text: float | str) -> LinearExpression:
        """Read an expression of sums, differences, and products with constants.

        Raises
        ------
        SpecError
            If the text is no arithmetic expression or is not linear in its axes.
        """
        source = str(text)
        try:
            tree = ast.parse(source.strip(), mode="eval")
        except SyntaxError as error:
            raise SpecError(f"{source!r} is not an arithmetic expression: write e.g. 1 - x") from error
        constant, coefficients = _linear(tree.body, source)
        return cls(source, constant, {axis: c for axis, c in coefficients.items() if c != 0})

    def at(self, point: Mapping[str, Fraction]) -> Fraction:
        """Value at a point of the composition space.

        Raises
        ------
        SpecError
            If the expression uses an axis that the point does not have.
        """
        unknown = sorted(set(self.coefficients) - set(point))
        if unknown:
            raise SpecError(f"{self.text!r} uses {', '.join(unknown)}, but the axes are {', '.join(point) or 'none'}")
        return self.constant + sum((c * point[axis] for axis, c in self.coefficients.items()), Fraction(0))


Linear = tuple[Fraction, dict[str, Fraction]]


def _linear(node: ast.expr, source: str) -> Linear:
    match node:
        case ast.Constant(value=int() | float()):
            literal = ast.get_source_segment(source.strip(), node) or str(node.value)
            return as_fraction(literal), {}
        case ast.Name(id=axis):
            return Fraction(0), {axis: Fraction(1)}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _scaled(_linear(operand, source), Fraction(-1))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _linear(operand, source)
        case ast.BinOp(left=left, op=operator, right=right):
            return _binary(_linear(left, source), operator, _linear(right, source), source)
        case _:
            raise SpecError(f"{source!r} may hold only numbers, axis names and + - * /")


def _binary(left: Linear, operator: ast.operator, right: Linear, source: str) -> Linear:
    match operator:
        case ast.Add():
            return _sum(left, right)
        case ast.Sub():
            return _sum(left, _scaled(right, Fraction(-1)))
        case ast.Mult() if not left[1]:
            return _scaled(right, left[0])
        case ast.Mult() if not right[1]:
            return _scaled(left, right[0])
        case ast.Div() if not right[1] and right[0] != 0:
            return _scaled(left, 1 / right[0])
        case _:
            raise SpecError(
                f"{source!r} is not linear in the axes: only sums of axes times constants are allowed; "
                "introduce another axis if two occupancies vary independently"
            )


def _sum(left: Linear, right: Linear) -> Linear:
    axes = left[1].keys() | right[1].keys()
    zero = Fraction(0)
    return left[0] + right[0], {axis: left[1].get(axis, zero) + right[1].get(axis, zero) for axis in axes}


def _scaled(linear: Linear, factor: Fraction) -> Linear:
    return linear[0] * factor, {axis: c * factor for axis, c in linear[1].items()}


@dataclass(frozen=True)
class Constraint:
    """A linear inequality or equality between two expressions, e.g. ``x + y >= 1``."""

    text: str
    difference: LinearExpression
    relation: str

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read ``left >= right``, ``left <= right`` or ``left == right``.

        Raises
        ------
        SpecError
            If the text holds no such relation or a side is not linear.
        """
        for relation in (">=", "<=", "=="):
            left, found, right = text.partition(relation)
            if found:
                return cls(text, LinearExpression.parse(f"({left.strip()}) - ({right.strip()})"), relation)
        raise SpecError(f"constraint {text!r} has none of >=, <=, ==: write e.g. x + y >= 1")

    def holds(self, point: Mapping[str, Fraction]) -> bool:
        """Whether the point satisfies the constraint exactly."""
        value = self.difference.at(point)
        return {">=": value >= 0, "<=": value <= 0, "==": value == 0}[self.relation]
