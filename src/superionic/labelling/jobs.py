"""Makers of the labelling stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobflow import Maker, Response
from pymatgen.core import Structure

from superionic.database.fanout import fetch, fetch_named, replace_by
from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import BaseDoc, CompositionInfo
from superionic.errors import InsufficientDataError
from superionic.labelling import scan, teacher
from superionic.labelling.gate import check_label
from superionic.labelling.results import SinglePoint
from superionic.labelling.schemas import LabelDoc, LabelSetDoc, RefusedLabel
from superionic.potentials.schemas import RelaxedSetDoc
from superionic.sampling.schemas import SamplingDoc, SamplingSetDoc
from superionic.stages import LabelEngine, LabellingSettings

JOB_FAILED = "the job failed; its traceback is in the launchpad or log"


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

    def single_point(self, structure: Structure) -> SinglePoint:
        """Energy, forces and stress of a structure."""
        raise NotImplementedError

    def require(self) -> None:
        """Raise NotConfiguredError if the engine cannot run at all, before any job is made."""

    @stage_job(output_schema=LabelDoc)
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

    @stage_job(output_schema=LabelDoc)
    def make_frame(self, run: SamplingDoc | str, frame: int) -> LabelDoc:
        """Label one frame of a sampling run, given by the run's document or its key."""
        document = fetch(run, SamplingDoc)
        where = document.spec_key, document.composition
        return self._label(document.frames[frame], document, document.parent_id, frame, *where)

    @stage_job(output_schema=LabelDoc)
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
            ],
            spec_key=spec_key,
            composition=composition,
            device=self.device,
        )

    def _judged(self, structure: Structure, parent_id: str, index: int | None) -> LabelDoc:
        """The label with the verdict of the gate."""
        result = self.single_point(structure)
        label = LabelDoc(
            structure=structure,
            energy_eV=result.energy_eV,
            forces_eV_per_A=result.forces_eV_per_A.tolist(),
            stress_eV_per_A3=result.stress_eV_per_A3.tolist(),
            level_of_theory=self.level_of_theory,
            accepted=False,
            parent_id=parent_id,
            frame_index=index,
        )
        refusal = check_label(label, settings=self.settings, structure=structure, level_of_theory=self.level_of_theory)
        return label.model_copy(update={"accepted": refusal is None, "refusal": refusal})


@dataclass
class TeacherStaticMaker(StaticMaker):
    """Label one structure with CHGNet r2SCAN, a teacher potential that stands in for VASP-SCAN."""

    @property
    def level_of_theory(self) -> str:
        """Names the teacher."""
        return teacher.LEVEL_OF_THEORY

    def single_point(self, structure: Structure) -> SinglePoint:
        """Energy, forces and stress by CHGNet r2SCAN."""
        return teacher.teacher_single_point(structure, self.device)


@dataclass
class ScanStaticMaker(StaticMaker):
    """Label one structure with VASP-SCAN; in this release it raises NotConfiguredError."""

    @property
    def level_of_theory(self) -> str:
        """VASP with the SCAN functional."""
        return scan.LEVEL_OF_THEORY

    def require(self) -> None:
        """Raise NotConfiguredError: this release has no VASP engine."""
        scan.require_vasp()

    def single_point(self, structure: Structure) -> SinglePoint:
        """Energy, forces and stress by VASP-SCAN."""
        return scan.scan_single_point(structure)


ENGINES: dict[LabelEngine, type[StaticMaker]] = {
    LabelEngine.VASP_SCAN: ScanStaticMaker,
    LabelEngine.TEACHER_CHGNET_R2SCAN: TeacherStaticMaker,
}


