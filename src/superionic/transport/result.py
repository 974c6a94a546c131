"""What the analysis of one trajectory returns."""

from collections.abc import Sequence
from dataclasses import dataclass

from superionic.transport.anisotropy import Part, along, in_plane
from superionic.transport.curves import MsdCurves, plane_normal, unit_vector
from superionic.transport.displacement import Array
from superionic.transport.estimator import Estimate, SlopeSamples, tracer_estimate
from superionic.transport.framework_state import FrameworkIntegrity
from superionic.transport.verdicts import Verdict
from superionic.units import A2_PER_PS_IN_CM2_PER_S

UNUSABLE = frozenset({Verdict.TOO_FEW_HOPS, Verdict.NOT_DIFFUSIVE})


def widened(estimate: Estimate, bound: float | None) -> Estimate:
    """Errors of an unusable estimate: they reach zero and the bound, however smooth the curve was.

    Parameters
    ----------
    estimate : Estimate
        What the run gives.
    bound : float or None
        Upper bound in the unit of the estimate.

    Returns
    -------
    Estimate
        The same value with wider errors.
    """
    value = max(estimate.value, 0.0)
    reach = max(value, (bound or 0.0) - value)
    return Estimate(value, max(estimate.std, reach), max(estimate.half_width_95, reach))


@dataclass(frozen=True, eq=False)
class Cut:
    """The end of a run that was left out.

    Attributes
    ----------
    at_ps : float
        Time from which frames were left out, in ps after the first frame analysed.
    integrity : FrameworkIntegrity
        State of the host over the whole run, the part left out included.
    """

    at_ps: float
    integrity: FrameworkIntegrity


@dataclass(frozen=True, eq=False)
class RunNumbers:
    """What one run has to say, as far as a combination with others needs it.

    Attributes
    ----------
    mobile : str
        Symbol of the mobile species.
    mobile_count : int
        Number of mobile ions.
    charge_e : float
        Charge per mobile ion in elementary charges.
    temperature_K, duration_ps : float
        Temperature, and length of the run analysed.
    number_density_per_A3 : float
        Mobile ions per A^3.
    diffusivity_cm2_per_s, diffusivity_std_cm2_per_s : float
        Tracer diffusivity in three dimensions, and the half width of its 68 % interval.
    diffusivity_interval95_cm2_per_s : tuple of float
        Low and high end of the 95 % interval; never below zero.
    diffusivity_upper_bound_cm2_per_s : float or None
        95 % upper bound, where the verdict is `too_few_hops` or (unless the ions run away ballistically)
        `not_diffusive`.
    conductivity_S_per_cm, conductivity_std_S_per_cm : float
        Nernst-Einstein with the tracer diffusivity (Haven ratio 1).
    diffusivity_axes_cm2_per_s, diffusivity_axes_std_cm2_per_s : numpy.ndarray, (3,)
        u^T D u along the unit vectors u of a, b and c. In an oblique cell these are not orthogonal.
    diffusivity_planes_cm2_per_s, diffusivity_planes_std_cm2_per_s : numpy.ndarray, (3,)
        Mean of D over two orthogonal directions in the planes ab, ac and bc: (tr D - n^T D n) / 2 with n the normal.
    diffusivity_collective_cm2_per_s, diffusivity_collective_std_cm2_per_s : float or None
        Charge (collective) diffusivity; None when no error can be given.
    haven_ratio, haven_ratio_std : float or None
        Tracer over collective diffusivity; None when not determined (no window, or an error of 100 % and more).
    n_hops : int
        Jumps counted over all ions.
    verdict : Verdict
        Whether the numbers may be used.
    verdict_reason : str
        Why, in words.
    """

    mobile: str
    mobile_count: int
    charge_e: float
    temperature_K: float
    duration_ps: float
    number_density_per_A3: float
    diffusivity_cm2_per_s: float
    diffusivity_std_cm2_per_s: float
    diffusivity_interval95_cm2_per_s: tuple[float, float]
    diffusivity_upper_bound_cm2_per_s: float | None
    conductivity_S_per_cm: float
    conductivity_std_S_per_cm: float
    diffusivity_axes_cm2_per_s: Array
    diffusivity_axes_std_cm2_per_s: Array
    diffusivity_planes_cm2_per_s: Array
    diffusivity_planes_std_cm2_per_s: Array
    diffusivity_collective_cm2_per_s: float | None
    diffusivity_collective_std_cm2_per_s: float | None
    haven_ratio: float | None
    haven_ratio_std: float | None
    n_hops: int
    verdict: Verdict
    verdict_reason: str


