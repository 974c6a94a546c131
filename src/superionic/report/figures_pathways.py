"""How the mobile ions get on: isosurface with framework and network, free energy along the best ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from pymatgen.core import Element
from scipy.ndimage import map_coordinates
from scipy.spatial import ConvexHull, QhullError

from superionic.report.figures_density import (
    cell_edges,
    drawn_links,
    enclosing_level,
    kinds_of,
    place_title,
    repeated,
    segments,
    smooth_grid,
)
from superionic.report.isosurface import isosurface
from superionic.report.numbers import significant, with_error
from superionic.report.theme import GREY, INK, Chart, axis, colour, dash, style, symbol
from superionic.transport.pathway_schemas import BottleneckPart, PathPart, PathwayDoc
from superionic.transport.pathways.percolation import upright

Floats = NDArray[np.float64]
SURFACE_POINTS = 44
ENCLOSED = (0.9, 0.5)
# light around dark, so that sites and links stay visible within
OUTER, INNER = "#9ecae9", "#0b4f8a"
BOND_REACH = 1.25
MIN_CORNERS = 4
ROW = 0.07
EYE = (1.3, 1.2, 0.7)
SYMBOLS_3D = ("circle", "square", "diamond", "cross", "x", "circle-open", "square-open")


def surface_chart(doc: PathwayDoc, index: int) -> Chart:
    """Isosurfaces of the density with the framework, the sites and the network of jumps."""
    density, lattice = smooth_grid(doc), np.array(doc.lattice_A)
    low, high, words = surface_levels(doc, density)
    figure = go.Figure(
        [
            *_surfaces(density, lattice, ((low, OUTER), (high, INNER))),
            cell_edges(lattice),
            *_framework(doc, lattice),
            *_network(doc, lattice),
        ]
    )
    scene_axis = {"showbackground": False, "gridcolor": "#e6e8eb", "zeroline": False, "nticks": 5}
    titles = {f"{name}axis": scene_axis | {"title": {"text": f"{name} (Å)"}} for name in "xyz"}
    style(
        figure,
        scene=titles | {"aspectmode": "data", "camera": _camera(lattice)},
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        legend={"orientation": "v", "x": 0, "y": 1, "yanchor": "top", "bgcolor": "rgba(255,255,255,0.7)"},
    )
    title = place_title("Isosurface, framework and network", doc)
    return Chart(f"surface-{index}", title, words, figure, 560, columns=_site_columns(doc, lattice))


def _camera(lattice: Floats) -> dict[str, Any]:
    """The view, from further away for a long cell: plotly gives a scene the volume of a unit cube."""
    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T @ lattice
    spans = np.ptp(corners, axis=0)
    # a little more than in proportion, for the names of the axes below
    factor = float(spans.max() / np.cbrt(np.prod(spans))) ** 1.2
    eye = {name: factor * value for name, value in zip("xyz", EYE, strict=True)}
    return {"eye": eye, "projection": {"type": "orthographic"}}


def _site_columns(doc: PathwayDoc, lattice: Floats) -> dict[str, Any]:
    """The sites of the figure; its density is in the document."""
    places = np.array([site.fractional for site in doc.density_sites]).reshape(-1, 3)
    cartesian = places @ lattice
    columns: dict[str, Any] = {"site": [site.label for site in doc.density_sites]}
    columns |= {f"fractional_{name}": places[:, k].tolist() for k, name in enumerate("abc")}
    return columns | {f"{name}_A": cartesian[:, k].tolist() for k, name in enumerate("xyz")}


def closed_grid(density: Floats, points: int) -> Floats:
    """The density at grid points from face to face of the cell, at most ``points`` along an edge.

    Parameters
    ----------
    density : numpy.ndarray, (na, nb, nc)
        Density over the cell; voxel i covers [i, i + 1) / n of an edge.
    points : int
        Largest number of grid points along an edge.

    Returns
    -------
    numpy.ndarray, (ma, mb, mc)
        Density at fractions 0, 1 / (m - 1), ..., 1, with equal values on opposite faces.
    """
    edges = [np.linspace(0.0, 1.0, min(n + 1, points)) for n in density.shape]
    fractional = np.array(np.meshgrid(*edges, indexing="ij"))
    # the value of a voxel belongs to its middle
    index = fractional * np.array(density.shape)[:, None, None, None] - 0.5
    return np.asarray(map_coordinates(density, index, order=1, mode="grid-wrap"))


def _surfaces(density: Floats, lattice: Floats, levels: Sequence[tuple[float, str]]) -> list[Any]:
    grid = closed_grid(density, SURFACE_POINTS)
    traces = []
    for level, shade in levels:
        vertices, faces = isosurface(grid, level)
        if not len(faces):
            continue
        x, y, z = (vertices / (np.array(grid.shape) - 1.0) @ lattice).astype(np.float32).T
        i, j, k = faces.astype(np.int32).T
        light = {"ambient": 0.75, "diffuse": 0.5, "specular": 0.05}
        corners = {"x": x, "y": y, "z": z, "i": i, "j": j, "k": k}
        traces.append(go.Mesh3d(color=shade, opacity=0.3, lighting=light, hoverinfo="skip", **corners))
    return traces


def surface_levels(doc: PathwayDoc, density: Floats) -> tuple[float, float, str]:
    """Levels of the two surfaces, and what they mean in both normalisations.

    Parameters
    ----------
    doc : PathwayDoc
        The document.
    density : numpy.ndarray
        Its density, smoothed.

    Returns
    -------
    low, high : float
        Levels in ions/A^3.
    words : str
        Caption.
    """
    share = doc.n_cells / doc.n_mobile
    high = enclosing_level(density, ENCLOSED[1])
    widest = next((neck for neck in reversed(doc.bottlenecks) if neck.density_ions_per_A3 is not None), None)
    if widest is None or widest.density_ions_per_A3 is None or widest.density_ions_per_A3 >= high:
        low = enclosing_level(density, ENCLOSED[0])
        outer = f"encloses {100 * ENCLOSED[0]:g} % of the ions"
    else:
        low = widest.density_ions_per_A3
        outer = f"is where the density percolates ({widest.direction})"
    words = (
        f"Outer surface: {significant(low)} ions/Å³ (probability {significant(low * share)} per Å³), {outer}. Inner: "
        f"{significant(high)} ions/Å³ (probability {significant(high * share)} per Å³), encloses "
        f"{100 * ENCLOSED[1]:g} % of the ions. Grey: mean framework with its polyhedra; coloured: sites by kind; "
        "black: jumps seen between sites, wider for more. The probability integrates to 1 over the cell that is drawn."
    )
    return low, high, words


def _framework(doc: PathwayDoc, lattice: Floats) -> list[Any]:
    """Atoms, bonds and polyhedra of the framework, light."""
    if not doc.framework:
        return []
    places, numbers = repeated([atom.fractional for atom in doc.framework])
    centres, corners = _polyhedra(doc, lattice, places, numbers)
    species = [doc.framework[k].species for k in numbers]
    extra = np.array([corner for group in corners for corner in group]).reshape(-1, 3)
    atoms = np.concatenate([places @ lattice, extra])
    names = species + [""] * len(extra)
    traces: list[Any] = [
        go.Scatter3d(
            x=atoms[:, 0],
            y=atoms[:, 1],
            z=atoms[:, 2],
            mode="markers",
            marker={"size": 3.5, "color": GREY, "opacity": 0.7},
            text=names,
            hovertemplate="%{text}<extra>framework</extra>",
            name="framework",
        )
    ]
    lines: list[Any] = []
    for centre, group in zip(centres, corners, strict=True):
        for corner in group:
            lines += [centre, corner, np.full(3, np.nan)]
    if lines:
        x, y, z = np.array(lines).T
        traces.append(
            go.Scatter3d(
                x=x,
                y=y,
                z=z,
                mode="lines",
                line={"color": "#b9bec7", "width": 3},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    return traces + _hulls(corners)


def _polyhedra(doc: PathwayDoc, lattice: Floats, places: Floats, numbers: list[int]) -> tuple[Floats, list[Floats]]:
    """Centres (cations of the framework) and the anions bonded to each, Cartesian."""
    charge = [_electronegativity(atom.species) for atom in doc.framework]
    anion = np.array(charge) > np.mean(charge) if len(set(charge)) > 1 else np.zeros(len(charge), dtype=bool)
    ends = np.array([atom.fractional for k, atom in enumerate(doc.framework) if anion[k]]).reshape(-1, 3)
    shifts = np.array(np.meshgrid(*3 * [[-1, 0, 1]])).reshape(3, -1).T
    around = (ends + shifts[:, None]).reshape(-1, 3) @ lattice
    centres = (
        np.array([place for place, k in zip(places, numbers, strict=True) if not anion[k]]).reshape(-1, 3) @ lattice
    )
    if not len(around) or not len(centres):
        return np.empty((0, 3)), []
    corners = []
    for centre in centres:
        distance = np.linalg.norm(around - centre, axis=1)
        corners.append(around[distance < BOND_REACH * distance.min()])
    return centres, corners


def _electronegativity(species: str) -> float:
    return float(np.mean([Element(symbol_).X for symbol_ in species.split("/")]))


def _hulls(corners: list[Floats]) -> list[Any]:
    """All polyhedra as one mesh."""
    points, faces, start = [], [], 0
    for group in corners:
        if len(group) < MIN_CORNERS:
            continue
        try:
            hull = ConvexHull(group)
        except QhullError:
            continue  # flat: no volume to draw, its bonds are drawn
        points.append(group)
        faces.append(hull.simplices + start)
        start += len(group)
    if not points:
        return []
    x, y, z = np.concatenate(points).T
    i, j, k = np.concatenate(faces).T
    return [go.Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, color="#9aa1ab", opacity=0.12, hoverinfo="skip", flatshading=True)]


def _network(doc: PathwayDoc, lattice: Floats) -> list[Any]:
    """Links and sites."""
    traces: list[Any] = []
    for link, width in drawn_links(doc):
        path: list[Any] = []
        for start, end in segments(doc, link):
            path += [start @ lattice, end @ lattice, np.full(3, np.nan)]
        x, y, z = np.array(path).T
        names = doc.density_sites[link.start].label, doc.density_sites[link.end].label
        text = f"{names[0]} – {names[1]}: {link.forward} + {link.backward} jumps, {link.distance_A:.2f} Å"
        line = {"color": INK, "width": 1.6 * width}
        traces.append(
            go.Scatter3d(x=x, y=y, z=z, mode="lines", line=line, text=text, hoverinfo="text", showlegend=False)
        )
    for k, kind in enumerate(kinds_of(doc)):
        places = repeated([site.fractional for site in doc.density_sites if site.label == kind])[0] @ lattice
        marker = {"size": 6, "color": colour(k), "symbol": SYMBOLS_3D[k % len(SYMBOLS_3D)]}
        traces.append(
            go.Scatter3d(
                x=places[:, 0],
                y=places[:, 1],
                z=places[:, 2],
                mode="markers",
                marker=marker,
                name=kind,
                hovertemplate=f"{kind}<extra></extra>",
            )
        )
    return traces


def profile_chart(doc: PathwayDoc, index: int) -> Chart | None:
    """Free energy along the way through the bottleneck of each axis; None where the density percolates nowhere."""
    if not doc.paths:
        return None
    figure = go.Figure()
    columns: dict[str, Any] = {}
    ways = distinct_paths(doc)
    top = max(max(path.free_energy_eV) for _, path in ways)
    quiet = {"showlegend": False, "hoverinfo": "skip"}
    for k, (names, path) in enumerate(ways):
        vector = " ".join(f"{n:d}" for n in upright(path.vector))
        figure.add_trace(
            go.Scatter(
                x=path.arc_A,
                y=path.free_energy_eV,
                mode="lines",
                name=f"along {', '.join(names)}: [{vector}]",
                line={"color": colour(k), "width": 2, "dash": dash(k)},
                hovertemplate="%{x:.2f} Å, %{y:.3f} eV<extra></extra>",
            )
        )
        points = [point for point, _ in path.stops]
        places = [path.arc_A[point] for point in points]
        marker = {"color": colour(k), "symbol": symbol(k), "size": 7}
        energies = [path.free_energy_eV[point] for point in points]
        figure.add_trace(go.Scatter(x=places, y=energies, mode="markers", marker=marker, **quiet))
        figure.add_trace(
            go.Scatter(
                x=places,
                y=[-ROW * (k + 0.8) * top] * len(points),
                mode="text",
                text=[label for _, label in path.stops],
                textfont={"color": colour(k), "size": 12},
                **quiet,
            )
        )
        columns |= {f"arc_{'_'.join(names)}_A": path.arc_A, f"free_energy_{'_'.join(names)}_eV": path.free_energy_eV}
    style(figure)
    figure.update_xaxes(**axis("distance along the way (Å)"))
    figure.update_yaxes(
        **axis(
            "free energy (eV)", range=[-ROW * (len(ways) + 0.5) * top, 1.12 * top], zeroline=True, zerolinecolor=GREY
        )
    )
    caption = (
        "F = −kT ln(ρ/ρmax) along the best way to the next image through the bottleneck of each axis (lattice vector "
        f"in brackets), by steepest ascent from the saddles; below zero: the sites passed. {barrier_words(doc)}"
    )
    longest = max(len(values) for values in columns.values())
    padded = {name: [*values, *[None] * (longest - len(values))] for name, values in columns.items()}
    return Chart(f"profile-{index}", place_title("Free energy", doc), caption, figure, 560, columns=padded)


def distinct_paths(doc: PathwayDoc) -> list[tuple[list[str], PathPart]]:
    """Paths, those that are the same for several axes once."""
    found: list[tuple[list[str], PathPart]] = []
    for path in doc.paths:
        same = next((names for names, other in found if other.fractional == path.fractional), None)
        if same is None:
            found.append(([path.direction], path))
        else:
            same.append(path.direction)
    return found


def barrier_words(doc: PathwayDoc) -> str:
    """At which free energies the density percolates in 1, 2 and 3 dimensions."""
    words = [
        f"{neck.direction}: {with_error(neck.free_energy_eV, neck.std_eV)} eV"
        for neck in doc.bottlenecks
        if neck.direction.endswith("D") and neck.free_energy_eV is not None
    ]
    missing = [neck.direction for neck in doc.bottlenecks if neck.direction.endswith("D") and _closed(neck)]
    closed = f"; {', '.join(missing)} not seen, above {doc.visible_up_to_eV:.2f} eV" if missing else ""
    return (
        f"Percolates in {', '.join(words)}{closed}."
        if words
        else f"No way was seen below {doc.visible_up_to_eV:.2f} eV."
    )


def _closed(neck: BottleneckPart) -> bool:
    return neck.free_energy_eV is None
