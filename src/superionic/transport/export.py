"""A study as plain data, for JSON."""

from typing import Any

import numpy as np

from superionic.transport.anisotropy import AXES, PLANES
from superionic.transport.arrhenius import Arrhenius
from superionic.transport.framework_state import FrameworkIntegrity
from superionic.transport.pathway_documents import pathways_as_dict
from superionic.transport.replicas import CombinedDiffusion
from superionic.transport.result import Diffusion
from superionic.transport.study import AnalysedRun, Study, TemperaturePoint

MAX_LAGS = 200
DIGITS = 8


def study_as_dict(study: Study, directions: tuple[tuple[float, float, float], ...] = ()) -> dict[str, Any]:
    """Everything a study found, with units in the names; numbers that do not exist are None.

    Parameters
    ----------
    study : Study
        The study.
    directions : tuple of (float, float, float)
        Lattice directions whose diffusivity is wanted as well.

    Returns
    -------
    dict
        Only text, numbers, lists and dicts.
    """
    prediction = study.prediction
    return {
        "temperatures": [_point(point, directions) for point in study.points],
        "arrhenius": None if study.fit is None else fit_as_dict(study.fit),
        "arrhenius_unweighted": None if study.unweighted is None else fit_as_dict(study.unweighted),
        "no_fit_reason": study.no_fit_reason or None,
        "reference_temperature_K": study.reference_temperature_K,
        "conductivity_at_reference_S_per_cm": None if prediction is None else plain(prediction.value),
        "conductivity_at_reference_95_S_per_cm": None
        if prediction is None
        else [plain(prediction.low), plain(prediction.high)],
        "conductivity_at_reference_verdict": None if prediction is None else prediction.verdict.value,
    }


