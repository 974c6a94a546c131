"""Prepare the folder of a training, run it in a process of its own, and collect what came out."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ase import Atoms

from superionic.durable import digest
from superionic.errors import InputError, TrainingCheckError
from superionic.provenance import content_key
from superionic.stages import TrainingMode, TrainingSettings
from superionic.training import mace_command as names
from superionic.training.dataset import LabelledFrame, frames_to_extxyz, structures_to_extxyz
from superionic.training.e0s import by_number
from superionic.training.mace_command import TrainingRequest, mace_arguments
from superionic.training.mace_evidence import Evidence, ModelFacts
from superionic.training.mace_log import count_batches, parse_logs, parse_results
from superionic.training.mace_main import (
    EVALUATIONS_FILE,
    EXIT_BAD_INPUT,
    EXIT_DIVERGED,
    FAILURE_FILE,
    JOB_FILE,
    OUTCOME_FILE,
    PHASE_FILE,
    PRODUCTION_FILE,
    ChildJob,
    read_evaluations,
)
from superionic.training.mace_session import PROCESSES_FILE
from superionic.training.metrics import Evaluation
from superionic.training.progress import OnProgress, Phase, ProgressReader, TrainingProgress
from superionic.training.replay import ReplaySet
from superionic.training.training_folder import TrainingFolder
from superionic.work_folder import read_rows

POLL_S = 0.5
TAIL_LINES = 12
ELSEWHERE = {"learning_curve", "curve_modes", "curve_seeds", "property_curve", "replay_file", "replay_set"}
OF_THE_TRAINING = set(TrainingSettings.model_fields) - ELSEWHERE - {"valid_fraction", "test_fraction"}
"""Settings that make a training what it is; structures enter its identity themselves."""
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
    e0s_eV : dict, optional
        Energies of isolated atoms that were computed for this training, per symbol, eV; default: those of the settings.
    """

    request: TrainingRequest
    train: Sequence[LabelledFrame]
    valid: Sequence[LabelledFrame]
    test: Sequence[LabelledFrame]
    replay: ReplaySet | None = None
    foundation: Path | None = None
    foundation_head: str | None = None
    e0s_eV: dict[str, float] | None = None


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
        Wall time before, in and after `mace_run_train`, of the process that finished it.
    notes : list of str
        What went wrong when the training was resumed.
    """

    command: list[str]
    evidence: Evidence
    evaluations: dict[str, Evaluation]
    production: bytes
    production_facts: ModelFacts
    e0s: dict[str, Any]
    seconds: dict[str, float]
    notes: list[str] = field(default_factory=list)


def run_training(
    inputs: TrainingInput, folder: Path, on_progress: OnProgress | None = None, *, wait: bool = False
) -> TrainingOutcome:
    """Run one training in a folder, or go on with one that was interrupted there.

    A killed training continues after its last finished epoch when it is called again with the same inputs and folder;
    one that had ended is read again. No two processes ever work in one folder.

    Parameters
    ----------
    inputs : TrainingInput
        Structures and settings.
    folder : Path
        Folder for all files of the run: new, or that of the same training.
    on_progress : callable, optional
        Called about twice a second with a :class:`~superionic.training.progress.TrainingProgress`.
    wait : bool
        Wait if another process runs this training, instead of raising.

    Returns
    -------
    TrainingOutcome
        To be checked with :mod:`superionic.training.mace_check`.

    Raises
    ------
    InputError
        If the foundation does not fit the structures, or the folder belongs to another training.
    TrainingBusyError
        If another process runs this training, and `wait` is not set.
    TrainingCheckError
        If the training diverged, was killed or ended in an error.
    """
    command, place, show = mace_arguments(inputs.request), TrainingFolder(folder), Display(on_progress)
    with place.locked((lambda _: show(lambda: TrainingProgress(Phase.WAITING))) if wait else None) as lock:
        if not place.belongs_to(identity := training_identity(inputs)):
            prepare_folder(inputs, folder)
            place.sign(identity)
        if not place.finished:
            write_job(inputs, folder, command)
            reader = ProgressReader(folder, inputs.request)
            code = run_child(folder, inputs.request, lock, lambda: show(reader.read))
            end = Phase.FAILED if code else Phase.FINISHED
            show(lambda: replace(reader.read(), phase=end))
            if code != 0:
                _explain_failure(code, folder, inputs.request)
        return read_outcome(folder, command, inputs.request.seed)


class Display:
    """Shows progress until that fails: nothing that goes wrong here may end a training.

    Parameters
    ----------
    on_progress : callable, optional
        What shows it.
    """

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress

    def __call__(self, read: Callable[[], TrainingProgress]) -> None:
        """Read the progress and show it."""
        if self._on_progress is None:
            return
        try:
            self._on_progress(read())
        except Exception:
            logging.getLogger(__name__).exception("the progress of the training can no longer be shown")
            self._on_progress = None


def training_identity(inputs: TrainingInput) -> str:
    """Content key of a training: equal for the same structures, settings and foundation on any machine and device."""
    request, replay = inputs.request, inputs.replay
    structures = [frames_to_extxyz(frames) for frames in (inputs.train, inputs.valid, inputs.test)]
    structures += [] if replay is None else [structures_to_extxyz(part) for part in (replay.train, replay.valid)]
    return content_key(
        {
            "settings": request.settings.model_dump(mode="json", include=OF_THE_TRAINING),
            "seed": request.seed,
            "structures": [digest(text.encode()) for text in structures],
            "foundation": None if inputs.foundation is None else digest(inputs.foundation.read_bytes()),
            "foundation_head": inputs.foundation_head,
            "e0s_eV": inputs.e0s_eV,
        }
    )


def prepare_folder(inputs: TrainingInput, folder: Path) -> None:
    """Write structures and foundation into the folder of a training."""
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


def write_job(inputs: TrainingInput, folder: Path, command: list[str]) -> None:
    """Write the instructions of the training process."""
    request = inputs.request
    job = ChildJob(
        argv=command,
        dtype=request.settings.dtype,
        device=request.device.split(":")[0],
        threads=request.threads,
        parent_pid=os.getpid(),
        head=names.HEAD,
        foundation_head=inputs.foundation_head,
        e0s_eV=by_number(inputs.e0s_eV or request.settings.e0s_eV, inputs.train),
        e0_source=request.settings.e0_source.value,
        replay_labels=request.settings.replay_labels.value,
    )
    (folder / JOB_FILE).write_text(json.dumps(asdict(job)), encoding="utf-8")
    for left_over in (FAILURE_FILE, PHASE_FILE):
        (folder / left_over).unlink(missing_ok=True)


def _write_structures(path: Path, structures: Sequence[Atoms]) -> None:
    path.write_text(structures_to_extxyz(structures), encoding="utf-8")


def run_child(folder: Path, request: TrainingRequest, lock: int, on_poll: Callable[[], None]) -> int:
    """Run the training process in a prepared folder and wait for it.

    Its output is added to ``console.txt``. The process never outlives this call, and ends by itself if this process is
    killed; until then it holds the folder's lock.

    Parameters
    ----------
    folder : Path
        The folder.
    request : TrainingRequest
        Threads and device.
    lock : int
        Descriptor of the folder's lock.
    on_poll : callable
        Called about twice a second.

    Returns
    -------
    int
        Exit code; negative if a signal ended it.
    """
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(request.threads)) | _visible_device(request.device)
    command = [sys.executable, "-W", "ignore", "-m", "superionic.training.mace_main"]
    with (folder / "console.txt").open("ab") as console:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
        try:
            while True:
                try:
                    return process.wait(timeout=POLL_S)
                except subprocess.TimeoutExpired:
                    on_poll()
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
    if visible and int(index) >= len(visible):
        raise InputError(f"device {device}: CUDA_VISIBLE_DEVICES shows only {len(visible)} GPUs, counted from 0")
    return {"CUDA_VISIBLE_DEVICES": visible[int(index)] if visible else index}


def _explain_failure(code: int, folder: Path, request: TrainingRequest) -> None:
    failure = folder / FAILURE_FILE
    message = json.loads(failure.read_text(encoding="utf-8"))["message"] if failure.exists() else ""
    if code == EXIT_BAD_INPUT and message:
        raise InputError(message)
    if code == EXIT_DIVERGED:
        raise TrainingCheckError(
            f"the training diverged: {message}. Lower training.learning_rate (now "
            f"{request.settings.learning_rate:g}) and look for absurd labels; its files are in {folder}"
        )
    console = (folder / "console.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    cause = f"was ended by {_signal_name(-code)}" if code < 0 else f"failed with exit code {code}"
    raise TrainingCheckError(
        f"mace_run_train {cause}; its files are in {folder}, and the same command goes on after the last finished "
        "epoch. Its last lines:\n" + "\n".join(console[-TAIL_LINES:])
    )


def _signal_name(number: int) -> str:
    name = signal.Signals(number).name
    return f"{name} (by the system for want of memory, or by somebody)" if name == "SIGKILL" else name


def read_outcome(folder: Path, command: list[str], seed: int) -> TrainingOutcome:
    """Collect the files of a finished training."""
    outcome = json.loads((folder / OUTCOME_FILE).read_text(encoding="utf-8"))
    tag = f"{names.NAME}_run-{seed}"
    foundation = outcome.get("foundation")
    logs = parse_logs((folder / "logs" / f"{tag}.log").read_text(encoding="utf-8"))
    results = (folder / "results" / f"{tag}_train.txt").read_text(encoding="utf-8")
    processes = read_rows(folder / PROCESSES_FILE)
    evidence = Evidence(
        effective=outcome["effective"],
        stop_reason=outcome["stop_reason"],
        log=logs[-1],
        earlier_logs=[log for log in logs[:-1] if log.started],
        history=parse_results(results),
        batches=count_batches(results),
        start_epochs=[int(process["start_epoch"]) for process in processes],
        first_trained=outcome["first_trained"],
        model=ModelFacts.from_plain(outcome["model"]),
        e0s_eV={int(z): float(e) for z, e in outcome["e0s"]["eV"].items()},
        foundation=None if foundation is None else ModelFacts.from_plain(foundation),
        foundation_head=outcome.get("foundation_head", ""),
        e0_source=outcome["e0s"]["source"],
        replay=outcome.get("replay"),
    )
    return TrainingOutcome(
        command=command,
        evidence=evidence,
        evaluations=read_evaluations(folder / EVALUATIONS_FILE),
        production=(folder / PRODUCTION_FILE).read_bytes(),
        production_facts=ModelFacts.from_plain(outcome["production"]),
        e0s=outcome["e0s"],
        seconds=outcome["seconds"],
        notes=[note for process in processes for note in process["notes"]],
    )
