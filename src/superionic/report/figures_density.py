"""Where the mobile ions are: their density seen along the axes of the cell, with sites and framework."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots
from scipy.ndimage import map_coordinates

from superionic.report.markup import Html, formula, join
from superionic.report.theme import INK, SEQUENTIAL, Chart, axis, colour, power_text, style, symbol, translucent
from superionic.transport.pathway_schemas import LinkPart, PathwayDoc
from superionic.transport.pathways.density import smoothed

Floats = NDArray[np.float64]
PROJECTION_POINTS = 150
DECADES = 3
MARGIN = 0.03
PANEL_PAD, NEAR_EDGE = 0.1, 0.15
VIEWS = ((0, 1, 2), (0, 2, 1), (1, 2, 0))
EDGE = 1e-9
LABEL_APART_A = 0.6
# sizes that labels take in a panel, so that they can be kept apart
PANEL_PX, LETTER_PX, LINE_PX, LIFT_PX = 230.0, 9.0, 17.0, 14.0
LINK_WIDTH_PX = (0.8, 5.0)
LEAST_LINK = 0.02
HALO = "0 0 3px #000, 0 0 3px #000, 0 0 2px #000"


def smooth_grid(doc: PathwayDoc) -> Floats:
    """The density as sites and barriers were taken from it: smoothed with the kernel of the analysis."""
    grid = np.asarray(doc.density_ions_per_A3, dtype=float).reshape(doc.grid_shape)
    return smoothed(grid, np.array(doc.lattice_A), doc.smoothing_A)


def enclosing_level(density: Floats, fraction: float) -> float:
    """Density above which ``fraction`` of all ions are found.

    Parameters
    ----------
    density : numpy.ndarray
        Ion density on a grid of equal voxels, any shape.
    fraction : float
        Share of the ions, 0 to 1.

    Returns
    -------
    float
        The level, in the unit of the density.
    """
    ranked = np.sort(density, axis=None)[::-1]
    total = np.cumsum(ranked)
    return float(ranked[min(int(np.searchsorted(total, fraction * total[-1])), ranked.size - 1)])


def place_title(what: str, doc: PathwayDoc) -> Html:
    """Title of a figure: what it shows, of which ions, where and at which temperature."""
    place = formula(doc.composition.name if doc.composition else "unnamed composition")
    return join([f"{what}: {doc.mobile} in ", place, f" at {doc.temperature_K:g} K"])


def kinds_of(doc: PathwayDoc) -> list[str]:
    """Kinds of sites in the order of their colours: those of the host, then interstitials by number."""
    labels = {site.label for site in doc.density_sites}
    return sorted(labels, key=lambda label: (label[0] in "is", len(label), label))


def drawn_links(doc: PathwayDoc) -> list[tuple[LinkPart, float]]:
    """Links that are drawn, with a line width in pixels by the logarithm of their jumps."""
    jumps = [link.forward + link.backward for link in doc.links]
    top = max(jumps, default=1)
    low, high = LINK_WIDTH_PX
    return [
        (link, low + (high - low) * math.log1p(count) / math.log1p(top))
        for link, count in zip(doc.links, jumps, strict=True)
        if count >= LEAST_LINK * top
    ]


def projection_chart(doc: PathwayDoc, index: int) -> Chart:
    """The density along c, b and a, each in the true shape of its plane, with sites, links and framework."""
    density, lattice = smooth_grid(doc), np.array(doc.lattice_A)
    panels = [_panel(density, lattice, view) for view in VIEWS]
    top = max(float(np.nanmax(values)) for _, _, values in panels)
    figure = make_subplots(rows=1, cols=len(VIEWS), horizontal_spacing=0.07)
    for column, (view, (x, y, values)) in enumerate(zip(VIEWS, panels, strict=True), start=1):
        figure.add_trace(_heat(x, y, values, top, bar=column == len(VIEWS)), row=1, col=column)
        for trace in _overlay(doc, lattice, view, legend=column == 1):
            figure.add_trace(trace, row=1, col=column)
        figure.update_xaxes(
            **axis(f"along {'abc'[view[0]]} (Å)", range=_span(x), constrain="domain", showgrid=False), row=1, col=column
        )
        figure.update_yaxes(
            **axis(
                f"across, towards {'abc'[view[1]]} (Å)",
                range=_span(y),
                constrain="domain",
                showgrid=False,
                scaleanchor=f"x{column if column > 1 else ''}",
            ),
            row=1,
            col=column,
        )
    style(figure, margin={"l": 60, "r": 20, "t": 20, "b": 50})
    caption = (
        "Number of ions per area of the plane, summed along c, b and a (left to right), logarithmic over "
        f"{DECADES} decades; lighter is more. Crosses: mean framework. Coloured: sites by kind. Lines: jumps seen, "
        f"wider for more, without links below {100 * LEAST_LINK:g} % of the busiest. {_cell_words(doc)}"
    )
    title = place_title("Ion density along the axes", doc)
    return Chart(f"density-{index}", title, caption, figure, 430, wide=True, columns=_columns(density))


def _cell_words(doc: PathwayDoc) -> str:
    averaged = f"averaged over {doc.averaged_over}" if doc.averaged_over else "not averaged"
    return f"One cell of the analysis, {averaged}; kernel of {doc.smoothing_A:g} Å on the density."


def _plane(lattice: Floats, view: tuple[int, int, int]) -> Floats:
    """The two lattice vectors of a view in its plane, rows, with the first along x; which way is up does not matter."""
    first, second = lattice[view[0]], lattice[view[1]]
    x = first / np.linalg.norm(first)
    along = float(second @ x)
    return np.array([[np.linalg.norm(first), 0.0], [along, np.linalg.norm(second - along * x)]])


def _panel(density: Floats, lattice: Floats, view: tuple[int, int, int]) -> tuple[Floats, Floats, Floats]:
    """Areal density on a rectangular grid over the parallelogram of a view; NaN outside of it."""
    area = np.linalg.norm(np.cross(lattice[view[0]], lattice[view[1]]))
    sums = density.mean(axis=view[2]) * abs(np.linalg.det(lattice)) / area
    plane = _plane(lattice, view)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ plane
    low, high = corners.min(axis=0), corners.max(axis=0)
    step = (high - low).max() / PROJECTION_POINTS
    x, y = (np.arange(low[k], high[k] + step, step) for k in range(2))
    fractional = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1) @ np.linalg.inv(plane)
    index = np.moveaxis(fractional, -1, 0) * np.array(sums.shape)[:, None, None] - 0.5
    values = map_coordinates(sums, index, order=1, mode="grid-wrap")
    inside = np.all((fractional >= -EDGE) & (fractional <= 1 + EDGE), axis=-1)
    return x, y, np.where(inside, values, np.nan)


def _heat(x: Floats, y: Floats, values: Floats, top: float, *, bar: bool) -> Any:  # noqa: ANN401 (plotly is untyped)
    high = math.log10(top)
    with np.errstate(divide="ignore"):
        logs = np.log10(np.maximum(values, 10.0 ** (high - DECADES)))
    ticks = list(range(math.ceil(high - DECADES), math.floor(high) + 1))
    return go.Heatmap(
        x=np.round(x, 3),
        y=np.round(y, 3),
        z=np.round(logs.T, 2).astype(np.float32),
        zmin=high - DECADES,
        zmax=high,
        colorscale=SEQUENTIAL,
        showscale=bar,
        colorbar={
            "title": {"text": "ions Å⁻²", "side": "right"},
            "thickness": 14,
            "len": 0.9,
            "tickvals": ticks,
            "ticktext": [power_text(10.0**tick) for tick in ticks],
        },
        hovertemplate="%{x:.2f} Å, %{y:.2f} Å: 10^%{z:.2f} ions/Å²<extra></extra>",
    )


def _span(values: Floats) -> list[float]:
    pad = PANEL_PAD * float(values[-1] - values[0])
    return [float(values[0]) - pad, float(values[-1]) + pad]


def _overlay(doc: PathwayDoc, lattice: Floats, view: tuple[int, int, int], *, legend: bool) -> list[Any]:
    """Links, framework and sites over one panel."""
    plane = _plane(lattice, view)
    keep = list(view[:2])
    traces = _link_traces(doc, plane, keep)
    atoms = repeated([atom.fractional for atom in doc.framework])[0][:, keep] @ plane
    names = [doc.framework[k].species for k in repeated([atom.fractional for atom in doc.framework])[1]]
    cross = {"symbol": "x-thin", "size": 6, "line": {"color": "white", "width": 1.4}}
    hover = "%{text}<extra>framework</extra>"
    traces.append(
        go.Scatter(
            x=atoms[:, 0],
            y=atoms[:, 1],
            mode="markers",
            marker=cross,
            text=names,
            hovertemplate=hover,
            showlegend=False,
        )
    )
    kinds = kinds_of(doc)
    for k, kind in enumerate(kinds):
        places = [site.fractional for site in doc.density_sites if site.label == kind]
        points = repeated(places)[0][:, keep] @ plane
        marker = {
            "symbol": symbol(k),
            "size": 10,
            "color": colour(k),
            "line": {"color": "white", "width": 1.5},
        }
        hover = f"%{{x:.2f}} Å, %{{y:.2f}} Å<extra>{kind}</extra>"
        traces.append(
            go.Scatter(
                x=points[:, 0],
                y=points[:, 1],
                mode="markers",
                marker=marker,
                name=kind,
                legendgroup=kind,
                showlegend=legend,
                hovertemplate=hover,
            )
        )
    return traces + _labels(doc, plane, keep)


def _labels(doc: PathwayDoc, plane: Floats, keep: list[int]) -> list[Any]:
    """Names at the sites: those on top of each other share a label; one that would meet another is left out."""
    places, numbers = repeated([site.fractional for site in doc.density_sites])
    points = places[:, keep] @ plane
    scale = PANEL_PX / float(np.abs(plane).sum(axis=0).max())
    drawn: list[tuple[float, float, float]] = []
    texts: dict[str, list[tuple[float, float, str]]] = {"top center": [], "bottom center": []}
    done = np.zeros(len(points), dtype=bool)
    for k, point in enumerate(points):
        if done[k]:
            continue
        near = np.linalg.norm(points - point, axis=1) < LABEL_APART_A
        done |= near
        words = "/".join(sorted({doc.density_sites[numbers[j]].label for j in np.flatnonzero(near)}))
        above = point[1] < NEAR_EDGE * plane[1, 1]
        box = (point[0] * scale, point[1] * scale + (LIFT_PX if above else -LIFT_PX), LETTER_PX * len(words) / 2)
        if all(abs(box[0] - x) > box[2] + half or abs(box[1] - y) > LINE_PX for x, y, half in drawn):
            drawn.append(box)
            texts["top center" if above else "bottom center"].append((point[0], point[1], words))
    font = {"color": "white", "size": 12, "shadow": HALO}
    return [
        go.Scatter(
            x=[x for x, _, _ in found],
            y=[y for _, y, _ in found],
            text=[words for _, _, words in found],
            mode="markers+text",
            # keeps the text off the symbol below it
            marker={"size": 12, "opacity": 0},
            textposition=side,
            textfont=font,
            hoverinfo="skip",
            showlegend=False,
            cliponaxis=False,
        )
        for side, found in texts.items()
    ]


def repeated(fractional: list[tuple[float, float, float]]) -> tuple[Floats, list[int]]:
    """Places in the cell, those on a face on the opposite face as well.

    Parameters
    ----------
    fractional : list of (float, float, float)
        Fractional coordinates.

    Returns
    -------
    places : numpy.ndarray, (places, 3)
        Fractional coordinates between -0.03 and 1.03.
    numbers : list of int
        Which of the given ones each is.
    """
    places, numbers = [], []
    for k, one in enumerate(fractional):
        home = np.array(one) % 1.0
        choices = [[0, 1] if x < MARGIN else [0, -1] if x > 1 - MARGIN else [0] for x in home]
        for shift in np.array(np.meshgrid(*choices)).reshape(3, -1).T:
            places.append(home + shift)
            numbers.append(k)
    return np.array(places).reshape(-1, 3), numbers


def segments(doc: PathwayDoc, link: LinkPart) -> list[tuple[Floats, Floats]]:
    """A link as its two halves, each from the site where that lies in the cell, in fractional coordinates."""
    start = np.array(doc.density_sites[link.start].fractional)
    end = np.array(doc.density_sites[link.end].fractional) + link.image
    middle = (start + end) / 2.0
    return [(start - np.floor(start), middle - np.floor(start)), (end - np.floor(end), middle - np.floor(end))]


def _link_traces(doc: PathwayDoc, plane: Floats, keep: list[int]) -> list[Any]:
    traces = []
    for link, width in drawn_links(doc):
        x: list[float | None] = []
        y: list[float | None] = []
        for ends in segments(doc, link):
            points = np.array(ends)[:, keep] @ plane
            x += [*points[:, 0].round(3).tolist(), None]
            y += [*points[:, 1].round(3).tolist(), None]
        line = {"color": translucent("#ffffff", 0.75), "width": width}
        traces.append(go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False))
    outline = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ plane
    line = {"color": INK, "width": 2}
    traces.append(
        go.Scatter(x=outline[:, 0], y=outline[:, 1], mode="lines", line=line, hoverinfo="skip", showlegend=False)
    )
    return traces


def _columns(density: Floats) -> dict[str, Any]:
    panel = density.mean(axis=2)
    first, second = np.indices(panel.shape)
    return {
        "index_a": first.ravel().tolist(),
        "index_b": second.ravel().tolist(),
        "density_ions_per_A3": [float(f"{value:.4g}") for value in panel.ravel()],
    }


def cell_edges(lattice: Floats) -> Any:  # noqa: ANN401 (plotly is untyped)
    """The twelve edges of a cell as one trace."""
    path: list[Any] = []
    for direction in range(3):
        others = [vector for i, vector in enumerate(lattice) if i != direction]
        for first in (0, 1):
            for second in (0, 1):
                start = first * others[0] + second * others[1]
                path += [start, start + lattice[direction], np.full(3, np.nan)]
    x, y, z = np.array(path).T
    line = {"color": INK, "width": 3}
    return go.Scatter3d(x=x, y=y, z=z, mode="lines", line=line, hoverinfo="skip", showlegend=False)
