"""Fine-tuning, and the learning curve over nested parts of the training set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow, Maker

from superionic.stages import TrainingSettings
from superionic.training.curve_jobs import CurvePartsMaker, CurveTrainingMaker, LearningCurveMaker


@dataclass
class TrainingJobs:
    """The training stage and the job of its learning curve, which is None without one."""

    curve: Any
    flow: Flow


@dataclass
class LearningCurveFlowMaker(Maker):
    """Train on the whole training set and, for a learning curve, on nested parts of it, with several seeds and modes.

    Parameters
    ----------
    name : str
        Name of the flow.
    settings : TrainingSettings
        Training settings. ``learning_curve`` lists the sizes besides the whole training set, as fractions or numbers of
        structures; ``curve_modes`` the modes compared with ``mode``; ``curve_seeds`` the number of seeds.
    foundation : str
        Foundation potential.
    seed : int
        Seed of training and subsets.
    device : str
        Torch device.

    Examples
    --------
    >>> settings = TrainingSettings(
    ...     learning_curve=[100, 250, 500, 1000], curve_modes=["naive", "scratch"], curve_seeds=3
    ... )
    >>> flow = LearningCurveFlowMaker(settings=settings, foundation="superionic-mini").make(dataset)  # doctest: +SKIP
    """

    name: str = "training"
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    foundation: str = "mace-mp-0a-medium"
    seed: int = 0
    device: str = "cpu"

    def make(self, dataset: Any, isolated_atoms: list[Any] | None = None) -> Flow:  # noqa: ANN401 (documents or references)
        """Flow whose output is the ModelDoc of the whole training set; the curve is a document of its own."""
        return self.jobs(dataset, isolated_atoms).flow

    def jobs(self, dataset: Any, isolated_atoms: list[Any] | None = None) -> TrainingJobs:  # noqa: ANN401
        """The flow together with the job that later stages build on."""
        trainings = CurveTrainingMaker(
            settings=self.settings, foundation=self.foundation, seed=self.seed, device=self.device
        )
        model = trainings.train(trainings.whole, dataset, isolated_atoms)
        if not self.settings.learning_curve:
            return TrainingJobs(None, Flow([model], output=model.output, name=self.name))
        own = trainings.assess(trainings.whole, model.output, dataset)
        parts = CurvePartsMaker(trainings=trainings).make(dataset, isolated_atoms)
        curve = LearningCurveMaker().make([own.output], parts.output)
        return TrainingJobs(curve, Flow([model, own, parts, curve], output=model.output, name=self.name))
