"""Runs of one material brought together: replicas combined, temperatures fitted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from superionic.errors import TransportInputError
from superionic.transport.arrhenius import Arrhenius, Prediction, fit_arrhenius
from superionic.transport.arrhenius_input import FitMethod
from superionic.transport.pathways.result import Pathways
from superionic.transport.replicas import CombinedDiffusion, combine_replicas
from superionic.transport.result import Diffusion, RunNumbers
from superionic.transport.verdicts import Verdict


@dataclass(frozen=True, eq=False)
class AnalysedRun:
    """One run and where it came from.

    Attributes
    ----------
    files : tuple of Path
        Its files.
    formula : str
        Reduced formula of the cell.
    notes : tuple of str
        What was found, assumed or changed while reading.
    diffusion : Diffusion
        Its numbers.
    pathways : Pathways, optional
        Where its ions are and how they get on, if that was asked for.
    """

    files: tuple[Path, ...]
    formula: str
    notes: tuple[str, ...]
    diffusion: Diffusion
    pathways: Pathways | None = None


@dataclass(frozen=True, eq=False)
class TemperaturePoint:
    """All runs at one temperature.

    Attributes
    ----------
    runs : tuple of AnalysedRun
        The runs.
    combined : CombinedDiffusion or None
        Their combination; None for a single run.
    """

    runs: tuple[AnalysedRun, ...]
    combined: CombinedDiffusion | None = None

    @property
    def result(self) -> Diffusion | CombinedDiffusion:
        """The combination, or the only run."""
        return self.runs[0].diffusion if self.combined is None else self.combined


@dataclass(frozen=True, eq=False)
class Study:
    """One material at one or several temperatures.

    Attributes
    ----------
    points : tuple of TemperaturePoint
        Ascending in temperature.
    fit : Arrhenius or None
        Weighted fit over the points that may be used.
    unweighted : Arrhenius or None
        The fit that is usual in the literature, for comparison: all points alike, errors from the scatter alone.
    no_fit_reason : str
        Why there is no fit.
    reference_temperature_K : float
        Temperature of the prediction.
    prediction : Prediction or None
        Conductivity there, in S/cm, with its 95 % interval.
    """

    points: tuple[TemperaturePoint, ...]
    fit: Arrhenius | None = None
    unweighted: Arrhenius | None = None
    no_fit_reason: str = ""
    reference_temperature_K: float = 300.0
    prediction: Prediction | None = None
    runs: tuple[AnalysedRun, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", tuple(run for point in self.points for run in point.runs))


def build_study(
    groups: Sequence[Sequence[AnalysedRun]], *, reference_temperature_K: float = 300.0, min_hops: int = 30
) -> Study:
    """Combine replicas and fit temperatures.

    Parameters
    ----------
    groups : sequence of sequences of AnalysedRun
        Runs of one material; those of one group are replicas at one temperature.
    reference_temperature_K : float
        Temperature of the prediction, in K.
    min_hops : int
        Least number of jumps over all replicas of a temperature.

    Returns
    -------
    Study
        Points, fits where two temperatures can be used, prediction.

    Raises
    ------
    TransportInputError
        If runs that are to be combined differ in mobile species, charge or temperature.
    """
    points = []
    for group in groups:
        combined = combine_runs([run.diffusion for run in group], min_hops=min_hops)
        points.append(TemperaturePoint(tuple(group), combined))
    points.sort(key=lambda point: point.result.temperature_K)
    fits = fit_temperatures(
        [([run.diffusion for run in point.runs], point.combined) for point in points], reference_temperature_K
    )
    return Study(
        tuple(points),
        fit=fits.fit,
        unweighted=fits.unweighted,
        no_fit_reason=fits.no_fit_reason,
        reference_temperature_K=reference_temperature_K,
        prediction=fits.prediction,
    )


@dataclass(frozen=True, eq=False)
class TemperatureFits:
    """Arrhenius fits over the temperatures of one material.

    Attributes
    ----------
    fit, unweighted, no_fit_reason, prediction
        As in :class:`Study`.
    """

    fit: Arrhenius | None = None
    unweighted: Arrhenius | None = None
    no_fit_reason: str = ""
    prediction: Prediction | None = None


def combine_runs(runs: Sequence[RunNumbers], *, min_hops: int = 30) -> CombinedDiffusion | None:
    """Combination of the runs at one temperature; None for a single run, which speaks for itself.

    Raises
    ------
    TransportInputError
        As :func:`~superionic.transport.replicas.combine_replicas`.
    """
    return combine_replicas(runs, min_hops=min_hops) if len(runs) > 1 else None


def fit_temperatures(
    points: Sequence[tuple[Sequence[RunNumbers], CombinedDiffusion | None]], reference_temperature_K: float
) -> TemperatureFits:
    """Fit the temperatures of one material, weighted by the errors and as usual in the literature.

    Parameters
    ----------
    points : sequence of (runs, combination)
        The runs at each temperature, and their combination where there are several.
    reference_temperature_K : float
        Temperature of the prediction, in K.

    Returns
    -------
    TemperatureFits
        Without fits, but with the reason, if fewer than two temperatures can be used.
    """
    if len({(combined or runs[0]).temperature_K for runs, combined in points}) < 2:  # noqa: PLR2004 (a line needs two)
        return TemperatureFits(no_fit_reason="one temperature")
    try:
        fit = _fit(points, FitMethod.WEIGHTED)
    except TransportInputError as error:
        return TemperatureFits(no_fit_reason=str(error))
    enough = len(np.unique(fit.temperatures_K)) > 2  # noqa: PLR2004 (no scatter about a line through two points)
    unweighted = _fit(points, FitMethod.UNWEIGHTED) if enough else None
    return TemperatureFits(fit, unweighted, prediction=fit.conductivity_at(reference_temperature_K))


def _fit(points: Sequence[tuple[Sequence[RunNumbers], CombinedDiffusion | None]], method: FitMethod) -> Arrhenius:
    results = [combined or runs[0] for runs, combined in points]
    usable = [k for k, result in enumerate(results) if result.verdict is Verdict.OK]
    densities = [float(np.mean([run.number_density_per_A3 for run in runs])) for runs, _ in points]
    # thermal expansion changes the density a little from one temperature to the next
    density = float(np.mean([densities[k] for k in usable])) if usable else None
    return fit_arrhenius(
        [result.temperature_K for result in results],
        [result.diffusivity_cm2_per_s for result in results],
        [result.diffusivity_std_cm2_per_s for result in results],
        method=method,
        number_density_per_A3=density,
        charge_e=results[0].charge_e,
        exclude={
            k: f"{result.verdict.value}: {result.verdict_reason}"
            for k, result in enumerate(results)
            if result.verdict is not Verdict.OK
        },
    )
