"""Numbers as text, with no more digits than their errors support."""

from __future__ import annotations

import math

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_FIXED_RANGE = (1e-2, 1e5)
MINUS = "−"
ROUNDING_MEV = 1e-6
ROUNDS_UP = 1.0 / 0.95
SECONDS_PER_MINUTE, SECONDS_PER_HOUR, SECONDS_PER_DAY = 60.0, 3600.0, 86400.0


def with_error(value: float | None, error: float | None) -> str:
    """Value and standard error, rounded to the digits that the error supports; a dash for no value.

    The error keeps one significant digit, two if it starts with 1; the value has the same last digit.

    Examples
    --------
    >>> with_error(0.3142, 0.0217)
    '0.31 ± 0.02'
    >>> with_error(1.234e-5, 3.1e-6)
    '(1.2 ± 0.3)×10⁻⁵'
    """
    if value is None:
        return "–"
    if error is None or not math.isfinite(value):
        return significant(value)
    if not math.isfinite(error) or error <= 0:
        return f"{significant(value, 1)} (error unknown)"
    # 0.0096 will be shown as 0.010
    exponent = _shared_exponent(max(abs(value), ROUNDS_UP * error))
    scaled, scaled_error = value / 10.0**exponent, error / 10.0**exponent
    decimals = _decimals(scaled_error)
    text = f"{_fixed(scaled, decimals)} ± {_fixed(scaled_error, decimals)}"
    return f"({text}){_power(exponent)}" if exponent else text


def relative_energy(value_meV: float, error_meV: float | None) -> str:
    """An energy against references, which are zero themselves, but for rounding, and have no error.

    Parameters
    ----------
    value_meV, error_meV : float or None
        Energy and its standard error, meV or meV/atom.

    Returns
    -------
    str
        Such as ``0``, ``-12 ± 3``.

    Examples
    --------
    >>> relative_energy(-2e-12, 1e-14), relative_energy(0.02, 2.1)
    ('0', '0 ± 2')
    """
    certain = error_meV is None or error_meV < ROUNDING_MEV
    if value_meV == 0 or (abs(value_meV) < ROUNDING_MEV and certain):
        return "0"
    return with_error(value_meV, error_meV)


def supported(value: float, error: float) -> str:
    """The value alone, rounded to the digits that its error supports."""
    if not (math.isfinite(error) and math.isfinite(value)) or error <= 0:
        return significant(value)
    exponent = _shared_exponent(abs(value))
    return _fixed(value / 10.0**exponent, _decimals(error / 10.0**exponent)) + _power(exponent)


def significant(value: float, digits: int = 2) -> str:
    """A number with a fixed count of significant digits."""
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    exponent = _shared_exponent(abs(value))
    scaled = value / 10.0**exponent
    decimals = digits - 1 - math.floor(math.log10(abs(scaled)))
    return _fixed(scaled, decimals) + _power(exponent)


def interval(low: float, high: float, digits: int = 2) -> str:
    """An interval, each end with a fixed count of significant digits."""
    return f"{significant(low, digits)} to {significant(high, digits)}"


def rmse(value: float, n_structures: int) -> str:
    """A root mean square error with the digits that its sample supports.

    The relative standard error of an RMSE of n independent normal errors is 1/sqrt(2 n); the
    structures, not the atoms, are taken as independent.
    """
    return supported(value, value / math.sqrt(2 * max(n_structures, 1)))


def duration(seconds: float) -> str:
    """A duration in the unit that suits it."""
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 (two digits)
    unit, name = SECONDS_PER_DAY, "d"
    for limit, shorter, shorter_name in (
        (2 * SECONDS_PER_DAY, SECONDS_PER_HOUR, "h"),
        (SECONDS_PER_HOUR, SECONDS_PER_MINUTE, "min"),
    ):
        if seconds < limit:
            unit, name = shorter, shorter_name
    return f"{significant(seconds / unit, 2 if seconds / unit < 100 else 3)} {name}"  # noqa: PLR2004 (whole numbers)


def plural(count: int, noun: str) -> str:
    """A count and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def grouped(count: int) -> str:
    """An integer with narrow spaces between groups of three digits."""
    return f"{count:,}".replace(",", "\u202f")


def _shared_exponent(size: float) -> int:
    if size == 0 or _FIXED_RANGE[0] <= size < _FIXED_RANGE[1]:
        return 0
    return math.floor(math.log10(size))


def _decimals(error: float) -> int:
    leading = math.floor(math.log10(error))
    # 0.0096 rounds to 0.01: look at the rounded mantissa
    starts_with_one = 0.95 <= error / 10.0**leading < 1.95  # noqa: PLR2004 (1.9 keeps two digits, 2.0 one)
    return -leading + (1 if starts_with_one else 0)


def _fixed(value: float, decimals: int) -> str:
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def _power(exponent: int) -> str:
    return f"×10{str(exponent).translate(_SUPERSCRIPTS)}" if exponent else ""
