"""Makers of the labelling stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jobflow import Maker, OutputReference, Response
from pymatgen.core import Structure

from superionic.database.fanout import fetch_outputs, replace_by
from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import BaseDoc, CompositionInfo
from superionic.errors import InsufficientDataError
from superionic.labelling import scan, teacher
from superionic.labelling.cp2k_jobs import Cp2kStaticMaker
from superionic.labelling.results import SinglePoint
from superionic.labelling.schemas import LabelDoc, LabelSetDoc, RefusedLabel, StoredLabel, common_fields
from superionic.labelling.static_jobs import StaticMaker
from superionic.labelling.vasp import scan_single_point
from superionic.labelling.vasp_configuration import require_command
from superionic.labelling.vasp_gate import rehearsal
from superionic.potentials.schemas import RelaxedSetDoc
from superionic.sampling.schemas import SamplingSetDoc
from superionic.stages import LabelEngine, LabellingSettings

JOB_FAILED = "the job failed; its traceback is in the launchpad or log"


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
    """Label one structure with VASP-SCAN through atomate2 and custodian.

    The command and the POTCARs are atomate2's and pymatgen's usual settings (``ATOMATE2_VASP_CMD``,
    ``PMG_VASP_PSP_DIR``); everything else is in ``settings.vasp``.
    """

    @property
    def level_of_theory(self) -> str:
        """VASP with its functional; a label of the stand-in is renamed when its output is read."""
        return scan.level_of_theory(self.settings.vasp, stand_in=rehearsal(self.settings))

    @property
    def settings_hash(self) -> str:
        """Hash of the label-defining settings."""
        return scan.settings_hash(self.settings.vasp)

    def require(self) -> None:
        """Check the VASP command."""
        scan.level_of_theory(self.settings.vasp)
        require_command()

    def require_elements(self, elements: Collection[str]) -> None:
        """Check that functional, spin and POTCARs are decided."""
        scan.level_of_theory(self.settings.vasp)
        scan.spin_of(self.settings.vasp, elements)
        scan.potcar_symbols(self.settings.vasp, sorted(elements))

    def single_point(self, structure: Structure) -> SinglePoint:
        """Energy, forces and stress by VASP-SCAN."""
        return scan_single_point(structure, self.settings)


ENGINES: dict[LabelEngine, type[StaticMaker]] = {
    LabelEngine.VASP_SCAN: ScanStaticMaker,
    LabelEngine.CP2K_SCAN: Cp2kStaticMaker,
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
        """Label the frames of all runs that were chosen for it; the output is a LabelSetDoc.

        Raises
        ------
        NotConfiguredError
            If the engine cannot run.
        """
        maker = self._maker()
        jobs, items = [], []
        for number, frame in sampling.chosen_frames():
            items.append(f"run {number} frame {frame}")
            jobs.append(replace(maker, name=f"{self.name} {items[-1]}").make_frame(sampling.runs[number].key, frame))
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

    def frames(self, places: Sequence[tuple[str, int]], spec_key: str) -> tuple[list[Any], Any]:
        """Jobs that label frames of any runs, and the job that joins them to a LabelSetDoc.

        Parameters
        ----------
        places : sequence of (str, int)
            Key of the SamplingDoc and position of the frame.
        spec_key : str
            Key of the campaign's spec.

        Raises
        ------
        NotConfiguredError
            If the engine cannot run.
        """
        maker = self._maker()
        items = [f"{number}: run {key[:8]} frame {frame}" for number, (key, frame) in enumerate(places)]
        jobs = [
            replace(maker, name=f"{self.name} {item}").make_frame(key, frame)
            for item, (key, frame) in zip(items, places, strict=True)
        ]
        return jobs, self._joined(jobs, items, maker, spec_key, None)

    @stage_job(on_missing_none=True, resolve=False, data=["labels"], output_schema=LabelSetDoc)
    def collect(
        self,
        labels: list[LabelDoc | OutputReference | None],
        items: list[str],
        level_of_theory: str,
        spec_key: str,
        composition: CompositionInfo | None,
    ) -> LabelSetDoc:
        """Join the accepted labels and keep a ledger of the others.

        Parameters
        ----------
        labels : list of LabelDoc, OutputReference or None
            One per structure; None, or a reference to nothing, where the job failed.
        items : list of str
            What each of them is, for the ledger.
        level_of_theory : str
            Level of theory that was asked for.
        spec_key : str
            Key of the campaign's spec.
        composition : CompositionInfo, optional
            Grid point.

        Raises
        ------
        InsufficientDataError
            If fewer labels were accepted than the settings ask for; the message names the causes.
        InputError
            If the accepted labels are of several methods.
        """
        found = fetch_outputs(labels, LabelDoc, StoredLabel.read)
        accepted = [label for label in found if label is not None and label.accepted]
        refused = _ledger(found, items)
        self._require_enough(len(accepted), refused, composition)
        return produce(
            LabelSetDoc,
            lambda: LabelSetDoc(**common_fields(accepted), requested=len(labels), refused=refused),
            parents=accepted,
            settings=[level_of_theory, [{"item": label.item, "cause": label.cause} for label in refused]],
            spec_key=spec_key,
            composition=composition,
            device=self.device,
        )

    def _maker(self) -> StaticMaker:
        maker = self.label_maker or ENGINES[self.settings.engine]("", self.settings, self.device)
        maker.require()
        return maker

    def _gathered(self, jobs: list[Any], items: list[str], source: BaseDoc, maker: StaticMaker) -> Response[Any]:
        return replace_by(jobs, self._joined(jobs, items, maker, source.spec_key, source.composition))

    def _joined(
        self, jobs: list[Any], items: list[str], maker: StaticMaker, spec_key: str, composition: CompositionInfo | None
    ) -> Any:  # noqa: ANN401 (jobflow.Job)
        return replace(self, name=f"{self.name} collect").collect(
            [job.output for job in jobs], items, maker.level_of_theory, spec_key, composition
        )

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
        example = next((f", e.g. in {item.folder}" for item in refused if item.folder), "")
        raise InsufficientDataError(
            f"only {n_accepted} of {total} labels{where} were accepted, labelling.min_success_fraction asks for "
            f"{self.settings.min_success_fraction:g} ({causes or 'nothing to label'}{example}). Mend the cause and run "
            "again, or lower min_success_fraction"
        )


def label_level_of_theory(settings: LabellingSettings) -> str:
    """Level of theory that labels with these settings have."""
    return ENGINES[settings.engine]("", settings, "cpu").level_of_theory


def _ledger(labels: Sequence[LabelDoc | None], items: Sequence[str]) -> list[RefusedLabel]:
    refused = []
    for label, item in zip(labels, items, strict=True):
        if label is None:
            refused.append(RefusedLabel(item=item, cause=JOB_FAILED))
        elif not label.accepted:
            folder = label.calculation.folder if label.calculation else ""
            refused.append(RefusedLabel(item=label.key, cause=str(label.refusal), folder=folder, message=label.message))
    return refused
