"""Slope of the mean square displacement, and how wrong it may be."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from superionic.transport.anisotropy import Part
from superionic.transport.displacement import Array, HostFrame, collective_coordinate, msd_tensor
from superionic.transport.window import Window, WindowSettings, ols_weights

LEVEL_68 = 0.6827
LEVEL_95 = 0.95
FEW_IONS, TOGETHER = 10, 1.5


@dataclass(frozen=True, eq=False)
class SlopeSamples:
    """Diffusion tensors (half the slope of <dr dr^T>, in A^2/ps) of parts of a run.

    Attributes
    ----------
    particles : numpy.ndarray, (mobile, 3, 3)
        One per mobile ion, whole run.
    blocks : numpy.ndarray, (blocks, 3, 3)
        One per time block, mean over ions; empty when fewer than 3 blocks fit.
    collective : numpy.ndarray, (3, 3)
        Of the charge coordinate, whole run.
    collective_blocks : numpy.ndarray, (blocks, 3, 3)
        Of the charge coordinate, per time block.
    """

    particles: Array
    blocks: Array
    collective: Array
    collective_blocks: Array


def sample_slopes(frame: HostFrame, window: Window, settings: WindowSettings) -> SlopeSamples:
    """Diffusion tensors of the single ions and of time blocks, from the same lags.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.
    window : Window
        The lags to use.
    settings : WindowSettings
        Number of lags and blocks.

    Returns
    -------
    SlopeSamples
        The tensors.
    """
    lags = np.unique(np.rint(np.linspace(window.start, window.stop, settings.n_lags))).astype(np.intp)
    weights = 0.5 * ols_weights(lags.astype(np.float64) * frame.time_step_ps)
    n_blocks = min(settings.n_blocks, int(frame.n_frames / (1.5 * window.stop)))
    length = frame.n_frames // n_blocks if n_blocks >= 3 else 0  # noqa: PLR2004 (no spread from fewer)
    starts = [k * length for k in range(n_blocks)] if length > window.stop + 1 else []

    def tensors(x: Array) -> Array:
        return np.asarray(np.einsum("nlij,l->nij", msd_tensor(x, lags), weights), dtype=np.float64)

    def in_blocks(x: Array) -> Array:
        sums = [tensors(x[..., s : s + length]).sum(axis=0) for s in starts]
        return np.asarray(sums).reshape(len(starts), 3, 3)

    particles, blocks = [], np.zeros((len(starts), 3, 3))
    for x in frame.chunks(frame.mobile_index):
        particles.append(tensors(x))
        blocks += in_blocks(x)
    charge = collective_coordinate(frame)
    return SlopeSamples(
        np.concatenate(particles), blocks / len(frame.mobile_index), tensors(charge)[0], in_blocks(charge)
    )


@dataclass(frozen=True)
class Estimate:
    """A value with its errors, in the unit of the value.

    Attributes
    ----------
    value : float
        The estimate.
    std : float
        Half width of the 68 % interval (standard error times Student's t).
    half_width_95 : float
        Half width of the 95 % interval.
    """

    value: float
    std: float
    half_width_95: float


def _half_width(samples: Array, level: float) -> float:
    n = len(samples)
    if n < 2:  # noqa: PLR2004 (no spread from one sample)
        return 0.0
    return float(stdtrit(n - 1, 0.5 + 0.5 * level) * samples.std(ddof=1) / np.sqrt(n))


def _variance_of_mean(samples: Array) -> float:
    return float(samples.var(ddof=1) / len(samples))


def tracer_estimate(samples: SlopeSamples, part: Part, n_hops: int) -> Estimate:
    """Diffusivity along a direction, in a plane or in space, with an error from ions, time blocks and jumps.

    The jackknife over ions (t with N - 1 degrees of freedom) is right if ions move independently, the scatter of time
    blocks (t with B - 1) if blocks are long against the window. Blocks count where their variance exceeds that of
    the jackknife by half, a sign of ions that move together, or where there are few ions; else the larger would be
    too large on average. No error is below the shot noise of the jumps, 1 / sqrt(number of hops).

    Parameters
    ----------
    samples : SlopeSamples
        Tensors of the parts of the run.
    part : callable
        Takes tensors (n, 3, 3) to scalars (n,).
    n_hops : int
        Jumps seen.

    Returns
    -------
    Estimate
        In A^2/ps.
    """
    ions, blocks = part(samples.particles), part(samples.blocks)
    value = float(ions.mean())
    shot = float(abs(value) / np.sqrt(max(n_hops, 1)))

    together = len(blocks) > 1 and (
        len(ions) < FEW_IONS or _variance_of_mean(blocks) > TOGETHER * _variance_of_mean(ions)
    )

    def width(level: float) -> float:
        alone = _half_width(ions, level)
        both = max(alone, _half_width(blocks, level)) if together else alone
        return max(both, float(ndtri(0.5 + 0.5 * level)) * shot)

    return Estimate(value, width(LEVEL_68), width(LEVEL_95))


def collective_estimate(samples: SlopeSamples, part: Part) -> Estimate | None:
    """Collective (charge) diffusivity with the error of the time blocks, the only one there is.

    Parameters
    ----------
    samples : SlopeSamples
        Tensors of the parts of the run.
    part : callable
        Takes tensors (n, 3, 3) to scalars (n,).

    Returns
    -------
    Estimate or None
        In A^2/ps; None when there are no time blocks to take an error from.
    """
    blocks = part(samples.collective_blocks)
    if len(blocks) < 3:  # noqa: PLR2004 (no spread from fewer)
        return None
    value = float(part(samples.collective[None])[0])
    return Estimate(value, _half_width(blocks, LEVEL_68), _half_width(blocks, LEVEL_95))
