"""The four models that are compared with the teacher, each as the campaign would use it."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from campaign import Campaign, kept
from names import FOUNDATION, TUNED

from superionic.potentials.registry import foundation_ref, load_calculator
from superionic.potentials.schemas import PotentialRef
from superionic.stages import ScratchSettings, TrainingMode
from superionic.training.jobs import FineTuneMaker
from superionic.training.schemas import ModelDoc

MINI = ScratchSettings(channels=40, max_L=0, max_ell=2, layers=2, correlation=2, r_max_A=5.0)
"""The architecture of superionic-mini, so that scratch differs from the others by its start alone."""


@dataclass(frozen=True)
class Models:
    """Foundation and tuned model of a campaign, and two more trained on its data set with its settings.

    Attributes
    ----------
    campaign : Campaign
        The campaign.
    """

    campaign: Campaign

    @cached_property
    def _trained(self) -> dict[str, ModelDoc]:
        return {}

    def document(self, name: str) -> ModelDoc:
        """A trained model; naive and scratch are trained if they have not been."""
        if name not in self._trained:
            self._trained[name] = self.campaign.tuned() if name == TUNED else self._train(TrainingMode(name))
        return self._trained[name]

    def reference(self, name: str) -> PotentialRef:
        """Which file, head and precision."""
        return foundation_ref(self.campaign.spec.foundation) if name == FOUNDATION else self.document(name).potential

    def calculator(self, name: str, dtype: str | None = None) -> Any:  # noqa: ANN401 (ASE calculator)
        """A model's calculator, in its own precision if no other is asked for."""
        reference = self.reference(name)
        if dtype is not None:
            reference = reference.model_copy(update={"dtype": dtype})
        return load_calculator(reference, None if name == FOUNDATION else self.document(name).model_blob)

    def _train(self, mode: TrainingMode) -> ModelDoc:
        spec = self.campaign.spec
        settings = spec.training.model_copy(update={"mode": mode, "scratch": MINI})
        maker = FineTuneMaker(mode.value, settings, spec.foundation, spec.seed)

        def train() -> ModelDoc:
            print(f"training: {mode.value}", file=sys.stderr, flush=True)
            with contextlib.redirect_stdout(io.StringIO()):
                return maker.train(self.campaign.dataset(), on_progress=lambda _: None)

        return kept(self.campaign.folder / "models" / f"{mode.value}.json", train)
