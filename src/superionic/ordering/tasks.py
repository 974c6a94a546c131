"""Enumerations to be done: grid points of a spec, or one crystal from a CIF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure

from superionic.errors import OrderingError
from superionic.ordering.cell import ReferenceCell
from superionic.ordering.cif import CifCrystal, adopt_nearest, refuse_charged, smallest_size
from superionic.ordering.composition import grid_cell, grid_cells, polymorph_cells
from superionic.ordering.decorate import DecorationRule
from superionic.ordering.enumerate import enumerate_orderings
from superionic.ordering.hierarchy import EnergyFunction
from superionic.ordering.nearest import refuse_fractions
from superionic.ordering.patterns import Progress
from superionic.ordering.result import OrderingSet
from superionic.ordering.supercells import (
    compact_supercell,
    supercell_shape,
    supercell_size,
    supercells_of_size,
)
from superionic.provenance import derived_seed
from superionic.spec import ElectrolyteSpec
from superionic.spec_parts import CompositionPoint
from superionic.stages import OrderingSettings
from superionic.supercell_choice import AUTO, SupercellShape, UpTo


@dataclass(frozen=True, eq=False)
class OrderingTask:
    """One composition whose orderings are wanted.

    Attributes
    ----------
    label : str
        Name of the composition, also of its folder.
    formula : str
        Formula.
    axes : dict of str to str
        Exact axis values, empty for a CIF.
    structure : Structure
        Disordered crystal with oxidation states.
    supercells : list of SupercellShape
        Supercells that realise the composition.
    settings : OrderingSettings
        Number of orderings, rule of decorations, pooling of orbits.
    seed : int
        Seed of all random choices.
    """

    label: str
    formula: str
    axes: dict[str, str]
    structure: Structure
    supercells: list[SupercellShape]
    settings: OrderingSettings
    seed: int

    def run(self, progress: Progress | None = None, energy_function: EnergyFunction | None = None) -> OrderingSet:
        """Enumerate; arguments and errors as in :func:`enumerate_with`."""
        return enumerate_with(self.settings, self.structure, self.supercells, self.seed, progress, energy_function)


def enumerate_with(
    settings: OrderingSettings,
    structure: Structure,
    supercells: Sequence[SupercellShape],
    seed: int,
    progress: Progress | None = None,
    energy_function: EnergyFunction | None = None,
) -> OrderingSet:
    """Enumerate with a stage's settings.

    Parameters
    ----------
    settings : OrderingSettings
        Number of orderings, rule of decorations, pooling of orbits.
    structure : Structure
        Disordered crystal with oxidation states.
    supercells : sequence of SupercellShape
        Supercells that realise the composition.
    seed : int
        Seed of all random choices.
    progress : callable, optional
        Called with what is being done and the fraction done.
    energy_function : callable, optional
        Energies in eV of a list of structures; given, it ranks the decorations of each charge
        pattern instead of the settings' rule.
    """
    return enumerate_orderings(
        structure,
        supercells=supercells,
        max_orderings=settings.max_orderings,
        merge_equal_orbits=settings.merge_equal_orbits,
        decorations=settings.decorations.value if energy_function is None else DecorationRule.RANKED,
        energy_function=energy_function,
        per_pattern=settings.per_pattern,
        seed=seed,
        progress=progress,
    )


def spec_tasks(spec: ElectrolyteSpec, points: Sequence[CompositionPoint] | None = None) -> list[OrderingTask]:
    """Tasks of some points of a spec and of their polymorphs, with the seeds that the campaign would use.

    Parameters
    ----------
    spec : ElectrolyteSpec
        The spec.
    points : sequence of CompositionPoint, optional
        Points, on the grid or not; by default the whole grid.

    Raises
    ------
    SpecError
        If a point is not charge neutral or no supercell of the spec realises it.
    """
    cells = (
        grid_cells(spec)
        if points is None
        else [grid_cell(spec, point) for point in points] + polymorph_cells(spec, points)
    )
    return [
        OrderingTask(
            label=cell.info.label,
            formula=cell.info.formula,
            axes={axis: str(value) for axis, value in cell.point.axes.items()},
            structure=cell.structure,
            supercells=cell.supercells,
            settings=spec.orderings,
            seed=derived_seed(spec.seed, "ordering", cell.info.label),
        )
        for cell in cells
    ]


def cif_task(
    crystal: CifCrystal, settings: OrderingSettings, *, seed: int = 0, nearest: bool = False
) -> tuple[OrderingTask, str]:
    """Task of a CIF.

    Parameters
    ----------
    crystal : CifCrystal
        The crystal.
    settings : OrderingSettings
        Supercells and all else.
    seed : int
        Seed of all random choices.
    nearest : bool
        Whether to replace refined occupancies by the nearest charge-neutral ones that the
        supercells realise; otherwise occupancies that are not exact are refused.

    Returns
    -------
    tuple of OrderingTask and str
        The task, and what was changed about the occupancies ("" if nothing).

    Raises
    ------
    OrderingError
        If the occupancies are not realisable or the crystal is charged.
    """
    structure, change = crystal.structure, ""
    merge = settings.merge_equal_orbits
    if nearest:
        listed = settings.supercells
        if isinstance(listed, UpTo | str):
            raise OrderingError(
                "the nearest composition depends on the size of the supercell: give the supercells, e.g. "
                "--supercell 1x1x2, when occupancies are to be adopted"
            )
        structure, change = adopt_nearest(structure, listed, merge_equal_orbits=merge)
    supercells = cif_supercells(structure, settings)
    refuse_charged(structure, [supercell_size(cell) for cell in supercells], merge_equal_orbits=merge)
    formula = _formula(structure)
    return OrderingTask(formula, formula, {}, structure, supercells, settings, seed), change


def _formula(structure: Structure) -> str:
    """Reduced formula without brackets, fit for the name of a folder."""
    reduced = structure.composition.element_composition.reduced_composition
    return "".join(f"{element.symbol}{'' if n == 1 else f'{n:.6g}'}" for element, n in sorted(reduced.items()))


def cif_supercells(structure: Structure, settings: OrderingSettings) -> list[SupercellShape]:
    """Supercells of a crystal that the settings ask for; those with fractions of ions are refused (OrderingError)."""
    choice = settings.supercells
    if isinstance(choice, list):
        reference = ReferenceCell.of(structure, merge_equal_orbits=settings.merge_equal_orbits, symprec_A=0.01)
        for size in sorted({supercell_size(cell) for cell in choice}):
            refuse_fractions(reference.mixed_pools, size, reference.ordered_species)
        return list(choice)
    smallest = smallest_size(structure, merge_equal_orbits=settings.merge_equal_orbits)
    if choice == AUTO:
        lattice_A = np.array(structure.lattice.matrix, dtype=np.float64)
        return [supercell_shape(compact_supercell(lattice_A, smallest))]
    assert isinstance(choice, UpTo)
    sizes = range(smallest, choice.up_to + 1, smallest)
    if not sizes:
        raise OrderingError(f"{smallest} cells are needed to realise the occupancies, more than {choice.up_to}.")
    return [supercell_shape(matrix) for size in sizes for matrix in supercells_of_size(structure, size)]
