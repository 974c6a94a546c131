"""From a trajectory to a diffusivity and a conductivity, each with an error and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from superionic.transport.anisotropy import all_parts, isotropic
from superionic.transport.checks import MIN_FRAMES, check_positive
from superionic.transport.conductivity import nernst_einstein_factor
from superionic.transport.curves import msd_curves
from superionic.transport.displacement import CHUNK_ATOMS, Array, HostFrame, Index, host_frame, msd_fft, msd_of
from superionic.transport.estimator import (
    Estimate,
    SlopeSamples,
    collective_estimate,
    sample_slopes,
    tracer_estimate,
)
from superionic.transport.framework_state import FrameworkIntegrity, IntegritySettings
from superionic.transport.hops import Hops, diffusivity_bound, find_hops
from superionic.transport.integrity import check_framework
from superionic.transport.result import UNUSABLE, Cut, Diffusion, widened
from superionic.transport.verdicts import Verdict
from superionic.transport.window import LagCurves, Window, WindowSettings, find_window, log_lags
from superionic.units import A2_PER_PS_IN_CM2_PER_S

MIN_MOBILE = 3


@dataclass(frozen=True)
class DiffusionSettings:
    """Settings of the transport analysis.

    Attributes
    ----------
    window : WindowSettings
        How the diffusive window is found.
    integrity : IntegritySettings
        Thresholds of the framework check.
    hop_length_A : float
        Typical distance between neighbouring sites of the mobile ion, in angstrom; used to count jumps.
    coarse_time_ps : float
        Time over which vibrations are averaged out before jumps are counted, in ps.
    min_hops : int
        Fewer jumps than this over the whole run give the verdict `too_few_hops` (30: shot noise of 18 %).
    """

    window: WindowSettings = field(default_factory=WindowSettings)
    integrity: IntegritySettings = field(default_factory=IntegritySettings)
    hop_length_A: float = 3.0
    coarse_time_ps: float = 0.5
    min_hops: int = 30


def analyze_trajectory(
    positions_A: ArrayLike,
    lattice_A: ArrayLike,
    species: Sequence[str],
    mobile: str,
    time_step_ps: float,
    temperature_K: float,
    *,
    charge_e: float = 1.0,
    wrapped: bool = False,
    discard_ps: float = 0.0,
    settings: DiffusionSettings | None = None,
    cut_at_onset: bool = False,
) -> Diffusion:
    """Diffusivity, conductivity, anisotropy, Haven ratio and framework check of one NVT trajectory.

    Einstein relation on the all-origin MSD relative to the host, ordinary least squares in a detected window of lags;
    the error is the largest of the jackknife over ions, the scatter of time blocks and the shot noise of the jumps.

    Parameters
    ----------
    positions_A : array_like, (frames, atoms, 3)
        Cartesian positions in angstrom, unwrapped unless `wrapped` is set; at least 10 frames. A memory-mapped array
        is read in pieces.
    lattice_A : array_like, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : sequence of str
        One chemical symbol per atom.
    mobile : str
        Symbol of the mobile species; all other atoms are the host.
    time_step_ps : float
        Time between **frames** (not MD steps), in ps.
    temperature_K : float
        Temperature in K.
    charge_e : float
        Charge of one mobile ion in elementary charges.
    wrapped : bool
        Whether positions are wrapped into the cell.
    discard_ps : float
        Equilibration to drop from the start, in ps.
    settings : DiffusionSettings, optional
        Thresholds and lags.
    cut_at_onset : bool
        Where the framework becomes unstable, analyse the time before (less two time blocks) instead of refusing the
        run; :attr:`Diffusion.cut` and the reason of the verdict then say so.

    Returns
    -------
    Diffusion
        Numbers, errors, curves and verdict.

    Raises
    ------
    TransportInputError
        If the input cannot be used; the message says what, where and what to do.
    """
    settings = settings or DiffusionSettings()
    frame = host_frame(positions_A, lattice_A, species, mobile, time_step_ps, wrapped=wrapped, discard_ps=discard_ps)
    result = _analyze(frame, mobile, charge_e, temperature_K, settings)
    return _cut(result, frame, settings) if cut_at_onset else result


def _cut(whole: Diffusion, frame: HostFrame, settings: DiffusionSettings) -> Diffusion:
    """Analyse the time before the onset, if the framework fails and enough is left."""
    onset_ps = whole.integrity.onset_ps
    if whole.verdict is not Verdict.FRAMEWORK_UNSTABLE or onset_ps is None:
        return whole
    # atoms have to move before they count as displaced: the crystal fails up to two blocks earlier
    block_ps = 2.0 * whole.integrity.species[0].time_ps[0]
    keep = int((onset_ps - 2.0 * block_ps) / frame.time_step_ps)
    if keep < MIN_FRAMES:
        return _uncut(whole, f"only {max(keep, 0)} frames lie before the onset")
    before = replace(frame, positions_A=frame.positions_A[:keep], drift_A=frame.drift_A[:keep])
    part = _analyze(before, whole.mobile, whole.charge_e, whole.temperature_K, settings)
    if part.verdict is Verdict.FRAMEWORK_UNSTABLE:
        return _uncut(whole, f"the {keep * frame.time_step_ps:.3g} ps before the onset are no better")
    at_ps = keep * frame.time_step_ps
    reason = (
        f"{part.verdict_reason}; cut at {at_ps:.4g} of {whole.duration_ps:.4g} ps, because {whole.integrity.reason}"
    )
    return replace(part, verdict_reason=reason, cut=Cut(at_ps, whole.integrity))


def _uncut(whole: Diffusion, why: str) -> Diffusion:
    return replace(whole, verdict_reason=f"{whole.verdict_reason}; not cut: {why}")


def _analyze(
    frame: HostFrame, mobile: str, charge_e: float, temperature_K: float, settings: DiffusionSettings
) -> Diffusion:
    density = len(frame.mobile_index) / frame.volume_A3
    factor = nernst_einstein_factor(density, charge_e, check_positive("temperature_K", temperature_K))
    n_lags = frame.n_frames // 2 + 1
    hops = find_hops(frame, settings.hop_length_A, settings.coarse_time_ps)
    coarse_lags = log_lags((n_lags - 1) // hops.width)
    msd, single = msd_of(frame, frame.mobile_index, n_lags, hops.width * coarse_lags)
    curves = LagCurves(hops.width * coarse_lags, single, _rest_msd(hops.rest_A, coarse_lags))
    window = find_window(curves, frame.n_frames, frame.time_step_ps, settings.window, hops.memory_frames)
    samples = sample_slopes(frame, window, settings.window)
    integrity = check_framework(frame, settings.integrity)
    found = _Findings(frame, window, samples, hops, integrity, msd, settings)
    return _report(found, mobile, charge_e, temperature_K, factor)


def _rest_msd(rest_A: Array, lags: Index) -> Array:
    """MSD of the resting places at some lags, a few ions at a time."""
    pieces = [msd_fft(rest_A[k : k + CHUNK_ATOMS])[:, lags] for k in range(0, len(rest_A), CHUNK_ATOMS)]
    return np.concatenate(pieces)


@dataclass(frozen=True, eq=False)
class _Findings:
    """What the steps of the analysis found, before it is judged."""

    frame: HostFrame
    window: Window
    samples: SlopeSamples
    hops: Hops
    integrity: FrameworkIntegrity
    msd: Array
    settings: DiffusionSettings


def _judge(found: _Findings) -> tuple[Verdict, str]:
    n_mobile, n_hops = len(found.frame.mobile_index), found.hops.n_hops
    if not found.integrity.stable:
        return Verdict.FRAMEWORK_UNSTABLE, found.integrity.reason
    if n_hops < found.settings.min_hops:
        return Verdict.TOO_FEW_HOPS, (
            f"{n_hops} jumps of {n_mobile} ions in {found.frame.duration_ps:g} ps; "
            f"{found.settings.min_hops} are the least for a rate: run longer, larger or hotter"
        )
    if n_mobile < MIN_MOBILE:
        return Verdict.NOT_DIFFUSIVE, (
            f"{n_mobile} mobile ion(s): no error can be estimated from fewer than {MIN_MOBILE}; use a larger cell"
        )
    if not found.window.diffusive:
        return Verdict.NOT_DIFFUSIVE, f"{found.window.reason}: run longer"
    estimate = tracer_estimate(found.samples, isotropic, n_hops)
    if estimate.value <= estimate.std:
        return Verdict.NOT_DIFFUSIVE, "the slope of the MSD does not differ from zero within its error: run longer"
    checked = () if found.integrity.checked else (f"framework {found.integrity.reason}",)
    return Verdict.OK, "; ".join((f"{found.window.reason}, {n_hops} jumps", *checked, *found.integrity.warnings))


def _upper_bound(found: _Findings, verdict: Verdict) -> float | None:
    """Bound in A^2/ps; None where the number needs none or the motion is faster than diffusion."""
    if verdict not in UNUSABLE:
        return None
    runs_away = found.window.loglog_slope - 1.0 > max(
        found.settings.window.exponent_tolerance, 2.0 * found.window.loglog_slope_std
    )
    if verdict is Verdict.NOT_DIFFUSIVE and runs_away:
        return None
    return diffusivity_bound(found.frame, found.hops, found.settings.hop_length_A, found.msd)


def _haven(tracer: Estimate, collective: Estimate | None, verdict: Verdict) -> tuple[float | None, float | None]:
    if collective is None or collective.value <= 0.0 or verdict is not Verdict.OK:
        return None, None
    ratio = tracer.value / collective.value
    relative = float(np.hypot(tracer.std / tracer.value, collective.std / collective.value))
    return (ratio, ratio * relative) if relative < 1.0 else (None, None)


def _interval(value: float, half_width: float) -> tuple[float, float]:
    return max(value - half_width, 0.0), value + half_width


def _judged(found: _Findings) -> tuple[Verdict, str, float | None, list[Estimate]]:
    """Verdict, reason, upper bound (A^2/ps), and the estimates of all parts of the tensor, widened if unusable."""
    verdict, reason = _judge(found)
    bound = _upper_bound(found, verdict)
    parts = all_parts(found.frame.lattice_A)
    estimates = [tracer_estimate(found.samples, part, found.hops.n_hops) for part in parts]
    if verdict in UNUSABLE:
        estimates = [widened(estimate, bound) for estimate in estimates]
    return verdict, reason, bound, estimates


def _report(found: _Findings, mobile: str, charge_e: float, temperature_K: float, factor: float) -> Diffusion:
    frame, window = found.frame, found.window
    verdict, reason, bound, estimates = _judged(found)
    tracer, collective = estimates[0], collective_estimate(found.samples, isotropic)
    haven, haven_std = _haven(tracer, collective, verdict)
    cm2 = A2_PER_PS_IN_CM2_PER_S
    values = cm2 * np.array([estimate.value for estimate in estimates])
    stds = cm2 * np.array([estimate.std for estimate in estimates])
    interval95 = _interval(float(values[0]), cm2 * tracer.half_width_95)
    curves = msd_curves(frame)
    return Diffusion(
        mobile=mobile,
        mobile_count=len(frame.mobile_index),
        charge_e=float(charge_e),
        temperature_K=float(temperature_K),
        time_step_ps=frame.time_step_ps,
        duration_ps=frame.duration_ps,
        volume_A3=frame.volume_A3,
        number_density_per_A3=len(frame.mobile_index) / frame.volume_A3,
        diffusivity_cm2_per_s=float(values[0]),
        diffusivity_std_cm2_per_s=float(stds[0]),
        diffusivity_interval68_cm2_per_s=_interval(float(values[0]), float(stds[0])),
        diffusivity_interval95_cm2_per_s=interval95,
        diffusivity_upper_bound_cm2_per_s=None if bound is None else cm2 * bound,
        conductivity_S_per_cm=factor * float(values[0]),
        conductivity_std_S_per_cm=factor * float(stds[0]),
        conductivity_interval95_S_per_cm=(factor * interval95[0], factor * interval95[1]),
        diffusivity_axes_cm2_per_s=values[1:4],
        diffusivity_axes_std_cm2_per_s=stds[1:4],
        diffusivity_planes_cm2_per_s=values[4:],
        diffusivity_planes_std_cm2_per_s=stds[4:],
        conductivity_axes_S_per_cm=factor * values[1:4],
        conductivity_axes_std_S_per_cm=factor * stds[1:4],
        conductivity_planes_S_per_cm=factor * values[4:],
        conductivity_planes_std_S_per_cm=factor * stds[4:],
        diffusivity_collective_cm2_per_s=None if collective is None else cm2 * collective.value,
        diffusivity_collective_std_cm2_per_s=None if collective is None else cm2 * collective.std,
        haven_ratio=haven,
        haven_ratio_std=haven_std,
        n_hops=found.hops.n_hops,
        window_ps=(window.start * frame.time_step_ps, window.stop * frame.time_step_ps),
        loglog_slope=window.loglog_slope,
        loglog_slope_std=window.loglog_slope_std,
        site_loglog_slope=window.site_slope,
        site_loglog_slope_std=window.site_slope_std,
        verdict=verdict,
        verdict_reason=reason,
        msd_time_ps=curves.time_ps,
        msd_tracer_A2=found.msd,
        msd_collective_A2=np.trace(curves.collective_A2, axis1=1, axis2=2),
        msd_host_A2=found.integrity.msd_A2,
        integrity=found.integrity,
        diffusivity_tensor_cm2_per_s=cm2 * found.samples.particles.mean(axis=0),
        curves=curves,
        samples=found.samples,
    )