@dataclass
class LabelSetMaker(Maker):
    """Label all structures of a document, each in a job of its own, and join what was accepted.

    Parameters
    ----------
    name : str
        Name of the job; those of the labels derive from it.
    settings : LabellingSettings
        Engine, bounds of the gate, share of labels that must be accepted.
    device : str
        Torch device of a teacher potential.
    label_maker : StaticMaker, optional
        Makes the labels; by default the Maker of the engine in `settings`.
    """

    name: str = "label"
    settings: LabellingSettings = field(default_factory=LabellingSettings)
    device: str = "cpu"
    label_maker: StaticMaker | None = None

    @stage_job(data=["labels"], output_schema=LabelSetDoc)
    def make(self, sampling: SamplingSetDoc) -> Response[Any]:
        """Label every frame of every run; the output is a LabelSetDoc.

        Raises
        ------
        NotConfiguredError
            If the engine cannot run.
        """
        maker = self._maker()
        jobs, items = [], []
        for number, run in enumerate(sampling.runs):
            for frame in range(len(run.frames)):
                items.append(f"run {number} frame {frame}")
                jobs.append(replace(maker, name=f"{self.name} {items[-1]}").make_frame(run.key, frame))
        return self._gathered(jobs, items, sampling, maker)

    @stage_job(data=["labels"], output_schema=LabelSetDoc)
    def make_relaxed(self, document: RelaxedSetDoc) -> Response[Any]:
        """Label every relaxed structure of a document, e.g. of a GroundStateDoc; the output is a LabelSetDoc.

        Raises
        ------
        NotConfiguredError
            If the engine cannot run.
        """
        maker = self._maker()
        schema_name = type(document).__name__
        items = [f"relaxed {index}" for index in range(len(document.relaxed))]
        jobs = [
            replace(maker, name=f"{self.name} {item}").make_relaxed(schema_name, document.key, index)
            for index, item in enumerate(items)
        ]
        return self._gathered(jobs, items, document, maker)

    @stage_job(on_missing_none=True, data=["labels"], output_schema=LabelSetDoc)
    def collect(
        self,
        labels: list[LabelDoc | None],
        items: list[str],
        level_of_theory: str,
        spec_key: str,
        composition: CompositionInfo | None,
    ) -> LabelSetDoc:
        """Join the accepted labels and keep a ledger of the others.

        Parameters
        ----------
        labels : list of LabelDoc or None
            One per structure; None where the job failed.
        items : list of str
            What each of them is, for the ledger.
        level_of_theory : str
            Level of theory of all labels.
        spec_key : str
            Key of the campaign's spec.
        composition : CompositionInfo, optional
            Grid point.

        Raises
        ------
        InsufficientDataError
            If fewer labels were accepted than the settings ask for; the message names the causes.
        """
        accepted = [label for label in labels if label is not None and label.accepted]
        refused = _ledger(labels, items)
        self._require_enough(len(accepted), refused, composition)
        return produce(
            LabelSetDoc,
            lambda: LabelSetDoc(
                labels=accepted,
                label_keys=[label.key for label in accepted],
                requested=len(labels),
                level_of_theory=level_of_theory,
                refused=refused,
            ),
            parents=accepted,
            settings=[level_of_theory, refused],
            spec_key=spec_key,
            composition=composition,
            device=self.device,
        )

    def _maker(self) -> StaticMaker:
        maker = self.label_maker or ENGINES[self.settings.engine]("", self.settings, self.device)
        maker.require()
        return maker

    def _gathered(self, jobs: list[Any], items: list[str], source: BaseDoc, maker: StaticMaker) -> Response[Any]:
        gather = replace(self, name=f"{self.name} collect").collect(
            [job.output for job in jobs], items, maker.level_of_theory, source.spec_key, source.composition
        )
        return replace_by(jobs, gather)

    def _require_enough(
        self, n_accepted: int, refused: Sequence[RefusedLabel], composition: CompositionInfo | None
    ) -> None:
        total = n_accepted + len(refused)
        if n_accepted > 0 and n_accepted >= self.settings.min_success_fraction * total:
            return
        causes = ", ".join(
            f"{cause}: {count}" for cause, count in Counter(item.cause for item in refused).most_common()
        )
        where = f" of {composition.label}" if composition is not None else ""
        raise InsufficientDataError(
            f"only {n_accepted} of {total} labels{where} were accepted, labelling.min_success_fraction asks for "
            f"{self.settings.min_success_fraction:g} ({causes or 'nothing to label'}). Mend the cause and run "
            "again, or lower min_success_fraction"
        )


def _ledger(labels: Sequence[LabelDoc | None], items: Sequence[str]) -> list[RefusedLabel]:
    refused = []
    for label, item in zip(labels, items, strict=True):
        if label is None:
            refused.append(RefusedLabel(item=item, cause=JOB_FAILED))
        elif not label.accepted:
            refused.append(RefusedLabel(item=label.key, cause=str(label.refusal or "refused")))
    return refused
