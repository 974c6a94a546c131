"""Free energies of the bottlenecks, with what statistics, resolution and smoothing leave of them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from superionic.transport.displacement import Array
from superionic.transport.pathways.density import IonDensity
from superionic.transport.pathways.landscape import survey
from superionic.transport.pathways.paths import percolation_of
from superionic.transport.pathways.percolation import Loop, Percolation, Vector
from superionic.units import BOLTZMANN_EV_PER_K

AXES = ("a", "b", "c")
DIMENSIONS = ("1D", "2D", "3D")


@dataclass(frozen=True, eq=False)
class Bottleneck:
    """Free energy at which the density isosurface runs through the crystal in a direction.

    Attributes
    ----------
    direction : str
        a, b, c: the surface advances along that axis. 1D, 2D, 3D: it percolates in so many dimensions.
    free_energy_eV : float or None
        -kT ln(rho / rho_max) at the weakest place of the best way; None when no such way was seen, and then it is
        above `Pathways.visible_up_to_eV` as far as the run tells.
    std_eV : float
        Standard error: the larger of the jackknife over blocks of time and the shot noise kT / sqrt(counts).
    smoothing_shift_eV : float
        How much it would rise without the kernel and the finite voxels, estimated by widening the kernel.
    counts : float
        Ions counted, times frames, within the volume of the kernel at the bottleneck: below about 10 it is noise.
    fractional : numpy.ndarray or None, (3,)
        The bottleneck.
    vector : tuple of int or None
        Lattice vector along which that way leads.
    """

    direction: str
    free_energy_eV: float | None
    std_eV: float
    smoothing_shift_eV: float
    counts: float
    fractional: Array | None
    vector: Vector | None

    @property
    def corrected_eV(self) -> float | None:  # noqa: N802 (unit suffix)
        """The free energy with the shift of the smoothing added, the better estimate of a barrier."""
        if self.free_energy_eV is None:
            return None
        return self.free_energy_eV + max(0.0, self.smoothing_shift_eV)

    @property
    def corrected_std_eV(self) -> float:  # noqa: N802 (unit suffix)
        """Standard error of `corrected_eV`: that of the statistics, and half of the shift."""
        return float(np.hypot(self.std_eV, 0.5 * self.smoothing_shift_eV))


def bottleneck_levels(density: Array, temperature_K: float) -> tuple[Array, Percolation]:
    """Free energies of the six bottlenecks, NaN where there is none, and the percolation they come from.

    Parameters
    ----------
    density : numpy.ndarray, (na, nb, nc)
        Density, smoothed as wanted.
    temperature_K : float
        Temperature of the run, K.

    Returns
    -------
    levels : numpy.ndarray, (6,)
        Along a, b, c, then for 1, 2, 3 dimensions, in eV.
    percolation : Percolation
        With the loops, axes first.
    """
    percolation = percolation_of(survey(density))
    strengths = [np.nan if loop is None else loop.strength for loop in loops(percolation)]
    values = -BOLTZMANN_EV_PER_K * temperature_K * np.log(np.array(strengths) / density.max())
    return np.asarray(values), percolation


def loops(percolation: Percolation) -> tuple[Loop | None, ...]:
    """Loops for a, b, c, 1D, 2D, 3D."""
    return (*percolation.axes, *percolation.dimensions)


def jackknife_of_levels(
    counts: NDArray[np.floating], density: IonDensity, smoothing_A: float, temperature_K: float
) -> Array:
    """Standard errors of the six levels, each block of time left out in turn.

    Parameters
    ----------
    counts : numpy.ndarray, (blocks, na, nb, nc)
        Counts of each block.
    density : IonDensity
        Density of the whole run, before smoothing; averages over a space group are not repeated block by block, so
        that the errors are then too large.
    smoothing_A : float
        Standard deviation of the kernel, in angstrom.
    temperature_K : float
        Temperature, K.

    Returns
    -------
    numpy.ndarray, (6,)
        In eV; NaN for fewer than two blocks, or where a block is needed for the way to exist.
    """
    blocks = len(counts)
    if blocks < 2:  # noqa: PLR2004 (a jackknife needs two)
        return np.full(len(AXES) + len(DIMENSIONS), np.nan)
    total = counts.sum(axis=0, dtype=np.float64)
    scale = density.number_density_per_A3.sum() / total.sum()
    parts = (replace(density, number_density_per_A3=scale * (total - one)) for one in counts)
    found = np.array([bottleneck_levels(part.smoothed(smoothing_A), temperature_K)[0] for part in parts])
    return np.asarray(np.sqrt((blocks - 1) / blocks * ((found - found.mean(axis=0)) ** 2).sum(axis=0)))


def shift_of_smoothing(density: IonDensity, smoothing_A: float, temperature_K: float, reference_eV: Array) -> Array:
    """Rise of the levels when kernel and voxels shrink to nothing, to first order in their variance.

    Parameters
    ----------
    density : IonDensity
        The density before smoothing.
    smoothing_A : float
        Standard deviation of the kernel, in angstrom.
    temperature_K : float
        Temperature, K.
    reference_eV : numpy.ndarray, (6,)
        Levels with that kernel.

    Returns
    -------
    numpy.ndarray, (6,)
        In eV.
    """
    edges = np.linalg.norm(density.lattice_A, axis=1) / density.number_density_per_A3.shape
    variance = smoothing_A**2 + float((edges**2).mean()) / 12.0
    wider = float(np.sqrt(smoothing_A**2 + variance))
    again, _ = bottleneck_levels(density.smoothed(wider), temperature_K)
    return reference_eV - again
