"""Compare a finished training with what was asked for; any difference refuses the model.

Three witnesses are heard: the objects of the training loop, MACE's log and results, and the saved model file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from superionic.stages import LearningRateSchedule, TrainingMode
from superionic.training.mace_command import HEAD, HUBER_DELTA, REPLAY_HEAD, TrainingRequest
from superionic.training.mace_evidence import RELATIVE, Evidence, Findings, ModelFacts
from superionic.training.mace_log import CHECKED_LABELS, MaceLog, ValidationRecord
from superionic.training.mace_start import REPLAY_TOLERANCE, check_start
from superionic.training.metrics import Errors, Evaluation, errors_between

E0_TOLERANCE_eV = {"float32": 1e-3, "float64": 1e-6}
"""Absolute, for E0s of up to some 1e4 eV in the precision of the model."""
REPRODUCTION = 0.02
REPRODUCTION_FLOOR = 0.05


def check_training(request: TrainingRequest, evidence: Evidence, folder: Path) -> None:
    """Refuse a training whose result differs from the request.

    Parameters
    ----------
    request : TrainingRequest
        What was asked for.
    evidence : Evidence
        What the run, its log and the saved model say.
    folder : Path
        Folder of the training, for the message.

    Raises
    ------
    TrainingCheckError
        Naming every difference.
    """
    findings = Findings()
    findings.true(evidence.log.finished, "the log does not end with Done: the run was cut off")
    _check_loop(findings, request, evidence.effective)
    for log in (*evidence.earlier_logs, evidence.log):
        _check_optimiser_log(findings, request, log)
        _check_data_log(findings, request, log)
    _check_model(findings, request, evidence)
    _check_epochs(findings, request, evidence)
    check_start(findings, request, evidence)
    findings.refuse("the trained model", folder)


def _asked_weights(request: TrainingRequest) -> dict[str, float]:
    weights = request.settings.weights
    return {"energy_weight": weights.energy, "forces_weight": weights.forces, "stress_weight": weights.stress}


def _check_loop(findings: Findings, request: TrainingRequest, used: Mapping[str, Any]) -> None:
    """What the training loop was called with."""
    settings = request.settings
    _check_rates(findings, request, used["learning_rates"])
    findings.close("EMA decay (training loop)", settings.ema_decay, used["ema_decay"])
    findings.equal("batch size (training loop)", settings.batch_size, used["batch_size"])
    for name, weight in _asked_weights(request).items():
        findings.close(f"{name} (training loop)", weight, used[name], tolerance=1e-3)
    findings.close("huber_delta", HUBER_DELTA, used["huber_delta"])
    findings.equal("schedule", settings.schedule.value, used["schedule"])
    findings.close("schedule_factor", settings.schedule_factor, used["schedule_factor"])
    if settings.schedule is LearningRateSchedule.PLATEAU:
        findings.equal("scheduler_patience", settings.scheduler_patience, used["scheduler_patience"])
    findings.equal("max_epochs", settings.max_epochs, used["max_epochs"])
    findings.equal("patience", settings.patience, used["patience"])
    findings.equal("threads", request.threads, used.get("threads", request.threads))
    findings.equal("device", request.device.partition(":")[0], used["device"].partition(":")[0])
    for head, (n_train, n_valid) in request.counts().items():
        kind = _kind(head)
        findings.equal(f"training {kind} of head {head} (training loop)", n_train, used["n_train"].get(head))
        findings.equal(f"validation {kind} of head {head} (training loop)", n_valid, used["n_valid"].get(head))


def _kind(head: str) -> str:
    return "replay structures" if head == REPLAY_HEAD else "labelled structures"


def _check_rates(findings: Findings, request: TrainingRequest, rates: Sequence[float]) -> None:
    asked = request.settings.learning_rate
    for rate in sorted({rate for rate in rates if not math.isclose(rate, asked, rel_tol=RELATIVE)}):
        findings.close("learning rate", asked, rate)


def _check_optimiser_log(findings: Findings, request: TrainingRequest, log: MaceLog) -> None:
    findings.true(bool(log.learning_rates), "learning rate: the log names none")
    _check_rates(findings, request, log.learning_rates)
    findings.close("EMA decay (log)", request.settings.ema_decay, log.ema_decay)
    findings.equal("batch size (log)", request.settings.batch_size, log.batch_size)
    findings.equal("loss", "UniversalLoss", log.loss)
    for name, weight in _asked_weights(request).items():
        findings.close(f"{name} (log)", weight, log.loss_weights.get(name), tolerance=1e-3)


def _check_data_log(findings: Findings, request: TrainingRequest, log: MaceLog) -> None:
    findings.equal("heads (log)", sorted(request.heads), sorted(log.heads))
    findings.equal("multi-head mode", request.settings.mode is TrainingMode.MULTIHEAD, log.multihead)
    for head, (n_train, n_valid) in request.counts().items():
        findings.equal(f"training {_kind(head)} of head {head} (log)", n_train, log.sizes.get(head))
        found = log.label_counts.get(head, {})
        for part, n_structures in (("train", n_train), ("valid", n_valid)):
            for label in CHECKED_LABELS:
                unlabelled = label == "stress" and head == HEAD and not request.with_stress
                counted = found.get(part, {}).get(label)
                asked = 0 if unlabelled else n_structures
                findings.equal(f"{label} labels of head {head} in {part} (log)", asked, counted)


def _check_model(findings: Findings, request: TrainingRequest, evidence: Evidence) -> None:
    model, settings, foundation = evidence.model, request.settings, evidence.foundation
    findings.equal("heads of the saved model", request.heads, model.heads)
    findings.equal("precision of the saved model", settings.dtype, model.dtype)
    findings.true(model.finite, "the saved model has weights that are not finite: the training diverged")
    if foundation is not None:
        findings.equal("elements of the saved model", foundation.atomic_numbers, model.atomic_numbers)
        findings.close("cutoff of the saved model, A", foundation.r_max_A, model.r_max_A)
        if REPLAY_HEAD in request.heads:
            replay_e0s = foundation.e0s_eV[evidence.foundation_head]
            _check_e0s(findings, REPLAY_HEAD, replay_e0s, model, settings.dtype)
    else:
        findings.close("cutoff of the saved model, A", settings.scratch.r_max_A, model.r_max_A)
    _check_architecture(findings, request, evidence)
    _check_e0s(findings, HEAD, evidence.e0s_eV, model, settings.dtype)
    for number, energy in evidence.log.e0s_eV.get(HEAD, {}).items():
        asked = evidence.e0s_eV.get(number, math.nan)
        findings.close(f"E0 of element {number} in head {HEAD} (log), eV", asked, energy, tolerance=1e-6)


def _check_architecture(findings: Findings, request: TrainingRequest, evidence: Evidence) -> None:
    """From scratch the architecture is the one asked for, else that of the foundation."""
    found = evidence.model.architecture
    if evidence.foundation is not None:
        asked = evidence.foundation.architecture
    else:
        scratch = request.settings.scratch
        asked = scratch.model_dump(include={"channels", "layers", "max_L", "max_ell", "correlation"})
    for name, value in asked.items():
        findings.equal(f"{name} of the saved model", value, found.get(name))


def _check_e0s(findings: Findings, head: str, asked: Mapping[int, float], model: ModelFacts, dtype: str) -> None:
    found = model.e0s_eV.get(head, {})
    for number in model.atomic_numbers:
        what = f"E0 of element {number} in head {head} of the saved model, eV"
        findings.close(what, asked.get(number, math.nan), found.get(number), tolerance=E0_TOLERANCE_eV[dtype])


def _check_epochs(findings: Findings, request: TrainingRequest, evidence: Evidence) -> None:
    losses = {record.epoch: record.loss for record in evidence.history if record.head == HEAD and record.epoch >= 0}
    findings.true(all(map(math.isfinite, losses.values())), "validation loss is not finite: the training diverged")
    findings.equal("validated epochs", list(range(len(losses))), sorted(losses))
    _check_processes(findings, request, evidence, len(losses))
    if not losses or findings.differences:
        return
    best = min(losses, key=lambda epoch: (losses[epoch], epoch))
    findings.equal("epoch of the saved weights (best validation loss)", best, evidence.log.best_epoch)
    if evidence.stop_reason == "patience":
        findings.equal(
            "epochs without improvement at the early stop", request.settings.patience, len(losses) - 1 - best
        )
    else:
        findings.equal("epochs of a run that was not stopped early", request.settings.max_epochs, len(losses))


def _check_processes(findings: Findings, request: TrainingRequest, evidence: Evidence, n_epochs: int) -> None:
    """Whatever happened in between, each epoch was trained once, and with all batches."""
    n_structures = sum(n_train for n_train, _ in request.counts().values())
    asked = dict.fromkeys(range(n_epochs), n_structures // request.settings.batch_size)
    findings.equal("batches per epoch", asked, dict(sorted(evidence.batches.items())))
    findings.equal("epoch at which the training was begun", 0, evidence.start_epochs[0])
    if evidence.first_trained is not None:
        findings.equal("first epoch of the last process", evidence.start_epochs[-1], evidence.first_trained)
    else:
        findings.equal("epochs that the last process found finished", evidence.start_epochs[-1], n_epochs)


def check_saved_weights(history: Sequence[ValidationRecord], best_epoch: int, found: Errors, folder: Path) -> None:
    """Check that the saved file holds the weights whose validation errors were reported for the best epoch.

    Parameters
    ----------
    history : sequence of ValidationRecord
        MACE's own validation.
    best_epoch : int
        Epoch of the saved weights.
    found : Errors
        Errors of the saved file on the same validation set, by superionic's evaluation.
    folder : Path
        Folder of the training, for the message.

    Raises
    ------
    TrainingCheckError
        If the two differ by more than 2 %.
    """
    reported = [record for record in history if record.head == HEAD and record.epoch == best_epoch]
    findings = Findings()
    findings.true(bool(reported), f"the results hold no validation of epoch {best_epoch}")
    for record in reported:
        for name in ("energy_rmse_meV_per_atom", "force_rmse_meV_per_A", "stress_rmse_meV_per_A3"):
            asked, got = getattr(record, name), getattr(found, name)
            if math.isnan(got):  # there are no labels to compare with
                continue
            same = math.isclose(asked, got, rel_tol=REPRODUCTION, abs_tol=REPRODUCTION_FLOOR)
            findings.true(
                same, f"validation {name} of the saved model: MACE reported {asked:g}, the file gives {got:g}"
            )
    findings.refuse("the saved model file", folder)


def check_production_model(
    tuned: Evaluation, production: Evaluation, facts: ModelFacts, dtype: str, folder: Path
) -> None:
    """Check that the one-head file for production gives the same energies and forces as the trained one.

    Raises
    ------
    TrainingCheckError
        If it does not.
    """
    findings = Findings()
    findings.equal("heads of the production file", [HEAD], facts.heads)
    difference = errors_between(tuned, production)
    limits = REPLAY_TOLERANCE[dtype]
    values = (difference.energy_rmse_meV_per_atom, difference.force_rmse_meV_per_A, difference.stress_rmse_meV_per_A3)
    for value, limit in zip(values, limits, strict=True):
        findings.true(
            value <= limit, f"the production file differs from the trained one by {value:g} (at most {limit:g})"
        )
    findings.refuse("the production model file", folder)
