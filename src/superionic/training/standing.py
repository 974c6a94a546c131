"""How a training stands after each epoch: best epoch, patience, and whether it diverges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from superionic.units import MEV_PER_EV

DIVERGED_FACTOR = 100.0
"""A validation loss this many times the lowest so far, the one before training included, counts as diverged ..."""
DIVERGED_FORCE_eV_per_A, DIVERGED_ENERGY_eV_per_atom = 1.0, 1.0
"""... if one of these root-mean-square errors is exceeded, too: a tiny loss may well rise a hundredfold."""


class PatienceReachedError(Exception):
    """The validation loss has not improved for the whole patience."""


class DivergedError(Exception):
    """A loss is not a finite number, or has grown beyond what training can mean."""


@dataclass
class Standing:
    """What must be remembered from epoch to epoch; MACE forgets it when it is restarted.

    Attributes
    ----------
    epoch : int
        Last finished epoch; -1 before the first.
    valid_loss : float
        Its validation loss.
    lowest_loss : float
        Lowest validation loss, the one before training included.
    lowest_epoch : int
        Its epoch; -1 is the state before training.
    best_epoch : int
        Epoch whose weights are kept; never the state before training.
    best_loss : float
        Its validation loss.
    without_improvement : int
        Epochs since then.
    """

    epoch: int = -1
    valid_loss: float = math.inf
    lowest_loss: float = math.inf
    lowest_epoch: int = -1
    best_epoch: int = -1
    best_loss: float = math.inf
    without_improvement: int = 0

    def validated(self, epoch: int, record: Mapping[str, Any]) -> None:
        """Take note of the validation of the new head.

        Parameters
        ----------
        epoch : int
            Epoch; -1 is the state before training.
        record : mapping
            MACE's record: ``loss``, ``rmse_f`` (eV/A), ``rmse_e_per_atom`` (eV).

        Raises
        ------
        DivergedError
            If the loss has blown up.
        """
        loss = float(record["loss"])
        force, energy = (float(record.get(name) or 0.0) for name in ("rmse_f", "rmse_e_per_atom"))
        absurd = force > DIVERGED_FORCE_eV_per_A or energy > DIVERGED_ENERGY_eV_per_atom
        if loss > DIVERGED_FACTOR * self.lowest_loss and absurd:
            lowest = "before training" if self.lowest_epoch < 0 else f"in epoch {self.lowest_epoch}"
            raise DivergedError(
                f"in epoch {epoch} the validation loss rose to {loss:.4g}, {loss / self.lowest_loss:.0f} times the "
                f"lowest ({self.lowest_loss:.4g}, {lowest}), with errors of {MEV_PER_EV * energy:.4g} meV/atom and "
                f"{MEV_PER_EV * force:.4g} meV/A"
            )
        if loss < self.lowest_loss:
            self.lowest_loss, self.lowest_epoch = loss, epoch
        self.valid_loss = loss

    def finished(self, epoch: int) -> bool:
        """Count a finished epoch; whether it is the best so far, by MACE's own rule."""
        self.epoch = epoch
        if self.valid_loss >= self.best_loss:
            self.without_improvement += 1
            return False
        self.best_epoch, self.best_loss, self.without_improvement = epoch, self.valid_loss, 0
        return True


def require_finite(loss: float, what: str) -> None:
    """Refuse a loss that is no number.

    Raises
    ------
    DivergedError
        Naming `what`.
    """
    if not math.isfinite(loss):
        raise DivergedError(f"{what} is {loss}")
