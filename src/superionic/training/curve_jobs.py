"""Makers of learning curves: train on parts of the training set, assess each model, join the assessments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import Maker, Response

from superionic.database.fanout import fetch, replace_by
from superionic.database.jobs import stage_job
from superionic.database.reuse import find_finished, produce
from superionic.errors import InsufficientDataError
from superionic.labelling.isolated_atom import IsolatedAtomDoc
from superionic.provenance import derived_seed
from superionic.stages import TrainingMode, TrainingSettings
from superionic.training.assemble import TUNED, error_row
from superionic.training.curve_assemble import (
    comparison_rows,
    curve_fits,
    errors_on_test_set,
    learning_points,
    replay_head_errors,
)
from superionic.training.curve_schemas import AssessmentSetDoc, LearningCurveDoc, ModelAssessmentDoc
from superionic.training.drift import Drift, measure_drift
from superionic.training.jobs import FineTuneMaker
from superionic.training.learning_curve import sizes_to_train
from superionic.training.schemas import DatasetDoc, ModelDoc

REPLAY_SETTINGS = {"replay_structures", "replay_file", "replay_set"}


@dataclass
class AssessModelMaker(Maker):
    """Keep what a learning curve needs of a model, and measure how far it went from the foundation.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : TrainingSettings
        Say which replay structures the drift is measured on; the mode does not matter.
    foundation : str
        Foundation potential that the model is compared with, also where it was trained from scratch.
    replay_seed : int
        Seed of the replay set; that of a multi-head training, so that its replay structures stay apart.
    seed_number : int
        Number of the seed of subset and training.
    of_campaign : bool
        Whether the campaign goes on with this model.
    drift : bool
        Whether to measure the drift, for which both potentials are loaded.
    device : str
        Torch device.
    """

    name: str = "assess"
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    foundation: str = "mace-mp-0a-medium"
    replay_seed: int = 0
    seed_number: int = 0
    of_campaign: bool = False
    drift: bool = True
    device: str = "cpu"

    @stage_job(on_missing_none=True, output_schema=ModelAssessmentDoc)
    def make(self, model: ModelDoc | None, dataset: DatasetDoc | str) -> ModelAssessmentDoc:
        """Assess one model.

        Parameters
        ----------
        model : ModelDoc or None
            The model; None where the training failed.
        dataset : DatasetDoc or str
            The data set it was trained on, or its key; a replay set may have to be derived from it.

        Returns
        -------
        ModelAssessmentDoc
            Test errors, drift, and the errors of the replay head if there is one.

        Raises
        ------
        InputError
            If the model carries no test errors.
        InsufficientDataError
            If there is no model, so that the loss is counted.
        """
        if model is None:
            raise InsufficientDataError("the training failed, so there is no model to assess: see its own failure")
        own = [self.seed_number, self.of_campaign]
        measured = [self.settings.model_dump(include=REPLAY_SETTINGS), self.foundation, self.replay_seed]
        return produce(
            ModelAssessmentDoc,
            lambda: self._assess(model, dataset),
            parents=[model],
            settings=[own, measured if self.drift else None],
            spec_key=model.spec_key,
            device=self.device,
        )

    def _assess(self, model: ModelDoc, dataset: DatasetDoc | str) -> ModelAssessmentDoc:
        drift = self._drift(model, fetch(dataset, DatasetDoc)) if self.drift else Drift(None, 0)
        row = None if drift.errors is None else error_row(drift.errors, TUNED, "replay", "all")
        return ModelAssessmentDoc(
            model_key=model.key,
            mode=model.mode,
            n_train=model.n_train,
            train_fraction=model.train_fraction,
            seed=self.seed_number,
            of_campaign=self.of_campaign,
            errors=errors_on_test_set(model),
            replay_head=replay_head_errors(model),
            drift=row and row.model_copy(update={"energy_shifted": True}),
            drift_left_out=drift.left_out,
        )

    def _drift(self, model: ModelDoc, dataset: DatasetDoc) -> Drift:
        from superionic.potentials.registry import foundation_ref, load_calculator

        settings = self.settings.model_copy(update={"mode": TrainingMode.MULTIHEAD})
        maker = FineTuneMaker(settings=settings, foundation=self.foundation, seed=self.replay_seed)
        replay = maker.replay_set(dataset)
        assert replay is not None
        foundation = load_calculator(foundation_ref(self.foundation), device=self.device)
        tuned = load_calculator(model.potential, blob=model.model_blob, device=self.device)
        return measure_drift(foundation, tuned, replay)


@dataclass(frozen=True)
class CurveTraining:
    """One training of a learning curve; ``count`` is None for the whole training set, ``seed`` a number from 0."""

    mode: TrainingMode
    seed: int
    count: int | None

    @property
    def words(self) -> str:
        """What is trained on what, for names of jobs."""
        size = "" if self.count is None else f" on {self.count}"
        return f"{self.mode.value}{size}" + (f", seed {self.seed}" if self.seed else "")


@dataclass
class CurveTrainingMaker(Maker):
    """Makes one training of a learning curve and its assessment.

    Parameters
    ----------
    name : str
        Beginning of the names of the trainings.
    settings : TrainingSettings
        Training settings; ``mode`` is that of the campaign.
    foundation : str
        Foundation potential.
    seed : int
        The campaign's seed of training and subsets; the other seeds of the curve derive from it.
    device : str
        Torch device.
    """

    name: str = "train"
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    foundation: str = "mace-mp-0a-medium"
    seed: int = 0
    device: str = "cpu"

    def train(self, training: CurveTraining, dataset: Any, isolated_atoms: Any = None) -> Any:  # noqa: ANN401 (document, key or reference; jobflow.Job)
        """The training; all models of a curve have one replay set."""
        maker = FineTuneMaker(
            name=f"{self.name}: {training.words}",
            settings=self.settings.model_copy(update={"mode": training.mode}),
            foundation=self.foundation,
            seed=derived_seed(self.seed, "curve", training.seed) if training.seed else self.seed,
            train_count=training.count,
            replay_seed=self.seed,
            device=self.device,
        )
        return maker.make(dataset, isolated_atoms)

    def assess(self, training: CurveTraining, model: Any, dataset: Any) -> Any:  # noqa: ANN401
        """Its assessment; the drift is measured where modes are compared."""
        maker = AssessModelMaker(
            name=f"assess: {training.words}",
            settings=self.settings,
            foundation=self.foundation,
            replay_seed=self.seed,
            seed_number=training.seed,
            of_campaign=training == self.whole,
            drift=len(self.modes) > 1,
            device=self.device,
        )
        return maker.make(model, dataset)

    @property
    def whole(self) -> CurveTraining:
        """The training that the campaign goes on with."""
        return CurveTraining(self.settings.mode, 0, None)

    @property
    def modes(self) -> list[TrainingMode]:
        """The campaign's mode and those compared with it."""
        return list(dict.fromkeys([self.settings.mode, *self.settings.curve_modes]))

    def trainings(self, sizes: Sequence[int]) -> Iterator[CurveTraining]:
        """All trainings besides :attr:`whole`, small ones first."""
        for count in (*sizes, None):
            for mode in self.modes:
                for seed in range(self.settings.curve_seeds):
                    training = CurveTraining(mode, seed, count)
                    if training != self.whole:
                        yield training


