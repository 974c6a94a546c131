"""Frames in which two mobile ions are pushed together, so that a model learns that they repel each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii
from pymatgen.core import Structure

from superionic.potentials.atoms import closest_approach, to_atoms

RATIOS = (0.5, 0.72)
"""Distances of the pairs in sums of covalent radii: from where the guard of MD ends a run to where frames begin."""
MAX_TRIES = 20
ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class ClosePair:
    """A frame with a pair of ions closer than MD brings them.

    Attributes
    ----------
    structure : Structure
        The frame with the two ions moved.
    base : int
        Position of the frame that it was made of.
    ratio : float
        Their distance in sums of covalent radii (Cordero et al., Dalton Trans. 2008, 2832).
    """

    structure: Structure
    base: int
    ratio: float


def close_pairs(frames: Sequence[Structure], mobile: str, count: int, seed: int) -> list[ClosePair]:
    """Make frames with close pairs out of others.

    A random mobile ion of a random frame and its nearest mobile neighbour are moved towards each other, along the
    shortest line between them and by the same distance, until they are as close as a uniform random number says. It is
    drawn again where this would bring another pair as close.

    Parameters
    ----------
    frames : sequence of Structure
        Frames to choose from; not changed.
    mobile : str
        Symbol of the mobile element.
    count : int
        Frames wanted.
    seed : int
        Seed of all choices.

    Returns
    -------
    list of ClosePair
        Fewer than `count`, or none, where a cell holds a single mobile ion or is too crowded.
    """
    rng = np.random.default_rng([seed, 2])  # apart from the streams of the MD and of the frames
    found = []
    for _ in range(count):
        draws = (_draw(frames, mobile, rng) for _ in range(MAX_TRIES))
        pair = next((pair for pair in draws if pair is not None), None)
        found += [] if pair is None else [pair]
    return found


def _draw(frames: Sequence[Structure], mobile: str, rng: np.random.Generator) -> ClosePair | None:
    base, ratio = int(rng.integers(len(frames))), float(rng.uniform(*RATIOS))
    frame = frames[base]
    ions = [index for index, site in enumerate(frame) if site.specie.symbol == mobile]
    if len(ions) < 2:  # noqa: PLR2004 (a pair)
        return None
    first = ions[int(rng.integers(len(ions)))]
    second = min((ion for ion in ions if ion != first), key=lambda ion: frame.get_distance(first, ion))
    moved = _moved(frame, first, second, ratio)
    return ClosePair(moved, base, ratio) if closest_approach(to_atoms(moved)) > ratio - ROUNDING else None


def _moved(frame: Structure, first: int, second: int, ratio: float) -> Structure:
    """Two ions moved towards each other until they are `ratio` times the sum of their covalent radii apart."""
    distance, image = frame[first].distance_and_image(frame[second])
    line = frame[second].frac_coords + image - frame[first].frac_coords
    wanted = ratio * sum(covalent_radii[frame[index].specie.Z] for index in (first, second))
    step = 0.5 * (1.0 - wanted / distance) * line
    moved = frame.copy()
    moved.translate_sites([first], step, to_unit_cell=False)
    moved.translate_sites([second], -step, to_unit_cell=False)
    return moved
