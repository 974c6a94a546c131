"""Lines, symbols and colours of plotly as those of matplotlib."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

Colour = tuple[float, float, float, float]
SYMBOLS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-right": ">",
    "triangle-down": "v",
    "pentagon": "p",
    "hexagon": "h",
    "star": "*",
    "x": "X",
    "cross": "P",
    "x-thin": "x",
}
DASHES: dict[str, Any] = {
    "solid": "-",
    "dash": (0, (5, 2.5)),
    "dot": (0, (1, 1.3)),
    "dashdot": (0, (5, 1.5, 1, 1.5)),
    "longdash": (0, (9, 3)),
    "longdashdot": (0, (9, 2, 1, 2)),
}
NAMED = {"white": (1.0, 1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0, 1.0)}
PX = 0.58
"""Points of the printed figure per pixel of the page."""


def rgba(colour: str, opacity: float = 1.0) -> Colour:
    """A colour as four numbers from 0 to 1.

    Raises
    ------
    ValueError
        If the text is no colour that the figures use.
    """
    if colour in NAMED:
        red, green, blue, alpha = NAMED[colour]
    elif colour.startswith("#"):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        alpha = 1.0
    elif found := re.fullmatch(r"rgba?\(([^)]*)\)", colour):
        numbers = [float(part) for part in found[1].split(",")]
        red, green, blue = (number / 255 for number in numbers[:3])
        alpha = numbers[3] if len(numbers) > 3 else 1.0  # noqa: PLR2004 (red, green, blue, opacity)
    else:
        raise ValueError(f"no colour that figures use: {colour!r}")
    return red, green, blue, alpha * opacity


def spread(value: Any, n: int, default: Any) -> list[Any]:  # noqa: ANN401 (any plotly value)
    """One value per point from a value for all, one for each, or none."""
    if value is None:
        return [default] * n
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return [value] * n
    return list(value)


def shape(symbol: str) -> tuple[str, bool]:
    """Marker of matplotlib and whether it is filled."""
    name, is_open = symbol.removesuffix("-open"), symbol.endswith("-open")
    marker = SYMBOLS[name]
    return marker, not is_open and marker != "x"


def colours_of(values: Sequence[Any], marker: Any) -> list[Colour]:  # noqa: ANN401 (plotly is untyped)
    """Colours of points, looked up in the scale where they are numbers; those without a number are white."""
    if all(isinstance(value, str) for value in values):
        return [rgba(value) for value in values]
    low, high = float(marker.cmin), float(marker.cmax)
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    places = np.clip((numbers - low) / max(high - low, 1e-300), 0.0, 1.0)
    return [NAMED["white"] if np.isnan(place) else scale_colour(marker.colorscale, place) for place in places]


def scale_colour(scale: Sequence[Sequence[Any]], place: float) -> Colour:
    """Colour of a scale, given as pairs of place and colour, at a place from 0 to 1."""
    places = [float(stop) for stop, _ in scale]
    stops = np.array([rgba(str(colour)) for _, colour in scale])
    red, green, blue, alpha = (float(np.interp(place, places, stops[:, k])) for k in range(4))
    return red, green, blue, alpha


def numbers(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:  # noqa: ANN401 (lists, tuples, arrays, None)
    """Values as floating point numbers; None becomes NaN."""
    if values is None:
        return np.array([])
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
