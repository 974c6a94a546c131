"""Where the mobile ions are: projections and isosurfaces of their density."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots
from scipy.ndimage import map_coordinates

from superionic.report.markup import Html, formula, join
from superionic.report.numbers import significant
from superionic.report.theme import INK, SEQUENTIAL, Chart, axis, style
from superionic.transport.pathway_schemas import PathwayDoc

SURFACE_POINTS = 34
PROJECTION_POINTS = 64
ENCLOSED = (0.9, 0.5)
EDGE = 1e-9
CAMERA = {"eye": {"x": 1.5, "y": 1.5, "z": 0.9}, "center": {"x": 0, "y": 0, "z": -0.1}}


def density_charts(pathways: tuple[PathwayDoc, ...], max_surfaces: int = 2) -> list[Chart]:
    """Projections of every ion density and isosurfaces of the first few.

    Parameters
    ----------
    pathways : tuple of PathwayDoc
        Densities; those whose grid was not loaded are left out.
    max_surfaces : int
        Largest number of isosurfaces: each costs about 1 MB and a WebGL context of the browser.

    Returns
    -------
    list of Chart
        Figures in the order of the documents.
    """
    charts = []
    for index, doc in enumerate(doc for doc in pathways if doc.density_ions_per_A3):
        charts.append(_projection(doc, index))
        if index < max_surfaces:
            charts.append(_surface(doc, index))
    return charts


def enclosing_level(density: NDArray[np.float64], fraction: float) -> float:
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


def cartesian_grid(doc: PathwayDoc, points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The density on a rectangular grid around the (possibly oblique) cell; zero outside of the cell.

    Parameters
    ----------
    doc : PathwayDoc
        Density and lattice.
    points : int
        Grid points along the longest edge of the box.

    Returns
    -------
    coordinates : numpy.ndarray
        Cartesian coordinates, A, shape (3, nx, ny, nz).
    values : numpy.ndarray
        Density, ions/A^3, shape (nx, ny, nz).
    """
    lattice = np.array(doc.lattice_A)
    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T @ lattice
    low, high = corners.min(axis=0), corners.max(axis=0)
    step = (high - low).max() / (points - 1)
    edges = [np.arange(low[i], high[i] + step / 2, step) for i in range(3)]
    coordinates = np.array(np.meshgrid(*edges, indexing="ij"))
    fractional = np.einsum("ixyz,ij->jxyz", coordinates, np.linalg.inv(lattice))
    shape = np.array(doc.grid_shape)
    # voxel i covers [i, i + 1) / n, so its value belongs to its middle
    index = fractional * shape[:, None, None, None] - 0.5
    values = map_coordinates(_grid(doc), index, order=1, mode="grid-wrap")
    inside = np.all((fractional >= -EDGE) & (fractional <= 1 + EDGE), axis=0)
    return coordinates, np.where(inside, values, 0.0)


def _grid(doc: PathwayDoc) -> NDArray[np.float64]:
    return np.asarray(doc.density_ions_per_A3, dtype=float).reshape(doc.grid_shape)


def _title(what: str, doc: PathwayDoc) -> Html:
    place = formula(doc.composition.formula if doc.composition else "unnamed composition")
    return join([f"{what}: {doc.mobile} in ", place, f" at {doc.temperature_K:g} K"])


def _projection(doc: PathwayDoc, index: int) -> Chart:
    lengths = np.linalg.norm(np.array(doc.lattice_A), axis=1)
    panels = [_coarse(_grid(doc).mean(axis=2)), _coarse(_grid(doc).mean(axis=1))]
    top = max(float(panel.max()) for panel in panels)
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.2)
    for column, (panel, second) in enumerate(zip(panels, (1, 2), strict=True), start=1):
        heat = go.Heatmap(
            z=panel.T.astype(np.float32),
            x=(np.arange(panel.shape[0]) + 0.5) / panel.shape[0] * lengths[0],
            y=(np.arange(panel.shape[1]) + 0.5) / panel.shape[1] * lengths[second],
            zmin=0,
            zmax=top,
            colorscale=SEQUENTIAL,
            showscale=column == 2,  # noqa: PLR2004 (one bar for both)
            colorbar={"title": {"text": "ions Å⁻³", "side": "right"}, "thickness": 14, "len": 0.7},
            hovertemplate="%{x:.2f} Å, %{y:.2f} Å: %{z:.3g} ions/Å³<extra></extra>",
        )
        figure.add_trace(heat, row=1, col=column)
        title = f"along a (Å), mean over {'bc'[column % 2]}"
        figure.update_xaxes(**axis(title, constrain="domain"), row=1, col=column)
        ratio = {"scaleanchor": "x" if column == 1 else "x2", "constrain": "domain"}
        figure.update_yaxes(**axis(f"along {'abc'[second]} (Å)", **ratio), row=1, col=column)
    style(figure, margin={"l": 60, "r": 20, "t": 20, "b": 50})
    caption = (
        "Density of the mobile ions, averaged along one lattice vector. Axes are distances along the lattice vectors, "
        "drawn at right angles. " + _sites(doc)
    )
    return Chart(f"density-{index}", _title("Ion density", doc), caption, figure, 360, columns=_columns(panels[0]))


