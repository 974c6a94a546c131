"""Several runs of one material at one temperature made into one number with an honest error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from superionic.errors import TransportInputError
from superionic.transport.conductivity import nernst_einstein_factor
from superionic.transport.displacement import Array
from superionic.transport.result import RunNumbers
from superionic.transport.verdicts import Verdict

LEVEL_68 = 0.6827
LEVEL_95 = 0.95
SAME_TEMPERATURE_K = 0.5


@dataclass(frozen=True)
class Pooled:
    """A weighted mean over runs, with its two kinds of scatter.

    Attributes
    ----------
    value : float
        Weighted mean.
    std, half_width_95 : float
        Half widths of the 68 % and the 95 % interval of the mean.
    within_std : float
        Part of the standard error that comes from the errors of the runs.
    between_std : float
        Standard deviation of the true values of the runs (orderings, cells that differ); 0 where their scatter is
        explained by their errors.
    degrees_of_freedom : float
        Of Student's t; infinite where the runs do not differ beyond their errors.
    """

    value: float
    std: float
    half_width_95: float
    within_std: float
    between_std: float
    degrees_of_freedom: float


@dataclass(frozen=True)
class LeftOut:
    """A run that did not enter.

    Attributes
    ----------
    index : int
        Its place in the list given.
    verdict : Verdict
        Its verdict.
    reason : str
        Why it was left out.
    """

    index: int
    verdict: Verdict
    reason: str


@dataclass(frozen=True, eq=False)
class CombinedDiffusion:
    """Diffusivity and conductivity of one material at one temperature from several runs.

    Attributes
    ----------
    mobile : str
        Symbol of the mobile species.
    charge_e : float
        Its charge in elementary charges.
    temperature_K : float
        Temperature in K.
    n_runs, n_used : int
        Runs given, and runs that entered.
    left_out : tuple of LeftOut
        The others, with the reason.
    diffusivity_cm2_per_s, diffusivity_std_cm2_per_s : float
        Mean tracer diffusivity and the half width of its 68 % interval.
    diffusivity_interval95_cm2_per_s : tuple of float
        95 % interval, never below zero.
    diffusivity_within_std_cm2_per_s : float
        Part of the standard error that the errors of the runs explain.
    diffusivity_between_std_cm2_per_s : float
        Standard deviation between the true values of the runs.
    diffusivity_upper_bound_cm2_per_s : float or None
        95 % upper bound where the verdict is `too_few_hops`.
    conductivity_S_per_cm, conductivity_std_S_per_cm : float
        Mean Nernst-Einstein conductivity and its error.
    conductivity_interval95_S_per_cm : tuple of float
        95 % interval.
    diffusivity_axes_cm2_per_s, diffusivity_axes_std_cm2_per_s : numpy.ndarray, (3,)
        Along a, b and c.
    diffusivity_planes_cm2_per_s, diffusivity_planes_std_cm2_per_s : numpy.ndarray, (3,)
        In the planes ab, ac and bc.
    haven_ratio, haven_ratio_std : float or None
        Mean tracer over mean collective diffusivity.
    n_hops : int
        Jumps in the runs that entered.
    verdict : Verdict
        Whether the number may be used.
    verdict_reason : str
        Why, in words.
    """

    mobile: str
    charge_e: float
    temperature_K: float
    n_runs: int
    n_used: int
    left_out: tuple[LeftOut, ...]
    diffusivity_cm2_per_s: float
    diffusivity_std_cm2_per_s: float
    diffusivity_interval95_cm2_per_s: tuple[float, float]
    diffusivity_within_std_cm2_per_s: float
    diffusivity_between_std_cm2_per_s: float
    diffusivity_upper_bound_cm2_per_s: float | None
    conductivity_S_per_cm: float
    conductivity_std_S_per_cm: float
    conductivity_interval95_S_per_cm: tuple[float, float]
    diffusivity_axes_cm2_per_s: Array
    diffusivity_axes_std_cm2_per_s: Array
    diffusivity_planes_cm2_per_s: Array
    diffusivity_planes_std_cm2_per_s: Array
    haven_ratio: float | None
    haven_ratio_std: float | None
    n_hops: int
    verdict: Verdict
    verdict_reason: str


def pool(values: Array, stds: Array, weights: Array) -> Pooled:
    """Random-effects mean with fixed weights.

    The variance between runs is the method of moments for arbitrary weights (DerSimonian and Kacker, *Contemporary
    Clinical Trials* 28, 105 (2007), eq. 6), cut at zero; the degrees of freedom are those of Welch and Satterthwaite
    (*Biometrics Bulletin* 2, 110 (1946)), with the errors of the runs taken as known. Weights must not depend on the
    values: inverse variances would, because the error of a diffusivity grows with it, and would pull the mean down.

    Parameters
    ----------
    values, stds : numpy.ndarray, (runs,)
        Results of the runs and their standard errors.
    weights : numpy.ndarray, (runs,)
        Weights above zero, for example ions times time.

    Returns
    -------
    Pooled
        The mean and its errors, in the unit of the values.
    """
    share = weights / weights.sum()
    mean = float(share @ values)
    spread = float(weights @ (values - mean) ** 2)
    explained = float(weights @ stds**2 - (weights**2) @ stds**2 / weights.sum())
    freedom_weight = float(weights.sum() - (weights**2).sum() / weights.sum())
    between = max(0.0, (spread - explained) / freedom_weight) if len(values) > 1 else 0.0
    within_part, between_part = float(share**2 @ stds**2), between * float((share**2).sum())
    variance = within_part + between_part
    freedom = float("inf") if between_part == 0.0 else (len(values) - 1) * (variance / between_part) ** 2
    std = float(np.sqrt(variance))
    half68, half95 = (_quantile(level, freedom) * std for level in (LEVEL_68, LEVEL_95))
    return Pooled(mean, half68, half95, float(np.sqrt(within_part)), float(np.sqrt(between)), freedom)


def _quantile(level: float, freedom: float) -> float:
    side = 0.5 + 0.5 * level
    return float(ndtri(side) if np.isinf(freedom) else stdtrit(freedom, side))


def combine_replicas(runs: Sequence[RunNumbers], *, min_hops: int = 30) -> CombinedDiffusion:
    """Combine runs of one material at one temperature: several seeds, several orderings.

    Runs count by ions times time. Runs with an unstable framework or without a diffusive window are left out and
    listed. Runs with too few hops enter: leaving out the slow ones would bias the mean; they are judged by the sum.

    Parameters
    ----------
    runs : sequence of RunNumbers
        Results of `analyze_trajectory`, or what documents keep of them.
    min_hops : int
        Fewer jumps than this over all runs that enter give the verdict `too_few_hops`.

    Returns
    -------
    CombinedDiffusion
        Mean, errors within and between runs, verdict.

    Raises
    ------
    TransportInputError
        If there is no run, or runs differ in mobile species, charge or temperature.
    """
    _check_alike(runs)
    used = [run for run in runs if run.verdict in {Verdict.OK, Verdict.TOO_FEW_HOPS}]
    left_out = tuple(
        LeftOut(k, run.verdict, run.verdict_reason) for k, run in enumerate(runs) if not any(run is u for u in used)
    )
    if not used:
        return _nothing(runs, left_out)
    weights = np.array([run.mobile_count * run.duration_ps for run in used])
    n_hops = sum(run.n_hops for run in used)
    enough = n_hops >= min_hops
    verdict = Verdict.OK if enough else Verdict.TOO_FEW_HOPS
    return _combined(runs, used, left_out, weights, verdict, n_hops)


def _check_alike(runs: Sequence[RunNumbers]) -> None:
    if not runs:
        raise TransportInputError("there are no runs to combine: give at least one result of analyze_trajectory.")
    kinds = {(run.mobile, run.charge_e) for run in runs}
    temperatures = [run.temperature_K for run in runs]
    if len(kinds) > 1 or max(temperatures) - min(temperatures) > SAME_TEMPERATURE_K:
        raise TransportInputError(
            f"replicas must share mobile species, charge and temperature; these have {sorted(kinds)} and "
            f"{sorted(set(temperatures))} K. Combine each temperature on its own, then fit with fit_arrhenius."
        )


def _errors(run: RunNumbers, std: float) -> float:
    """Standard error of a run; that of few hops is the shot noise, not the bound it was widened to."""
    if run.verdict is Verdict.OK:
        return std
    return abs(run.diffusivity_cm2_per_s) / float(np.sqrt(max(run.n_hops, 1)))


def _combined(
    runs: Sequence[RunNumbers],
    used: list[RunNumbers],
    left_out: tuple[LeftOut, ...],
    weights: Array,
    verdict: Verdict,
    n_hops: int,
) -> CombinedDiffusion:
    errors = np.array([_errors(run, run.diffusivity_std_cm2_per_s) for run in used])
    tracer = pool(np.array([run.diffusivity_cm2_per_s for run in used]), errors, weights)
    # sigma / D differs with the density of each cell
    factors = np.array(
        [nernst_einstein_factor(run.number_density_per_A3, run.charge_e, run.temperature_K) for run in used]
    )
    sigma = pool(np.array([run.conductivity_S_per_cm for run in used]), factors * errors, weights)
    bound = _bound(used, weights) if verdict is Verdict.TOO_FEW_HOPS else None
    reach = 0.0 if bound is None else max(tracer.value, bound - tracer.value)
    reach_S_per_cm = float(factors.max()) * reach
    axes, axes_std = _components(used, weights, "diffusivity_axes")
    planes, planes_std = _components(used, weights, "diffusivity_planes")
    haven, haven_std = _haven(used, tracer, verdict)
    return CombinedDiffusion(
        mobile=runs[0].mobile,
        charge_e=runs[0].charge_e,
        temperature_K=float(np.mean([run.temperature_K for run in runs])),
        n_runs=len(runs),
        n_used=len(used),
        left_out=left_out,
        diffusivity_cm2_per_s=tracer.value,
        diffusivity_std_cm2_per_s=max(tracer.std, reach),
        diffusivity_interval95_cm2_per_s=_interval(tracer.value, max(tracer.half_width_95, reach)),
        diffusivity_within_std_cm2_per_s=tracer.within_std,
        diffusivity_between_std_cm2_per_s=tracer.between_std,
        diffusivity_upper_bound_cm2_per_s=bound,
        conductivity_S_per_cm=sigma.value,
        conductivity_std_S_per_cm=max(sigma.std, reach_S_per_cm),
        conductivity_interval95_S_per_cm=_interval(sigma.value, max(sigma.half_width_95, reach_S_per_cm)),
        diffusivity_axes_cm2_per_s=axes,
        diffusivity_axes_std_cm2_per_s=axes_std,
        diffusivity_planes_cm2_per_s=planes,
        diffusivity_planes_std_cm2_per_s=planes_std,
        haven_ratio=haven,
        haven_ratio_std=haven_std,
        n_hops=n_hops,
        verdict=verdict,
        verdict_reason=_reason(runs, used, tracer, n_hops, verdict),
    )


def _components(used: list[RunNumbers], weights: Array, stem: str) -> tuple[Array, Array]:
    """Means and errors of the axes or of the planes."""
    values = np.array([getattr(run, f"{stem}_cm2_per_s") for run in used])
    stds = np.array([getattr(run, f"{stem}_std_cm2_per_s") for run in used])
    pooled = [pool(values[:, k], stds[:, k], weights) for k in range(values.shape[1])]
    return np.array([each.value for each in pooled]), np.array([each.std for each in pooled])


def _interval(value: float, half_width: float) -> tuple[float, float]:
    return max(value - half_width, 0.0), value + half_width


def _bound(used: list[RunNumbers], weights: Array) -> float:
    """Weighted mean of the runs' own 95 % bounds, which is above the bound of the mean."""
    bounds = [
        run.diffusivity_interval95_cm2_per_s[1]
        if run.diffusivity_upper_bound_cm2_per_s is None
        else run.diffusivity_upper_bound_cm2_per_s
        for run in used
    ]
    return float(weights @ np.array(bounds) / weights.sum())


