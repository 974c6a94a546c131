"""Read back what `mace_run_train` wrote: its log and its file of results."""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from superionic.units import MEV_PER_EV

LINE = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ (?P<level>[A-Z]+): (?P<message>.*)$")
HEAD = re.compile(r"^=+\s+Processing head (?P<head>\S+)\s+=+$")
LABELS = re.compile(r"^Total (?P<part>Training|Validation) set \[(?P<counts>.*)\]$")
SIZE = re.compile(r"^Head '(?P<head>[^']+)' training dataset size: (?P<n>\d+)$")
E0S = re.compile(r"^Atomic Energies used \(z: eV\) for head (?P<head>\S+): (?P<e0s>\{.*\})$")
EMA = re.compile(r"^Using Exponential Moving Average with decay: (?P<decay>\S+)$")
RATE = re.compile(r"^Learning rate: (?P<rate>[^,]+), weight decay: (?P<decay>\S+)$")
GROUP = re.compile(r"^Param group \d+: lr = (?P<rate>\S+)$")
BATCH = re.compile(r"^Batch size: (?P<n>\d+)$")
LOSS = re.compile(r"^(?P<name>\w+Loss)\((?P<weights>.*)\)$")
EPOCH = re.compile(r"^Loaded Stage one model from epoch (?P<epoch>\d+) for evaluation$")
FIRST_LINE = "===========VERIFYING SETTINGS==========="
STARTED = "Started training, reporting errors on validation set"
PARTS = {"Training": "train", "Validation": "valid"}
CHECKED_LABELS = ("energy", "forces", "stress")


@dataclass
class MaceLog:
    """What the log says was used.

    Attributes
    ----------
    heads : list of str
        Heads in the order of the log.
    label_counts : dict
        Labels found: head, then ``train`` or ``valid``, then ``energy``, ``forces`` or ``stress``.
    sizes : dict
        Training structures per head, after any duplication.
    e0s_eV : dict
        E0 per head and atomic number, eV.
    learning_rates : list of float
        Every learning rate that the log names.
    weight_decay, ema_decay : float or None
        Regularisation.
    batch_size : int or None
        Structures per batch.
    loss : str
        Class of the loss function.
    loss_weights : dict
        Its weights.
    best_epoch : int or None
        Epoch whose weights were saved.
    multihead : bool
        Whether the multi-head mode was on in the end.
    started : bool
        Whether the run came to its first epoch.
    finished : bool
        Whether the run came to its end.
    complaints : list of str
        Warnings and errors.
    """

    heads: list[str] = field(default_factory=list)
    label_counts: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    e0s_eV: dict[str, dict[int, float]] = field(default_factory=dict)
    learning_rates: list[float] = field(default_factory=list)
    weight_decay: float | None = None
    ema_decay: float | None = None
    batch_size: int | None = None
    loss: str = ""
    loss_weights: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    multihead: bool = False
    started: bool = False
    finished: bool = False
    complaints: list[str] = field(default_factory=list)


def parse_logs(text: str) -> list[MaceLog]:
    """Parse a log file to which one or more processes have written, one after the other.

    Parameters
    ----------
    text : str
        Content of ``logs/NAME_run-SEED.log``.

    Returns
    -------
    list of MaceLog
        One per process, in their order; at least one.
    """
    parts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.endswith(FIRST_LINE) and parts[-1]:
            parts.append([])
        parts[-1].append(line)
    return [parse_log("\n".join(part)) for part in parts]


def parse_log(text: str) -> MaceLog:
    """Parse the log file of one run.

    Parameters
    ----------
    text : str
        What one process wrote to ``logs/NAME_run-SEED.log``.

    Returns
    -------
    MaceLog
        What it says; fields of lines that are missing stay empty.
    """
    log, head = MaceLog(), ""
    for line in text.splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        message = match["message"].strip()
        if match["level"] in {"WARNING", "ERROR", "CRITICAL"}:
            log.complaints.append(message)
        if found := HEAD.match(message):
            head = found["head"]
        _read_data_line(log, head, message)
        _read_optimiser_line(log, message)
    return log


