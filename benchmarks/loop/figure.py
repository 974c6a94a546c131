"""One figure per system: parity of formation energies, energies of the compositions, Arrhenius plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from names import FOUNDATION, MODELS, NAIVE, OWN, SCRATCH, TEACHER, TUNED

Row = dict[str, Any]
STABLE = 1e-5
# Okabe and Ito, Color Universal Design (2008)
STYLES = {
    TEACHER: ("#000000", "*"),
    FOUNDATION: ("#56B4E9", "s"),
    TUNED: ("#D55E00", "o"),
    NAIVE: ("#009E73", "^"),
    SCRATCH: ("#CC79A7", "D"),
}


def draw(found: Row, file: Path) -> None:
    """Write the figure; its format is that of the file's name."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcdefaults()  # MACE sets sizes of fonts when it is imported, which it is only if something is left to compute
    mpl.rcParams["svg.hashsalt"] = "superionic"  # the same figure from the same numbers
    import matplotlib.pyplot as plt

    labels = list(dict.fromkeys(row["composition"] for row in found["runs"]))
    columns = 2 + len(labels)
    drawing, axes = plt.subplots(1, columns, figsize=(3.6 * columns, 3.7), layout="constrained")
    _parity(axes[0], found)
    _hull(axes[1], found)
    for panel, label in zip(axes[2:], labels, strict=True):
        _arrhenius(panel, found, label)
    handles, names = axes[1].get_legend_handles_labels()
    drawing.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    drawing.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def _parity(panel: Any, found: Row) -> None:  # noqa: ANN401 (matplotlib)
    values = []
    for name in MODELS:
        points = [point for point in found["hulls"][name][OWN]["points"] if not point["end_member"]]
        x, y = ([point[key] for point in points] for key in ("formation", "model_formation"))
        colour, marker = STYLES[name]
        panel.plot(x, y, marker, color=colour, ms=6, mfc="none", mew=1.5)
        values += x + y
    ends = [min(values), max(values)]
    panel.plot(ends, ends, "-", color="#8a8f98", lw=1, zorder=0)
    panel.set(title="Formation energy", xlabel="teacher (meV/atom)", ylabel="model (meV/atom)")


def _hull(panel: Any, found: Row) -> None:  # noqa: ANN401 (matplotlib)
    points = {name: found["hulls"][name][OWN]["points"] for name in MODELS}
    own = points[TUNED]
    names = [point["label"] for point in own]
    place = np.arange(len(names))
    colour, marker = STYLES[TEACHER]
    heights = [point["formation"] for point in own]
    panel.plot(place, heights, marker, color=colour, ms=11, mfc="none", label=TEACHER)
    stable = [k for k, point in enumerate(own) if point["above_hull"] < STABLE]
    panel.plot(place[stable], [heights[k] for k in stable], marker, color=colour, ms=11)
    for column, name in enumerate(MODELS):
        colour, marker = STYLES[name]
        shifted = place + 0.12 * (column - 1.5)
        heights = [point["model_formation"] for point in points[name]]
        panel.plot(shifted, heights, marker, color=colour, ms=6, mfc="none", mew=1.5, label=name)
        stable = [k for k, point in enumerate(points[name]) if point["model_above_hull"] < STABLE]
        panel.plot(shifted[stable], [heights[k] for k in stable], marker, color=colour, ms=6)
    panel.set_xticks(place, names, rotation=45, ha="right")
    panel.set(title="Lowest ordering (filled: stable)", ylabel="formation energy (meV/atom)")


def _arrhenius(panel: Any, found: Row, label: str) -> None:  # noqa: ANN401 (matplotlib)
    for column, name in enumerate((TEACHER, *MODELS)):
        rows = [row for row in found["runs"] if (row["potential"], row["composition"]) == (name, label)]
        rows = [row for row in rows if row.get("diffusivity_cm2_per_s", 0.0) > 0]  # exploded ones have none
        if not rows:
            continue
        x = np.array([1000 / row["temperature_K"] for row in rows]) + 0.006 * (column - 2)
        y, error = (np.array([row[f"diffusivity{part}_cm2_per_s"] for row in rows]) for part in ("", "_std"))
        colour, marker = STYLES[name]
        bars = [np.minimum(error, 0.9 * y), error]  # a logarithmic axis has no room for zero
        panel.errorbar(x, y, bars, color=colour, marker=marker, ms=6, mfc="none", lw=1.2, capsize=2)
        broken = [k for k, row in enumerate(rows) if row["verdict"] == "framework_unstable"]
        panel.plot(x[broken], y[broken], "x", color="#000000", ms=10)
    panel.set(yscale="log", title=label, xlabel="1000 / T (1/K)", ylabel="D (cm²/s); x: host unstable")