def _haven(used: list[RunNumbers], tracer: Pooled, verdict: Verdict) -> tuple[float | None, float | None]:
    """Ratio of the means: the mean of ratios would be biased by the noise of each collective diffusivity."""
    known = [
        (run.diffusivity_collective_cm2_per_s, run.diffusivity_collective_std_cm2_per_s, run)
        for run in used
        if run.diffusivity_collective_cm2_per_s is not None and run.diffusivity_collective_std_cm2_per_s is not None
    ]
    if verdict is not Verdict.OK or len(known) < len(used) or tracer.value <= 0.0:
        return None, None
    weights = np.array([run.mobile_count * run.duration_ps for _, _, run in known])
    collective = pool(np.array([value for value, _, _ in known]), np.array([std for _, std, _ in known]), weights)
    if collective.value <= 0.0:
        return None, None
    ratio = tracer.value / collective.value
    relative = float(np.hypot(tracer.std / tracer.value, collective.std / collective.value))
    return (ratio, ratio * relative) if relative < 1.0 else (None, None)


def _reason(runs: Sequence[RunNumbers], used: list[RunNumbers], tracer: Pooled, n_hops: int, verdict: Verdict) -> str:
    parts = [f"{len(used)} of {len(runs)} runs, {n_hops} jumps"]
    if verdict is Verdict.TOO_FEW_HOPS:
        parts.append("too few for a rate: run longer, larger or hotter")
    if tracer.between_std > 0.0 and tracer.value > 0.0:
        parts.append(f"runs differ by {100 * tracer.between_std / tracer.value:.0f} % beyond their errors")
    elif len(used) > 1:
        parts.append("their scatter is within their errors")
    return "; ".join(parts)


