"""Prepare the folder of a training, run it in a process of its own, and collect what came out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from superionic.errors import InputError, TrainingCheckError
from superionic.stages import TrainingMode
from superionic.training import mace_command as names
from superionic.training.dataset import LabelledFrame, frames_to_extxyz, structures_to_extxyz
from superionic.training.mace_check import Evidence, ModelFacts
from superionic.training.mace_command import TrainingRequest, mace_arguments
from superionic.training.mace_log import parse_log, parse_results
from superionic.training.mace_main import (
    EVALUATIONS_FILE,
    EXIT_BAD_INPUT,
    EXIT_DIVERGED,
    JOB_FILE,
    OUTCOME_FILE,
    PRODUCTION_FILE,
    ChildJob,
)
from superionic.training.metrics import Evaluation
from superionic.training.replay import ReplaySet

POLL_S = 0.5
TAIL_LINES = 12
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class TrainingInput:
    """Everything that one training needs.

    Attributes
    ----------
    request : TrainingRequest
        Settings and sizes.
    train, valid, test : sequence of LabelledFrame
        Labelled structures; the test set is only evaluated.
    replay : ReplaySet, optional
        Replay structures of a multi-head training.
    foundation : Path, optional
        Model file to start from; the caller has checked that it can be trusted.
    foundation_head : str, optional
        Its head, if it has several.
    """

    request: TrainingRequest
    train: Sequence[LabelledFrame]
    valid: Sequence[LabelledFrame]
    test: Sequence[LabelledFrame]
    replay: ReplaySet | None = None
    foundation: Path | None = None
    foundation_head: str | None = None


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training left behind, not yet checked.

    Attributes
    ----------
    command : list of str
        Arguments of `mace_run_train`.
    evidence : Evidence
        For the checks.
    evaluations : dict
        Values of the ``foundation`` and the ``tuned`` model on ``train``, ``valid``, ``test`` and ``replay``, e.g.
        ``tuned_test``, and of the ``production`` file on ``valid``.
    production : bytes
        Model file with one head.
    production_facts : ModelFacts
        What that file says about itself.
    e0s : dict
        Source, values and rank of the E0s.
    seconds : dict
        Wall time before, in and after `mace_run_train`.
    """

    command: list[str]
    evidence: Evidence
    evaluations: dict[str, Evaluation]
    production: bytes
    production_facts: ModelFacts
    e0s: dict[str, Any]
    seconds: dict[str, float]


def run_training(inputs: TrainingInput, folder: Path) -> TrainingOutcome:
    """Run one training in a folder.

    Parameters
    ----------
    inputs : TrainingInput
        Structures and settings.
    folder : Path
        Empty folder for all files of the run.

    Returns
    -------
    TrainingOutcome
        To be checked with :mod:`superionic.training.mace_check`.

    Raises
    ------
    InputError
        If the foundation does not fit the structures.
    TrainingCheckError
        If the training diverged, was killed or ended in an error.
    """
    command = mace_arguments(inputs.request)
    prepare_folder(inputs, folder, command)
    code = run_child(folder, inputs.request.threads, inputs.request.device)
    if code != 0:
        _explain_failure(code, folder, inputs.request)
    return read_outcome(folder, command, inputs.request.seed)


def prepare_folder(inputs: TrainingInput, folder: Path, command: list[str]) -> None:
    """Write structures, foundation and instructions into the folder of a training."""
    request = inputs.request
    for name, frames in (
        (names.TRAIN_FILE, inputs.train),
        (names.VALID_FILE, inputs.valid),
        (names.TEST_FILE, inputs.test),
    ):
        (folder / name).write_text(frames_to_extxyz(frames), encoding="utf-8")
    if request.settings.mode is TrainingMode.MULTIHEAD:
        if inputs.replay is None:
            raise InputError("a multi-head training needs replay structures; without them MACE would tune naively")
        _write_structures(folder / names.REPLAY_TRAIN_FILE, inputs.replay.train)
        _write_structures(folder / names.REPLAY_VALID_FILE, inputs.replay.valid)
    if request.settings.mode is not TrainingMode.SCRATCH:
        if inputs.foundation is None:
            raise InputError(f"training mode {request.settings.mode.value} needs a foundation potential")
        shutil.copyfile(inputs.foundation, folder / names.FOUNDATION_FILE)
    job = ChildJob(
        argv=command,
        dtype=request.settings.dtype,
        device=request.device.split(":")[0],
        threads=request.threads,
        parent_pid=os.getpid(),
        head=names.HEAD,
        foundation_head=inputs.foundation_head,
        e0s_eV=isolated_atoms(request.settings.e0s_eV, inputs.train),
    )
    (folder / JOB_FILE).write_text(json.dumps(asdict(job)), encoding="utf-8")


