"""Figures of a single trajectory: displacement, local exponent, directions, state of the host."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from superionic.report.theme import GREY, Chart, axis, colour, log_axis, style, translucent
from superionic.transport.anisotropy import AXES
from superionic.transport.verdicts import Verdict

if TYPE_CHECKING:
    from superionic.transport.framework_state import FrameworkIntegrity
    from superionic.transport.result import Diffusion

DRAWN_LAGS = 200
PANEL_PX = 400
EXPONENT_RANGE = (-0.2, 2.2)


def msd_chart(found: Diffusion, identity: str) -> Chart:
    """Tracer, collective and host MSD against lag time, with the window and the fitted line."""
    kept = _drawn(found)
    time = found.msd_time_ps[kept]
    curves = {
        f"{found.mobile}, tracer": (found.msd_tracer_A2, {"color": colour(0), "width": 2}),
        f"{found.mobile}, collective": (found.msd_collective_A2, {"color": colour(1), "width": 1.4, "dash": "dash"}),
        "host": (found.msd_host_A2, {"color": GREY, "width": 1.4, "dash": "dot"}),
    }
    figure, shown = go.Figure(), []
    for name, (values, line) in curves.items():
        drawn = np.where(values[kept] > 0.0, values[kept], np.nan)
        if np.isfinite(drawn).any():
            figure.add_trace(_line(time, drawn, name, line, "Å²"))
            shown += [float(value) for value in drawn[np.isfinite(drawn)]]
    start, stop, line_values = _fitted_line(found)
    if line_values:
        fit = {"color": "#000000", "width": 3.5}
        figure.add_trace(_line(np.array([start, stop]), np.array(line_values), "fit in the window", fit, "Å²"))
    _mark_window(figure, found)
    style(figure)
    figure.update_xaxes(**log_axis("lag time (ps)", time))
    figure.update_yaxes(**log_axis("MSD (Å²)", shown))
    caption = (
        "Mean square displacement over all time origins, relative to the host. Shaded: the window of the fit, "
        f"{start:.3g} to {stop:.3g} ps. Collective: of the sum of all ions, divided by their number. Long lags have "
        "few independent origins and wander."
    )
    columns: dict[str, Any] = {"lag_time_ps": time, "msd_tracer_A2": found.msd_tracer_A2[kept]}
    columns |= {"msd_collective_A2": found.msd_collective_A2[kept], "msd_host_A2": found.msd_host_A2[kept]}
    return Chart(f"msd-{identity}", "Mean square displacement", caption, figure, PANEL_PX, columns=columns)


def exponent_chart(found: Diffusion, identity: str) -> Chart:
    """Local log-log slope of the tracer and host MSD against lag time."""
    kept = _drawn(found)
    time = found.msd_time_ps[kept]
    curves = {found.mobile: (found.msd_tracer_A2, colour(0)), "host": (found.msd_host_A2, GREY)}
    figure = go.Figure()
    columns: dict[str, Any] = {}
    for name, (values, shade) in curves.items():
        middle, slope = local_exponent(time, values[kept])
        figure.add_trace(_line(middle, slope, name, {"color": shade, "width": 1.8}, ""))
        columns |= {"lag_time_ps": middle, f"exponent_{'mobile' if name == found.mobile else 'host'}": slope}
    figure.add_hline(y=1.0, line={"color": "#000000", "width": 1, "dash": "dash"})
    _mark_window(figure, found)
    style(figure)
    figure.update_xaxes(**log_axis("lag time (ps)", time))
    figure.update_yaxes(**axis("d ln MSD / d ln t", range=list(EXPONENT_RANGE)))
    caption = (
        "Local exponent of the curves: 1 (dashed) is diffusion, 2 free flight, 0 a crystal. Vibrations pull it below 1 "
        f"for slow ions, so the verdict looks at resting places: {found.site_loglog_slope:.2f} ± "
        f"{found.site_loglog_slope_std:.2f} in the window."
    )
    return Chart(f"exponent-{identity}", "Is it diffusion?", caption, figure, PANEL_PX, columns=columns)


def local_exponent(
    time_ps: NDArray[np.float64], msd_A2: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log-log slope between points a few lags apart.

    Parameters
    ----------
    time_ps, msd_A2 : numpy.ndarray, (lags,)
        Lag times and MSD at lags that grow evenly on a logarithmic axis.

    Returns
    -------
    time_ps, exponent : numpy.ndarray
        Middles of the pairs, and the slope; NaN where the MSD is not above zero.
    """
    apart = max(1, len(time_ps) // 20)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(msd_A2 > 0.0, msd_A2, np.nan))
    rise = logs[apart:] - logs[:-apart]
    run = np.log(time_ps[apart:]) - np.log(time_ps[:-apart])
    return np.sqrt(time_ps[apart:] * time_ps[:-apart]), rise / run


def direction_chart(found: Diffusion, identity: str) -> Chart:
    """MSD along a, b and c, and D along axes and in planes."""
    kept = _drawn(found)
    time, along = found.msd_time_ps[kept], found.curves.axes_A2[kept]
    figure, shown = go.Figure(), []
    for k, name in enumerate(AXES):
        values = np.where(along[:, k] > 0.0, along[:, k], np.nan)
        figure.add_trace(_line(time, values, f"along {name}", {"color": colour(k), "width": 1.8}, "Å²"))
        shown += [float(value) for value in values[np.isfinite(values)]]
    _mark_window(figure, found)
    style(figure)
    figure.update_xaxes(**log_axis("lag time (ps)", time))
    figure.update_yaxes(**log_axis("MSD along the axis (Å²)", shown))
    caption = "Tracer displacement along the cell vectors. Curves that lie apart in the window are anisotropy."
    columns: dict[str, Any] = {"lag_time_ps": time} | {f"msd_{name}_A2": along[:, k] for k, name in enumerate(AXES)}
    return Chart(f"directions-{identity}", "Directions", caption, figure, PANEL_PX, columns=columns)


def framework_chart(found: FrameworkIntegrity, identity: str) -> Chart | None:
    """Fraction of host atoms displaced and order left against time, per species; None without a host."""
    if not found.checked:
        return None
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.12)
    columns: dict[str, Any] = {}
    for k, species in enumerate(found.species):
        name = f"{species.species}: {species.state.value.replace('_', ' ')}"
        line = {"color": colour(k), "width": 2, "dash": "solid" if species.judged else "dot"}
        time, moved = np.array(species.time_ps), 100 * np.array(species.displaced_by_time)
        order = 100 * np.array(species.order_by_time)
        figure.add_trace(_line(time, moved, name, line, "%"), row=1, col=1)
        figure.add_trace(_line(time, order, name, line, "%").update(showlegend=False), row=1, col=2)
        columns |= {"time_ps": time, f"displaced_{species.species}_percent": moved}
        columns |= {f"order_{species.species}_percent": order}
    if found.onset_ps is not None:
        figure.add_vline(x=found.onset_ps, line={"color": "#9a3d00", "width": 1.5, "dash": "dash"})
    figure.add_hline(y=5.0, line={"color": "#9a3d00", "width": 1, "dash": "dot"}, row=1, col=1)
    style(figure)
    figure.update_xaxes(**axis("time (ps)"))
    figure.update_yaxes(**axis("displaced (%)", range=[-2, 102]), row=1, col=1)
    figure.update_yaxes(**axis("order left (%)", range=[-2, 112]), row=1, col=2)
    caption = (
        "Left: host atoms further from where they started than half the way to their neighbours (dotted: 5 %; "
        "in small hosts chance allows more). Right: structure factor at the strongest reflections of the start, "
        "relative to the start. Dashed: onset."
    )
    return Chart(f"framework-{identity}", "Framework", caption, figure, PANEL_PX, columns=columns)


