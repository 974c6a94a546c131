"""Science results of the transport stage turned into its documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from superionic.transport.arrhenius import Arrhenius, fit_arrhenius
from superionic.transport.result import Diffusion
from superionic.transport.schemas import ArrheniusPoint, DiffusionDoc, Interval, TrajectoryDoc
from superionic.transport.verdicts import Verdict

FIT_GRID = 25
BAND_LEVEL = 0.68
STORED_LAGS = 200


def diffusion_document(run: TrajectoryDoc, found: Diffusion) -> DiffusionDoc:
    """Document of one analysed run; mean squared displacements are thinned to 200 lags."""
    planes = zip(("ab", "ac", "bc"), found.diffusivity_planes_cm2_per_s, strict=True)
    low, high = found.diffusivity_interval95_cm2_per_s
    kept = _stored_lags(len(found.msd_time_ps))
    return DiffusionDoc(
        model_key=run.model_key,
        mobile=found.mobile,
        temperature_K=found.temperature_K,
        replica=run.replica,
        analysed_ps=found.duration_ps,
        diffusivity_cm2_per_s=found.diffusivity_cm2_per_s,
        diffusivity_std_cm2_per_s=found.diffusivity_std_cm2_per_s,
        diffusivity_95_cm2_per_s=Interval(low=low, high=high),
        conductivity_S_per_cm=found.conductivity_S_per_cm,
        conductivity_std_S_per_cm=found.conductivity_std_S_per_cm,
        diffusivity_axes_cm2_per_s=found.diffusivity_axes_cm2_per_s.tolist(),
        diffusivity_planes_cm2_per_s={name: float(value) for name, value in planes},
        haven_ratio=found.haven_ratio,
        haven_ratio_std=found.haven_ratio_std,
        n_hops=found.n_hops,
        verdict=found.verdict.value,
        verdict_reason=found.verdict_reason,
        upper_bound_cm2_per_s=found.diffusivity_upper_bound_cm2_per_s,
        msd_time_ps=found.msd_time_ps[kept].tolist(),
        msd_tracer_A2=found.msd_tracer_A2[kept].tolist(),
        msd_host_A2=np.nan_to_num(found.msd_host_A2[kept]).tolist(),
        fit_window_ps=found.window_ps,
        warnings=list(run.warnings),
    )


def _stored_lags(n_lags: int) -> NDArray[np.intp]:
    """Lags that a document keeps: all of a short run, evenly spaced ones of a long one."""
    return np.unique(np.linspace(0, n_lags - 1, min(n_lags, STORED_LAGS)).astype(np.intp))


def arrhenius_of(found: Sequence[DiffusionDoc], charge_e: float) -> Arrhenius:
    """Arrhenius fit over the runs whose verdict is ok.

    Raises
    ------
    TransportInputError
        If fewer than two temperatures can be used.
    """
    return fit_arrhenius(
        [item.temperature_K for item in found],
        [item.diffusivity_cm2_per_s for item in found],
        [item.diffusivity_std_cm2_per_s for item in found],
        conductivities_S_per_cm=[item.conductivity_S_per_cm for item in found],
        verdicts=[item.verdict for item in found],
        charge_e=charge_e,
    )


def arrhenius_points(found: Sequence[DiffusionDoc]) -> list[ArrheniusPoint]:
    """Every run as a point of the plot, with the reason where the fit leaves it out."""
    return [
        ArrheniusPoint(
            temperature_K=item.temperature_K,
            diffusion_key=item.key,
            diffusivity_cm2_per_s=item.diffusivity_cm2_per_s,
            diffusivity_std_cm2_per_s=item.diffusivity_std_cm2_per_s,
            conductivity_S_per_cm=item.conductivity_S_per_cm,
            conductivity_std_S_per_cm=item.conductivity_std_S_per_cm,
            verdict=item.verdict,
            used=item.verdict == Verdict.OK,
            reason="" if item.verdict == Verdict.OK else item.verdict_reason,
        )
        for item in found
    ]


def common_verdict(found: Sequence[DiffusionDoc]) -> str:
    """What most of the runs that cannot be used suffer from."""
    bad = Counter(item.verdict for item in found if item.verdict != Verdict.OK)
    return bad.most_common(1)[0][0] if bad else Verdict.TOO_FEW_HOPS.value


def fitted_fields(fit: Arrhenius | None, reference_K: float, reason: str, verdict: str) -> dict[str, Any]:
    """Fields of a ConductivityDoc that a fit fills, or leaves empty with the reason."""
    if fit is None:
        empty = dict.fromkeys(
            ("activation_energy_eV", "activation_energy_std_eV", "activation_energy_95_eV"),
        )
        sigma = dict.fromkeys(("conductivity_at_reference_S_per_cm", "conductivity_at_reference_95_S_per_cm"))
        return empty | sigma | {"verdict": verdict, "verdict_reason": f"no Arrhenius fit: {reason}"}
    reference = fit.conductivity_at(reference_K)
    low, high = fit.activation_energy_interval95_eV
    grid = np.linspace(fit.temperatures_K.min(), fit.temperatures_K.max(), FIT_GRID)
    line = [fit.conductivity_at(float(temperature), level=BAND_LEVEL) for temperature in grid]
    return {
        "activation_energy_eV": fit.activation_energy_eV,
        "activation_energy_std_eV": fit.activation_energy_std_eV,
        "activation_energy_95_eV": Interval(low=low, high=high),
        "conductivity_at_reference_S_per_cm": reference.value,
        "conductivity_at_reference_95_S_per_cm": Interval(low=reference.low, high=reference.high),
        "fit_temperatures_K": grid.tolist(),
        "fit_conductivity_S_per_cm": [point.value for point in line],
        "fit_low_S_per_cm": [point.low for point in line],
        "fit_high_S_per_cm": [point.high for point in line],
        "verdict": reference.verdict.value,
        "verdict_reason": "; ".join((f"fitted over {len(fit.temperatures_K)} temperatures", *fit.warnings)),
    }