def _write_structures(path: Path, structures: Sequence[Atoms]) -> None:
    path.write_text(structures_to_extxyz(structures), encoding="utf-8")


def isolated_atoms(e0s_eV: Mapping[str, float] | None, train: Sequence[LabelledFrame]) -> dict[str, float] | None:
    """Given energies of isolated atoms by atomic number, or None if they are to be estimated.

    Raises
    ------
    InputError
        If a symbol is no element, or an element of the training set is missing.
    """
    if e0s_eV is None:
        return None
    unknown = sorted(set(e0s_eV) - set(atomic_numbers))
    if unknown:
        raise InputError(f"training.e0s_eV names {', '.join(unknown)}, which is no element; use symbols such as Li")
    missing = sorted({symbol for frame in train for symbol in frame.atoms.get_chemical_symbols()} - set(e0s_eV))
    if missing:
        raise InputError(
            f"training.e0s_eV lacks {', '.join(missing)}; give all elements of the data set, or none at all"
        )
    return {str(atomic_numbers[symbol]): float(energy) for symbol, energy in e0s_eV.items()}


def run_child(folder: Path, threads: int, device: str) -> int:
    """Run the training process in a prepared folder and wait for it.

    Its output goes to ``console.txt``. The process never outlives this call, and ends by itself if this process is
    killed.

    Returns
    -------
    int
        Exit code; negative if a signal ended it.
    """
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)) | _visible_device(device)
    command = [sys.executable, "-W", "ignore", "-m", "superionic.training.mace_main"]
    with (folder / "console.txt").open("wb") as console:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=console, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            while True:
                try:
                    return process.wait(timeout=POLL_S)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _visible_device(device: str) -> dict[str, str]:
    kind, _, index = device.partition(":")
    if kind != "cuda" or not index:
        return {}
    # mace_run_train always takes the first visible GPU
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return {"CUDA_VISIBLE_DEVICES": visible[int(index)] if visible else index}


def _explain_failure(code: int, folder: Path, request: TrainingRequest) -> None:
    outcome = folder / OUTCOME_FILE
    message = json.loads(outcome.read_text(encoding="utf-8")).get("message", "") if outcome.exists() else ""
    if code == EXIT_BAD_INPUT and message:
        raise InputError(message)
    if code == EXIT_DIVERGED:
        raise TrainingCheckError(
            f"the training diverged: {message.strip()}. Lower training.learning_rate (now "
            f"{request.settings.learning_rate:g}) and look for absurd labels; its files are in {folder}"
        )
    console = (folder / "console.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    cause = f"was ended by signal {-code} (out of memory?)" if code < 0 else f"failed with exit code {code}"
    raise TrainingCheckError(
        f"mace_run_train {cause}; its files are in {folder}. Its last lines:\n" + "\n".join(console[-TAIL_LINES:])
    )


def read_outcome(folder: Path, command: list[str], seed: int) -> TrainingOutcome:
    """Collect the files of a finished training."""
    outcome = json.loads((folder / OUTCOME_FILE).read_text(encoding="utf-8"))
    tag = f"{names.NAME}_run-{seed}"
    foundation = outcome.get("foundation")
    evidence = Evidence(
        effective=outcome["effective"],
        stop_reason=outcome["stop_reason"],
        log=parse_log((folder / "logs" / f"{tag}.log").read_text(encoding="utf-8")),
        history=parse_results((folder / "results" / f"{tag}_train.txt").read_text(encoding="utf-8")),
        model=ModelFacts.from_plain(outcome["model"]),
        e0s_eV={int(z): float(e) for z, e in outcome["e0s"]["eV"].items()},
        foundation=None if foundation is None else ModelFacts.from_plain(foundation),
        foundation_head=outcome.get("foundation_head", ""),
    )
    return TrainingOutcome(
        command=command,
        evidence=evidence,
        evaluations=_read_evaluations(folder / EVALUATIONS_FILE),
        production=(folder / PRODUCTION_FILE).read_bytes(),
        production_facts=ModelFacts.from_plain(outcome["production"]),
        e0s=outcome["e0s"],
        seconds=outcome["seconds"],
    )


def _read_evaluations(path: Path) -> dict[str, Evaluation]:
    parts: dict[str, dict[str, Any]] = {}
    with np.load(path) as arrays:
        for name in arrays.files:
            evaluation, _, part = name.partition(":")
            parts.setdefault(evaluation, {})[part] = arrays[name]
    return {name: Evaluation(**values) for name, values in parts.items()}
