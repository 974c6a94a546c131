"""Counting jumps, and what a small count still says about the diffusivity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from superionic.transport.displacement import Array, HostFrame


@dataclass(frozen=True, eq=False)
class Hops:
    """Jumps seen in a run, and the resting places between them.

    Attributes
    ----------
    n_hops : int
        Number of jumps, over all mobile ions.
    mean_square_jump_A2 : float
        Mean square length of these jumps in A^2 (the square of the assumed hop length when there are none).
    rest_A : numpy.ndarray, (mobile, 3, blocks)
        Resting place of each ion over time: its path without vibrations, in angstrom.
    width : int
        Frames per block of `rest_A`.
    reversal : float
        Mean cosine between successive jumps of an ion: 0 for a random walk, negative when ions tend to jump back.
    n_pairs : int
        Pairs of successive jumps behind `reversal`.
    reversal_wait : float
        Mean time between the two jumps of such pairs, weighted by how much they point back, plus its standard error;
        in blocks of `rest_A`, NaN without a tendency to jump back.
    """

    n_hops: int
    mean_square_jump_A2: float
    rest_A: Array
    width: int
    reversal: float
    n_pairs: int
    reversal_wait: float

    @property
    def memory_frames(self) -> float:
        """Lags at which the memory of jumps back is gone: three times the time after which ions jump back.

        That time is the mean wait of the pairs that point back (an ion that recrosses at once forgets at once), at
        most the mean time between the jumps of an ion. Zero unless successive jumps are anticorrelated beyond three
        standard errors of a random walk's mean cosine, 1 / sqrt(3 n).
        """
        if self.n_pairs == 0 or self.reversal >= -np.sqrt(3.0 / self.n_pairs):
            return 0.0
        n_ions, _, n_blocks = self.rest_A.shape
        return float(3.0 * self.width * min(self.reversal_wait, n_ions * n_blocks / self.n_hops))


def find_hops(frame: HostFrame, hop_length_A: float, coarse_time_ps: float) -> Hops:
    """Find jumps by displacement beyond half a hop length between coarse-grained positions.

    The positions of each mobile ion are replaced by their medians over `coarse_time_ps`, which removes vibrations and
    keeps sites. An ion has jumped when two consecutive medians are both further than half a hop length from its last
    resting place. Rattling that returns within that time is not counted; a path through several short steps counts
    once per half hop length or more, so that the number does not depend on site positions.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.
    hop_length_A : float
        Typical distance between neighbouring sites, in angstrom.
    coarse_time_ps : float
        Time over which positions are coarse-grained, in ps.

    Returns
    -------
    Hops
        The jumps.
    """
    # odd, so that the median of a block in which a jump falls is one site or the other, not a place between
    width = 2 * (round(coarse_time_ps / frame.time_step_ps) // 2) + 1
    # a run shorter than a few coarse times still has a start and an end to compare
    width = min(width, 2 * (frame.n_frames // 6) + 1)
    medians = np.concatenate([_block_medians(x, width) for x in frame.chunks(frame.mobile_index)])
    far = 0.5 * hop_length_A
    path = medians.copy()
    rest, n_hops, squares = medians[:, :, 0].copy(), 0, 0.0
    pairs = _Pairs(len(medians))
    for k in range(1, medians.shape[2] - 1):
        jump = medians[:, :, k + 1] - rest
        length = np.linalg.norm(jump, axis=1)
        jumped = (length > far) & (np.linalg.norm(medians[:, :, k] - rest, axis=1) > far)
        n_hops += int(jumped.sum())
        squares += float((length[jumped] ** 2).sum())
        pairs.add(k, jumped, jump[jumped] / length[jumped, None])
        rest[jumped] = medians[jumped, :, k + 1]
        path[:, :, k] = rest
    path[:, :, -1] = rest
    square = squares / n_hops if n_hops else hop_length_A**2
    return Hops(n_hops, square, path, width, pairs.cosine / max(pairs.count, 1), pairs.count, pairs.reversal_wait)


class _Pairs:
    """Successive jumps of each ion: how much they point back, and after which time."""

    def __init__(self, n_ions: int) -> None:
        self._direction = np.zeros((n_ions, 3))
        self._block = np.zeros(n_ions)
        self.count, self.cosine, self._cosine_wait, self._wait_squared = 0, 0.0, 0.0, 0.0

    def add(self, block: int, jumped: NDArray[np.bool_], direction: Array) -> None:
        cosine = (direction * self._direction[jumped]).sum(axis=1)
        second = self._direction[jumped].any(axis=1)
        wait = np.where(second, block - self._block[jumped], 0.0)
        self.count += int(second.sum())
        self.cosine += float(cosine.sum())
        self._cosine_wait += float((cosine * wait).sum())
        self._wait_squared += float((wait**2).sum())
        self._direction[jumped], self._block[jumped] = direction, block

    @property
    def reversal_wait(self) -> float:
        if self.cosine >= 0.0:
            return float("nan")
        # random directions have a mean square cosine of 1/3
        return float((-self._cosine_wait + np.sqrt(self._wait_squared / 3.0)) / -self.cosine)


def _block_medians(coordinates: Array, width: int) -> Array:
    n_blocks = coordinates.shape[-1] // width
    blocks = coordinates[..., : n_blocks * width].reshape(*coordinates.shape[:2], n_blocks, width)
    return np.asarray(np.median(blocks, axis=-1), dtype=np.float64)


def diffusivity_bound(frame: HostFrame, hops: Hops, hop_length_A: float, msd_A2: Array) -> float:
    """Upper bound (95 %) on the diffusivity of a run with few or no jumps.

    The larger of two bounds: the 95 % Poisson limit on the number of jumps times the square jump length / (6 N t),
    which is the uncorrelated-walk diffusivity and hence above that of ions that tend to jump back; and
    MSD(t) / (6 t) at the longest lag given, vibration included, which covers motion in steps too short to be counted.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.
    hops : Hops
        Its jumps.
    hop_length_A : float
        Assumed hop length in angstrom.
    msd_A2 : numpy.ndarray, (lags,)
        Tracer MSD in A^2 at lags 0, 1, ... frames.

    Returns
    -------
    float
        Upper bound in A^2/ps.
    """
    most_hops = 0.5 * float(chdtri(2 * (hops.n_hops + 1), 0.05))
    square = max(hops.mean_square_jump_A2, hop_length_A**2)
    by_hops = most_hops * square / (6.0 * len(frame.mobile_index) * frame.duration_ps)
    by_msd = float(msd_A2[-1]) / (6.0 * (len(msd_A2) - 1) * frame.time_step_ps)
    return max(by_hops, by_msd)