@dataclass(frozen=True, eq=False)
class Diffusion(RunNumbers):
    """Transport numbers of one trajectory; every `_std` is the half width of the 68 % interval.

    Values may be used when `verdict` is `ok`. With `not_diffusive` and `too_few_hops` the errors are widened so that
    they reach both zero and the upper bound, and the bound is what the run has to say. The attributes of
    :class:`RunNumbers` come first.

    Attributes
    ----------
    time_step_ps, volume_A3 : float
        Time between frames, and cell volume.
    diffusivity_interval68_cm2_per_s : tuple of float
        Low and high end; never below zero.
    conductivity_interval95_S_per_cm : tuple of float
        Low and high end.
    conductivity_axes_S_per_cm, conductivity_axes_std_S_per_cm : numpy.ndarray, (3,)
        Nernst-Einstein of the diffusivities along the axes.
    conductivity_planes_S_per_cm, conductivity_planes_std_S_per_cm : numpy.ndarray, (3,)
        Nernst-Einstein of the diffusivities in the planes.
    window_ps : tuple of float
        First and last lag of the fit, in ps.
    loglog_slope, loglog_slope_std : float
        d ln MSD / d ln t in the window, and its standard error. Vibrations pull it below 1 for slow ions.
    site_loglog_slope, site_loglog_slope_std : float
        The same for the resting places of the ions, which is what the verdict judges; NaN without jumps.
    msd_time_ps, msd_tracer_A2, msd_collective_A2, msd_host_A2 : numpy.ndarray, (lags,)
        All-origin curves for lags up to half of the run: per mobile ion, ``<|sum_i dr_i|^2> / N``, and per host atom
        (NaN without a host).
    integrity : FrameworkIntegrity
        State of the host lattice.
    diffusivity_tensor_cm2_per_s : numpy.ndarray, (3, 3)
        Tracer diffusion tensor in Cartesian coordinates.
    curves : MsdCurves
        Tracer and collective <dr dr^T>, from which the MSD along any direction and in any plane follows.
    samples : SlopeSamples
        Tensors of single ions and time blocks, from which errors are taken.
    cut : Cut or None
        What was cut off at the end because the framework was no longer the crystal; None if nothing was.
    """

    time_step_ps: float
    volume_A3: float
    diffusivity_interval68_cm2_per_s: tuple[float, float]
    conductivity_interval95_S_per_cm: tuple[float, float]
    conductivity_axes_S_per_cm: Array
    conductivity_axes_std_S_per_cm: Array
    conductivity_planes_S_per_cm: Array
    conductivity_planes_std_S_per_cm: Array
    window_ps: tuple[float, float]
    loglog_slope: float
    loglog_slope_std: float
    site_loglog_slope: float
    site_loglog_slope_std: float
    msd_time_ps: Array
    msd_tracer_A2: Array
    msd_collective_A2: Array
    msd_host_A2: Array
    integrity: FrameworkIntegrity
    diffusivity_tensor_cm2_per_s: Array
    curves: MsdCurves
    samples: SlopeSamples
    cut: Cut | None = None

    def diffusivity_along(self, direction: Sequence[float]) -> Estimate:
        """Tracer diffusivity along a lattice direction, u^T D u.

        Parameters
        ----------
        direction : sequence of float, (3,)
            Components [u, v, w] along a, b and c.

        Returns
        -------
        Estimate
            In cm^2/s; widened like all errors where the verdict is `too_few_hops` or `not_diffusive`.
        """
        return self._part(along(unit_vector(direction, self.curves.lattice_A)))

    def diffusivity_in_plane(self, indices: Sequence[float]) -> Estimate:
        """Tracer diffusivity within a lattice plane, the mean over two orthogonal directions in it.

        Parameters
        ----------
        indices : sequence of float, (3,)
            Miller indices (h, k, l).

        Returns
        -------
        Estimate
            In cm^2/s; widened like all errors where the verdict is `too_few_hops` or `not_diffusive`.
        """
        return self._part(in_plane(plane_normal(indices, self.curves.lattice_A)))

    def _part(self, part: Part) -> Estimate:
        found = tracer_estimate(self.samples, part, self.n_hops)
        bound = self.diffusivity_upper_bound_cm2_per_s
        if self.verdict in UNUSABLE:
            found = widened(found, None if bound is None else bound / A2_PER_PS_IN_CM2_PER_S)
        return Estimate(*(A2_PER_PS_IN_CM2_PER_S * x for x in (found.value, found.std, found.half_width_95)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know although the verdict is `ok`: defects of the host."""
        return self.integrity.warnings

    @property
    def diffusivity_cm2_per_s_std(self) -> float:
        """The same as `diffusivity_std_cm2_per_s`."""
        return self.diffusivity_std_cm2_per_s

    @property
    def conductivity_S_per_cm_std(self) -> float:  # noqa: N802 (unit suffix)
        """The same as `conductivity_std_S_per_cm`."""
        return self.conductivity_std_S_per_cm
