"""Pathways in ``superionic analyze``: the host, the tables, the file of the density."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from superionic.cli.analyze_table import run_name
from superionic.cli.console import emit_table, say
from superionic.errors import InputError
from superionic.report.numbers import interval, significant, with_error
from superionic.transport.pathways.percolation import upright

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from superionic.cli.analyze_options import Request
    from superionic.transport.pathways.barriers import Bottleneck
    from superionic.transport.pathways.jumps import JumpRate, KindOfSite
    from superionic.transport.pathways.result import Pathways
    from superionic.transport.readers import LoadedTrajectory
    from superionic.transport.result import Diffusion
    from superionic.transport.study import Study

MOST_RATES = 20
"""Rows of the table of jumps: without a host every site is a kind of its own, and the pairs are many."""


def pathways_of(run: LoadedTrajectory, request: Request, diffusion: Diffusion) -> Pathways:
    """Analyse the pathways of a run that was read and whose diffusion is known."""
    from superionic.transport.pathways import analyze_pathways

    assert request.pathways is not None
    host = None if request.pathways.host is None else read_host(request.pathways.host)
    return analyze_pathways(
        run.positions_A,
        run.lattice_A,
        run.species,
        request.mobile,
        run.time_step_ps,
        diffusion.temperature_K,
        host=host,
        discard_ps=request.discard_ps,
        diffusion=diffusion,
    )


def read_host(path: Path) -> Structure:
    """The host crystal of a CIF or any other file that pymatgen reads, partial occupancies included."""
    from pymatgen.core import Structure

    try:
        return Structure.from_file(path)
    except Exception as error:  # pymatgen raises what its parsers raise
        raise InputError(f"--host {path} cannot be read: {error}") from error


def show_pathways(study: Study) -> None:
    """Print sites, rates and bottlenecks of every run that has them."""
    for run in study.runs:
        if run.pathways is not None:
            typer.echo("")
            _show(run_name(run), run.pathways)


def _show(name: str, found: Pathways) -> None:
    emit_table(
        f"{name}: sites of {found.mobile}",
        ("site", "sites", "ions per site", "residence / ps", "95 %", "jumps away"),
        [_site_row(kind) for kind in found.jumps.kinds],
    )
    emit_table(
        "jumps",
        ("jump", "distance / Å", "jumps", "back", "rate / 1/ps", "95 %"),
        [_rate_row(rate) for rate in _busiest(found)],
    )
    left_out = len(found.jumps.rates) - MOST_RATES
    if left_out > 0:
        say(f"{left_out} rarer pairs are in --json and on the page; --host CIF puts equivalent sites together")
    emit_table(
        "bottlenecks of the density",
        ("direction", "way", "F / eV", "+ smoothing / eV", "counts"),
        [_neck_row(neck, found.visible_up_to_eV) for neck in found.bottlenecks],
    )
    _say_rest(name, found)


def _busiest(found: Pathways) -> list[JumpRate]:
    """The pairs with the most jumps, in the order in which they were found."""
    rates = found.jumps.rates
    ranked = sorted(range(len(rates)), key=lambda k: -rates[k].n_jumps)[:MOST_RATES]
    return [rates[k] for k in sorted(ranked)]


def _site_row(kind: KindOfSite) -> tuple[str, ...]:
    low, high = kind.residence_interval95_ps
    mean = kind.residence_time_ps
    return (
        kind.label,
        str(kind.n_sites),
        significant(kind.occupancy, 3),
        "-" if mean is None else with_error(mean, kind.residence_time_std_ps),
        interval(low, high) if kind.n_departures else f"> {significant(low)}",
        str(kind.n_departures),
    )


def _rate_row(rate: JumpRate) -> tuple[str, ...]:
    return (
        f"{rate.start} → {rate.end}",
        f"{rate.distance_A:.2f}",
        str(rate.n_jumps),
        str(rate.n_back),
        with_error(rate.rate_per_ps, rate.rate_std_per_ps),
        interval(*rate.rate_interval95_per_ps),
    )


def _neck_row(neck: Bottleneck, visible_eV: float) -> tuple[str, ...]:
    if neck.free_energy_eV is None or neck.vector is None:
        return neck.direction, "not seen", f"> {visible_eV:.2f}", "-", "-"
    return (
        neck.direction,
        "[{} {} {}]".format(*upright(neck.vector)),
        with_error(neck.free_energy_eV, neck.std_eV),
        f"{neck.smoothing_shift_eV:+.3f}",
        f"{neck.counts:.0f}",
    )


def _say_rest(name: str, found: Pathways) -> None:
    axes = [axis for axis, loop in zip("abc", found.jumps.percolation.axes, strict=True) if loop is not None]
    along = f" along {', '.join(axes)}" if axes else ""
    typer.echo(f"{name}: pathways: {found.verdict.value}: {found.verdict_reason}")
    typer.echo(f"  the network of jumps percolates in {found.jumps.percolation.dimension} dimensions{along}")
    jump = with_error(found.jumps.jump_diffusivity_cm2_per_s, found.jumps.jump_diffusivity_std_cm2_per_s)
    typer.echo(f"  jumps alone make D = {jump} cm²/s")
    if found.correlation_factor is not None:
        factor = with_error(found.correlation_factor, found.correlation_factor_std)
        typer.echo(f"  tracer over jump diffusivity: f = {factor}")
    if found.anisotropy is not None:
        ratio = with_error(found.anisotropy, found.anisotropy_std)
        typer.echo(f"  D in the {found.anisotropy_plane} plane over D along its normal: {ratio}")
    for warning in found.warnings:
        typer.echo(f"  note: {warning}")


def write_density(study: Study, target: Path) -> list[Path]:
    """Write the density of every run; several runs get numbers in their names."""
    from superionic.transport.pathways.interchange import write_volume

    ways = [run.pathways for run in study.runs if run.pathways is not None]
    files = [target] if len(ways) == 1 else [target.with_stem(f"{target.stem}-{k}") for k in range(1, len(ways) + 1)]
    for file, found in zip(files, ways, strict=True):
        write_volume(file, found)
    return files
