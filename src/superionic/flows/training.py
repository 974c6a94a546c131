"""Fine-tuning, and the learning curve over nested parts of the training set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow, Maker

from superionic.stages import TrainingSettings
from superionic.training.jobs import FineTuneMaker, LearningCurveMaker


@dataclass
class LearningCurveFlowMaker(Maker):
    """Train on the whole training set and on nested fractions of it.

    Parameters
    ----------
    name : str
        Name of the flow.
    settings : TrainingSettings
        Training settings; ``learning_curve`` lists the fractions besides the whole.
    foundation : str
        Foundation potential.
    seed : int
        Seed of training and subsets.
    device : str
        Torch device.
    """

    name: str = "training"
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    foundation: str = "mace-mp-0a-medium"
    seed: int = 0
    device: str = "cpu"

    def make(self, dataset: Any, isolated_atoms: list[Any] | None = None) -> Flow:  # noqa: ANN401 (documents or references)
        """Flow whose output is the ModelDoc of the whole training set."""
        full = self.train(dataset, 1.0, isolated_atoms)
        parts = [self.train(dataset, fraction, isolated_atoms) for fraction in self.settings.learning_curve]
        if not parts:
            return Flow([full], output=full.output, name=self.name)
        curve = LearningCurveMaker("learning curve").make([job.output for job in (*parts, full)])
        return Flow([full, *parts, curve], output=full.output, name=self.name)

    def train(self, dataset: Any, fraction: float, isolated_atoms: list[Any] | None = None) -> Any:  # noqa: ANN401 (jobflow.Job)
        """One training on a nested fraction of the training set."""
        share = "" if fraction == 1.0 else f" on {fraction:.0%}"
        maker = FineTuneMaker(
            name=f"train: {self.settings.mode.value}{share}",
            settings=self.settings,
            foundation=self.foundation,
            seed=self.seed,
            train_fraction=fraction,
            device=self.device,
        )
        return maker.make(dataset, isolated_atoms)
