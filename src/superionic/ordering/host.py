"""The host crystal of a spec at one grid point: its sites and the sublattice of each."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from pymatgen.core import Lattice, Structure

from superionic.errors import SpecError
from superionic.expressions import LinearExpression, as_fraction
from superionic.ordering.cif import with_operations
from superionic.ordering.lattices import FloatArray, hermite_normal_form
from superionic.ordering.supercells import reduced_matrix
from superionic.ordering.symmetry import site_operations
from superionic.spec import ElectrolyteSpec
from superionic.spec_parts import CompositionPoint

LATTICE_KEYS = ("a", "b", "c", "alpha", "beta", "gamma")
ROUNDING = 1e-9


@dataclass(frozen=True)
class HostCell:
    """The host crystal with placeholder species.

    Attributes
    ----------
    structure : Structure
        The cell; site labels are those of the spec or CIF.
    sublattices : list of str
        Sublattice of each site.
    formula_units : Fraction
        Formula units in the cell.
    """

    structure: Structure
    sublattices: list[str]
    formula_units: Fraction

    @property
    def site_counts(self) -> dict[str, int]:
        """Number of sites of each sublattice."""
        return {name: self.sublattices.count(name) for name in dict.fromkeys(self.sublattices)}


def host_cell(spec: ElectrolyteSpec, point: CompositionPoint) -> HostCell:
    """Build the host of a spec at one grid point.

    Raises
    ------
    SpecError
        If the description gives no structure, or a site of a CIF belongs to no sublattice.
    """
    structure, sublattices = _from_cif(spec) if spec.host.cif_text is not None else _inline(spec, point)
    units = Fraction(spec.host.formula_units)
    if not spec.host.primitive:
        return HostCell(structure, sublattices, units)
    small, kept = _primitive(structure, sublattices)
    return HostCell(small, [sublattices[i] for i in kept], units * len(kept) / len(sublattices))


def _inline(spec: ElectrolyteSpec, point: CompositionPoint) -> tuple[Structure, list[str]]:
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


def _from_cif(spec: ElectrolyteSpec) -> tuple[Structure, list[str]]:
    from pymatgen.io.cif import CifParser

    try:
        text, _ = with_operations(spec.host.cif_text or "", f"{spec.source}: host.cif: {spec.host.cif}")
        host = CifParser.from_str(text).parse_structures(primitive=False)[0]
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


def _primitive(host: Structure, sublattices: list[str]) -> tuple[Structure, list[int]]:
    """Reduce a centred cell to a primitive one; return it and the number of each site that is kept."""
    kinds = [(name, site.label) for name, site in zip(sublattices, host, strict=True)]
    types = np.array([kinds.index(kind) for kind in kinds], dtype=np.int64)
    operations = site_operations(host.lattice.matrix, host.frac_coords, types)
    pure = np.all(operations.rotations == np.eye(3, dtype=np.int64), axis=(1, 2))
    images = operations.images[pure]
    translations = host.frac_coords[images[:, 0]] + operations.shifts[pure, 0] - host.frac_coords[0]
    vectors = _primitive_vectors(host.lattice.matrix, translations)
    kept = np.flatnonzero(images.min(axis=0) == np.arange(len(host))).tolist()
    frac_coords = host.frac_coords[kept] @ np.linalg.inv(vectors) % 1.0
    frac_coords[frac_coords > 1.0 - ROUNDING] = 0.0
    small = Structure(
        Lattice(vectors @ host.lattice.matrix),
        [host[i].species for i in kept],
        frac_coords,
        labels=[host[i].label for i in kept],
    )
    return small, kept


def _primitive_vectors(lattice_A: FloatArray, translations: FloatArray) -> FloatArray:
    """Return the shortest vectors of the lattice with all translations, in units of the cell's vectors."""
    n = len(translations)
    # A group of n translations modulo the cell has only multiples of 1/n as coordinates.
    generators = np.rint(np.concatenate([translations, np.eye(3)]) * n).astype(np.int64)
    vectors: FloatArray = reduced_matrix(lattice_A / n, hermite_normal_form(generators)) / n
    return vectors
