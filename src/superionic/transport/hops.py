"""Counting jumps, and what a small count still says about the diffusivity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from superionic.transport.displacement import Array, HostFrame

NEGLIGIBLE = 0.05


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
    memory_blocks : float
        Time between two jumps, in blocks of `rest_A`, beyond which what is left of the tendency to jump back changes
        the diffusivity by less than 5 %; zero where ions do not jump back.
    """

    n_hops: int
    mean_square_jump_A2: float
    rest_A: Array
    width: int
    reversal: float
    n_pairs: int
    memory_blocks: float

    @property
    def memory_frames(self) -> float:
        """The same in frames: lags at which the memory of jumps back is gone."""
        return self.memory_blocks * self.width


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
    cosines, waits = pairs.all()
    reversal = float(cosines.mean()) if len(cosines) else 0.0
    return Hops(n_hops, square, path, width, reversal, len(cosines), _memory(cosines, waits))


class _Pairs:
    """Successive jumps of each ion: the cosine between them, and the blocks between them."""

    def __init__(self, n_ions: int) -> None:
        self._direction, self._block = np.zeros((n_ions, 3)), np.zeros(n_ions)
        self._cosines: list[Array] = []
        self._waits: list[Array] = []

    def add(self, block: int, jumped: NDArray[np.bool_], direction: Array) -> None:
        second = self._direction[jumped].any(axis=1)
        self._cosines.append((direction * self._direction[jumped]).sum(axis=1)[second])
        self._waits.append((block - self._block[jumped])[second])
        self._direction[jumped], self._block[jumped] = direction, block

    def all(self) -> tuple[Array, Array]:
        return np.concatenate([np.empty(0), *self._cosines]), np.concatenate([np.empty(0), *self._waits])


def _memory(cosines: Array, waits: Array) -> float:
    """Wait beyond which the jumps back that are left change D by less than 5 %.

    For jumps of one length, D is proportional to 1 + 2 <cos> + ... (Bardeen and Herring, in: Imperfections in Nearly
    Perfect Crystals, Wiley 1952). Zero unless jumps are anticorrelated beyond three standard errors of a random walk's
    mean cosine, 1 / sqrt(3 n).
    """
    n_pairs = len(cosines)
    if n_pairs == 0 or cosines.mean() >= -np.sqrt(3.0 / n_pairs):
        return 0.0
    order = np.argsort(-waits, kind="stable")
    # what the pairs that are at least so far apart take from D
    left = -2.0 * np.cumsum(cosines[order]) / n_pairs
    last_of_wait = np.append(np.diff(waits[order]) != 0.0, True)
    counts = np.flatnonzero(last_of_wait & (left > NEGLIGIBLE))
    return float(waits[order][counts[0]]) if len(counts) else 0.0


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
