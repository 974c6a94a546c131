"""From a spec's grid points to disordered structures that a supercell can realise exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pymatgen.core import Species, Structure

from superionic.documents import CompositionInfo
from superionic.errors import SpecError
from superionic.ordering.cell import SUBLATTICE
from superionic.ordering.host import HostCell, host_cell
from superionic.ordering.realisable import Demand, realising_supercells
from superionic.spec import CompositionPoint, ElectrolyteSpec
from superionic.supercell_choice import SupercellShape

Occupancies = dict[str, dict[str, Fraction]]


@dataclass(frozen=True)
class GridCell:
    """One grid point with its disordered host and the supercells that realise it.

    Attributes
    ----------
    point : CompositionPoint
        Exact axis values.
    info : CompositionInfo
        The same for documents.
    structure : Structure
        Disordered, charge-decorated host cell; missing occupancy is vacancy.
    supercells : list of SupercellShape
        Supercells in which every species count is an integer: three integers each, or the rows of
        an integer matrix.
    """

    point: CompositionPoint
    info: CompositionInfo
    structure: Structure
    supercells: list[SupercellShape]


def grid_cells(spec: ElectrolyteSpec) -> list[GridCell]:
    """All grid points of a spec as disordered structures.

    Raises
    ------
    SpecError
        If a point is not charge neutral or no supercell of the spec realises it.
    """
    return [grid_cell(spec, point) for point in spec.points]


def grid_cell(spec: ElectrolyteSpec, point: CompositionPoint) -> GridCell:
    """One point as a disordered structure, on the grid or not; errors as in :func:`grid_cells`."""
    host = host_cell(spec, point)
    occupancies = spec.occupancies(point)
    _check_neutral(spec, point, occupancies, host.site_counts)
    structure = _decorated(spec, host, occupancies)
    demand = Demand.of(spec, point, host, structure)
    info = CompositionInfo(axes=point.values, label=point.label, formula=formula(spec, occupancies, host))
    return GridCell(point, info, structure, realising_supercells(demand))


def formula(spec: ElectrolyteSpec, occupancies: Occupancies, host: HostCell) -> str:
    """Formula per formula unit in the order of ``charges``, e.g. ``Li3In0.5Y0.5Br6``."""
    amounts = {symbol: Fraction(0) for symbol in spec.charges}
    for name, occupants in occupancies.items():
        for symbol, value in occupants.items():
            amounts[symbol] += value * host.site_counts[name] / host.formula_units
    parts = [f"{symbol}{'' if n == 1 else f'{float(n):.6g}'}" for symbol, n in amounts.items() if n != 0]
    return "".join(parts)


def _decorated(spec: ElectrolyteSpec, host: HostCell, occupancies: Occupancies) -> Structure:
    species = [
        {Species(symbol, spec.charges[symbol]): float(value) for symbol, value in occupancies[name].items()}
        for name in host.sublattices
    ]
    structure = host.structure
    names = {SUBLATTICE: list(host.sublattices)}
    return Structure(structure.lattice, species, structure.frac_coords, site_properties=names, labels=structure.labels)


def _check_neutral(
    spec: ElectrolyteSpec, point: CompositionPoint, occupancies: Occupancies, counts: dict[str, int]
) -> None:
    terms = [
        (symbol, counts[name] * value, spec.charges[symbol])
        for name, occupants in occupancies.items()
        for symbol, value in occupants.items()
    ]
    total = sum((amount * charge for _, amount, charge in terms), Fraction(0))
    if total != 0:
        arithmetic = " + ".join(f"{amount} {symbol} x ({charge:+d})" for symbol, amount, charge in terms)
        raise SpecError(
            f"{spec.source}: grid: {point.label} is not charge neutral: {arithmetic} = {float(total):+g} per cell; "
            "correct charges, sublattices or the grid"
        )
