"""Checks of what a caller hands to the transport analysis; every refusal names the cure."""

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

from superionic.errors import TransportInputError

MIN_FRAMES = 10
"""Fewer frames than this hold no time correlation worth estimating."""
FRAMES_PER_PASS = 500
"""Frames looked at together, so that checks need little memory."""


def check_positive(name: str, value: float) -> float:
    """Return `value` as a float, or refuse it.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : float
        A number that has to be finite and above zero.

    Returns
    -------
    float
        The number.

    Raises
    ------
    TransportInputError
        If the number is not finite or not above zero.
    """
    number = float(value)
    if not np.isfinite(number) or number <= 0.0:
        raise TransportInputError(f"{name} is {value!r}: give a finite number above zero, in the unit of its name.")
    return number


def check_lattice(lattice_A: ArrayLike) -> NDArray[np.float64]:
    """Return the cell as a (3, 3) array, or refuse it.

    Parameters
    ----------
    lattice_A : array_like, (3, 3)
        Cell vectors in the rows, in angstrom.

    Returns
    -------
    numpy.ndarray, (3, 3)
        The cell in float64.

    Raises
    ------
    TransportInputError
        If the shape is wrong, a value is not finite, or the cell has no volume.
    """
    lattice = np.asarray(lattice_A, dtype=np.float64)
    if lattice.shape != (3, 3):
        raise TransportInputError(
            f"lattice_A has shape {lattice.shape}: give one (3, 3) cell with the vectors in the rows. "
            "A cell per frame (NPT) is not supported: run NVT at the equilibrium volume."
        )
    if not np.all(np.isfinite(lattice)):
        raise TransportInputError("lattice_A holds a value that is not finite: check where the cell was read.")
    lengths = np.linalg.norm(lattice, axis=1)
    if abs(np.linalg.det(lattice)) <= 1e-6 * float(np.prod(lengths)) or not np.all(lengths > 0.0):
        raise TransportInputError("lattice_A is singular (no volume): give three independent cell vectors in angstrom.")
    return lattice


def check_species(species: Sequence[str], mobile: str, n_atoms: int) -> NDArray[np.str_]:
    """Return the symbols as an array, or refuse them.

    Parameters
    ----------
    species : sequence of str
        One chemical symbol per atom.
    mobile : str
        Symbol of the mobile species.
    n_atoms : int
        Number of atoms in the trajectory.

    Returns
    -------
    numpy.ndarray of str, (n_atoms,)
        The symbols.

    Raises
    ------
    TransportInputError
        If the count differs from `n_atoms`, a symbol is unknown, or `mobile` is not among them.
    """
    if isinstance(species, str):
        raise TransportInputError(f"species is the text {species!r}: give a sequence with one symbol per atom.")
    symbols = np.asarray([str(symbol) for symbol in species])
    if len(symbols) != n_atoms:
        raise TransportInputError(
            f"species has {len(symbols)} symbols but positions_A has {n_atoms} atoms: give one symbol per atom."
        )
    present = sorted(set(symbols.tolist()))
    unknown = [symbol for symbol in present if symbol not in atomic_numbers]
    if unknown:
        raise TransportInputError(
            f"species holds {unknown}, not chemical symbols: write them as in 'Li', without charge."
        )
    if mobile not in present:
        raise TransportInputError(f"mobile is {mobile!r}, but the trajectory holds {present}: name one of these.")
    return symbols


def check_positions(positions_A: ArrayLike) -> NDArray[np.floating]:
    """Return the positions as an array that is not copied where possible, or refuse them.

    Parameters
    ----------
    positions_A : array_like, (frames, atoms, 3)
        Cartesian positions in angstrom; memory-mapped arrays stay on disk.

    Returns
    -------
    numpy.ndarray, (frames, atoms, 3)
        The positions.

    Raises
    ------
    TransportInputError
        If the shape is wrong, there are fewer than 10 frames, or a value is not finite.
    """
    positions = np.asarray(positions_A)
    if positions.ndim != 3 or positions.shape[2] != 3 or positions.shape[1] == 0:  # noqa: PLR2004 (x, y, z)
        raise TransportInputError(f"positions_A has shape {positions.shape}: give (frames, atoms, 3) in angstrom.")
    if not (np.issubdtype(positions.dtype, np.floating) or np.issubdtype(positions.dtype, np.integer)):
        raise TransportInputError(f"positions_A holds {positions.dtype}: give real numbers in angstrom.")
    if len(positions) < MIN_FRAMES:
        raise TransportInputError(
            f"the trajectory has {len(positions)} frames: {MIN_FRAMES} are the least that can be analysed. "
            "Run longer or save more often."
        )
    for start in range(0, len(positions), FRAMES_PER_PASS):
        bad = ~np.isfinite(positions[start : start + FRAMES_PER_PASS])
        if bad.any():
            frame, atom, _ = (int(i) for i in np.argwhere(bad)[0])
            raise TransportInputError(
                f"positions_A is not finite at frame {start + frame}, atom {atom}: the run exploded or the file is "
                "damaged. Cut the trajectory before that frame or run again with a shorter time step."
            )
    return positions


def _longest_component(positions_A: NDArray[np.floating]) -> float:
    longest = 0.0
    for start in range(0, len(positions_A) - 1, FRAMES_PER_PASS):
        step = np.diff(positions_A[start : start + FRAMES_PER_PASS + 1], axis=0)
        longest = max(longest, float(step.max()), -float(step.min()))
    return longest


def check_really_unwrapped(positions_A: NDArray[np.floating], lattice_A: NDArray[np.float64]) -> None:
    """Refuse positions that were wrapped into the cell but are said to be unwrapped.

    The signature is unmistakable: along some axis all atoms stay within one period and yet an atom moves by more
    than three quarters of it between two frames. Taken as unwrapped, such data give a wrong diffusivity silently.

    Parameters
    ----------
    positions_A : numpy.ndarray, (frames, atoms, 3)
        Positions in angstrom.
    lattice_A : numpy.ndarray, (3, 3)
        Cell vectors in the rows, in angstrom.

    Raises
    ------
    TransportInputError
        If the positions look wrapped.
    """
    inverse = np.linalg.inv(lattice_A)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    # no step along an axis is longer than the step itself over the height of the cell
    if np.sqrt(3.0) * _longest_component(positions_A) <= 0.75 * heights.min():
        return
    low, high, jump = np.full(3, np.inf), np.full(3, -np.inf), np.zeros(3)
    for start in range(0, len(positions_A), FRAMES_PER_PASS):
        fractional = positions_A[start : start + FRAMES_PER_PASS + 1].astype(np.float64) @ inverse
        low = np.minimum(low, fractional.min(axis=(0, 1)))
        high = np.maximum(high, fractional.max(axis=(0, 1)))
        if len(fractional) > 1:
            jump = np.maximum(jump, np.abs(np.diff(fractional, axis=0)).max(axis=(0, 1)))
    wrapped = (high - low < 1.0 + 1e-4) & (jump > 0.75)  # noqa: PLR2004 (see above)
    if wrapped.any():
        axes = ", ".join("abc"[i] for i in np.flatnonzero(wrapped))
        raise TransportInputError(
            f"positions_A look wrapped into the cell along {axes} (atoms jump across the whole cell between frames): "
            "pass wrapped=True, or store unwrapped positions."
        )
