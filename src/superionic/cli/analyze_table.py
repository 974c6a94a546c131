"""Tables that ``superionic analyze`` prints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from superionic.cli.console import emit_table
from superionic.report.numbers import interval, significant, with_error
from superionic.transport.anisotropy import AXES, PLANES
from superionic.transport.verdicts import Verdict

if TYPE_CHECKING:
    from superionic.transport.arrhenius import Arrhenius
    from superionic.transport.replicas import CombinedDiffusion
    from superionic.transport.result import Diffusion
    from superionic.transport.study import AnalysedRun, Study

Direction = tuple[float, float, float]
BOUNDED = frozenset({Verdict.TOO_FEW_HOPS, Verdict.NOT_DIFFUSIVE})


def show_study(study: Study, directions: Sequence[Direction] = ()) -> None:
    """Print runs, anisotropy, framework, reasons and fits."""
    first = study.runs[0].diffusion
    title = f"{first.mobile} (charge {first.charge_e:+g}) in {study.runs[0].formula}, {first.mobile_count} mobile ions"
    columns = (
        "run",
        "T / K",
        "ps",
        "D / cm²/s",
        "σ / S/cm",
        "95 % of σ",
        "Haven ratio",
        "hops",
        "window / ps",
        "verdict",
    )
    emit_table(title, columns, _rows(study))
    named = [f"[{u:g} {v:g} {w:g}]" for u, v, w in directions]
    emit_table(
        "D along axes and in planes / cm²/s",
        ("run", *AXES, *PLANES, *named),
        [_parts(run, directions) for run in study.runs],
    )
    _show_framework(study)
    for point in study.points:
        for run in point.runs:
            typer.echo(f"{run_name(run)}: {run.diffusion.verdict.value}: {run.diffusion.verdict_reason}")
            for note in run.notes:
                typer.echo(f"  note: {note}")
        if point.combined is not None:
            typer.echo(f"together at {point.result.temperature_K:g} K: {point.combined.verdict.value}: ", nl=False)
            typer.echo(point.combined.verdict_reason)
    _show_fits(study)


def run_name(run: AnalysedRun) -> str:
    """Name of a run: its files."""
    more = f" + {len(run.files) - 1}" if len(run.files) > 1 else ""
    return f"{run.files[0].name}{more}"


def _rows(study: Study) -> list[tuple[str, ...]]:
    rows = []
    for point in study.points:
        for run in point.runs:
            found = run.diffusion
            window = "{:.3g} to {:.3g}".format(*found.window_ps)
            rows.append(
                (run_name(run), f"{found.temperature_K:g}", f"{found.duration_ps:.4g}", *_numbers(found, window))
            )
        if point.combined is not None:
            used = f"{point.combined.n_used} of {point.combined.n_runs} together"
            rows.append((used, f"{point.combined.temperature_K:g}", "", *_numbers(point.combined, "")))
    return rows


def _numbers(found: Diffusion | CombinedDiffusion, window: str) -> tuple[str, ...]:
    haven = "-" if found.haven_ratio is None else with_error(found.haven_ratio, found.haven_ratio_std)
    return (*diffusivity_and_sigma(found), haven, str(found.n_hops), window, found.verdict.value)


def diffusivity_and_sigma(found: Diffusion | CombinedDiffusion) -> tuple[str, str, str]:
    """D, sigma and the 95 % interval of sigma; a bound where only that may be used."""
    bound = found.diffusivity_upper_bound_cm2_per_s
    low, high = found.conductivity_interval95_S_per_cm
    if found.verdict in BOUNDED and bound is not None and found.diffusivity_cm2_per_s > 0.0:
        sigma = bound * found.conductivity_S_per_cm / found.diffusivity_cm2_per_s
        return f"< {significant(bound)}", f"< {significant(sigma)}", "-"
    if found.verdict is not Verdict.OK and found.diffusivity_cm2_per_s != found.diffusivity_cm2_per_s:
        return "-", "-", "-"
    value = with_error(found.diffusivity_cm2_per_s, found.diffusivity_std_cm2_per_s)
    sigma_text = with_error(found.conductivity_S_per_cm, found.conductivity_std_S_per_cm)
    return value, sigma_text, interval(low, high)


def _parts(run: AnalysedRun, directions: Sequence[Direction]) -> tuple[str, ...]:
    found = run.diffusion
    pairs = [
        *zip(found.diffusivity_axes_cm2_per_s, found.diffusivity_axes_std_cm2_per_s, strict=True),
        *zip(found.diffusivity_planes_cm2_per_s, found.diffusivity_planes_std_cm2_per_s, strict=True),
    ]
    along = [found.diffusivity_along(direction) for direction in directions]
    pairs += [(estimate.value, estimate.std) for estimate in along]
    return (run_name(run), *(with_error(float(value), float(std)) for value, std in pairs))


def _show_framework(study: Study) -> None:
    rows = []
    for run in study.runs:
        found = run.diffusion.integrity if run.diffusion.cut is None else run.diffusion.cut.integrity
        for species in found.species:
            onset = "-" if species.onset_ps is None else f"{species.onset_ps:.4g}"
            order = "-" if species.order != species.order else f"{100 * species.order:.0f} %"
            state = species.state.value.replace("_", " ") + ("" if species.judged else " (not judged)")
            moved = f"{species.n_displaced} ({100 * species.fraction_displaced:.0f} %)"
            row = (run_name(run), species.species, str(species.count), state, moved)
            rows.append((*row, f"{species.late_exponent:.2f}", order, onset))
    columns = ("run", "host species", "atoms", "state", "displaced", "late MSD exponent", "order left", "onset / ps")
    if rows:
        emit_table("framework", columns, rows)


def _show_fits(study: Study) -> None:
    if study.fit is None or study.prediction is None:
        if study.no_fit_reason and len(study.points) > 1:
            typer.echo(f"no Arrhenius fit: {study.no_fit_reason}")
        return
    found = study.prediction
    typer.echo(f"Arrhenius fit: {_fit_words(study.fit)}")
    typer.echo(
        f"σ({study.reference_temperature_K:g} K) = {significant(found.value)} S/cm, 95 %: "
        f"{interval(found.low, found.high)} S/cm; verdict {found.verdict.value}"
    )
    for point in study.fit.excluded:
        typer.echo(f"  left out: {point.temperature_K:g} K, {point.reason}")
    for warning in study.fit.warnings:
        typer.echo(f"  warning: {warning}")
    bend = study.fit.curvature
    if bend is not None:
        change = with_error(bend.energy_change_eV, bend.energy_change_std_eV)
        typer.echo(f"  curvature: Ea changes by {change} eV from hot to cold (p = {bend.p_value:.2g})")
    if study.unweighted is not None:
        typer.echo(f"  unweighted, as usual in the literature: {_fit_words(study.unweighted)}")


def _fit_words(fit: Arrhenius) -> str:
    low, high = fit.activation_energy_interval95_eV
    return (
        f"Ea = {with_error(fit.activation_energy_eV, fit.activation_energy_std_eV)} eV (95 %: {low:.3f} to "
        f"{high:.3f}), D0 = {significant(fit.prefactor_cm2_per_s)} cm²/s (factor "
        f"{math.exp(fit.ln_prefactor_std):.2g}), {len(fit.temperatures_K)} points"
    )
