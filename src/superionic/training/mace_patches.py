"""What superionic changes in a run of `mace_run_train`, and how it sees what the run really uses.

Two functions of mace-torch 0.3.16 are wrapped (docs/methods/training.md). The training loop is called with objects that
look at every batch and store every epoch (:mod:`superionic.training.mace_session`): so patience and a diverging loss
end it, and a killed training goes on where it was. And the E0s of a naively tuned model are the ones that were asked
for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from superionic.training.mace_session import Session
from superionic.training.standing import DivergedError, PatienceReachedError


@dataclass
class Observed:
    """What a run of `mace_run_train` really used, taken from its own objects.

    Attributes
    ----------
    stop_reason : str
        ``patience``, ``max_epochs`` or ``diverged``.
    effective : dict
        Hyper-parameters of the optimiser, the loss, the loaders and the scheduler.
    message : str
        Why a diverging run was ended.
    start_epoch : int
        First epoch that this process was to train.
    first_trained : int or None
        First epoch that it did train; None if there was nothing left to do.
    """

    stop_reason: str = ""
    effective: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    start_epoch: int = 0
    first_trained: int | None = None


@contextmanager
def patched_mace(observed: Observed) -> Iterator[None]:
    """Run `mace.cli.run_train` inside this block to have it watched and mended."""
    # import_module: mace exports none of this for others, so there is nothing to type it by
    run_train: Any = import_module("mace.cli.run_train")
    model_utils: Any = import_module("mace.tools.model_script_utils")
    train, load_foundation = run_train.tools.train, model_utils.load_foundations_elements

    def watched_train(**objects: Any) -> None:  # noqa: ANN401
        observed.effective = effective_settings(objects)
        session = Session(objects, observed.effective, Path.cwd())
        session.open()
        observed.start_epoch = session.start_epoch
        observed.stop_reason = session.stop_reason or "max_epochs"
        try:
            if not session.ended:
                train(**session.arguments())
        except PatienceReachedError:
            observed.stop_reason = "patience"
        except DivergedError as error:
            observed.stop_reason, observed.message = "diverged", str(error)
            raise
        finally:
            observed.first_trained = session.first_trained
            rates = {float(group["lr"]) for group in objects["optimizer"].param_groups}
            observed.effective["final_learning_rate"] = max(rates)
        logging.getLogger().info("superionic: training ended by %s", observed.stop_reason)

    def load_and_keep_e0s(model: Any, foundation: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        asked = model.atomic_energies_fn.atomic_energies.clone()
        loaded = load_foundation(model, foundation, *args, **options)
        kept = loaded.atomic_energies_fn.atomic_energies
        kept.copy_(asked.to(kept))
        return loaded

    run_train.tools.train = watched_train
    model_utils.load_foundations_elements = load_and_keep_e0s
    try:
        yield
    finally:
        run_train.tools.train = train
        model_utils.load_foundations_elements = load_foundation


def _schedule(scheduler: Any) -> dict[str, Any]:  # noqa: ANN401
    if hasattr(scheduler, "gamma"):
        return {"schedule": "exponential", "schedule_factor": float(scheduler.gamma)}
    return {
        "schedule": "plateau",
        "schedule_factor": float(scheduler.factor),
        "scheduler_patience": int(scheduler.patience),
    }


def effective_settings(objects: dict[str, Any]) -> dict[str, Any]:
    """Hyper-parameters in the objects that MACE's training loop is called with."""
    loss, scheduler, ema = objects["loss_fn"], objects["lr_scheduler"].lr_scheduler, objects["ema"]
    groups, loader = objects["optimizer"].param_groups, objects["train_loader"]
    heads = list(objects["valid_loaders"])
    return {
        "learning_rates": sorted({float(group["lr"]) for group in groups}),
        "weight_decays": sorted({float(group["weight_decay"]) for group in groups}),
        "optimizer": type(objects["optimizer"]).__name__,
        "ema_decay": None if ema is None else float(ema.decay),
        "loss": type(loss).__name__,
        "energy_weight": float(loss.energy_weight),
        "forces_weight": float(loss.forces_weight),
        "stress_weight": float(loss.stress_weight),
        "huber_delta": float(loss.huber_delta),
        "batch_size": int(loader.batch_size),
        "n_train": dict(zip(heads, (len(part) for part in loader.dataset.datasets), strict=True)),
        "n_valid": {head: len(valid.dataset) for head, valid in objects["valid_loaders"].items()},
        **_schedule(scheduler),
        "max_epochs": int(objects["max_num_epochs"]),
        "patience": int(objects["patience"]),
        "max_grad_norm": objects["max_grad_norm"],
        "device": str(objects["device"]),
    }
