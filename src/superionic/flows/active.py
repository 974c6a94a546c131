"""Rounds in which the frames that teach most are labelled, until the models know what they do not know."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from jobflow import CURRENT_JOB, Flow, Maker, Response

from superionic.database.fanout import fetch, replace_by
from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.errors import InsufficientDataError
from superionic.flows.dataset import engine_category
from superionic.flows.stages import Category, Stage, mark, mark_alone
from superionic.labelling.jobs import LabelSetMaker
from superionic.labelling.static_jobs import StaticMaker
from superionic.provenance import derived_seed
from superionic.stages import ActiveSettings, LabellingSettings, TrainingSettings
from superionic.training.active import stop_reason
from superionic.training.active_jobs import ActiveModelMaker, ExtendDatasetMaker, ScoreMaker
from superionic.training.active_schemas import ActiveLearningDoc, ActiveRoundDoc
from superionic.training.jobs import FineTuneMaker


@dataclass
class ActiveLearningFlowMaker(Maker):
    """Train a committee, label what it is least sure of, and train again.

    The validation and test sets are those of the first data set in all rounds. Only frames of training parents are
    labelled, so no round can leak into them.

    Parameters
    ----------
    name : str
        Name of the flow.
    settings : ActiveSettings
        Rounds, labels, committee, measure and tolerance.
    training : TrainingSettings
        Settings of every training.
    labelling : LabellingSettings
        Engine and gate of the labels.
    foundation : str
        Foundation potential.
    seed : int
        Seed of the first model, as of a single training; the others derive from it.
    device : str
        Torch device.
    label_maker : StaticMaker, optional
        Makes the labels; by default the Maker of the engine in `labelling`.
    """

    name: str = "active learning"
    settings: ActiveSettings = field(default_factory=ActiveSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    labelling: LabellingSettings = field(default_factory=LabellingSettings)
    foundation: str = "mace-mp-0a-medium"
    seed: int = 0
    device: str = "cpu"
    label_maker: StaticMaker | None = None

    def make(self, dataset: Any, labels: list[Any], samplings: list[Any], spec_key: str = "") -> Flow:  # noqa: ANN401
        """Flow whose output is the ModelDoc of the last round; the ActiveLearningDoc is that of its job ``rounds``.

        Parameters
        ----------
        dataset : DatasetDoc or reference
            The first labels.
        labels : list of LabelSetDoc or reference
            The LabelSetDocs behind it.
        samplings : list of SamplingSetDoc or reference
            Sampling of all compositions; frames without a label are the pool.
        spec_key : str
            Key of the campaign's spec.
        """
        sampling_keys = [sampling.key for sampling in samplings]
        jobs, score = self._round(0, dataset, sampling_keys, [], spec_key)
        rounds = self._decide(score.output, [item.key for item in labels], sampling_keys, [], spec_key)
        model = mark(
            ActiveModelMaker(f"{self.name}: model").make(rounds.output), Stage.TRAINING, Category.CPU, spec_key
        )
        return Flow([*jobs, rounds, model], output=model.output, name=self.name)

    @stage_job(on_missing_none=True, output_schema=ActiveLearningDoc)
    def decide(
        self,
        done: ActiveRoundDoc | None,
        label_set_keys: list[str | None],
        sampling_keys: list[str | None],
        round_keys: list[str],
    ) -> ActiveLearningDoc | Response[Any]:
        """End the rounds, or replace this job by the next one.

        Parameters
        ----------
        done : ActiveRoundDoc
            The round that has just been scored.
        label_set_keys : list of str or None
            Keys of all LabelSetDocs so far; None where a composition failed.
        sampling_keys : list of str or None
            Keys of the SamplingSetDocs.
        round_keys : list of str
            Keys of the rounds before this one.

        Returns
        -------
        ActiveLearningDoc
            All rounds; of the job that ends them.

        Raises
        ------
        InsufficientDataError
            If the round could not be scored.
        """
        if done is None:
            raise InsufficientDataError("the models of this round could not be scored: see its trainings and its score")
        pool = done.pool_95_meV_per_A
        reason = stop_reason(self.settings, done.number, done.n_pool, done.calibration.verdict, pool)
        if reason is None:
            return self._next_round(done, label_set_keys, sampling_keys, [*round_keys, done.key])
        rounds = [*(fetch(key, ActiveRoundDoc) for key in round_keys), done]
        keys = [key for key in label_set_keys if key is not None]
        document = ActiveLearningDoc(
            rounds=rounds,
            stop_reason=reason.value,
            model_key=done.model_keys[0],
            dataset_key=done.dataset_key,
            label_set_keys=keys,
        )
        return produce(
            ActiveLearningDoc,
            lambda: document,
            parents=rounds,
            settings=[reason.value, keys],
            spec_key=done.spec_key,
        )

    def _next_round(
        self,
        done: ActiveRoundDoc,
        label_set_keys: list[str | None],
        sampling_keys: list[str | None],
        round_keys: list[str],
    ) -> Response[Any]:
        number, spec_key = done.number + 1, done.spec_key
        maker = LabelSetMaker(f"label: round {number}", self.labelling, self.device, self.label_maker)
        labels, joined = maker.frames([(item.run_key, item.frame) for item in done.chosen], spec_key)
        for job in (*labels, joined):
            _like_this_job(job)
            category = Category.CPU if job is joined else engine_category(self.labelling.engine)
            mark(job, Stage.LABELLING, category, spec_key)
        extend = ExtendDatasetMaker(f"dataset: round {number}").make(done.dataset_key, label_set_keys, joined.output)
        _like_this_job(extend)
        mark(extend, Stage.TRAINING, Category.CPU, spec_key)
        jobs, score = self._round(number, extend.output, sampling_keys, round_keys, spec_key)
        keys = [*label_set_keys, joined.output.key]
        decide = self._decide(score.output, keys, sampling_keys, round_keys, spec_key)
        return replace_by([*labels, joined, extend, *jobs], decide)

    def _round(
        self,
        number: int,
        dataset: Any,  # noqa: ANN401
        sampling_keys: list[Any],
        round_keys: list[str],
        spec_key: str,
    ) -> tuple[list[Any], Any]:
        """The trainings and the score of one round, and the latter again."""
        trainings = [self._training_of(number, member).make(dataset) for member in range(self.settings.committee)]
        score = ScoreMaker(f"score: round {number}", self.settings, derived_seed(self.seed, "score"), self.device).make(
            dataset, [job.output for job in trainings], sampling_keys, round_keys
        )
        for job in (*trainings, score):
            _like_this_job(job)
            mark(job, Stage.TRAINING, Category.GPU, spec_key)
        return [*trainings, score], score

    def _training_of(self, number: int, member: int) -> FineTuneMaker:
        return FineTuneMaker(
            name=f"train: round {number} member {member}",
            settings=self.training,
            foundation=self.foundation,
            seed=self.seed if member == 0 else derived_seed(self.seed, "committee", member),
            train_fraction=1.0 if member == 0 else self.settings.member_fraction,
            device=self.device,
        )

    def _decide(
        self,
        done: Any,  # noqa: ANN401
        label_set_keys: list[Any],
        sampling_keys: list[Any],
        round_keys: list[str],
        spec_key: str,
    ) -> Any:  # noqa: ANN401
        maker = replace(self, name=f"{self.name.split(':')[0]}: rounds")
        job = maker.decide(done, label_set_keys, sampling_keys, round_keys)
        _like_this_job(job)
        return mark_alone(job, Stage.TRAINING, Category.CPU, spec_key)


def _like_this_job(job: Any) -> None:  # noqa: ANN401
    """Give a job the queue settings of the one that creates it; its category comes after."""
    current = CURRENT_JOB.job
    if current is not None:
        job.config.manager_config = deepcopy(current.config.manager_config)
