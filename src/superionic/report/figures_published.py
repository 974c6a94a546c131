"""Published conductivities in the Arrhenius plot."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from superionic.references import ReferenceQuantity, ReferenceValue, reference_values
from superionic.report.numbers import interval, significant
from superionic.report.theme import colour, label
from superionic.transport.schemas import ConductivityDoc

PUBLISHED_SYMBOL = "star-open"
NEAR_K = 3.0
"""Room temperature is 298 K to some and 300 K to others."""


def published_conductivities(
    docs: Sequence[ConductivityDoc], lowest_K: float, highest_K: float
) -> list[tuple[int, ReferenceValue]]:
    """Published conductivities of the compositions shown, each with the place of its composition in ``docs``."""
    return [
        (index, value)
        for index, doc in enumerate(docs)
        for value in reference_values()
        if doc.composition
        and value.quantity is ReferenceQuantity.CONDUCTIVITY
        and value.temperature_K is not None
        and lowest_K - NEAR_K <= value.temperature_K <= highest_K + NEAR_K
        and value.is_of(doc.composition.formula, doc.composition.polymorph)
    ]


def bounds(value: ReferenceValue) -> tuple[float, float]:
    """Both ends of a range, or the number twice."""
    if value.low is not None and value.high is not None:
        return value.low, value.high
    return value.value or 0.0, value.value or 0.0


def published_trace(docs: Sequence[ConductivityDoc], lowest_K: float, highest_K: float) -> go.Scatter | None:
    """Stars in the colours of the compositions, ranges as bars around their geometric mean; None without any."""
    found = published_conductivities(docs, lowest_K, highest_K)
    if not found:
        return None
    ends = [bounds(value) for _, value in found]
    middles = [(low * high) ** 0.5 for low, high in ends]
    return go.Scatter(
        x=[1000 / (value.temperature_K or 1.0) for _, value in found],
        y=middles,
        error_y={
            "type": "data",
            "array": [high - middle for (_, high), middle in zip(ends, middles, strict=True)],
            "arrayminus": [middle - low for (low, _), middle in zip(ends, middles, strict=True)],
            "thickness": 1.0,
            "width": 3,
        },
        mode="markers",
        name="published",
        legendgroup="published",
        marker={"symbol": PUBLISHED_SYMBOL, "size": 11, "color": [colour(index) for index, _ in found]},
        text=[_text(value) for _, value in found],
        hovertemplate="%{text}<extra></extra>",
    )


def _text(value: ReferenceValue) -> str:
    low, high = bounds(value)
    size = significant(low) if low == high else interval(low, high)
    source = value.source.citation if value.source.doi is None else f"doi {value.source.doi}"
    note = f", {value.note}" if value.note else ""
    return f"{label(value.formula)} at {value.temperature_K:g} K: {size} S/cm<br>{value.level}<br>{source}{note}"
