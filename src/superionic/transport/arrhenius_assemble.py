"""Runs at several temperatures, combined and fitted, turned into the parts of a ConductivityDoc."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from superionic.transport.anisotropy import PLANES
from superionic.transport.arrhenius import Arrhenius
from superionic.transport.assemble import run_numbers
from superionic.transport.directions import directional_energies
from superionic.transport.export import fit_as_dict, plain
from superionic.transport.replicas import CombinedDiffusion
from superionic.transport.result import RunNumbers
from superionic.transport.schemas import ArrheniusFit, ArrheniusPoint, ArrheniusRun, DiffusionDoc, Interval
from superionic.transport.study import TemperatureFits, combine_runs, fit_temperatures
from superionic.transport.verdicts import Verdict

FIT_GRID = 25
BAND_LEVEL = 0.68


@dataclass(frozen=True, eq=False)
class RunGroup:
    """The runs at one temperature.

    Attributes
    ----------
    keys : tuple of str
        Keys of their documents.
    places : tuple of (int, int)
        Ordering and replica of each.
    cut_at_ps : tuple of float or None
        Where each was cut, if it was.
    runs : tuple of RunNumbers
        Their numbers.
    combined : CombinedDiffusion or None
        Their combination; None for a single run.
    """

    keys: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    cut_at_ps: tuple[float | None, ...]
    runs: tuple[RunNumbers, ...]
    combined: CombinedDiffusion | None

    @property
    def result(self) -> RunNumbers | CombinedDiffusion:
        """The combination, or the only run."""
        return self.combined or self.runs[0]


def run_groups(docs: Sequence[DiffusionDoc]) -> list[RunGroup]:
    """Documents of one composition brought together by temperature, coldest first.

    Raises
    ------
    TransportInputError
        If runs of one temperature differ in mobile species or charge.
    """
    groups = []
    for temperature in sorted({doc.temperature_K for doc in docs}):
        here = [doc for doc in docs if doc.temperature_K == temperature]
        runs = tuple(run_numbers(doc) for doc in here)
        groups.append(
            RunGroup(
                tuple(doc.key for doc in here),
                tuple((doc.ordering, doc.replica) for doc in here),
                tuple(doc.cut_at_ps for doc in here),
                runs,
                combine_runs(runs),
            )
        )
    return groups


def conductivity_fields(groups: Sequence[RunGroup], reference_K: float) -> dict[str, Any]:
    """Fields of a ConductivityDoc that the runs fill: points, single runs, fits, verdict."""
    fits = fit_temperatures([(group.runs, group.combined) for group in groups], reference_K)
    points = [point_document(group.result, group.keys) for group in groups]
    return {
        "points": points,
        "directional_energies": directional_energies(points),
        "runs": [run for group in groups for run in run_documents(group)],
        "reference_temperature_K": reference_K,
        **fitted_fields(fits, reference_K, common_verdict(groups)),
    }


def point_document(result: RunNumbers | CombinedDiffusion, keys: Sequence[str]) -> ArrheniusPoint:
    """One temperature as a point of the plot, with the reason where the fit leaves it out."""
    combined = result if isinstance(result, CombinedDiffusion) else None
    usable = result.verdict is Verdict.OK
    return ArrheniusPoint(
        temperature_K=result.temperature_K,
        diffusion_keys=list(keys),
        n_runs=len(keys),
        n_used=combined.n_used if combined else int(usable),
        n_hops=result.n_hops,
        diffusivity_cm2_per_s=plain(result.diffusivity_cm2_per_s),
        diffusivity_std_cm2_per_s=plain(result.diffusivity_std_cm2_per_s),
        diffusivity_within_std_cm2_per_s=plain(combined.diffusivity_within_std_cm2_per_s) if combined else None,
        diffusivity_between_std_cm2_per_s=plain(combined.diffusivity_between_std_cm2_per_s) if combined else None,
        upper_bound_cm2_per_s=plain(result.diffusivity_upper_bound_cm2_per_s),
        conductivity_S_per_cm=plain(result.conductivity_S_per_cm),
        conductivity_std_S_per_cm=plain(result.conductivity_std_S_per_cm),
        **_components(result),
        haven_ratio=plain(result.haven_ratio),
        haven_ratio_std=plain(result.haven_ratio_std),
        verdict=result.verdict.value,
        used=usable,
        reason=result.verdict_reason,
    )


def _components(result: RunNumbers | CombinedDiffusion) -> dict[str, Any]:
    """Diffusivities along the axes and in the planes; empty where there are none."""
    if not np.all(np.isfinite(result.diffusivity_axes_cm2_per_s)):
        return {}
    fields: dict[str, Any] = {}
    for suffix in ("cm2_per_s", "std_cm2_per_s"):
        fields[f"diffusivity_axes_{suffix}"] = plain(getattr(result, f"diffusivity_axes_{suffix}"))
        planes = plain(getattr(result, f"diffusivity_planes_{suffix}"))
        fields[f"diffusivity_planes_{suffix}"] = dict(zip(PLANES, planes, strict=True))
    return fields


def run_documents(group: RunGroup) -> list[ArrheniusRun]:
    """The single runs of one temperature, with the reason where the combination leaves one out."""
    left_out = {item.index: item.reason for item in group.combined.left_out} if group.combined else {}
    if group.combined is None and group.runs[0].verdict is not Verdict.OK:
        left_out = {0: group.runs[0].verdict_reason}
    return [
        ArrheniusRun(
            diffusion_key=group.keys[k],
            temperature_K=run.temperature_K,
            ordering=group.places[k][0],
            replica=group.places[k][1],
            diffusivity_cm2_per_s=plain(run.diffusivity_cm2_per_s),
            diffusivity_std_cm2_per_s=plain(run.diffusivity_std_cm2_per_s),
            conductivity_S_per_cm=plain(run.conductivity_S_per_cm),
            conductivity_std_S_per_cm=plain(run.conductivity_std_S_per_cm),
            n_hops=run.n_hops,
            cut_at_ps=group.cut_at_ps[k],
            verdict=run.verdict.value,
            used=k not in left_out,
            reason=left_out.get(k, ""),
        )
        for k, run in enumerate(group.runs)
    ]


def common_verdict(groups: Sequence[RunGroup]) -> str:
    """What most of the temperatures that cannot be used suffer from."""
    bad = Counter(group.result.verdict for group in groups if group.result.verdict is not Verdict.OK)
    return bad.most_common(1)[0][0].value if bad else Verdict.TOO_FEW_HOPS.value


def fitted_fields(fits: TemperatureFits, reference_K: float, verdict: str) -> dict[str, Any]:
    """Fields of a ConductivityDoc that a fit fills, or leaves empty with the reason."""
    fit = fits.fit
    if fit is None:
        empty = dict.fromkeys(("activation_energy_eV", "activation_energy_std_eV", "activation_energy_95_eV"))
        sigma = dict.fromkeys(("conductivity_at_reference_S_per_cm", "conductivity_at_reference_95_S_per_cm"))
        return empty | sigma | {"verdict": verdict, "verdict_reason": f"no Arrhenius fit: {fits.no_fit_reason}"}
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
        "weighted_fit": fit_document(fit, reference_K),
        "unweighted_fit": None if fits.unweighted is None else fit_document(fits.unweighted, reference_K),
        "verdict": reference.verdict.value,
        "verdict_reason": "; ".join((f"fitted over {len(fit.temperatures_K)} temperatures", *fit.warnings)),
    }


def fit_document(fit: Arrhenius, reference_K: float) -> ArrheniusFit:
    """One fit in full."""
    reference = fit.conductivity_at(reference_K)
    return ArrheniusFit(
        **fit_as_dict(fit),
        conductivity_at_reference_S_per_cm=reference.value,
        conductivity_at_reference_95_S_per_cm=(plain(reference.low), plain(reference.high)),
    )
