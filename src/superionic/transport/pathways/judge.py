"""What the jumps and the displacement say about each other, and whether to believe the picture."""

from dataclasses import dataclass

import numpy as np

from superionic.transport.pathways.barriers import Bottleneck
from superionic.transport.pathways.host import HostFit
from superionic.transport.pathways.jumps import JumpStatistics
from superionic.transport.pathways.stays import Stays
from superionic.transport.result import Diffusion
from superionic.transport.verdicts import Verdict

PLANES = ("ab", "ac", "bc")
MAX_MISFIT_A = 0.5
MAX_UNASSIGNED = 0.1
MIN_IN_CORE = 0.5
MAX_IMBALANCE = 3.0
MIN_FRAMES_PER_STAY = 3.0
MIN_COUNTS = 10.0
MAX_MISSED = 0.1


@dataclass(frozen=True)
class Comparison:
    """Tracer diffusivity against the jumps, and in planes against their normals.

    Attributes
    ----------
    diffusivity_cm2_per_s, diffusivity_std_cm2_per_s : float or None
        From the mean square displacement.
    correlation_factor, correlation_factor_std : float or None
        Over the jump diffusivity.
    anisotropy, anisotropy_std : float or None
        In the fastest plane over its normal.
    anisotropy_plane : str
        That plane; empty where there is none.
    """

    diffusivity_cm2_per_s: float | None = None
    diffusivity_std_cm2_per_s: float | None = None
    correlation_factor: float | None = None
    correlation_factor_std: float | None = None
    anisotropy: float | None = None
    anisotropy_std: float | None = None
    anisotropy_plane: str = ""


def compare(diffusion: Diffusion | None, jumps: JumpStatistics) -> Comparison:
    """Correlation factor and anisotropy, where the diffusivity may be used.

    The errors of the two diffusivities are added in quadrature although they share the same jumps, so that of the
    factor is rather too large.

    Parameters
    ----------
    diffusion : Diffusion, optional
        Analysis of the displacement over the same frames.
    jumps : JumpStatistics
        Jumps.

    Returns
    -------
    Comparison
        Empty without a usable diffusivity.
    """
    if diffusion is None or diffusion.verdict is not Verdict.OK:
        return Comparison()
    value, std = diffusion.diffusivity_cm2_per_s, diffusion.diffusivity_std_cm2_per_s
    factor = error = None
    jump = jumps.jump_diffusivity_cm2_per_s
    if jump > 0.0:
        factor = value / jump
        error = factor * float(np.hypot(std / value, jumps.jump_diffusivity_std_cm2_per_s / jump))
    in_plane, stds = diffusion.diffusivity_planes_cm2_per_s, diffusion.diffusivity_planes_std_cm2_per_s
    normal = 3.0 * value - 2.0 * in_plane
    k = int(np.argmin(normal))
    ratio = spread = None
    if normal[k] > 0.0:
        ratio = float(in_plane[k] / normal[k])
        # D_plane and D_normal from different displacements: their errors add
        normal_std = float(np.sqrt(max((3.0 * std) ** 2 - (2.0 * stds[k]) ** 2, std**2)))
        spread = ratio * float(np.hypot(stds[k] / in_plane[k], normal_std / normal[k]))
    return Comparison(value, std, factor, error, ratio, spread, PLANES[k])


def judge(diffusion: Diffusion | None, jumps: JumpStatistics, min_jumps: int) -> tuple[Verdict, str]:
    """Whether sites, rates and barriers may be believed.

    Parameters
    ----------
    diffusion : Diffusion, optional
        Tells whether the framework stayed intact.
    jumps : JumpStatistics
        Jumps.
    min_jumps : int
        Fewer are too few.

    Returns
    -------
    verdict : Verdict
        The verdict.
    reason : str
        Why, in words.
    """
    if diffusion is not None and diffusion.verdict is Verdict.FRAMEWORK_UNSTABLE:
        return Verdict.FRAMEWORK_UNSTABLE, f"these are not sites of the crystal: {diffusion.verdict_reason}"
    if jumps.n_jumps < min_jumps:
        reason = (
            f"{jumps.n_jumps} jumps between sites were seen, fewer than {min_jumps}: a way that was not taken may be "
            "open, and rates are bounds"
        )
        return Verdict.TOO_FEW_HOPS, reason
    if diffusion is None:
        return Verdict.OK, f"{jumps.n_jumps} jumps between sites; the framework was not checked"
    usable = "" if diffusion.verdict is Verdict.OK else f"; there is no usable diffusivity: {diffusion.verdict.value}"
    return Verdict.OK, f"{jumps.n_jumps} jumps between sites{usable}"


def remarks(
    stays: Stays,
    jumps: JumpStatistics,
    bottlenecks: tuple[Bottleneck, ...],
    host: HostFit | None,
    min_residence_ps: float,
) -> list[str]:
    """What a reader of the numbers should know.

    Parameters
    ----------
    stays : Stays
        Stays of the ions.
    jumps : JumpStatistics
        Jumps.
    bottlenecks : tuple of Bottleneck
        Bottlenecks.
    host : HostFit, optional
        The host.
    min_residence_ps : float
        Shortest stay that counts, in ps.

    Returns
    -------
    list of str
        Sentences; empty when there is nothing to say.
    """
    found = []
    if host is not None and host.misfit_A > MAX_MISFIT_A:
        found.append(f"the mean framework is {host.misfit_A:.2f} Å (rms) away from the sites of the host")
    if stays.unassigned_fraction > MAX_UNASSIGNED:
        found.append(f"ions spend {stays.unassigned_fraction:.0%} of the time before they reach any site")
    if stays.in_core_fraction < MIN_IN_CORE:
        found.append(f"ions are within the radius of a site for {stays.in_core_fraction:.0%} of the time only")
    found += _short_stays(jumps, stays.time_step_ps, min_residence_ps)
    found += [
        f"{rate.start} → {rate.end} was taken {rate.n_jumps} times and {rate.n_back} times back: no equilibrium"
        for rate in jumps.rates
        if rate.start < rate.end and abs(rate.imbalance) > MAX_IMBALANCE
    ]
    poor = [neck.direction for neck in bottlenecks if neck.free_energy_eV is not None and neck.counts < MIN_COUNTS]
    if poor:
        found.append(
            f"fewer than {MIN_COUNTS:g} counts at the bottleneck of {', '.join(poor)}: little more than a bound"
        )
    return found


def _short_stays(jumps: JumpStatistics, time_step_ps: float, min_residence_ps: float) -> list[str]:
    """Kinds of sites where ions stay so briefly that jumps are missed."""
    found = []
    for kind in jumps.kinds:
        mean = kind.residence_time_ps
        if mean is None:
            continue
        # stays of a Markov process are exponential: so many are shorter than what counts
        missed = 1.0 - np.exp(-min_residence_ps / mean)
        if mean < MIN_FRAMES_PER_STAY * time_step_ps:
            found.append(f"stays on {kind.label} last {mean:.2g} ps, under 3 frames: store more frames")
        elif missed > MAX_MISSED:
            found.append(
                f"stays on {kind.label} last {mean:.2g} ps: about {missed:.0%} are shorter than min_residence_ps and "
                "are missed"
            )
    return found