def _drawn(found: Diffusion) -> NDArray[np.intp]:
    """Lags, evenly on a logarithmic axis."""
    last = len(found.msd_time_ps) - 1
    return np.unique(np.geomspace(1, max(last, 1), DRAWN_LAGS).round().astype(np.intp))


def _line(x: NDArray[np.float64], y: NDArray[np.float64], name: str, line: dict[str, Any], unit: str) -> Any:  # noqa: ANN401 (plotly is untyped)
    hover = f"%{{x:.3g}} ps, %{{y:.3g}} {unit}<extra>{name}</extra>"
    values = [float(value) if math.isfinite(value) else None for value in y]
    return go.Scatter(x=x.tolist(), y=values, mode="lines", name=name, line=line, hovertemplate=hover)


def _mark_window(figure: Any, found: Diffusion) -> None:  # noqa: ANN401 (plotly is untyped)
    shade = translucent(colour(0) if found.verdict is Verdict.OK else GREY, 0.12)
    low, high = found.window_ps
    figure.add_vrect(x0=low, x1=high, fillcolor=shade, line={"width": 0}, layer="below")


def _fitted_line(found: Diffusion) -> tuple[float, float, list[float]]:
    """The least squares line through the window, at its ends."""
    low, high = found.window_ps
    inside = (found.msd_time_ps >= low) & (found.msd_time_ps <= high)
    if inside.sum() < 2:  # noqa: PLR2004 (a line needs two points)
        return low, high, []
    slope, offset = np.polyfit(found.msd_time_ps[inside], found.msd_tracer_A2[inside], 1)
    values = [float(offset + slope * time) for time in (low, high)]
    return low, high, values if min(values) > 0.0 else []