def _read_data_line(log: MaceLog, head: str, message: str) -> None:
    if message.startswith("Using heads: "):
        log.heads = [str(name) for name in ast.literal_eval(message.removeprefix("Using heads: "))]
    elif "Using multiheads finetuning mode==" in message:
        log.multihead = True
    elif found := LABELS.match(message):
        log.label_counts.setdefault(head, {})[PARTS[found["part"]]] = _label_counts(found["counts"])
    elif found := SIZE.match(message):
        log.sizes[found["head"]] = int(found["n"])
    elif found := E0S.match(message):
        log.e0s_eV[found["head"]] = {int(z): float(e) for z, e in ast.literal_eval(found["e0s"]).items()}


def _read_optimiser_line(log: MaceLog, message: str) -> None:
    if found := RATE.match(message):
        log.learning_rates.append(float(found["rate"]))
        log.weight_decay = float(found["decay"])
    elif found := GROUP.match(message):
        log.learning_rates.append(float(found["rate"]))
    elif found := EMA.match(message):
        log.ema_decay = float(found["decay"])
    elif found := BATCH.match(message):
        log.batch_size = int(found["n"])
    elif found := LOSS.match(message):
        log.loss = found["name"]
        pairs = (item.split("=") for item in found["weights"].split(","))
        log.loss_weights = {name.strip(): float(value) for name, value in pairs}
    elif found := EPOCH.match(message):
        log.best_epoch = int(found["epoch"])
    elif message == STARTED:
        log.started = True
    elif message == "Done":
        log.finished = True


def _label_counts(text: str) -> dict[str, int]:
    counts = dict.fromkeys(CHECKED_LABELS, 0)
    for item in text.split(","):
        name, _, number = item.partition(":")
        if name.strip() in counts:
            counts[name.strip()] = int(number)
    return counts


@dataclass(frozen=True)
class ValidationRecord:
    """Validation of one head after one epoch.

    Attributes
    ----------
    epoch : int
        Epoch; -1 is the state before training.
    head : str
        Head.
    loss : float
        Validation loss.
    energy_rmse_meV_per_atom, force_rmse_meV_per_A, stress_rmse_meV_per_A3 : float
        Errors; NaN where MACE gives none.
    """

    epoch: int
    head: str
    loss: float
    energy_rmse_meV_per_atom: float
    force_rmse_meV_per_A: float
    stress_rmse_meV_per_A3: float


def parse_results(text: str) -> list[ValidationRecord]:
    """Parse the file of results, which has one JSON object per line.

    Parameters
    ----------
    text : str
        Content of ``results/NAME_run-SEED_train.txt``.

    Returns
    -------
    list of ValidationRecord
        One per head and epoch, in the order of the file.
    """
    records = []
    for line in text.splitlines():
        if not line.strip():
            continue
        row = json.loads(line)
        if row.get("mode") == "eval":
            records.append(_validation_record(row))
    return records


def count_batches(text: str) -> dict[int, int]:
    """Number of batches per epoch in a file of results."""
    rows = (json.loads(line) for line in text.splitlines() if line.strip())
    return dict(Counter(int(row["epoch"]) for row in rows if row.get("mode") == "opt"))


def _validation_record(row: dict[str, Any]) -> ValidationRecord:
    def milli(name: str) -> float:
        value = row.get(name)
        return math.nan if value is None else MEV_PER_EV * float(value)

    return ValidationRecord(
        epoch=-1 if row["epoch"] is None else int(row["epoch"]),
        head=str(row["head"]),
        loss=float(row["loss"]),
        energy_rmse_meV_per_atom=milli("rmse_e_per_atom"),
        force_rmse_meV_per_A=milli("rmse_f"),
        stress_rmse_meV_per_A3=milli("rmse_stress"),
    )
