"""From a spec's grid points to disordered structures that a supercell can realise exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from pymatgen.core import Lattice, Species, Structure

from superionic.documents import CompositionInfo
from superionic.errors import SpecError
from superionic.expressions import LinearExpression, as_fraction
from superionic.spec import CompositionPoint, ElectrolyteSpec

LATTICE_KEYS = ("a", "b", "c", "alpha", "beta", "gamma")


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
    supercells : list of tuple of int
        Listed supercells in which every species count is an integer.
    """

    point: CompositionPoint
    info: CompositionInfo
    structure: Structure
    supercells: list[tuple[int, int, int]]


def grid_cells(spec: ElectrolyteSpec) -> list[GridCell]:
    """All grid points of a spec as disordered structures.

    Raises
    ------
    SpecError
        If a point is not charge neutral or no listed supercell realises it.
    """
    return [grid_cell(spec, point) for point in spec.points]


def grid_cell(spec: ElectrolyteSpec, point: CompositionPoint) -> GridCell:
    """One grid point as a disordered structure; errors as in :func:`grid_cells`."""
    host, sublattice_of_site = _host(spec, point)
    counts = {name: sublattice_of_site.count(name) for name in spec.sublattices}
    occupancies = spec.occupancies(point)
    _check_neutral(spec, point, occupancies, counts)
    supercells = _realisable(spec, point, occupancies, counts)
    decorated = [
        {Species(symbol, spec.charges[symbol]): float(value) for symbol, value in occupancies[name].items()}
        for name in sublattice_of_site
    ]
    structure = Structure(host.lattice, decorated, host.frac_coords, labels=host.labels)
    info = CompositionInfo(axes=point.values, label=point.label, formula=formula(spec, occupancies, counts))
    return GridCell(point, info, structure, supercells)


def formula(spec: ElectrolyteSpec, occupancies: dict[str, dict[str, Fraction]], counts: dict[str, int]) -> str:
    """Formula per formula unit in the order of ``charges``, e.g. ``Li3In0.5Y0.5Br6``."""
    amounts = {symbol: Fraction(0) for symbol in spec.charges}
    for name, occupants in occupancies.items():
        for symbol, value in occupants.items():
            amounts[symbol] += value * counts[name] / spec.host.formula_units
    parts = [f"{symbol}{'' if n == 1 else f'{float(n):.6g}'}" for symbol, n in amounts.items() if n != 0]
    return "".join(parts)


def _host(spec: ElectrolyteSpec, point: CompositionPoint) -> tuple[Structure, list[str]]:
    """Host with placeholder species, and the sublattice of each of its sites."""
    if spec.host.cif_text is not None:
        return _host_from_cif(spec)
    return _host_inline(spec, point)


def _host_inline(spec: ElectrolyteSpec, point: CompositionPoint) -> tuple[Structure, list[str]]:
    cell = spec.host.cell
    if cell is None or spec.host.space_group is None:  # excluded by the validator of Host
        raise SpecError(f"{spec.source}: host: an inline host needs space_group and cell")
    parameters = [float(LinearExpression.parse(getattr(cell, key)).at(point.axes)) for key in LATTICE_KEYS]
    positions = [[float(as_fraction(value)) for value in site.position] for site in spec.host.sites]
    labels = [site.label or f"{site.sublattice}{index}" for index, site in enumerate(spec.host.sites)]
    try:
        host = Structure.from_spacegroup(
            spec.host.space_group,
            Lattice.from_parameters(*parameters),
            ["H"] * len(positions),
            positions,
            labels=[str(index) for index in range(len(positions))],
        )
    except ValueError as error:
        raise SpecError(f"{spec.source}: host: the inline description gives no structure: {error}") from error
    owners = [int(site.label) for site in host]
    for site, owner in zip(host, owners, strict=True):
        site.label = labels[owner]
    return host, [spec.host.sites[owner].sublattice for owner in owners]


def _host_from_cif(spec: ElectrolyteSpec) -> tuple[Structure, list[str]]:
    from pymatgen.io.cif import CifParser

    try:
        host = CifParser.from_str(spec.host.cif_text or "").parse_structures(primitive=False)[0]
    except (ValueError, IndexError) as error:
        raise SpecError(f"{spec.source}: host.cif: {spec.host.cif}: no structure can be read: {error}") from error
    sublattices = [_assigned(spec, site.label, [el.symbol for el in site.species.elements]) for site in host]
    return host, sublattices


def _assigned(spec: ElectrolyteSpec, label: str, symbols: list[str]) -> str:
    for name in (label, *symbols):
        if name in spec.host.assign:
            return spec.host.assign[name]
    raise SpecError(
        f"{spec.source}: host.assign: site {label!r} ({', '.join(symbols)}) of {spec.host.cif} is on no sublattice; "
        f"add e.g. '{label}: {next(iter(spec.sublattices))}'"
    )


def _check_neutral(
    spec: ElectrolyteSpec,
    point: CompositionPoint,
    occupancies: dict[str, dict[str, Fraction]],
    counts: dict[str, int],
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


def _realisable(
    spec: ElectrolyteSpec,
    point: CompositionPoint,
    occupancies: dict[str, dict[str, Fraction]],
    counts: dict[str, int],
) -> list[tuple[int, int, int]]:
    fits = [cell for cell in spec.orderings.supercells if _fractions_left(cell, occupancies, counts) == []]
    if fits:
        return fits
    smallest = min(spec.orderings.supercells, key=lambda cell: cell[0] * cell[1] * cell[2])
    needed = lcm(*(amount.denominator for amount in _amounts((1, 1, 1), occupancies, counts).values()))
    fractions = ", ".join(_fractions_left(smallest, occupancies, counts))
    raise SpecError(
        f"{spec.source}: grid: {point.label} is not realisable in any of orderings.supercells "
        f"{spec.orderings.supercells}: {smallest} would hold {fractions}; add a supercell whose volume is a multiple "
        f"of {needed}, e.g. [1, 1, {needed}], or change the grid"
    )


def _amounts(
    cell: tuple[int, int, int], occupancies: dict[str, dict[str, Fraction]], counts: dict[str, int]
) -> dict[str, Fraction]:
    """Number of atoms of each species on each sublattice of a supercell, as exact fractions."""
    volume = cell[0] * cell[1] * cell[2]
    return {
        f"{symbol} on {name}": value * counts[name] * volume
        for name, occupants in occupancies.items()
        for symbol, value in occupants.items()
    }


def _fractions_left(
    cell: tuple[int, int, int], occupancies: dict[str, dict[str, Fraction]], counts: dict[str, int]
) -> list[str]:
    amounts = _amounts(cell, occupancies, counts)
    return [f"{amount} {what}" for what, amount in amounts.items() if amount.denominator != 1]