@dataclass
class CurvePartsMaker(Maker):
    """Train and assess on nested parts of the training set, with several seeds and modes.

    Sizes that the training set does not have are left out and named in the document.

    Parameters
    ----------
    name : str
        Name of the job.
    trainings : CurveTrainingMaker
        Settings, foundation and seed.
    """

    name: str = "learning curve trainings"
    trainings: CurveTrainingMaker = field(default_factory=CurveTrainingMaker)

    @stage_job(output_schema=AssessmentSetDoc)
    def make(self, dataset: DatasetDoc, isolated_atoms: list[IsolatedAtomDoc] | None = None) -> Response[Any]:
        """Fan out over sizes, modes and seeds; the output is an AssessmentSetDoc.

        Parameters
        ----------
        dataset : DatasetDoc
            Labelled structures; every training gets its key only.
        isolated_atoms : list of IsolatedAtomDoc, optional
            Isolated atoms at the level of the labels.
        """
        settings, n_train = self.trainings.settings, dataset.counts["train"]
        sizes, left_out = sizes_to_train(settings.learning_curve, n_train, settings.batch_size)
        stored = find_finished(DatasetDoc, dataset.key) is not None
        source = dataset.key if stored else dataset
        jobs, assessments, items = [], [], []
        for training in self.trainings.trainings(sizes):
            model = self.trainings.train(training, source, isolated_atoms)
            assessment = self.trainings.assess(training, model.output, source)
            jobs += [model, assessment]
            assessments.append(assessment.output)
            items.append(training.words)
        gather = CurvePartsMaker(f"{self.name} collect", self.trainings).collect(
            assessments, items, left_out, n_train, dataset.key, dataset.spec_key
        )
        return replace_by(jobs, gather)

    @stage_job(on_missing_none=True, output_schema=AssessmentSetDoc)
    def collect(
        self,
        assessments: list[ModelAssessmentDoc | None],
        items: list[str],
        left_out: list[str],
        n_train: int,
        dataset_key: str,
        spec_key: str,
    ) -> AssessmentSetDoc:
        """Join the assessments and name the trainings that failed.

        Parameters
        ----------
        assessments : list of ModelAssessmentDoc or None
            One per training; None where it failed.
        items : list of str
            What each of them is.
        left_out : list of str
            Sizes that were not trained, with the reason.
        n_train : int
            Structures of the whole training set.
        dataset_key : str
            Key of the data set.
        spec_key : str
            Key of the campaign's spec.
        """
        found = [item for item in assessments if item is not None]
        failed = [name for name, item in zip(items, assessments, strict=True) if item is None]
        return produce(
            AssessmentSetDoc,
            lambda: AssessmentSetDoc(
                assessments=found,
                n_train=n_train,
                left_out=left_out,
                warnings=[f"the training {name} failed and is missing from the curve" for name in failed],
            ),
            parents=found,
            settings=[dataset_key, left_out, failed],
            spec_key=spec_key,
        )