def _nothing(runs: Sequence[RunNumbers], left_out: tuple[LeftOut, ...]) -> CombinedDiffusion:
    worst = (
        Verdict.FRAMEWORK_UNSTABLE
        if any(run.verdict is Verdict.FRAMEWORK_UNSTABLE for run in runs)
        else Verdict.NOT_DIFFUSIVE
    )
    nan, three = float("nan"), np.full(3, np.nan)
    return CombinedDiffusion(
        mobile=runs[0].mobile,
        charge_e=runs[0].charge_e,
        temperature_K=float(np.mean([run.temperature_K for run in runs])),
        n_runs=len(runs),
        n_used=0,
        left_out=left_out,
        diffusivity_cm2_per_s=nan,
        diffusivity_std_cm2_per_s=nan,
        diffusivity_interval95_cm2_per_s=(0.0, nan),
        diffusivity_within_std_cm2_per_s=nan,
        diffusivity_between_std_cm2_per_s=nan,
        diffusivity_upper_bound_cm2_per_s=None,
        conductivity_S_per_cm=nan,
        conductivity_std_S_per_cm=nan,
        conductivity_interval95_S_per_cm=(0.0, nan),
        diffusivity_axes_cm2_per_s=three,
        diffusivity_axes_std_cm2_per_s=three,
        diffusivity_planes_cm2_per_s=three,
        diffusivity_planes_std_cm2_per_s=three,
        haven_ratio=None,
        haven_ratio_std=None,
        n_hops=0,
        verdict=worst,
        verdict_reason=f"none of {len(runs)} runs can be used: " + "; ".join(item.reason for item in left_out),
    )
