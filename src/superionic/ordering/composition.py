"""From a spec's grid points to disordered structures that a supercell can realise exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from pymatgen.core import Species, Structure

from superionic.documents import CompositionInfo
from superionic.errors import SpecError
from superionic.ordering.cell import SUBLATTICE
from superionic.ordering.host import HostCell, host_cell
from superionic.ordering.realisable import Demand, realising_supercells
from superionic.spec import ElectrolyteSpec
from superionic.spec_parts import CompositionPoint, Polymorph
from superionic.supercell_choice import SupercellShape

Occupancies = dict[str, dict[str, Fraction]]


@dataclass(frozen=True)
class GridCell:
    """One grid point with its disordered host, or with a polymorph, and the supercells that realise it.

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
    polymorph : Polymorph or None
        The polymorph if the structure is not that of the host.
    """

    point: CompositionPoint
    info: CompositionInfo
    structure: Structure
    supercells: list[SupercellShape]
    polymorph: Polymorph | None = None


def grid_cells(spec: ElectrolyteSpec) -> list[GridCell]:
    """All grid points of a spec as disordered structures, then its polymorphs.

    Raises
    ------
    SpecError
        If a point is not charge neutral or no supercell of the spec realises it, or a polymorph has another
        composition than its grid point.
    """
    return [grid_cell(spec, point) for point in spec.points] + polymorph_cells(spec, spec.points)


def polymorph_cells(spec: ElectrolyteSpec, points: Sequence[CompositionPoint]) -> list[GridCell]:
    """All polymorphs of some grid points as disordered structures; errors as in :func:`grid_cells`."""
    return [
        _polymorph_cell(spec, name, point)
        for name in spec.polymorphs
        for point in spec.of_polymorph(name).points
        if point in points
    ]


def _polymorph_cell(spec: ElectrolyteSpec, name: str, point: CompositionPoint) -> GridCell:
    crystal = spec.of_polymorph(name)
    cell = grid_cell(crystal, point)
    expected = formula(spec, spec.occupancies(point), host_cell(spec, point))
    if cell.info.formula != expected:
        raise SpecError(
            f"{crystal.source}: its formula is {cell.info.formula}, but {point.label} is {expected}: correct its "
            "sites, sublattices, host.formula_units or at"
        )
    info = cell.info.model_copy(update={"label": f"{point.label} ({name})", "polymorph": name})
    return replace(cell, info=info, polymorph=spec.polymorphs[name])


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
    """Formula per formula unit: mobile species, other cations, anions, each in the order of ``charges``."""
    order = sorted(spec.charges, key=lambda symbol: (symbol != spec.mobile, spec.charges[symbol] < 0))
    amounts = {symbol: Fraction(0) for symbol in order}
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
