"""Which supercells of the host hold a composition with whole numbers of ions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import floor, lcm

import numpy as np
from pymatgen.core import Structure

from superionic.errors import SpecError
from superionic.ordering.cell import ReferenceCell
from superionic.ordering.host import HostCell
from superionic.ordering.supercells import (
    compact_supercell,
    supercell_label,
    supercell_shape,
    supercell_size,
    supercells_of_size,
)
from superionic.spec import ElectrolyteSpec
from superionic.spec_parts import CompositionPoint
from superionic.supercell_choice import AUTO, SupercellShape, UpTo

FINEST_DENOMINATOR = 48
"""Neighbouring compositions are looked for among axis values with denominators up to this one."""
SUGGESTIONS = 3


@dataclass(frozen=True)
class Demand:
    """What a grid point asks of a supercell.

    Attributes
    ----------
    spec : ElectrolyteSpec
        The spec.
    point : CompositionPoint
        The grid point.
    structure : Structure
        The disordered host cell at this point.
    pools : dict of str to (str, int)
        Sites that share a fixed number of each species, by a name for messages: their sublattice
        and their number in the host cell.
    """

    spec: ElectrolyteSpec
    point: CompositionPoint
    structure: Structure
    pools: dict[str, tuple[str, int]]

    @classmethod
    def of(cls, spec: ElectrolyteSpec, point: CompositionPoint, host: HostCell, structure: Structure) -> Demand:
        """Find the pools: whole sublattices, or their orbits where each orbit keeps its own count."""
        if spec.orderings.merge_equal_orbits:
            pools = {name: (name, number) for name, number in host.site_counts.items()}
        else:
            pools = _orbits(host, structure)
        return cls(spec, point, structure, pools)

    def amounts(self, point: CompositionPoint) -> dict[str, Fraction]:
        """Ions of each species in one host cell at a point, as exact fractions."""
        occupancies = self.spec.occupancies(point)
        return {
            f"{symbol} on {pool}": value * number
            for pool, (name, number) in self.pools.items()
            for symbol, value in occupancies[name].items()
        }

    def divisor(self, point: CompositionPoint) -> int:
        """Smallest number of host cells with whole numbers of ions; all others are its multiples."""
        return lcm(*(amount.denominator for amount in self.amounts(point).values()))

    @property
    def atoms_per_cell(self) -> Fraction:
        """Atoms in one host cell."""
        return sum(self.amounts(self.point).values(), Fraction(0))


def _orbits(host: HostCell, structure: Structure) -> dict[str, tuple[str, int]]:
    reference = ReferenceCell.of(structure, merge_equal_orbits=False, symprec_A=0.01)
    pools = {}
    for sites in reference.pool_sites:
        first = int(sites[0])
        pools[f"{host.sublattices[first]} ({structure[first].label}, site {first + 1})"] = (
            host.sublattices[first],
            len(sites),
        )
    return pools


def realising_supercells(demand: Demand) -> list[SupercellShape]:
    """Supercells of the spec's settings that hold the composition exactly.

    Parameters
    ----------
    demand : Demand
        The grid point.

    Returns
    -------
    list of SupercellShape
        At least one supercell; matrices where they are not diagonal.

    Raises
    ------
    SpecError
        If there is none; the message shows the arithmetic, sizes that would do, and the nearest
        compositions that the settings can realise.
    """
    divisor = demand.divisor(demand.point)
    whole = [cell for cell in _offered(demand, divisor) if supercell_size(cell) % divisor == 0]
    if not whole:
        raise SpecError(_explain_fractions(demand, divisor))
    limit = demand.spec.orderings.atoms_max
    fits = [cell for cell in whole if limit is None or supercell_size(cell) * demand.atoms_per_cell <= limit]
    if not fits:
        smallest = min(whole, key=supercell_size)
        raise SpecError(
            f"{demand.spec.source}: grid: {demand.point.label} needs at least "
            f"{float(supercell_size(smallest) * demand.atoms_per_cell):g} atoms ({supercell_label(smallest)}), more "
            f"than orderings.atoms_max = {limit}; raise it or change the grid"
        )
    return fits


def _offered(demand: Demand, divisor: int) -> list[SupercellShape]:
    """Supercells that the settings allow for this point, before counting ions."""
    choice = demand.spec.orderings.supercells
    if choice == AUTO:
        lattice_A = np.array(demand.structure.lattice.matrix, dtype=np.float64)
        return [supercell_shape(compact_supercell(lattice_A, divisor))]
    if isinstance(choice, UpTo):
        sizes = range(divisor, choice.up_to + 1, divisor)
        return [supercell_shape(matrix) for size in sizes for matrix in supercells_of_size(demand.structure, size)]
    return list(choice)  # type: ignore[arg-type]


def _explain_fractions(demand: Demand, divisor: int) -> str:
    choice = demand.spec.orderings.supercells
    if isinstance(choice, UpTo):
        sizes, offered = list(range(1, choice.up_to + 1)), f"supercell of up to {choice.up_to} host cells"
    else:
        cells: list[SupercellShape] = list(choice)  # type: ignore[arg-type]
        sizes = sorted({supercell_size(cell) for cell in cells})
        offered = f"of orderings.supercells {', '.join(map(supercell_label, cells))}"
    left = [f"{n * sizes[0]} {what}" for what, n in demand.amounts(demand.point).items() if n * sizes[0] % 1]
    near = " or ".join(point.exact_label for point in nearest_points(demand, sizes))
    return (
        f"{demand.spec.source}: grid: {demand.point.label} is not realisable in any {offered}: {sizes[0]} host cell(s) "
        f"would hold {', '.join(left)}; add a supercell whose volume is a multiple of {divisor}, e.g. "
        f"[1, 1, {divisor}] (or supercells: auto), or change the grid"
        + (f"; the nearest realisable compositions are {near}" if near else "")
    )


def nearest_points(demand: Demand, sizes: list[int]) -> list[CompositionPoint]:
    """Compositions close to a point that supercells of some sizes hold exactly, the closest first.

    Parameters
    ----------
    demand : Demand
        The grid point.
    sizes : list of int
        Numbers of host cells.

    Returns
    -------
    list of CompositionPoint
        Up to three points within the spec's ranges and constraints.
    """
    found = {}
    for axes in _neighbours(demand.point.axes):
        try:
            point = demand.spec.allowed_point(axes)
        except SpecError:
            continue
        if any(size % demand.divisor(point) == 0 for size in sizes):
            found[point.exact_label] = point
    return sorted(found.values(), key=lambda point: _distance(point, demand.point))[:SUGGESTIONS]


def _neighbours(axes: dict[str, Fraction]) -> Iterator[dict[str, float | str]]:
    """Axis values just below and above the given ones for every denominator."""
    for denominator in range(1, FINEST_DENOMINATOR + 1):
        below = [floor(value * denominator) for value in axes.values()]
        for step in product((0, 1), repeat=len(below)):
            values = (str(Fraction(n + s, denominator)) for n, s in zip(below, step, strict=True))
            yield dict(zip(axes, values, strict=True))


def _distance(point: CompositionPoint, other: CompositionPoint) -> Fraction:
    return sum(((point.axes[axis] - other.axes[axis]) ** 2 for axis in point.axes), Fraction(0))