@dataclass
class LearningCurveMaker(Maker):
    """Join the assessments of models that were trained on parts of one training set.

    Parameters
    ----------
    name : str
        Name of the job.
    """

    name: str = "learning curve"

    @stage_job(on_missing_none=True, output_schema=LearningCurveDoc)
    def make(
        self, assessments: list[ModelAssessmentDoc | None], parts: AssessmentSetDoc | None = None
    ) -> LearningCurveDoc:
        """Order the test errors by the size of the training set, fit them and compare the modes.

        Parameters
        ----------
        assessments : list of ModelAssessmentDoc or None
            Models tested on one test set; None where a training failed.
        parts : AssessmentSetDoc, optional
            Further ones, with the sizes that were left out.

        Returns
        -------
        LearningCurveDoc
            The curve.

        Raises
        ------
        InputError
            If the models do not share a test set.
        InsufficientDataError
            If no model is left.
        """
        found = [item for item in assessments if item is not None]
        missing = len(assessments) - len(found)
        found += [] if parts is None else parts.assessments
        if not found:
            raise InsufficientDataError("no training finished, so there is no learning curve; see the training jobs")
        left_out = [] if parts is None else parts.left_out
        warnings = [f"{missing} trainings failed and are missing from the curve"] if missing else []
        warnings += [] if parts is None else parts.warnings
        return produce(
            LearningCurveDoc,
            lambda: _learning_curve(found, left_out, warnings),
            parents=found,
            settings={"left_out": left_out, "warnings": warnings},
            spec_key=found[0].spec_key,
        )


def _learning_curve(
    assessments: Sequence[ModelAssessmentDoc], left_out: list[str], warnings: list[str]
) -> LearningCurveDoc:
    points = learning_points(assessments)
    return LearningCurveDoc(
        points=points,
        n_test=assessments[0].errors[0].n_structures,
        model_key=next((item.model_key for item in assessments if item.of_campaign), ""),
        fits=curve_fits(points),
        comparison=comparison_rows(assessments),
        left_out=left_out,
        warnings=[*warnings, *(f"left out: {text}" for text in left_out)],
    )
