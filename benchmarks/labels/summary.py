"""The study's table, what it says about the goals, and its figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from superionic.stages import TrainingMode

if TYPE_CHECKING:
    from study import Study

METRICS = {
    "force, meV/A": "force_rmse_meV_per_A",
    "energy, meV/atom": "energy_rmse_meV_per_atom",
    "stress, meV/A^3": "stress_rmse_meV_per_A3",
}
MOST_SEEDS = 20
FORCE = "force_rmse_meV_per_A"
Curve = dict[int, list[float]]


def curves(study: Study, metric: str) -> dict[tuple[str, str], Curve]:
    """Test errors of all finished runs: mode and method, then number of labels, then one value per seed."""
    from study import plan

    found: dict[tuple[str, str], Curve] = {}
    for run in plan(range(MOST_SEEDS)):
        if (result := study.finished(run)) is not None:
            name = run.mode.value + (" from an accurate foundation" if run.halide else "")
            name += f", {run.work} times the epochs" if run.work > 1 else ""
            curve = found.setdefault((name, str(run.method)), {})
            curve.setdefault(run.n_labels, []).append(result["test"][metric])
    return found


def table(study: Study) -> str:
    """Mean and standard deviation over the seeds, and how many labels random choice needs for the same."""
    lines = []
    for title, metric in METRICS.items():
        found = curves(study, metric)
        sizes = sorted({n for curve in found.values() for n in curve})
        lines += [f"Test RMSE, {title}:", "", "| mode, choice | " + " | ".join(map(str, sizes)) + " |"]
        lines.append("| --- |" + " --- |" * len(sizes))
        for (mode, method), curve in found.items():
            cells = [_cell(curve.get(n, [])) for n in sizes]
            lines.append(f"| {mode}, {method} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join([*lines, *goals(study)])


def _cell(values: list[float]) -> str:
    if not values:
        return "–"
    return f"{np.mean(values):.3g}" + (f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else "")


def goals(study: Study) -> list[str]:
    """Labels of random choice, and of scratch, for the force error that each method reaches with fewer."""
    found = curves(study, FORCE)
    random, scratch = (found.get((mode.value, "random")) for mode in (TrainingMode.MULTIHEAD, TrainingMode.SCRATCH))
    lines = ["| reached by | labels | force RMSE, meV/A | random needs | ratio | scratch needs | ratio |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for (mode, method), curve in found.items():
        if mode == TrainingMode.SCRATCH:
            continue
        for n, values in sorted(curve.items()):
            target = float(np.mean(values))
            needs = [labels_needed(reference, target) for reference in (random, scratch)]
            cells = " | ".join(_ratio(n, need) for need in needs)
            lines.append(f"| {mode}, {method} | {n} | {target:.3g} | {cells} |")
    return lines


def labels_needed(curve: Curve | None, target: float) -> tuple[str, float]:
    """Number of labels at which a curve, straight between its points on logarithmic axes, first reaches an error.

    Returns
    -------
    sign : str
        ``=``, or ``>`` and ``<`` if the error lies beyond the ends of the curve.
    labels : float
        The number; NaN without a curve.
    """
    if not curve:
        return "=", float("nan")
    sizes = sorted(curve)
    means = [float(np.mean(curve[n])) for n in sizes]
    if target >= means[0]:
        return "<" if target > means[0] else "=", sizes[0]
    for low, high in zip(range(len(sizes)), range(1, len(sizes)), strict=False):
        if means[high] <= target < means[low]:
            share = np.log(means[low] / target) / np.log(means[low] / means[high])
            return "=", float(sizes[low] * (sizes[high] / sizes[low]) ** share)
    return ">", sizes[-1]


def _ratio(n: int, need: tuple[str, float]) -> str:
    sign, labels = need
    if np.isnan(labels):
        return "– | –"
    shown = "" if sign == "=" else sign + " "
    return f"{shown}{labels:.0f} | {shown}{labels / n:.2g}"


def figure(study: Study, file: Path) -> None:
    """Force error against the number of labels: choices on the left, modes on the right."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    found = {key: curve for key, curve in curves(study, FORCE).items() if len(curve) > 1}
    drawing, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
    markers = dict(zip(sorted(set(found)), "osD^vPX*", strict=False))
    panels = (
        ("Choice of labels (multi-head)", [key for key in found if key[0] == TrainingMode.MULTIHEAD]),
        ("Way of training (random choice)", [key for key in found if key[1] == "random"]),
    )
    for panel, (title, keys) in zip(axes, panels, strict=True):
        for column, key in enumerate(keys):
            sizes = sorted(found[key])
            means = [np.mean(found[key][n]) for n in sizes]
            spread = [np.std(found[key][n], ddof=1) if len(found[key][n]) > 1 else 0.0 for n in sizes]
            name = key[1] if keys is panels[0][1] else key[0]
            shifted = np.array(sizes) * 1.02 ** (column - len(keys) / 2)
            panel.errorbar(shifted, means, spread, marker=markers[key], ms=5, lw=1.3, capsize=2, label=name)
        panel.set(xscale="log", yscale="log", title=title, xlabel="training labels")
        panel.set_xticks(sizes := sorted({n for key in keys for n in found[key]}), [str(n) for n in sizes])
        panel.minorticks_off()
        panel.legend(frameon=False, fontsize=9)
    axes[0].set_ylabel("test force RMSE (meV/Å)")
    ticks = [40, 50, 60, 70, 80, 100, 120, 150, 200]
    low, high = axes[0].get_ylim()
    axes[0].set_yticks(shown := [tick for tick in ticks if low <= tick <= high], [str(tick) for tick in shown])
    drawing.savefig(file)
