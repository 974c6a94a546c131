"""Density of the mobile ions on a grid, its average over symmetry, and the free energy it means."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfftn, rfftn
from scipy.ndimage import map_coordinates

from superionic.errors import TransportInputError
from superionic.transport.checks import check_positive
from superionic.transport.displacement import Array, HostFrame, host_frame
from superionic.units import BOLTZMANN_EV_PER_K

MAX_VOXELS = 50_000_000
COORDINATES_PER_PASS = 1_000_000
WHOLE = 1e-6
KERNEL_REACH, ROUNDING = 4.0, 1e-11


@dataclass(frozen=True, eq=False)
class IonDensity:
    """Density of the mobile ions on a grid over a cell, in both normalisations that are in use.

    An isosurface value means nothing without its normalisation: the two differ by the number of mobile ions. Store
    the choice with every plot.

    Attributes
    ----------
    number_density_per_A3 : numpy.ndarray, (na, nb, nc)
        Ions per A^3, counts / (frames * voxel volume * cells): integrates to the number of mobile ions in the cell.
        Independent of the size of the supercell.
    probability_density_per_A3 : numpy.ndarray, (na, nb, nc)
        Probability per A^3: integrates to 1. Falls with the size of the cell.
    lattice_A : numpy.ndarray, (3, 3)
        Vectors of the cell of the grid in the rows, in angstrom.
    voxel_volume_A3 : float
        Volume of a voxel in A^3. Voxel (i, j, k) spans fractional coordinates from (i, j, k) / shape to the next.
    mobile_count, n_frames : int
        Number of mobile ions in the simulated cell, and of frames.
    n_cells : int
        Cells of the grid in the simulated cell: above 1 when the density was folded.
    averaged_over : str
        Symmetry that was averaged over, in words; empty without.
    n_equivalent : int
        Symmetry-equivalent places that share each count, beyond the folding.
    """

    number_density_per_A3: Array
    probability_density_per_A3: Array
    lattice_A: Array
    voxel_volume_A3: float
    mobile_count: int
    n_frames: int
    n_cells: int = 1
    averaged_over: str = ""
    n_equivalent: int = 1

    def kernel_volume_A3(self, smoothing_A: float) -> float:  # noqa: N802 (unit suffix)
        """Volume over which a Gaussian kernel averages, (4 pi)^(3/2) sigma^3, or a voxel if that is larger, in A^3."""
        return max(float((4.0 * np.pi) ** 1.5 * smoothing_A**3), self.voxel_volume_A3)

    def floor_per_A3(self, smoothing_A: float) -> float:  # noqa: N802 (unit suffix)
        """Number density after smoothing that a single count means, in ions/A^3: nothing below it was seen."""
        return self.count_density_per_A3 * self.voxel_volume_A3 / self.kernel_volume_A3(smoothing_A)

    def smoothed(self, smoothing_A: float) -> Array:
        """Number density after smoothing, zero below what a single count means, in ions/A^3."""
        smooth = smoothed(self.number_density_per_A3, self.lattice_A, smoothing_A)
        return np.where(smooth >= self.floor_per_A3(smoothing_A), smooth, 0.0)

    @property
    def count_density_per_A3(self) -> float:  # noqa: N802 (unit suffix)
        """Number density that a single count in a voxel means, in ions/A^3: the statistical floor."""
        return 1.0 / (self.n_frames * self.n_cells * self.n_equivalent * self.voxel_volume_A3)


def ion_density(
    positions_A: ArrayLike,
    lattice_A: ArrayLike,
    species: Sequence[str],
    mobile: str,
    *,
    resolution_A: float = 0.2,
    wrapped: bool = False,
    supercell: ArrayLike | None = None,
) -> IonDensity:
    """Histogram of the mobile ions in the frame of the host.

    Parameters
    ----------
    positions_A : array_like, (frames, atoms, 3)
        Cartesian positions in angstrom.
    lattice_A : array_like, (3, 3)
        Cell vectors in the rows, in angstrom.
    species : sequence of str
        One chemical symbol per atom.
    mobile : str
        Symbol of the mobile species.
    resolution_A : float
        Largest edge of a voxel, in angstrom.
    wrapped : bool
        Whether positions are wrapped into the cell.
    supercell : array_like of int, (3,) or (3, 3), optional
        Multiples of the unit cell along a, b, c, or the matrix M of lattice = M @ unit cell. The density is then
        averaged over the translations of the unit cell and given on a grid over it.

    Returns
    -------
    IonDensity
        The density in both normalisations.

    Raises
    ------
    TransportInputError
        If the input cannot be used or the grid would exceed 5e7 voxels.
    """
    frame = host_frame(positions_A, lattice_A, species, mobile, 1.0, wrapped=wrapped)
    return density_of(counts_of(frame, supercell_of(supercell), resolution_A)[0], frame, supercell_of(supercell))


def supercell_of(supercell: ArrayLike | None) -> NDArray[np.int64]:
    """The supercell as a matrix of whole numbers.

    Parameters
    ----------
    supercell : array_like of int, (3,) or (3, 3), optional
        Multiples, matrix, or None for the cell itself.

    Returns
    -------
    numpy.ndarray of int, (3, 3)
        The matrix.

    Raises
    ------
    TransportInputError
        If it is neither, or is singular.
    """
    matrix = np.eye(3) if supercell is None else np.asarray(supercell, dtype=np.float64)
    matrix = np.diag(matrix) if matrix.shape == (3,) else matrix
    whole = np.rint(matrix).astype(np.int64)
    if matrix.shape != (3, 3) or np.abs(matrix - whole).max() > WHOLE or abs(np.linalg.det(whole)) < 0.5:  # noqa: PLR2004 (determinants are whole)
        raise TransportInputError(f"supercell is {supercell!r}: give three multiples, or a (3, 3) matrix of integers.")
    return whole


def counts_of(
    frame: HostFrame, matrix: NDArray[np.int64], resolution_A: float, n_blocks: int = 1
) -> NDArray[np.float32]:
    """Count ions in voxels, block by block of time.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.
    matrix : numpy.ndarray of int, (3, 3)
        Supercell of the cell of the grid.
    resolution_A : float
        Largest edge of a voxel, in angstrom.
    n_blocks : int
        Blocks of time, of equal length up to a frame.

    Returns
    -------
    numpy.ndarray of float32, (blocks, na, nb, nc)
        Ions times frames in each voxel, all cells of the supercell together.

    Raises
    ------
    TransportInputError
        If the grid would exceed 5e7 voxels.
    """
    lattice = np.linalg.inv(matrix) @ frame.lattice_A
    edges = np.linalg.norm(lattice, axis=1) / check_positive("resolution_A", resolution_A)
    if np.prod(edges) * n_blocks > MAX_VOXELS:
        raise TransportInputError(
            f"resolution_A = {resolution_A} gives {np.prod(edges):.2g} voxels, above {MAX_VOXELS // n_blocks:.0e}: "
            "coarsen it."
        )
    shape = tuple(int(n) for n in np.ceil(edges - 1e-9))
    inverse, size = np.linalg.inv(lattice), int(np.prod(shape))
    counts = np.zeros((n_blocks, size), dtype=np.float32)
    starts = np.linspace(0, frame.n_frames, n_blocks + 1).round().astype(int)
    for block in frame.chunks(frame.mobile_index, max(1, COORDINATES_PER_PASS // frame.n_frames)):
        fractional = block.transpose(2, 0, 1) @ inverse
        voxels = np.floor((fractional % 1.0) * shape).astype(np.intp) % shape
        flat = np.ravel_multi_index(tuple(np.moveaxis(voxels, -1, 0)), shape)
        for k in range(n_blocks):
            counts[k] += np.bincount(flat[starts[k] : starts[k + 1]].ravel(), minlength=size)
    return counts.reshape(n_blocks, *shape)


def density_of(counts: NDArray[np.floating], frame: HostFrame, matrix: NDArray[np.int64]) -> IonDensity:
    """Density from counts of all frames.

    Parameters
    ----------
    counts : numpy.ndarray, (na, nb, nc)
        Ions times frames in each voxel.
    frame : HostFrame
        The trajectory.
    matrix : numpy.ndarray of int, (3, 3)
        Supercell of the cell of the grid.

    Returns
    -------
    IonDensity
        The density in both normalisations.
    """
    n_cells = round(abs(np.linalg.det(matrix)))
    n_mobile = len(frame.mobile_index)
    voxel = frame.volume_A3 / n_cells / counts.size
    number = counts.astype(np.float64) / (frame.n_frames * n_cells * voxel)
    words = f"{n_cells} translations of the unit cell" if n_cells > 1 else ""
    lattice = np.linalg.inv(matrix) @ frame.lattice_A
    probability = number * n_cells / n_mobile
    return IonDensity(number, probability, lattice, voxel, n_mobile, frame.n_frames, n_cells, words)


def symmetry_averaged(density: IonDensity, rotations: Array, translations: Array, name: str) -> IonDensity:
    """Average over the operations x -> R x + t of a space group, by linear interpolation on the grid.

    Parameters
    ----------
    density : IonDensity
        Density over the unit cell.
    rotations : numpy.ndarray, (operations, 3, 3)
        R, on fractional coordinates.
    translations : numpy.ndarray, (operations, 3)
        t, in fractional coordinates.
    name : str
        Name of the group, for the record.

    Returns
    -------
    IonDensity
        Same integral; smoothed by up to half a voxel where operations do not map the grid onto itself.
    """
    number = density.number_density_per_A3
    shape = np.array(number.shape)
    centres = (np.indices(number.shape).reshape(3, -1).T + 0.5) / shape
    total = np.zeros(number.size)
    for rotation, translation in zip(rotations, translations, strict=True):
        index = ((centres @ rotation.T + translation) % 1.0) * shape - 0.5
        total += map_coordinates(number, index.T, order=1, mode="grid-wrap")
    average = (total * number.sum() / total.sum()).reshape(number.shape)
    words = ", ".join(part for part in (density.averaged_over, f"space group {name}") if part)
    probability = average * density.n_cells / density.mobile_count
    return replace(
        density,
        number_density_per_A3=average,
        probability_density_per_A3=probability,
        averaged_over=words,
        n_equivalent=len(rotations),
    )


def smoothed(density_per_A3: Array, lattice_A: Array, sigma_A: float) -> Array:
    """Convolution with a Gaussian kernel in Cartesian space, periodic.

    Parameters
    ----------
    density_per_A3 : numpy.ndarray, (na, nb, nc)
        Density on a grid over the cell.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.
    sigma_A : float
        Standard deviation of the kernel along every direction, in angstrom; 0 leaves the density as it is.

    Returns
    -------
    numpy.ndarray, (na, nb, nc)
        Same integral.
    """
    if sigma_A <= 0.0:
        return density_per_A3
    shape = np.array(density_per_A3.shape)
    offsets = np.indices(density_per_A3.shape).reshape(3, -1).T / shape
    offsets -= np.rint(offsets)
    square = ((offsets @ lattice_A) ** 2).sum(axis=1).reshape(density_per_A3.shape)
    kernel = np.where(square < (KERNEL_REACH * sigma_A) ** 2, np.exp(-0.5 * square / sigma_A**2), 0.0)
    spectrum = rfftn(density_per_A3) * rfftn(kernel / kernel.sum())
    smooth = irfftn(spectrum, s=density_per_A3.shape)
    # what is left of the transform's rounding where no ion came near
    return np.where(smooth > ROUNDING * smooth.max(), smooth, 0.0)


def free_energy(density_per_A3: ArrayLike, temperature_K: float) -> Array:
    """Free energy of an ion, F = -kT ln(rho / rho_max), in eV.

    Parameters
    ----------
    density_per_A3 : array_like
        Density on a grid, in any normalisation.
    temperature_K : float
        Temperature of the run, in K.

    Returns
    -------
    numpy.ndarray
        Zero where the density is largest, infinite where no ion was seen.
    """
    density = np.asarray(density_per_A3, dtype=np.float64)
    kT_eV = BOLTZMANN_EV_PER_K * check_positive("temperature_K", temperature_K)
    with np.errstate(divide="ignore"):
        return np.asarray(-kT_eV * np.log(density / density.max()))
