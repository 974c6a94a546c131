"""Makers that lead to a cluster expansion: training orderings, their energies, the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jobflow import Maker
from pymatgen.core import Structure

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import Blob, CompositionInfo
from superionic.errors import InsufficientDataError
from superionic.ordering.training_orderings import training_orderings
from superionic.potentials.jobs import failure, relax_all, relaxation_warnings
from superionic.potentials.registry import check_elements, load_calculator
from superionic.potentials.schemas import Failure, PotentialRef, RelaxedStructure
from superionic.potentials.static import static_energies
from superionic.sampling.montecarlo_assemble import check_training_orderings, expansion_document
from superionic.sampling.montecarlo_inputs import given, host_content, potential_of
from superionic.sampling.montecarlo_schemas import (
    ClusterExpansionDoc,
    OrderingEnergy,
    TrainingEnergiesDoc,
    TrainingOrderingsDoc,
)
from superionic.stages import MonteCarloSettings

LARGEST_SHIFT_A = 1.5
"""An ion that relaxes further than this counts as gone to another site: half a usual distance of sites (our choice)."""
TRAINING_FIELDS = {"training_supercells", "training_orderings"}
FIT_FIELDS = {"cutoffs_A", "ewald_term", "folds", "supercell", "max_cv_error_meV_per_atom"}


@dataclass
class TrainingOrderingsMaker(Maker):
    """Orderings of small cells: the lowest in Ewald energy and random ones.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : MonteCarloSettings
        Cells and number of orderings.
    merge_equal_orbits : bool
        Whether orbits with the same species and occupancies share one pool of ions.
    seed : int
        Seed of the random ones.
    """

    name: str = "training orderings"
    settings: MonteCarloSettings = field(default_factory=MonteCarloSettings)
    merge_equal_orbits: bool = True
    seed: int = 0

    @stage_job(data=["structures"], output_schema=TrainingOrderingsDoc)
    def make(self, host: Structure, composition: CompositionInfo, spec_key: str = "") -> TrainingOrderingsDoc:
        """Draw them.

        Parameters
        ----------
        host : Structure
            Disordered cell with oxidation states.
        composition : CompositionInfo
            What the documents are filed under.
        spec_key : str
            Key of the campaign's spec.

        Raises
        ------
        InsufficientDataError
            If the orderings could not determine the cluster expansion, whatever their energies.
        """
        chosen = self.settings.model_dump(mode="json", include=TRAINING_FIELDS)
        drawn = produce(
            TrainingOrderingsDoc,
            lambda: self._draw(host),
            parents=[],
            settings=[host_content(host), chosen, self.merge_equal_orbits, self.seed],
            spec_key=spec_key,
            composition=composition,
        )
        # not inside of the document: other cutoffs must find the same orderings and their energies again
        check_training_orderings(drawn, self.settings, self.merge_equal_orbits, self.seed)
        return drawn

    def _draw(self, host: Structure) -> TrainingOrderingsDoc:
        found = training_orderings(
            host,
            self.settings.training_supercells,
            self.settings.training_orderings,
            merge_equal_orbits=self.merge_equal_orbits,
            seed=self.seed,
        )
        return TrainingOrderingsDoc(
            host=host,
            structures=list(found.structures),
            supercells=list(found.supercells),
            origins=list(found.origins),
        )


@dataclass
class TrainingEnergiesMaker(Maker):
    """Energies of one part of the training orderings, static or after relaxation.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : MonteCarloSettings
        ``training_relax`` says whether and how they are relaxed, ``training_jobs`` is the number of parts.
    foundation : str
        Potential that is used where no model is given.
    part : int
        Number of the part: every ``training_jobs``-th ordering from this one on.
    device : str
        Torch device.
    """

    name: str = "training energies"
    settings: MonteCarloSettings = field(default_factory=MonteCarloSettings)
    foundation: str = "mace-mp-0a-medium"
    part: int = 0
    device: str = "cpu"

    @stage_job(output_schema=TrainingEnergiesDoc)
    def make(self, orderings: TrainingOrderingsDoc, model: Any = None) -> TrainingEnergiesDoc:  # noqa: ANN401 (ModelDoc)
        """Evaluate; an ordering that fails is listed and left out.

        Parameters
        ----------
        orderings : TrainingOrderingsDoc
            All training orderings.
        model : ModelDoc, optional
            Tuned model; by default the foundation is used.
        """
        potential, blob = potential_of(model, self.foundation)
        return produce(
            TrainingEnergiesDoc,
            lambda: self._evaluate(orderings, potential, blob),
            parents=[orderings, *given(model)],
            settings=[self.settings.training_relax, self.settings.training_jobs, self.part, potential],
            spec_key=orderings.spec_key,
            composition=orderings.composition,
            device=self.device,
        )

    def _evaluate(self, orderings: TrainingOrderingsDoc, potential: PotentialRef, blob: Blob | None) -> Any:  # noqa: ANN401
        indices = range(self.part, len(orderings.structures), self.settings.training_jobs)
        structures = [orderings.structures[index] for index in indices]
        calculator = load_calculator(potential, blob=blob, device=self.device)
        check_elements(calculator, [element.symbol for element in orderings.host.composition.elements])
        relax = self.settings.training_relax
        if relax is None:
            energies, failures = _static_energies(structures, calculator)
            notes: list[str] = []
        else:
            relaxed, failures = relax_all(structures, calculator, relax)
            notes = relaxation_warnings(relaxed, failures)
            energies, left = _of_their_ordering(structures, relaxed)
            failures += left
        placed = [item.model_copy(update={"index": indices[item.index]}) for item in energies]
        failures = [Failure(item=f"part {self.part}, {lost.item}", cause=lost.cause) for lost in failures]
        return TrainingEnergiesDoc(
            potential=potential, relaxed=relax is not None, energies=placed, failures=failures, warnings=notes
        )


def _of_their_ordering(
    starts: Sequence[Structure], relaxed: Sequence[RelaxedStructure]
) -> tuple[list[OrderingEnergy], list[Failure]]:
    """Energies of the structures that are still the ordering they started from, and the others."""
    energies: list[OrderingEnergy] = []
    left: list[Failure] = []
    for item in relaxed:
        shift_A = largest_shift(starts[item.source_index], item.structure)
        if shift_A > LARGEST_SHIFT_A:
            cause = f"an ion moved by {shift_A:.1f} A, to another site: the energy is that of another ordering"
            left.append(Failure(item=f"structure {item.source_index}", cause=cause))
        else:
            energy = OrderingEnergy(index=item.source_index, energy_eV=item.energy_eV, converged=item.converged)
            energies.append(energy)
    return energies, left


def largest_shift(start: Structure, end: Structure) -> float:
    """Largest displacement of an atom, without the strain of the cell and the common shift.

    Parameters
    ----------
    start, end : Structure
        The same atoms in the same order.

    Returns
    -------
    float
        Distance in angstrom, measured in the cell of `end`.
    """
    difference = end.frac_coords - start.frac_coords
    difference -= np.round(difference)
    shifts_A = (difference - np.median(difference, axis=0)) @ end.lattice.matrix
    return float(np.linalg.norm(shifts_A, axis=1).max(initial=0.0))


def _static_energies(structures: Sequence[Structure], calculator: Any) -> tuple[list[OrderingEnergy], list[Failure]]:  # noqa: ANN401
    energies: list[OrderingEnergy] = []
    failures: list[Failure] = []
    for index, outcome in enumerate(static_energies(structures, calculator)):
        if isinstance(outcome, Exception):
            failures.append(failure(index, outcome))
        else:
            energies.append(OrderingEnergy(index=index, energy_eV=outcome, converged=True))
    return energies, failures


@dataclass
class ClusterExpansionMaker(Maker):
    """Fit a cluster expansion to the energies of the training orderings.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : MonteCarloSettings
        Cutoffs, folds, and the Monte Carlo cell that the expansion must serve.
    merge_equal_orbits : bool
        As for the training orderings.
    seed : int
        Seed of the folds.
    """

    name: str = "cluster expansion"
    settings: MonteCarloSettings = field(default_factory=MonteCarloSettings)
    merge_equal_orbits: bool = True
    seed: int = 0

    @stage_job(on_missing_none=True, output_schema=ClusterExpansionDoc)
    def make(self, orderings: TrainingOrderingsDoc, energies: list[TrainingEnergiesDoc | None]) -> ClusterExpansionDoc:
        """Fit; parts that failed are left out and listed.

        Raises
        ------
        InsufficientDataError
            If too few energies are there, they do not determine the expansion, or its cross-validation error is
            above the limit.
        """
        found = [item for item in energies if item is not None]
        if not found:
            raise InsufficientDataError("no part of the training energies was computed: see their own failures")
        chosen = self.settings.model_dump(mode="json", include=FIT_FIELDS)
        return produce(
            ClusterExpansionDoc,
            lambda: expansion_document(orderings, found, self.settings, self.merge_equal_orbits, self.seed),
            parents=[orderings, *found],
            settings=[chosen, self.merge_equal_orbits, self.seed],
            spec_key=orderings.spec_key,
            composition=orderings.composition,
        )
