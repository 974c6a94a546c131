"""Makers of the screening stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import Maker
from pymatgen.core import Structure

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.errors import InsufficientDataError
from superionic.potentials.descriptors import descriptor_matrix
from superionic.potentials.registry import check_elements, foundation_ref, load_calculator
from superionic.potentials.relax import Relaxation, relax_many
from superionic.potentials.schemas import Failure, PotentialRef, RelaxedStructure, ScreeningDoc
from superionic.stages import RelaxSettings, ScreeningSettings


@dataclass
class ScreenMaker(Maker):
    """Relax the lowest orderings of one composition with the foundation potential and describe them.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : ScreeningSettings
        How many orderings, and how they are relaxed.
    foundation : str
        ``superionic-mini``, ``mace-mp-0a-medium`` or a path.
    device : str
        Torch device.
    """

    name: str = "screen"
    settings: ScreeningSettings = field(default_factory=ScreeningSettings)
    foundation: str = "mace-mp-0a-medium"
    device: str = "cpu"

    @stage_job(data=["relaxed", "descriptors"], output_schema=ScreeningDoc)
    def make(self, orderings: Any) -> ScreeningDoc:  # noqa: ANN401 (OrderingSetDoc; a sibling domain is not imported)
        """Screen the orderings of one composition.

        Parameters
        ----------
        orderings : OrderingSetDoc
            The orderings, lowest electrostatic energy first.

        Raises
        ------
        InsufficientDataError
            If no ordering could be relaxed.
        InputError
            If the potential does not know an element.
        """
        potential = foundation_ref(self.foundation)
        return produce(
            ScreeningDoc,
            lambda: self._screen(orderings, potential),
            parents=[orderings],
            settings=[self.settings, potential],
            spec_key=orderings.spec_key,
            composition=orderings.composition,
            device=self.device,
        )

    def _screen(self, orderings: Any, potential: PotentialRef) -> ScreeningDoc:  # noqa: ANN401
        starts = orderings.structures[: self.settings.max_structures]
        calculator = load_calculator(potential, device=self.device)
        check_elements(calculator, [element.symbol for start in starts for element in start.composition.elements])
        relaxed, failures = relax_all(starts, calculator, self.settings.relax)
        if not relaxed:
            causes = "; ".join(failure.cause for failure in failures)
            raise InsufficientDataError(
                f"none of {len(starts)} orderings could be relaxed with {self.foundation}: {causes}"
            )
        return ScreeningDoc(
            potential=potential,
            relaxed=relaxed,
            descriptors=descriptor_matrix([item.structure for item in relaxed], calculator).tolist(),
            energies_eV_per_atom=[item.energy_eV_per_atom for item in relaxed],
            failures=failures,
            warnings=relaxation_warnings(relaxed, failures),
        )


def relax_all(
    structures: Sequence[Structure],
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
    settings: RelaxSettings,
    indices: Sequence[int] | None = None,
) -> tuple[list[RelaxedStructure], list[Failure]]:
    """Relax several structures at once; one that fails is listed and left out.

    Parameters
    ----------
    structures : sequence of Structure
        Start structures.
    calculator : ase.calculators.calculator.Calculator
        The potential.
    settings : RelaxSettings
        How they are relaxed.
    indices : sequence of int, optional
        Position of each in the document that it comes from; by default that in `structures`.

    Returns
    -------
    relaxed : list of RelaxedStructure
        Lowest energy per atom first; `source_index` is one of `indices`.
    failures : list of Failure
        What could not be relaxed, and why.
    """
    relaxed: list[RelaxedStructure] = []
    failures: list[Failure] = []
    places = range(len(structures)) if indices is None else indices
    for index, outcome in zip(places, relax_many(structures, calculator, settings), strict=True):
        if isinstance(outcome, Exception):
            failures.append(failure(index, outcome))
        else:
            relaxed.append(_relaxed_structure(index, outcome))
    relaxed.sort(key=lambda item: (item.energy_eV_per_atom, item.source_index))
    return relaxed, failures


def failure(index: int, error: Exception) -> Failure:
    """Entry for a structure that failed."""
    return Failure(item=f"structure {index}", cause=f"{type(error).__name__}: {error}")


def relaxation_warnings(relaxed: Sequence[RelaxedStructure], failures: Sequence[Failure]) -> list[str]:
    """What a reader of the energies should know."""
    unconverged = sum(not item.converged for item in relaxed)
    total = len(relaxed) + len(failures)
    notes = [f"{unconverged} of {total} relaxations did not reach the force criterion"] * bool(unconverged)
    return notes + [f"{len(failures)} of {total} relaxations failed"] * bool(failures)


def _relaxed_structure(index: int, result: Relaxation) -> RelaxedStructure:
    return RelaxedStructure(
        source_index=index,
        structure=result.structure,
        energy_eV=result.energy_eV,
        energy_eV_per_atom=result.energy_eV / len(result.structure),
        max_force_eV_per_A=result.max_force_eV_per_A,
        n_steps=result.n_steps,
        converged=result.converged,
    )
