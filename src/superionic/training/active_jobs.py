"""Makers of the active-learning rounds: extend the data set, score the pool, hand over the model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jobflow import Maker
from numpy.typing import NDArray

from superionic.database.fanout import fetch
from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.errors import InsufficientDataError
from superionic.labelling.schemas import LabelSetDoc
from superionic.potentials.atoms import to_atoms
from superionic.provenance import derived_seed
from superionic.sampling.schemas import SamplingSetDoc
from superionic.stages import ActiveSettings, UncertaintyMeasure
from superionic.training.active import POOL_QUANTILE, choose_informative
from superionic.training.active_schemas import ActiveLearningDoc, ActiveRoundDoc, PoolFrame
from superionic.training.assemble import dataset_document, labelled_frames, one_level_of_theory
from superionic.training.calibration import calibrate
from superionic.training.dataset import extend_dataset
from superionic.training.schemas import DatasetDoc, ModelDoc
from superionic.training.scoring import Place, Scorer, calibration_record, dataset_of, gather_pool
from superionic.training.uncertainty import MIN_COMMITTEE

FloatArray = NDArray[np.float64]
OF_THE_SCORE = {"measure", "labels_per_round", "uncertain_share", "selection"}


@dataclass
class ExtendDatasetMaker(Maker):
    """Add the labels of a further round to the training set; validation and test set stay as they are.

    Parameters
    ----------
    name : str
        Name of the job.
    """

    name: str = "dataset"

    @stage_job(data=["train_extxyz", "valid_extxyz", "test_extxyz"], output_schema=DatasetDoc)
    def make(self, base: DatasetDoc | str, earlier: list[str | None], labels: LabelSetDoc) -> DatasetDoc:
        """Extend a data set.

        Parameters
        ----------
        base : DatasetDoc or str
            The data set of the round before, or its key.
        earlier : list of str or None
            Keys of the LabelSetDocs behind it; None where a composition failed.
        labels : LabelSetDoc
            The new labels.

        Raises
        ------
        InputError
            If a new label belongs to a parent of the validation or test set, is in the data set already, or is of
            another level of theory.
        """
        document = fetch(base, DatasetDoc)
        found = [fetch(key, LabelSetDoc) for key in earlier if key is not None]
        return produce(
            DatasetDoc,
            lambda: self._extend(document, found, labels),
            parents=[document, labels],
            settings=earlier,
            spec_key=document.spec_key,
        )

    def _extend(self, document: DatasetDoc, earlier: list[LabelSetDoc], labels: LabelSetDoc) -> DatasetDoc:
        one_level_of_theory([*earlier, labels])
        dataset = extend_dataset(dataset_of(document), labelled_frames(labels))
        extended = dataset_document(dataset, [*earlier, labels], missing=0)
        return extended.model_copy(update={"warnings": document.warnings})


@dataclass
class ScoreMaker(Maker):
    """Test the models of a round, calibrate their uncertainty, and choose the frames to be labelled next.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : ActiveSettings
        Measure of uncertainty, number of labels, share and method of the choice.
    seed : int
        Seed of a random choice.
    device : str
        Torch device of the evaluations.
    """

    name: str = "score"
    settings: ActiveSettings = field(default_factory=ActiveSettings)
    seed: int = 0
    device: str = "cpu"

    @stage_job(on_missing_none=True, output_schema=ActiveRoundDoc)
    def make(
        self,
        dataset: DatasetDoc | None,
        models: list[ModelDoc | None],
        sampling_keys: list[str | None],
        round_keys: list[str],
    ) -> ActiveRoundDoc:
        """Score one round.

        Parameters
        ----------
        dataset : DatasetDoc
            The data set that the models were trained on.
        models : list of ModelDoc or None
            The committee; None where a training failed.
        sampling_keys : list of str or None
            Keys of the SamplingSetDocs, whose frames without a label are the pool; None where a composition failed.
        round_keys : list of str
            Keys of the rounds before.

        Raises
        ------
        InsufficientDataError
            If there is no data set, or too few models are left.
        """
        found = [model for model in models if model is not None]
        needed = MIN_COMMITTEE if self.settings.measure is UncertaintyMeasure.COMMITTEE else 1
        if dataset is None or len(found) < needed:
            raise InsufficientDataError(
                f"{len(found)} of {len(models)} trainings of this round finished, {needed} are needed: see their jobs"
            )
        return produce(
            ActiveRoundDoc,
            lambda: self._score(dataset, found, sampling_keys, round_keys),
            parents=[dataset, *found],
            settings=[self.settings.model_dump(include=OF_THE_SCORE), sampling_keys, round_keys, self.seed],
            spec_key=dataset.spec_key,
            device=self.device,
        )

    def _score(
        self, document: DatasetDoc, models: list[ModelDoc], sampling_keys: list[str | None], round_keys: list[str]
    ) -> ActiveRoundDoc:
        dataset = dataset_of(document)
        samplings = [fetch(key, SamplingSetDoc) for key in sampling_keys if key is not None]
        rounds = [fetch(key, ActiveRoundDoc) for key in round_keys]
        places, pool = gather_pool(samplings, rounds, dataset)
        frames = [to_atoms(run.frames[index]) for run, index, _ in places]
        scorer = Scorer(dataset, models, self.settings.measure, self.device)
        numbers = [atoms.numbers for atoms in scorer.valid]
        calibration = calibrate(scorer.uncertainty(scorer.valid), scorer.valid_errors(), numbers)
        raw = scorer.uncertainty(frames) if frames else np.zeros(0)
        uncertainty = calibration.scales.of_structures(raw, [atoms.numbers for atoms in frames])
        seed = derived_seed(self.seed, "round", len(rounds))
        chosen = choose_informative(pool, uncertainty, self.settings, seed) if frames else []
        return ActiveRoundDoc(
            number=len(rounds),
            dataset_key=document.key,
            model_keys=[model.key for model in models],
            counts=document.counts,
            measure=self.settings.measure.value,
            errors=scorer.test_errors(),
            calibration=calibration_record(calibration, self.settings.measure),
            n_pool=len(frames),
            pool_median_meV_per_A=_quantile(uncertainty, 0.5),
            pool_95_meV_per_A=_quantile(uncertainty, POOL_QUANTILE),
            pool_largest_meV_per_A=_quantile(uncertainty, 1.0),
            chosen=[_pool_frame(places[index], float(uncertainty[index])) for index in chosen],
        )


@dataclass
class ActiveModelMaker(Maker):
    """Hand over the model of the last round, with the calibration of its uncertainty.

    Parameters
    ----------
    name : str
        Name of the job.
    """

    name: str = "model"

    @stage_job(models=["model_blob", "parity_foundation", "parity_tuned"], output_schema=ModelDoc)
    def make(self, active: ActiveLearningDoc) -> ModelDoc:
        """The ModelDoc for production."""
        source = fetch(active.model_key, ModelDoc)
        model = produce(
            ModelDoc,
            lambda: _with_calibration(source, active),
            parents=[active, source],
            settings={},
            spec_key=active.spec_key,
        )
        return model.model_copy(update={"potential": model.potential.model_copy(update={"name": model.key})})


def _with_calibration(source: ModelDoc, active: ActiveLearningDoc) -> ModelDoc:
    calibration = active.rounds[-1].calibration
    note = f"the uncertainty of the forces is not calibrated ({calibration.verdict}): take it for a ranking only"
    notes = [] if calibration.verdict == "calibrated" else [note]
    return source.model_copy(
        update={"calibration": calibration, "warnings": [*source.warnings, *notes], "reused_from": None}
    )


def _pool_frame(place: Place, uncertainty_meV_per_A: float) -> PoolFrame:
    run, index, composition = place
    return PoolFrame(run_key=run.key, frame=index, composition=composition, uncertainty_meV_per_A=uncertainty_meV_per_A)


def _quantile(values: FloatArray, share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None
