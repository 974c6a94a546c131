"""``superionic analyze``: diffusivity, conductivity and verdict of any trajectory; no database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from superionic.cli import analyze_options as options
from superionic.cli.console import emit_json, say
from superionic.cli.session import JsonOption
from superionic.errors import InputError

if TYPE_CHECKING:
    from superionic.transport.diffusion import DiffusionSettings
    from superionic.transport.study import AnalysedRun

Group = tuple[float, list[list[Path]]]
SAME_TEMPERATURE_K = 0.5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(analyze)


def analyze(
    trajectories: options.Files,
    mobile: options.Mobile,
    time_step_ps: options.TimeStep = None,
    frame_interval_fs: options.FrameInterval = None,
    md_step_fs: options.MdStep = None,
    temperature: options.Temperatures = None,
    charge: options.Charge = None,
    discard_ps: options.Discard = 0.0,
    window: options.WindowText = None,
    hop_length: options.HopLength = 3.0,
    direction: options.Directions = None,
    replicas: options.Replicas = False,
    cut_at_onset: options.CutAtOnset = False,
    ignore_host: options.IgnoreHost = None,
    reference: options.Reference = 300.0,
    variable_cell: options.VariableCellOption = options.CellTreatment.REFUSE,
    wrapped: options.Wrapped = None,
    every: options.Every = 1,
    types: options.Types = None,
    file_format: options.Format = None,
    pathways: options.PathwaysOption = False,
    host: options.HostFile = None,
    cube: options.CubeFile = None,
    output: options.Page = None,
    json: JsonOption = False,
) -> None:
    """Conductivity with an honest error, and a verdict, from MD trajectories at constant volume.

    Examples: superionic analyze run.traj --mobile Li -T 800 -o run.html;
    superionic analyze 600.h5 700.h5 800.h5 --mobile Li -T 600 -T 700 -T 800;
    superionic analyze run.h5 --mobile Li --pathways --host host.cif --cube li.cube -o run.html;
    superionic analyze dump.lammpstrj --mobile Li -T 800 --types Li,In,Cl --md-step-fs 2
    """
    reading = {
        "time_step_ps": options.interval_ps(time_step_ps, frame_interval_fs),
        "md_step_fs": md_step_fs,
        "file_format": file_format.value if file_format else None,
        "wrapped": wrapped,
        "variable_cell": variable_cell.value,
        "every": every,
        "type_symbols": options.symbols(types),
    }
    settings, charge_e = options.settings_of(window, hop_length), options.charge_of(mobile, charge)
    ignored = options.symbols(ignore_host)
    ways = options.PathwayRequest(host, cube) if pathways or host or cube else None
    request = options.Request(reading, mobile, charge_e, discard_ps, settings, cut_at_onset, ignored, ways)
    directions = options.directions_of(direction)
    groups = _groups(trajectories, temperature or [], request, replicas=replicas)
    _report(groups, request, reference, directions, output, json=json)


def _report(
    groups: list[Group],
    request: options.Request,
    reference_K: float,
    directions: tuple[tuple[float, float, float], ...],
    output: Path | None,
    *,
    json: bool,
) -> None:
    from superionic.cli.analyze_pathways import show_pathways, write_density
    from superionic.cli.analyze_table import show_study
    from superionic.transport.export import study_as_dict
    from superionic.transport.study import build_study

    analysed = [[_analyse(files, kelvin, request) for files in runs] for kelvin, runs in groups]
    study = build_study(analysed, reference_temperature_K=reference_K, min_hops=request.settings.min_hops)
    if json:
        emit_json(study_as_dict(study, directions))
    else:
        show_study(study, directions)
        show_pathways(study)
    if request.pathways is not None and request.pathways.cube is not None:
        for file in write_density(study, request.pathways.cube):
            say(f"density: {file}")
    if output is not None:
        from superionic.report.analysis_page import write_analysis_page

        say(f"page: {write_analysis_page(study, output, directions)}")


def _groups(files: list[Path], temperatures: list[float], request: options.Request, *, replicas: bool) -> list[Group]:
    """Files by temperature; those of one temperature are one run, or one run each."""
    if len(temperatures) == 1:
        temperatures = temperatures * len(files)
    if not temperatures:
        temperatures = [_told_temperature(file, request) for file in files]
    if len(temperatures) != len(files):
        raise InputError(
            f"{len(temperatures)} temperatures for {len(files)} files; give --temperature once, or once per file"
        )
    by_temperature: dict[float, list[Path]] = {}
    for kelvin, file in zip(temperatures, files, strict=True):
        by_temperature.setdefault(kelvin, []).append(file)
    return [(kelvin, [[file] for file in group] if replicas else [group]) for kelvin, group in by_temperature.items()]


def _told_temperature(file: Path, request: options.Request) -> float:
    from superionic.transport.readers.load import told_temperature

    found = told_temperature(file, request.reading["file_format"], request.reading["type_symbols"])
    if found is None:
        raise InputError(f"{file} does not tell its temperature; give it with --temperature (-T), in K")
    return found


def _analyse(files: list[Path], temperature_K: float, request: options.Request) -> AnalysedRun:
    from pymatgen.core import Composition

    from superionic.cli.analyze_pathways import pathways_of
    from superionic.transport.diffusion import analyze_trajectory
    from superionic.transport.readers import load_trajectory
    from superionic.transport.study import AnalysedRun

    say(f"reading {', '.join(str(file) for file in files)}")
    run = load_trajectory(files, **request.reading)
    found = analyze_trajectory(
        run.positions_A,
        run.lattice_A,
        run.species,
        request.mobile,
        run.time_step_ps,
        temperature_K,
        charge_e=request.charge_e,
        discard_ps=request.discard_ps,
        settings=_judging(request, run.species),
        cut_at_onset=request.cut_at_onset,
    )
    formula = Composition.from_dict({symbol: run.species.count(symbol) for symbol in sorted(set(run.species))})
    told = run.temperature_K
    contradicts = told is not None and abs(told - temperature_K) > SAME_TEMPERATURE_K
    notes = (f"the file tells {told:g} K, but {temperature_K:g} K was given and used",) if contradicts else ()
    ways = None if request.pathways is None else pathways_of(run, request, found)
    return AnalysedRun(tuple(files), formula.reduced_formula, (*run.notes, *notes), found, ways)


def _judging(request: options.Request, species: tuple[str, ...]) -> DiffusionSettings:
    """Settings with the host species that decide about the framework."""
    if not request.ignored:
        return request.settings
    host = set(species) - {request.mobile}
    unknown = sorted(set(request.ignored) - host)
    if unknown:
        raise InputError(f"--ignore-host names {unknown}, but the host species are {sorted(host)}")
    judged = tuple(sorted(host - set(request.ignored)))
    integrity = replace(request.settings.integrity, judged_species=judged)
    return replace(request.settings, integrity=integrity)
