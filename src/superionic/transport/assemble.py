"""Science results of single runs turned into documents, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from superionic.transport.anisotropy import AXES, PLANES
from superionic.transport.export import integrity_as_dict
from superionic.transport.result import Diffusion, RunNumbers
from superionic.transport.schemas import DiffusionDoc, FrameworkCheck, Interval, TrajectoryDoc
from superionic.transport.trajectory import Trajectory
from superionic.transport.verdicts import Verdict

STORED_LAGS = 200


def diffusion_document(run: TrajectoryDoc, found: Diffusion) -> DiffusionDoc:
    """Document of one analysed run; mean squared displacements are thinned to 200 lags.

    A run that ended early is never usable, whatever the analysis of its frames says.
    """
    if run.ended_early:
        found = replace(
            found,
            verdict=Verdict.FRAMEWORK_UNSTABLE,
            verdict_reason=explosion(run),
            haven_ratio=None,
            haven_ratio_std=None,
        )
    low, high = found.diffusivity_interval95_cm2_per_s
    kept = _stored_lags(len(found.msd_time_ps))
    integrity = found.integrity if found.cut is None else found.cut.integrity
    return DiffusionDoc(
        model_key=run.model_key,
        mobile=found.mobile,
        mobile_count=found.mobile_count,
        charge_e=found.charge_e,
        number_density_per_A3=found.number_density_per_A3,
        temperature_K=found.temperature_K,
        ordering=run.ordering,
        replica=run.replica,
        analysed_ps=found.duration_ps,
        cut_at_ps=None if found.cut is None else found.cut.at_ps,
        diffusivity_cm2_per_s=found.diffusivity_cm2_per_s,
        diffusivity_std_cm2_per_s=found.diffusivity_std_cm2_per_s,
        diffusivity_95_cm2_per_s=Interval(low=low, high=high),
        conductivity_S_per_cm=found.conductivity_S_per_cm,
        conductivity_std_S_per_cm=found.conductivity_std_S_per_cm,
        diffusivity_axes_cm2_per_s=found.diffusivity_axes_cm2_per_s.tolist(),
        diffusivity_axes_std_cm2_per_s=found.diffusivity_axes_std_cm2_per_s.tolist(),
        diffusivity_planes_cm2_per_s=by_plane(found.diffusivity_planes_cm2_per_s),
        diffusivity_planes_std_cm2_per_s=by_plane(found.diffusivity_planes_std_cm2_per_s),
        diffusivity_collective_cm2_per_s=found.diffusivity_collective_cm2_per_s,
        diffusivity_collective_std_cm2_per_s=found.diffusivity_collective_std_cm2_per_s,
        haven_ratio=found.haven_ratio,
        haven_ratio_std=found.haven_ratio_std,
        n_hops=found.n_hops,
        framework=FrameworkCheck(**integrity_as_dict(integrity)),
        verdict=found.verdict.value,
        verdict_reason=found.verdict_reason,
        upper_bound_cm2_per_s=found.diffusivity_upper_bound_cm2_per_s,
        msd_time_ps=found.msd_time_ps[kept].tolist(),
        msd_tracer_A2=found.msd_tracer_A2[kept].tolist(),
        msd_host_A2=np.nan_to_num(found.msd_host_A2[kept]).tolist(),
        fit_window_ps=found.window_ps,
        warnings=[*run.warnings, *found.warnings],
    )


def explosion(run: TrajectoryDoc) -> str:
    """Why a run that ended early cannot be used."""
    return f"ended early, {run.ended_early}: the model does not hold this crystal together at this temperature"


def exploded_document(run: TrajectoryDoc, trajectory: Trajectory, mobile: str, charge_e: float) -> DiffusionDoc:
    """Document of a run that ended before there was anything to analyse: a verdict without numbers."""
    mobile_count = trajectory.species.count(mobile)
    none = dict.fromkeys(
        (
            "diffusivity_cm2_per_s",
            "diffusivity_std_cm2_per_s",
            "diffusivity_95_cm2_per_s",
            "conductivity_S_per_cm",
            "conductivity_std_S_per_cm",
            "diffusivity_collective_cm2_per_s",
            "diffusivity_collective_std_cm2_per_s",
            "haven_ratio",
            "haven_ratio_std",
            "fit_window_ps",
        )
    )
    return DiffusionDoc(
        model_key=run.model_key,
        mobile=mobile,
        mobile_count=mobile_count,
        charge_e=charge_e,
        number_density_per_A3=mobile_count / abs(float(np.linalg.det(trajectory.lattice_A))),
        temperature_K=run.temperature_K,
        ordering=run.ordering,
        replica=run.replica,
        analysed_ps=0.0,
        diffusivity_axes_cm2_per_s=[],
        diffusivity_axes_std_cm2_per_s=[],
        diffusivity_planes_cm2_per_s={},
        diffusivity_planes_std_cm2_per_s={},
        n_hops=0,
        verdict=Verdict.FRAMEWORK_UNSTABLE.value,
        verdict_reason=explosion(run),
        msd_time_ps=[],
        msd_tracer_A2=[],
        msd_host_A2=[],
        warnings=list(run.warnings),
        **none,
    )


def by_plane(values: NDArray[np.float64]) -> dict[str, float]:
    """Values of the three planes under their names."""
    return {name: float(value) for name, value in zip(PLANES, values, strict=True)}


def run_numbers(doc: DiffusionDoc) -> RunNumbers:
    """What a combination of runs needs, out of a document; numbers that do not exist are NaN."""
    interval = doc.diffusivity_95_cm2_per_s
    planes = {name: doc.diffusivity_planes_cm2_per_s.get(name) for name in PLANES}
    planes_std = {name: doc.diffusivity_planes_std_cm2_per_s.get(name) for name in PLANES}
    return RunNumbers(
        mobile=doc.mobile,
        mobile_count=doc.mobile_count,
        charge_e=doc.charge_e,
        temperature_K=doc.temperature_K,
        duration_ps=doc.analysed_ps,
        number_density_per_A3=doc.number_density_per_A3,
        diffusivity_cm2_per_s=_or_nan(doc.diffusivity_cm2_per_s),
        diffusivity_std_cm2_per_s=_or_nan(doc.diffusivity_std_cm2_per_s),
        diffusivity_interval95_cm2_per_s=(0.0, float("nan")) if interval is None else (interval.low, interval.high),
        diffusivity_upper_bound_cm2_per_s=doc.upper_bound_cm2_per_s,
        conductivity_S_per_cm=_or_nan(doc.conductivity_S_per_cm),
        conductivity_std_S_per_cm=_or_nan(doc.conductivity_std_S_per_cm),
        diffusivity_axes_cm2_per_s=_three(doc.diffusivity_axes_cm2_per_s),
        diffusivity_axes_std_cm2_per_s=_three(doc.diffusivity_axes_std_cm2_per_s),
        diffusivity_planes_cm2_per_s=_three(list(planes.values())),
        diffusivity_planes_std_cm2_per_s=_three(list(planes_std.values())),
        diffusivity_collective_cm2_per_s=doc.diffusivity_collective_cm2_per_s,
        diffusivity_collective_std_cm2_per_s=doc.diffusivity_collective_std_cm2_per_s,
        haven_ratio=doc.haven_ratio,
        haven_ratio_std=doc.haven_ratio_std,
        n_hops=doc.n_hops,
        verdict=Verdict(doc.verdict),
        verdict_reason=doc.verdict_reason,
    )


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _three(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([_or_nan(value) for value in values] or [np.nan] * len(AXES))


def _stored_lags(n_lags: int) -> NDArray[np.intp]:
    """Lags that a document keeps: all of a short run, evenly spaced ones of a long one."""
    return np.unique(np.linspace(0, n_lags - 1, min(n_lags, STORED_LAGS)).astype(np.intp))
