"""What is known about a finished training, and the list of what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from superionic.errors import TrainingCheckError
from superionic.training.mace_log import MaceLog, ValidationRecord

RELATIVE = 1e-6


@dataclass(frozen=True)
class ModelFacts:
    """What a saved model file says about itself.

    Attributes
    ----------
    heads : list of str
        Heads in the order of the file.
    atomic_numbers : list of int
        Elements that the model knows.
    e0s_eV : dict
        E0 per head and atomic number, eV.
    r_max_A : float
        Radial cutoff, A.
    dtype : str
        Floating point type of the weights.
    n_parameters : int
        Number of weights.
    finite : bool
        Whether all weights are finite.
    architecture : dict
        ``channels``, ``layers``, ``max_L``, ``max_ell``, ``correlation`` and ``hidden_irreps``.
    """

    heads: list[str]
    atomic_numbers: list[int]
    e0s_eV: dict[str, dict[int, float]]
    r_max_A: float
    dtype: str
    n_parameters: int
    finite: bool
    architecture: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> ModelFacts:
        """Facts from JSON, in which all keys are text."""
        e0s = {head: {int(z): float(e) for z, e in row.items()} for head, row in plain["e0s_eV"].items()}
        return cls(**{**plain, "e0s_eV": e0s})


@dataclass(frozen=True)
class Evidence:
    """All that is known about a finished training.

    Attributes
    ----------
    effective : mapping
        Hyper-parameters in the objects of the training loop.
    stop_reason : str
        ``patience`` or ``max_epochs``.
    log : MaceLog
        MACE's log of the process that finished the training.
    history : sequence of ValidationRecord
        MACE's results.
    model : ModelFacts
        The saved model, read back.
    e0s_eV : mapping
        E0s that the new head was to get, per atomic number.
    foundation : ModelFacts, optional
        The foundation.
    foundation_head : str
        Head of the foundation that was tuned.
    earlier_logs : sequence of MaceLog
        Logs of processes that were killed while they trained.
    batches : mapping
        Batches per epoch in the results.
    start_epochs : sequence of int
        Epoch at which each process began.
    first_trained : int or None
        First epoch of which the last process trained a batch; None if there was nothing left to train.
    e0_source : str
        Where the E0s of the new head came from.
    replay : mapping, optional
        ``labels``: whose labels the replay structures carry; ``foundation_errors``: those of the foundation against
        them, in the names and units of :class:`~superionic.training.metrics.Errors`.
    """

    effective: Mapping[str, Any]
    stop_reason: str
    log: MaceLog
    history: Sequence[ValidationRecord]
    model: ModelFacts
    e0s_eV: Mapping[int, float]
    foundation: ModelFacts | None = None
    foundation_head: str = ""
    earlier_logs: Sequence[MaceLog] = ()
    batches: Mapping[int, int] = field(default_factory=dict)
    start_epochs: Sequence[int] = (0,)
    first_trained: int | None = None
    e0_source: str = ""
    replay: Mapping[str, Any] | None = None


@dataclass
class Findings:
    """Differences between request and result, in words."""

    differences: list[str] = field(default_factory=list)

    def equal(self, what: str, asked: object, found: object) -> None:
        """Note a difference of values that must be the same."""
        if asked != found:
            self.differences.append(f"{what}: asked {asked}, found {found}")

    def close(self, what: str, asked: float, found: float | None, tolerance: float = 0.0) -> None:
        """Note a difference of numbers beyond rounding or a tolerance."""
        if found is None or not math.isclose(asked, found, rel_tol=RELATIVE, abs_tol=tolerance):
            self.differences.append(f"{what}: asked {asked:g}, found {'nothing' if found is None else f'{found:.10g}'}")

    def true(self, condition: bool, message: str) -> None:
        """Note a condition that does not hold."""
        if not condition:
            self.differences.append(message)

    def refuse(self, subject: str, folder: Path) -> None:
        """Raise if anything was noted.

        Raises
        ------
        TrainingCheckError
            Naming every difference.
        """
        if self.differences:
            raise TrainingCheckError(
                f"{subject} is refused, because it is not what was asked for: {'; '.join(self.differences)}. "
                f"Look into the log of the training in {folder}, and at the settings under `training:`"
            )
