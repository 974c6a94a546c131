"""Unwrapped displacements in the frame of the host, and mean square displacements (MSD).

Memory is bounded: only a few atoms are held in float64 at a time, whatever the length of the run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft

from superionic.errors import TransportInputError
from superionic.transport.checks import (
    FRAMES_PER_PASS,
    MIN_FRAMES,
    check_lattice,
    check_positions,
    check_positive,
    check_really_unwrapped,
    check_species,
)

Array = NDArray[np.float64]
Index = NDArray[np.intp]
CHUNK_ATOMS = 8


@dataclass(frozen=True, eq=False)
class HostFrame:
    """A trajectory seen from the centre of mass of its host (everything that is not the mobile species).

    Attributes
    ----------
    positions_A : numpy.ndarray, (frames, atoms, 3)
        Positions as given, in angstrom.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : numpy.ndarray of str, (atoms,)
        Chemical symbols.
    mobile_index, host_index : numpy.ndarray of int
        Which atoms are mobile, and which are the host.
    time_step_ps : float
        Time between frames, in ps.
    wrapped : bool
        Whether `positions_A` are wrapped into the cell.
    drift_A : numpy.ndarray, (frames, 3)
        Displacement of the mass-weighted host centre since the first frame, in angstrom; zero without a host.
    """

    positions_A: NDArray[np.floating]
    lattice_A: Array
    species: NDArray[np.str_]
    mobile_index: Index
    host_index: Index
    time_step_ps: float
    wrapped: bool
    drift_A: Array

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.positions_A)

    @property
    def duration_ps(self) -> float:
        """Time from the first to the last frame, in ps."""
        return (self.n_frames - 1) * self.time_step_ps

    @property
    def volume_A3(self) -> float:  # noqa: N802 (unit suffix)
        """Volume of the cell, in A^3."""
        return float(abs(np.linalg.det(self.lattice_A)))

    def chunks(self, index: Index, size: int = CHUNK_ATOMS) -> Iterator[Array]:
        """Yield unwrapped, drift-free coordinates a few atoms at a time.

        Parameters
        ----------
        index : numpy.ndarray of int
            The atoms wanted.
        size : int
            Atoms per chunk.

        Yields
        ------
        numpy.ndarray, (atoms in the chunk, 3, frames)
            Coordinates in angstrom, time in the last axis.
        """
        for start in range(0, len(index), size):
            block = _unwrapped(self.positions_A, index[start : start + size], self.lattice_A, wrapped=self.wrapped)
            yield np.ascontiguousarray((block - self.drift_A[:, None, :]).transpose(1, 2, 0))


def host_frame(
    positions_A: ArrayLike,
    lattice_A: ArrayLike,
    species: Sequence[str],
    mobile: str,
    time_step_ps: float,
    *,
    wrapped: bool = False,
    discard_ps: float = 0.0,
) -> HostFrame:
    """Check a trajectory and put it into the frame of its host.

    Parameters
    ----------
    positions_A : array_like, (frames, atoms, 3)
        Cartesian positions in angstrom.
    lattice_A : array_like, (3, 3)
        Cell vectors in the rows, in angstrom; constant over the run.
    species : sequence of str
        One chemical symbol per atom.
    mobile : str
        Symbol of the mobile species.
    time_step_ps : float
        Time between frames, in ps.
    wrapped : bool
        Whether the positions are wrapped into the cell. They are then unwrapped by the minimum image in fractional
        coordinates, which is right as long as no atom moves more than half a cell between frames.
    discard_ps : float
        Length of the equilibration to drop from the start, in ps.

    Returns
    -------
    HostFrame
        The trajectory, ready for analysis.

    Raises
    ------
    TransportInputError
        If anything in the input cannot be used.
    """
    positions = check_positions(positions_A)
    lattice = check_lattice(lattice_A)
    symbols = check_species(species, mobile, positions.shape[1])
    time_step = check_positive("time_step_ps", time_step_ps)
    positions = positions[_frames_to_drop(discard_ps, time_step, len(positions)) :]
    if not wrapped:
        check_really_unwrapped(positions, lattice)
    is_mobile = symbols == mobile
    host = np.flatnonzero(~is_mobile)
    drift = _host_drift(positions, lattice, symbols, host, wrapped=wrapped)
    return HostFrame(positions, lattice, symbols, np.flatnonzero(is_mobile), host, time_step, wrapped, drift)


def _frames_to_drop(discard_ps: float, time_step_ps: float, n_frames: int) -> int:
    if not np.isfinite(discard_ps) or discard_ps < 0.0:
        raise TransportInputError(f"discard_ps is {discard_ps!r}: give a time of zero or more, in ps.")
    drop = int(np.ceil(discard_ps / time_step_ps - 1e-9))
    if n_frames - drop < MIN_FRAMES:
        raise TransportInputError(
            f"discard_ps = {discard_ps} leaves {max(n_frames - drop, 0)} of {n_frames} frames: "
            "discard less or run longer."
        )
    return drop


def _unwrapped(positions: NDArray[np.floating], index: Index, lattice: Array, *, wrapped: bool) -> Array:
    block = positions[:, index].astype(np.float64)
    if not wrapped:
        return block
    steps = np.diff(block @ np.linalg.inv(lattice), axis=0)
    steps -= np.rint(steps)
    block[1:] = block[0] + np.cumsum(steps, axis=0) @ lattice
    return block


def _host_drift(
    positions: NDArray[np.floating], lattice: Array, symbols: NDArray[np.str_], host: Index, *, wrapped: bool
) -> Array:
    drift = np.zeros((len(positions), 3))
    masses = np.array([atomic_masses[atomic_numbers[symbol]] for symbol in symbols])
    if not wrapped:
        return _plain_drift(positions, masses, host)
    for start in range(0, len(host), CHUNK_ATOMS):
        index = host[start : start + CHUNK_ATOMS]
        block = _unwrapped(positions, index, lattice, wrapped=wrapped)
        drift += np.einsum("fni,n->fi", block - block[0], masses[index])
    return np.asarray(drift / max(float(masses[host].sum()), 1e-12), dtype=np.float64)


def _plain_drift(positions: NDArray[np.floating], masses: Array, host: Index) -> Array:
    """Drift of unwrapped positions, frame by frame, which reads the memory in order."""
    shares = np.zeros(len(masses))
    shares[host] = masses[host] / max(float(masses[host].sum()), 1e-12)
    centre = np.empty((len(positions), 3))
    for start in range(0, len(positions), FRAMES_PER_PASS):
        block = positions[start : start + FRAMES_PER_PASS].astype(np.float64) - positions[0]
        centre[start : start + FRAMES_PER_PASS] = shares @ block
    return np.asarray(centre - centre[0], dtype=np.float64)


def msd_fft(coordinates_A: Array) -> Array:
    """Mean square displacement of each particle over all time origins, for all lags, by FFT.

    MSD(m) = S1(m) - 2 S2(m) with S2 the autocorrelation; Kneller et al., Computer Physics Communications 91, 191
    (1995); Calandrini et al., Collection SFN 12, 201 (2011). Means are subtracted first, because the two terms cancel.

    Parameters
    ----------
    coordinates_A : numpy.ndarray, (particles, 3, frames)
        Unwrapped coordinates in angstrom.

    Returns
    -------
    numpy.ndarray, (particles, frames)
        MSD in A^2 at lags 0 .. frames - 1.
    """
    n = coordinates_A.shape[-1]
    x = coordinates_A - coordinates_A.mean(axis=-1, keepdims=True)
    size = next_fast_len(2 * n, real=True)
    spectrum = rfft(x, n=size, axis=-1)
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=1)
    origins = np.arange(n, 0, -1)
    correlation = irfft(power, n=size, axis=-1)[:, :n] / origins
    squares = np.cumsum(np.pad((x**2).sum(axis=1), ((0, 0), (1, 0))), axis=-1)
    lags = np.arange(n)
    # sum over origins of |r(t)|^2 + |r(t + m)|^2: the first n - m frames plus the last n - m frames
    ends = squares[:, n - lags] + squares[:, -1:] - squares[:, lags]
    msd = np.maximum(ends / origins - 2.0 * correlation, 0.0)
    msd[:, 0] = 0.0
    return np.asarray(msd, dtype=np.float64)


class MsdSum:
    """Mean square displacement summed over particles in Fourier space: one way back for all of them.

    Parameters
    ----------
    n_frames : int
        Frames of the run.
    n_lags : int
        Lags wanted, from 0; padding by as many frames keeps them free of the periodic image.
    """

    def __init__(self, n_frames: int, n_lags: int) -> None:
        self.n_frames, self.n_lags = n_frames, n_lags
        self.size = next_fast_len(n_frames + n_lags, real=True)
        self._power = np.zeros(self.size // 2 + 1)
        self._squares = np.zeros(n_frames)

    def add(self, coordinates_A: Array) -> None:
        """Add particles, (particles, 3, frames), in angstrom."""
        x = coordinates_A - coordinates_A.mean(axis=-1, keepdims=True)
        for particle in x:
            spectrum = rfft(particle, n=self.size, axis=-1)
            self._power += (spectrum.real**2 + spectrum.imag**2).sum(axis=0)
        self._squares += np.einsum("nct,nct->t", x, x)

    def total_A2(self) -> Array:  # noqa: N802 (unit suffix)
        """Sum of the MSD over the particles, (lags,), in A^2."""
        n, lags = self.n_frames, np.arange(self.n_lags)
        correlation = irfft(self._power, n=self.size)[: self.n_lags]
        sums = np.concatenate([[0.0], np.cumsum(self._squares)])
        msd = np.maximum((sums[n - lags] + sums[-1] - sums[lags] - 2.0 * correlation) / (n - lags), 0.0)
        msd[0] = 0.0
        return np.asarray(msd, dtype=np.float64)


def msd_tensor(coordinates_A: Array, lags: Index) -> Array:
    """Mean over all time origins of the outer product of the displacement, at chosen lags.

    Parameters
    ----------
    coordinates_A : numpy.ndarray, (particles, 3, frames)
        Unwrapped coordinates in angstrom.
    lags : numpy.ndarray of int, (lags,)
        Lags in frames, each below the number of frames.

    Returns
    -------
    numpy.ndarray, (particles, lags, 3, 3)
        <dr dr^T> in A^2; its trace is the MSD.
    """
    tensors = np.empty((len(coordinates_A), len(lags), 3, 3))
    for k, lag in enumerate(lags):
        step = coordinates_A[..., lag:] - coordinates_A[..., : coordinates_A.shape[-1] - lag]
        tensors[:, k] = step @ step.transpose(0, 2, 1) / step.shape[-1]
    return tensors


def collective_coordinate(frame: HostFrame) -> Array:
    """Sum of the coordinates of all mobile ions divided by the square root of their number.

    Its MSD is the collective (charge) MSD per ion: <|sum_i dr_i|^2> / N.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.

    Returns
    -------
    numpy.ndarray, (1, 3, frames)
        Coordinate in angstrom.
    """
    total = np.zeros((1, 3, frame.n_frames))
    for block in frame.chunks(frame.mobile_index):
        total += (block - block[..., :1]).sum(axis=0)
    return np.asarray(total / np.sqrt(len(frame.mobile_index)), dtype=np.float64)


def msd_of(frame: HostFrame, index: Index, n_lags: int, kept_lags: Index) -> tuple[Array, Array]:
    """All-origin MSD averaged over atoms, and that of each atom at some lags.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.
    index : numpy.ndarray of int
        The atoms wanted.
    n_lags : int
        Number of lags, from 0, of the averaged curve.
    kept_lags : numpy.ndarray of int
        Lags (frames) at which the curves of the single atoms are kept.

    Returns
    -------
    mean : numpy.ndarray, (n_lags,)
        MSD in A^2; NaN when there is no atom.
    single : numpy.ndarray, (atoms, kept lags)
        MSD of each atom in A^2.
    """
    total = np.zeros(n_lags)
    single = []
    for block in frame.chunks(index):
        msd = msd_fft(block)
        total += msd[:, :n_lags].sum(axis=0)
        single.append(msd[:, kept_lags])
    if not single:
        return np.full(n_lags, np.nan), np.empty((0, len(kept_lags)))
    return total / len(index), np.concatenate(single)
