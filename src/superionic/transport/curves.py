"""Mean square displacements as tensors over all origins, from which any direction and plane follows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft

from superionic.errors import TransportInputError
from superionic.transport.anisotropy import all_parts, along, in_plane
from superionic.transport.displacement import Array, HostFrame, collective_coordinate, host_frame

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True, eq=False)
class MsdCurves:
    """<dr dr^T> of the mobile ions against lag time, averaged over all origins.

    Attributes
    ----------
    time_ps : numpy.ndarray, (lags,)
        Lag times from zero on, in ps.
    tracer_A2 : numpy.ndarray, (lags, 3, 3)
        Mean over ions, in A^2; the trace is the tracer MSD.
    collective_A2 : numpy.ndarray, (lags, 3, 3)
        Of the sum over ions, divided by their number, in A^2; the trace is the collective (charge) MSD.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.
    """

    time_ps: Array
    tracer_A2: Array
    collective_A2: Array
    lattice_A: Array

    @property
    def axes_A2(self) -> Array:  # noqa: N802 (unit suffix)
        """Tracer MSD along the unit vectors of a, b and c, (lags, 3), in A^2."""
        return np.stack([part(self.tracer_A2) for part in all_parts(self.lattice_A)[1:4]], axis=1)

    @property
    def planes_A2(self) -> Array:  # noqa: N802 (unit suffix)
        """Tracer MSD within the planes ab, ac and bc, (lags, 3), in A^2: the sum over two orthogonal directions."""
        return np.stack([2.0 * part(self.tracer_A2) for part in all_parts(self.lattice_A)[4:]], axis=1)

    def along(self, direction: Sequence[float], *, collective: bool = False) -> Array:
        """MSD along a lattice direction.

        Parameters
        ----------
        direction : sequence of float, (3,)
            Components [u, v, w] along a, b and c.
        collective : bool
            Collective instead of tracer.

        Returns
        -------
        numpy.ndarray, (lags,)
            In A^2.
        """
        return along(unit_vector(direction, self.lattice_A))(self.collective_A2 if collective else self.tracer_A2)

    def in_plane(self, indices: Sequence[float], *, collective: bool = False) -> Array:
        """MSD within a lattice plane, summed over two orthogonal directions in it.

        Parameters
        ----------
        indices : sequence of float, (3,)
            Miller indices (h, k, l).
        collective : bool
            Collective instead of tracer.

        Returns
        -------
        numpy.ndarray, (lags,)
            In A^2.
        """
        part = in_plane(plane_normal(indices, self.lattice_A))
        return 2.0 * part(self.collective_A2 if collective else self.tracer_A2)


def unit_vector(direction: Sequence[float], lattice_A: Array) -> Array:
    """Cartesian unit vector along the lattice direction [u, v, w].

    Parameters
    ----------
    direction : sequence of float, (3,)
        Components along a, b and c.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.

    Returns
    -------
    numpy.ndarray, (3,)
        The unit vector.

    Raises
    ------
    TransportInputError
        If the direction has not three finite components or is zero.
    """
    return _unit(_three(direction, "direction") @ lattice_A)


def plane_normal(indices: Sequence[float], lattice_A: Array) -> Array:
    """Cartesian unit normal of the lattice plane (h k l).

    Parameters
    ----------
    indices : sequence of float, (3,)
        Miller indices.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.

    Returns
    -------
    numpy.ndarray, (3,)
        The unit normal.

    Raises
    ------
    TransportInputError
        If there are not three finite indices or all are zero.
    """
    return _unit(_three(indices, "indices") @ np.linalg.inv(lattice_A).T)


def _three(values: Sequence[float], name: str) -> Array:
    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (3,) or not np.all(np.isfinite(vector)) or not np.any(vector):
        raise TransportInputError(f"{name} is {values!r}: give three finite numbers that are not all zero.")
    return vector


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)


def mean_square_displacement(
    positions_A: ArrayLike,
    lattice_A: ArrayLike,
    species: Sequence[str],
    mobile: str,
    time_step_ps: float,
    *,
    wrapped: bool = False,
    discard_ps: float = 0.0,
) -> MsdCurves:
    """Tracer and collective mean square displacement tensors of the mobile ions, relative to the host.

    Parameters
    ----------
    positions_A, lattice_A, species, mobile, time_step_ps, wrapped, discard_ps
        As for :func:`superionic.transport.analyze_trajectory`.

    Returns
    -------
    MsdCurves
        All lags up to half of the run.

    Raises
    ------
    TransportInputError
        If the input cannot be used.
    """
    frame = host_frame(positions_A, lattice_A, species, mobile, time_step_ps, wrapped=wrapped, discard_ps=discard_ps)
    return msd_curves(frame)


def msd_curves(frame: HostFrame) -> MsdCurves:
    """Mean square displacement tensors of a checked trajectory.

    Parameters
    ----------
    frame : HostFrame
        The trajectory in the frame of its host.

    Returns
    -------
    MsdCurves
        All lags up to half of the run.
    """
    n_lags = frame.n_frames // 2 + 1
    collector = _Collector(frame.n_frames, n_lags)
    for block in frame.chunks(frame.mobile_index):
        collector.add(block)
    tracer = collector.tensor() / len(frame.mobile_index)
    together = _Collector(frame.n_frames, n_lags)
    together.add(collective_coordinate(frame))
    time = np.arange(n_lags, dtype=np.float64) * frame.time_step_ps
    return MsdCurves(time, tracer, together.tensor(), frame.lattice_A)


class _Collector:
    """Sums over particles in Fourier space, so that the way back is taken once and not per particle.

    The scheme is that of :func:`superionic.transport.displacement.msd_fft`, for products of components.
    """

    def __init__(self, n_frames: int, n_lags: int) -> None:
        self.n_frames, self.n_lags = n_frames, n_lags
        self.size = next_fast_len(n_frames + n_lags, real=True)
        self.spectra: NDArray[np.float64] = np.zeros((len(PAIRS), self.size // 2 + 1))
        self.products: Array = np.zeros((len(PAIRS), n_frames))

    def add(self, coordinates_A: Array) -> None:
        """Add particles, (particles, 3, frames)."""
        x = coordinates_A - coordinates_A.mean(axis=-1, keepdims=True)
        for particle in x:
            spectrum = rfft(particle, n=self.size, axis=-1)
            for k, (i, j) in enumerate(PAIRS):
                # the real part of the cross spectrum is that of the symmetrised correlation
                self.spectra[k] += spectrum[i].real * spectrum[j].real
                self.spectra[k] += spectrum[i].imag * spectrum[j].imag
        for k, (i, j) in enumerate(PAIRS):
            self.products[k] += np.einsum("nt,nt->t", x[:, i], x[:, j])

    def tensor(self) -> Array:
        """Sum over particles of <dr dr^T>, (lags, 3, 3)."""
        n, n_lags = self.n_frames, self.n_lags
        lags = np.arange(n_lags)
        correlation = irfft(self.spectra, n=self.size, axis=-1)[:, :n_lags]
        sums = np.cumsum(np.pad(self.products, ((0, 0), (1, 0))), axis=-1)
        ends = sums[:, n - lags] + sums[:, -1:] - sums[:, lags]
        values = (ends - 2.0 * correlation) / (n - lags)
        values[:, 0] = 0.0
        tensor = np.empty((n_lags, 3, 3))
        for k, (i, j) in enumerate(PAIRS):
            tensor[:, i, j] = tensor[:, j, i] = values[k]
        return tensor
