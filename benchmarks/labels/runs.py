"""One training of the studies of labels: the checked `mace_run_train` on chosen frames."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from superionic.potentials import foundation_path
from superionic.stages import LossWeights, ScratchSettings, TrainingMode, TrainingSettings
from superionic.training.dataset import LabelledFrame
from superionic.training.jobs import verify
from superionic.training.mace_command import TrainingRequest
from superionic.training.mace_run import TrainingInput, TrainingOutcome, run_training
from superionic.training.replay import ReplaySet

FOUNDATION = "superionic-mini"
BATCH = 5
LAST_RATE = 0.05
"""The learning rate falls exponentially to this share of its start."""
MINI = ScratchSettings(channels=40, max_L=0, max_ell=2, layers=2, correlation=2, r_max_A=5.0)
"""The architecture of superionic-mini, so that scratch differs from the others by its start alone."""


@dataclass(frozen=True)
class Sets:
    """What one training sees."""

    train: Sequence[LabelledFrame]
    valid: Sequence[LabelledFrame]
    test: Sequence[LabelledFrame]
    replay: ReplaySet | None = None
    foundation: Path | None = None
    """Model to start from; superionic-mini if left out."""


def settings_for(mode: TrainingMode, rate: float, epochs: int) -> TrainingSettings:
    """Settings of a training that runs all its epochs while the learning rate falls."""
    return TrainingSettings(
        mode=mode,
        learning_rate=rate,
        schedule="exponential",
        schedule_factor=LAST_RATE ** (1 / epochs),
        max_epochs=epochs,
        patience=epochs,
        batch_size=BATCH,
        ema_decay=0.95,
        weights=LossWeights(energy=5, forces=10, stress=50),
        scratch=MINI,
        dtype="float32",
    )


def train(settings: TrainingSettings, sets: Sets, seed: int, folder: Path) -> TrainingOutcome:
    """Train in a folder of its own, with the checks of a campaign."""
    replay = sets.replay if settings.mode is TrainingMode.MULTIHEAD else None
    if replay is not None:
        settings = settings.model_copy(update={"replay_structures": len(replay.train) + len(replay.valid)})
    request = TrainingRequest(
        settings=settings,
        seed=seed,
        device="cpu",
        threads=1,
        n_train=len(sets.train),
        n_valid=len(sets.valid),
        n_replay_train=0 if replay is None else len(replay.train),
        n_replay_valid=0 if replay is None else len(replay.valid),
    )
    foundation = None if settings.mode is TrainingMode.SCRATCH else sets.foundation or foundation_path(FOUNDATION)
    inputs = TrainingInput(request, sets.train, sets.valid, sets.test, replay, foundation)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    outcome = run_training(inputs, folder)
    verify(inputs, outcome, folder)
    return outcome
