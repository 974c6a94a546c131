"""Maker that gives phases outside of a campaign the energies of its tuned model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobflow import Maker
from pymatgen.core import Structure

from superionic.database.fanout import fetch
from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.errors import InputError, InsufficientDataError
from superionic.potentials.jobs import failure
from superionic.potentials.registry import load_calculator
from superionic.potentials.relax import Relaxation, relax_many
from superionic.potentials.schemas import Failure
from superionic.stability.coverage import environments
from superionic.stability.schemas import CompetingPhase, CompetingPhasesDoc
from superionic.stages import RelaxSettings, StatedPhase
from superionic.training.schemas import ModelDoc


@dataclass
class CompetingPhasesMaker(Maker):
    """Relax phases outside of the campaign with the tuned model.

    Parameters
    ----------
    name : str
        Name of the job.
    relax : RelaxSettings
        How they are relaxed.
    level_of_theory : str or None
        Level of theory of the energies of phases without a structure.
    charges : dict
        Formal charges of the campaign's species, which tell cations from anions.
    device : str
        Torch device.
    """

    name: str = "competing phases"
    relax: RelaxSettings = field(default_factory=RelaxSettings)
    level_of_theory: str | None = None
    charges: dict[str, int] = field(default_factory=dict)
    device: str = "cpu"

    @stage_job(data=["structures"], output_schema=CompetingPhasesDoc)
    def make(self, model: ModelDoc | str, phases: list[StatedPhase], spec_key: str = "") -> CompetingPhasesDoc:
        """Relax.

        Parameters
        ----------
        model : ModelDoc or str
            The tuned model, or its key.
        phases : list of StatedPhase
            The phases; those without a structure keep their energy.
        spec_key : str
            Key of the campaign's spec.

        Raises
        ------
        InputError
            If an energy without structure is of another level of theory than the model's labels.
        InsufficientDataError
            If no phase could be relaxed.
        """
        tuned = fetch(model, ModelDoc)
        return produce(
            CompetingPhasesDoc,
            lambda: self._relax(tuned, phases),
            parents=[tuned],
            settings=[self.relax, self.level_of_theory, self.charges, phases],
            spec_key=spec_key,
            device=self.device,
        )

    def _relax(self, model: ModelDoc, phases: Sequence[StatedPhase]) -> CompetingPhasesDoc:
        stated = [phase for phase in phases if phase.structure is None]
        self._require_one_method(model, stated)
        crystals = [phase for phase in phases if phase.structure is not None]
        outcomes: list[Relaxation | Exception] = []
        if crystals:
            calculator = load_calculator(model.potential, blob=model.model_blob, device=self.device)
            starts = [Structure.from_dict(json.loads(phase.structure or "")) for phase in crystals]
            outcomes = relax_many(starts, calculator, self.relax)
        pairs = list(zip(crystals, outcomes, strict=True))
        relaxed = [(phase, found) for phase, found in pairs if isinstance(found, Relaxation)]
        failures = [_failure(phase, found) for phase, found in pairs if isinstance(found, Exception)]
        if not relaxed and not stated:
            causes = "; ".join(f"{item.item}: {item.cause}" for item in failures)
            raise InsufficientDataError(f"no competing phase could be relaxed with model {model.key}: {causes}")
        return CompetingPhasesDoc(
            model_key=model.key,
            potential=model.potential,
            phases=[*(self._phase(*item) for item in relaxed), *(_stated(phase) for phase in stated)],
            structures=[*(found.structure for _, found in relaxed), *(None for _ in stated)],
            failures=failures,
        )

    def _require_one_method(self, model: ModelDoc, stated: Sequence[StatedPhase]) -> None:
        if stated and self.level_of_theory != model.label_level_of_theory:
            names = ", ".join(phase.name for phase in stated)
            raise InputError(
                f"{names} have no structure and energies of {self.level_of_theory or 'an unknown level of theory'}, "
                f"but the model's labels are of {model.label_level_of_theory}: energies of different methods must not "
                "be mixed; give structures, which the tuned model relaxes"
            )

    def _phase(self, phase: StatedPhase, found: Relaxation) -> CompetingPhase:
        cations = [symbol for symbol, charge in self.charges.items() if charge > 0]
        anions = [symbol for symbol, charge in self.charges.items() if charge < 0]
        return CompetingPhase(
            name=phase.name,
            formula=phase.formula,
            source=phase.source,
            energy_eV_per_atom=found.energy_eV / len(found.structure),
            relaxed=True,
            converged=found.converged,
            motifs=environments(found.structure, cations, anions),
        )


def _stated(phase: StatedPhase) -> CompetingPhase:
    energy = phase.energy_eV_per_atom
    if energy is None:
        raise InputError(f"{phase.name}: has neither a structure nor an energy; give one of them")
    return CompetingPhase(
        name=phase.name,
        formula=phase.formula,
        source=phase.source,
        energy_eV_per_atom=energy,
        relaxed=False,
        converged=None,
    )


def _failure(phase: StatedPhase, error: Exception) -> Failure:
    return failure(0, error).model_copy(update={"item": phase.name})
