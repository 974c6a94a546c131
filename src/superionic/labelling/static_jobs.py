"""The Maker that all label engines share: one structure, one job, one judged label."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from jobflow import Maker
from pymatgen.core import Structure

from superionic.database.fanout import fetch_and_keep, fetch_named
from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import BaseDoc, CompositionInfo
from superionic.errors import CalculationError
from superionic.labelling.gate import check_label
from superionic.labelling.results import LabelFailure, SinglePoint
from superionic.labelling.schemas import CalculationInfo, LabelDoc, Refusal
from superionic.sampling.schemas import SamplingDoc
from superionic.stages import LabellingSettings


@dataclass
class StaticMaker(Maker):
    """Base of the Makers that label one structure; subclasses say with what.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : LabellingSettings
        Bounds of the gate.
    device : str
        Torch device, for engines that use one.
    """

    name: str = "label"
    settings: LabellingSettings = field(default_factory=LabellingSettings)
    device: str = "cpu"

    @property
    def level_of_theory(self) -> str:
        """Method of the labels; a teacher potential is named as such."""
        raise NotImplementedError

    @property
    def settings_hash(self) -> str:
        """Hash of the settings that define the labels beyond the name of the method; empty if there are none."""
        return ""

    def single_point(self, structure: Structure) -> SinglePoint:
        """Energy, forces and stress of a structure."""
        raise NotImplementedError

    def require(self) -> None:
        """Raise NotConfiguredError if the engine cannot run on this machine, before any job is made."""

    def require_elements(self, elements: Collection[str]) -> None:
        """Raise InputError if the settings leave open how to label these elements; needs no program."""

    @stage_job(data=["task_document"], output_schema=LabelDoc)
    def make(
        self,
        structure: Structure,
        parent: BaseDoc | None = None,
        parent_id: str = "",
        frame_index: int | None = None,
        spec_key: str = "",
        composition: CompositionInfo | None = None,
    ) -> LabelDoc:
        """Label one structure.

        Parameters
        ----------
        structure : Structure
            Ordered structure.
        parent : BaseDoc, optional
            The document that the structure comes from.
        parent_id : str
            Identity of the parent ordering, for splits that do not leak.
        frame_index : int, optional
            Position of the structure in its document.
        spec_key : str
            Key of the campaign's spec.
        composition : CompositionInfo, optional
            Grid point.

        Returns
        -------
        LabelDoc
            Also if the gate refuses it; see `accepted` and `refusal`.
        """
        return self._label(structure, parent, parent_id, frame_index, spec_key, composition)

    @stage_job(data=["task_document"], output_schema=LabelDoc)
    def make_frame(self, run: SamplingDoc | str, frame: int) -> LabelDoc:
        """Label one frame of a sampling run, given by the run's document or its key."""
        document = fetch_and_keep(run, SamplingDoc)
        where = document.spec_key, document.composition
        return self._label(document.frames[frame].copy(), document, document.parent_of(frame), frame, *where)

    @stage_job(data=["task_document"], output_schema=LabelDoc)
    def make_relaxed(self, schema_name: str, key: str, index: int) -> LabelDoc:
        """Label one relaxed structure of a stored document that has a list `relaxed`."""
        document = fetch_named(schema_name, key)
        structure = document.relaxed[index].structure
        return self._label(structure, document, f"{key}:{index}", index, document.spec_key, document.composition)

    def _label(
        self,
        structure: Structure,
        parent: BaseDoc | None,
        parent_id: str,
        index: int | None,
        spec_key: str,
        composition: CompositionInfo | None,
    ) -> LabelDoc:
        bounds = [self.settings.max_force_eV_per_A, self.settings.max_stress_eV_per_A3]
        species = [site.specie.symbol for site in structure]
        return produce(
            LabelDoc,
            lambda: self._judged(structure, parent_id, index),
            parents=[parent] if parent is not None else [],
            settings=[
                self.level_of_theory,
                bounds,
                parent_id,
                index,
                species,
                structure.lattice.matrix,
                structure.frac_coords,
                *([self.settings_hash] if self.settings_hash else []),
            ],
            spec_key=spec_key,
            composition=composition,
            device=self.device,
            reusable=is_final,
        )

    def _judged(self, structure: Structure, parent_id: str, index: int | None) -> LabelDoc:
        """The label with the verdict of the gate; a calculation that failed is a refused label, too."""
        empty = LabelDoc(
            structure=structure,
            energy_eV=None,
            forces_eV_per_A=None,
            stress_eV_per_A3=None,
            level_of_theory=self.level_of_theory,
            accepted=False,
            settings_hash=self.settings_hash,
            parent_id=parent_id,
            frame_index=index,
        )
        try:
            result = self.single_point(structure)
        except CalculationError as error:
            return empty.model_copy(update=failed(error))
        label = empty.model_copy(update=values_of(result))
        refusal = check_label(label, settings=self.settings, structure=structure, level_of_theory=label.level_of_theory)
        return label.model_copy(update={"accepted": refusal is None, "refusal": refusal})


def is_final(label: LabelDoc) -> bool:
    """Whether a label may stand for another calculation: accepted, or refused for what the structure itself is."""
    return label.accepted or label.refusal in {Refusal.FORCE_TOO_LARGE, Refusal.STRESS_TOO_LARGE}


def failed(error: CalculationError) -> dict[str, Any]:
    """Fields of a label whose calculation gave no result."""
    if not isinstance(error, LabelFailure):
        return {"refusal": Refusal.CODE_ERROR, "message": str(error)}
    calculation = error.calculation or CalculationInfo(code="", folder=error.folder)
    found = {"refusal": error.cause, "message": error.message, "calculation": calculation}
    return found | ({"level_of_theory": error.level_of_theory} if error.level_of_theory else {})


def values_of(result: SinglePoint) -> dict[str, Any]:
    """Fields of a label from what an engine returned."""
    values = {
        "energy_eV": result.energy_eV,
        "forces_eV_per_A": result.forces_eV_per_A.tolist(),
        "stress_eV_per_A3": result.stress_eV_per_A3.tolist(),
        "calculation": result.calculation,
    }
    return values | ({"level_of_theory": result.level_of_theory} if result.level_of_theory else {})