def plain(value: Any) -> Any:  # noqa: ANN401 (any number or array)
    """Numbers and arrays as JSON knows them, with 8 digits; what is not finite becomes None."""
    if isinstance(value, np.ndarray | tuple | list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    number = float(value)
    return float(f"{number:.{DIGITS}g}") if np.isfinite(number) else None


def _point(point: TemperaturePoint, directions: tuple[tuple[float, float, float], ...]) -> dict[str, Any]:
    combined = {} if point.combined is None else {"combined": _numbers(point.combined) | _combination(point.combined)}
    return {
        "temperature_K": plain(point.result.temperature_K),
        **combined,
        "runs": [_run(run, directions) for run in point.runs],
    }


def _numbers(result: Diffusion | CombinedDiffusion) -> dict[str, Any]:
    """What a single run and a combination have in common."""
    names = (
        "diffusivity_cm2_per_s",
        "diffusivity_std_cm2_per_s",
        "diffusivity_interval95_cm2_per_s",
        "diffusivity_upper_bound_cm2_per_s",
        "conductivity_S_per_cm",
        "conductivity_std_S_per_cm",
        "conductivity_interval95_S_per_cm",
        "haven_ratio",
        "haven_ratio_std",
        "n_hops",
    )
    data = {name: plain(getattr(result, name)) for name in names}
    for parts, stem in ((AXES, "diffusivity_axes"), (PLANES, "diffusivity_planes")):
        for suffix in ("cm2_per_s", "std_cm2_per_s"):
            values = plain(getattr(result, f"{stem}_{suffix}"))
            data[f"{stem}_{suffix}"] = dict(zip(parts, values, strict=True))
    return data | {"verdict": result.verdict.value, "verdict_reason": result.verdict_reason}


def _combination(combined: CombinedDiffusion) -> dict[str, Any]:
    return {
        "diffusivity_within_std_cm2_per_s": plain(combined.diffusivity_within_std_cm2_per_s),
        "diffusivity_between_std_cm2_per_s": plain(combined.diffusivity_between_std_cm2_per_s),
        "n_runs": combined.n_runs,
        "n_used": combined.n_used,
        "left_out": [
            {"run": item.index, "verdict": item.verdict.value, "reason": item.reason} for item in combined.left_out
        ],
    }


def _run(run: AnalysedRun, directions: tuple[tuple[float, float, float], ...]) -> dict[str, Any]:
    found = run.diffusion
    kept = np.unique(np.linspace(0, len(found.msd_time_ps) - 1, MAX_LAGS).astype(int))
    along = [(direction, found.diffusivity_along(direction)) for direction in directions]
    return {
        "files": [str(path) for path in run.files],
        "formula": run.formula,
        "notes": list(run.notes),
        "mobile": found.mobile,
        "mobile_count": found.mobile_count,
        "charge_e": plain(found.charge_e),
        "temperature_K": plain(found.temperature_K),
        "time_step_ps": plain(found.time_step_ps),
        "analysed_ps": plain(found.duration_ps),
        "cut_at_ps": None if found.cut is None else plain(found.cut.at_ps),
        "window_ps": plain(found.window_ps),
        "loglog_slope": plain(found.loglog_slope),
        "site_loglog_slope": plain(found.site_loglog_slope),
        "site_loglog_slope_std": plain(found.site_loglog_slope_std),
        **_numbers(found),
        "diffusivity_tensor_cm2_per_s": plain(found.diffusivity_tensor_cm2_per_s),
        "diffusivity_directions": [
            {
                "direction": list(direction),
                "diffusivity_cm2_per_s": plain(value.value),
                "diffusivity_std_cm2_per_s": plain(value.std),
            }
            for direction, value in along
        ],
        "diffusivity_collective_cm2_per_s": plain(found.diffusivity_collective_cm2_per_s),
        "diffusivity_collective_std_cm2_per_s": plain(found.diffusivity_collective_std_cm2_per_s),
        "integrity": integrity_as_dict(found.integrity if found.cut is None else found.cut.integrity),
        "msd_time_ps": plain(found.msd_time_ps[kept]),
        "msd_tracer_A2": plain(found.msd_tracer_A2[kept]),
        "msd_collective_A2": plain(found.msd_collective_A2[kept]),
        "msd_host_A2": plain(found.msd_host_A2[kept]),
        **({} if run.pathways is None else {"pathways": pathways_as_dict(run.pathways)}),
    }


def integrity_as_dict(found: FrameworkIntegrity) -> dict[str, Any]:
    """State of the host and of each of its species as plain data."""
    return {
        "checked": found.checked,
        "stable": found.stable,
        "state": found.state.value,
        "onset_ps": plain(found.onset_ps),
        "reason": found.reason,
        "warnings": list(found.warnings),
        "species": [
            {
                "species": species.species,
                "count": species.count,
                "state": species.state.value,
                "judged": species.judged,
                "n_displaced": species.n_displaced,
                "fraction_displaced": plain(species.fraction_displaced),
                "late_exponent": plain(species.late_exponent),
                "rms_displacement_A": plain(species.rms_displacement_A),
                "order": plain(species.order),
                "onset_ps": plain(species.onset_ps),
            }
            for species in found.species
        ],
    }


def fit_as_dict(fit: Arrhenius) -> dict[str, Any]:
    """An Arrhenius fit, what it left out and its test for curvature as plain data."""
    bend = fit.curvature
    return {
        "method": fit.method.value,
        "activation_energy_eV": plain(fit.activation_energy_eV),
        "activation_energy_std_eV": plain(fit.activation_energy_std_eV),
        "activation_energy_95_eV": plain(fit.activation_energy_interval95_eV),
        "prefactor_cm2_per_s": plain(fit.prefactor_cm2_per_s),
        "ln_prefactor_std": plain(fit.ln_prefactor_std),
        "chi_reduced": plain(fit.chi_reduced),
        "error_source": fit.error_source.value,
        "degrees_of_freedom": fit.degrees_of_freedom,
        "temperatures_K": plain(fit.temperatures_K),
        "excluded": [{"temperature_K": plain(point.temperature_K), "reason": point.reason} for point in fit.excluded],
        "curvature": None
        if bend is None
        else {
            "energy_change_eV": plain(bend.energy_change_eV),
            "energy_change_std_eV": plain(bend.energy_change_std_eV),
            "p_value": plain(bend.p_value),
            "significant": bool(bend.significant),
        },
        "warnings": list(fit.warnings),
    }