def _coarse(panel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Averages over blocks where the grid is finer than a figure can show."""
    blocks = [math.ceil(size / PROJECTION_POINTS) for size in panel.shape]
    trimmed = panel[: panel.shape[0] // blocks[0] * blocks[0], : panel.shape[1] // blocks[1] * blocks[1]]
    tiles = trimmed.reshape(trimmed.shape[0] // blocks[0], blocks[0], -1, blocks[1])
    return np.asarray(tiles.mean(axis=(1, 3)))


def _columns(panel: NDArray[np.float64]) -> dict[str, Any]:
    first, second = np.indices(panel.shape)
    return {
        "index_a": first.ravel().tolist(),
        "index_b": second.ravel().tolist(),
        "density_ions_per_A3": [float(f"{value:.4g}") for value in panel.ravel()],
    }


def _sites(doc: PathwayDoc) -> str:
    sites = ", ".join(f"{site.label} {site.occupancy:.2f} (of {site.n_sites})" for site in doc.sites)
    jumps = ", ".join(f"{kind.replace('->', ' → ')} {count}" for kind, count in sorted(doc.jumps.items()))
    return (f"Mean occupancy: {sites}. " if sites else "") + (f"Jumps seen: {jumps}." if jumps else "")


def _surface(doc: PathwayDoc, index: int) -> Chart:
    coordinates, values = cartesian_grid(doc, SURFACE_POINTS)
    levels = [enclosing_level(_grid(doc), fraction) for fraction in ENCLOSED]
    x, y, z = (part.ravel().astype(np.float32) for part in coordinates)
    surface = go.Isosurface(
        x=x,
        y=y,
        z=z,
        value=values.ravel().astype(np.float32),
        isomin=levels[0],
        isomax=levels[1],
        surface={"count": 2},
        opacity=0.45,
        caps={"x_show": False, "y_show": False, "z_show": False},
        colorscale=SEQUENTIAL,
        showscale=False,
        hoverinfo="skip",
    )
    figure = go.Figure([surface, _cell_edges(np.array(doc.lattice_A))])
    scene_axis = {"showbackground": False, "gridcolor": "#e6e8eb", "zeroline": False, "nticks": 5}
    titles = {f"{name}axis": scene_axis | {"title": {"text": f"{name} (Å)"}} for name in "xyz"}
    style(
        figure,
        scene=titles | {"aspectmode": "data", "camera": CAMERA},
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        showlegend=False,
    )
    caption = (
        f"Isosurfaces that enclose {100 * ENCLOSED[1]:g} % ({significant(levels[1])} ions/Å³) and "
        f"{100 * ENCLOSED[0]:g} % ({significant(levels[0])} ions/Å³) of the mobile ions; box: the supercell."
    )
    return Chart(f"surface-{index}", _title("Ion density isosurface", doc), caption, figure, 360)


def _cell_edges(lattice: NDArray[np.float64]) -> Any:  # noqa: ANN401 (plotly is untyped)
    path: list[Any] = []
    for direction in range(3):
        others = [vector for i, vector in enumerate(lattice) if i != direction]
        for first in (0, 1):
            for second in (0, 1):
                start = first * others[0] + second * others[1]
                path += [start, start + lattice[direction], np.full(3, np.nan)]
    x, y, z = np.array(path).T
    line = {"color": INK, "width": 2}
    return go.Scatter3d(x=x, y=y, z=z, mode="lines", line=line, hoverinfo="skip")
