"""The training process: ``python -m superionic.training.mace_main`` in a prepared folder.

It runs apart from the worker so that torch's global precision, its threads and MACE's logging cannot leak, and so that
all memory is returned. It reads ``job.json`` and structures, runs the real `mace_run_train`, reads the saved model
back, evaluates it, and writes ``outcome.json`` and ``evaluations.npz`` for :mod:`superionic.training.mace_run`.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read

from superionic.durable import write_whole
from superionic.errors import SuperionicError
from superionic.potentials.process import set_up_process
from superionic.potentials.registry import file_sha256, require_trusted
from superionic.stages import E0Source, ReplayLabels
from superionic.training import mace_command as names
from superionic.training.dataset import ENERGY_KEY, FORCES_KEY, STRESS_KEY, structures_to_extxyz
from superionic.training.mace_model import evaluate, foundation_head, load_model, read_facts, write_single_head
from superionic.training.mace_patches import Observed, patched_mace
from superionic.training.metrics import Evaluation, errors_between, fit_element_offsets
from superionic.training.standing import DivergedError

JOB_FILE, OUTCOME_FILE, EVALUATIONS_FILE = "job.json", "outcome.json", "evaluations.npz"
"""What the process is told, and what it hands over; the outcome is written last, so it exists only when all is done."""
FAILURE_FILE, PHASE_FILE = "failure.json", "phase"
BEFORE_FILE, BEFORE_EVALUATIONS_FILE = "before.json", "before.npz"
PRODUCTION_FILE = "production.model"
EXIT_BAD_INPUT, EXIT_DIVERGED, EXIT_ORPHANED = 2, 3, 4
WATCH_INTERVAL_S = 1.0
SPLITS = {"train": names.TRAIN_FILE, "valid": names.VALID_FILE, "test": names.TEST_FILE}


@dataclass(frozen=True)
class ChildJob:
    """What the training process is told.

    Attributes
    ----------
    argv : list of str
        Arguments of `mace_run_train`.
    dtype, device : str
        Precision and torch device.
    threads : int
        Torch threads.
    parent_pid : int
        The worker; when it is gone the training ends itself.
    head, foundation_head : str
        Head to be made, and head of the foundation that is tuned (None: its only one).
    e0s_eV : dict
        Isolated atoms per atomic number (as text), or None to estimate them.
    e0_source : str
        Where they come from.
    replay_labels : str
        ``foundation`` if the foundation labels the replay structures, ``file`` if they have labels.
    """

    argv: list[str]
    dtype: str
    device: str
    threads: int
    parent_pid: int
    head: str
    foundation_head: str | None
    e0s_eV: dict[str, float] | None
    e0_source: str = E0Source.ESTIMATED.value
    replay_labels: str = ReplayLabels.FOUNDATION.value


class Workplace:
    """The structures of one training, and what has been found out about them."""

    def __init__(self, job: ChildJob) -> None:
        self.job = job
        self.structures = {split: _read(file) for split, file in SPLITS.items()}
        self.has_foundation = Path(names.FOUNDATION_FILE).exists()
        self.evaluations: dict[str, Evaluation] = {}
        self.outcome: dict[str, Any] = {}

    def before(self) -> None:
        """Evaluate the foundation, label the replay structures with it and settle the E0s, unless that is done."""
        if self.has_foundation:
            # the worker has checked this, too, but the file may have been exchanged since
            require_trusted(Path(names.FOUNDATION_FILE), file_sha256(Path(names.FOUNDATION_FILE)))
        if Path(BEFORE_FILE).exists():
            self.outcome = json.loads(Path(BEFORE_FILE).read_text(encoding="utf-8"))
            self.evaluations = read_evaluations(Path(BEFORE_EVALUATIONS_FILE))
            return
        self._prepare()
        write_evaluations(Path(BEFORE_EVALUATIONS_FILE), self.evaluations)
        write_whole(Path(BEFORE_FILE), json.dumps(self.outcome).encode())
        gc.collect()

    def _prepare(self) -> None:
        if self.has_foundation:
            # labels in double precision, whatever the precision of the training
            model = load_model(Path(names.FOUNDATION_FILE), "float64", self.job.device)
            head = foundation_head(model, self.job.foundation_head)
            for split, atoms in self.structures.items():
                self.evaluations[f"foundation_{split}"] = evaluate(model, atoms, head, "float64")
            if Path(names.REPLAY_TRAIN_FILE).exists():
                self._replay(model, head)
            facts = read_facts(Path(names.FOUNDATION_FILE))
            self.outcome["foundation"] = asdict(facts)
            self.outcome["foundation_head"] = head
            self._write_e0s(facts.e0s_eV[head])
        else:
            self._write_e0s({})

    def _replay(self, model: Any, head: str) -> None:  # noqa: ANN401
        """Label the replay structures, unless they have labels, and see how far the foundation is from the labels."""
        if self.job.replay_labels == ReplayLabels.FOUNDATION:
            for file in (names.REPLAY_TRAIN_FILE, names.REPLAY_VALID_FILE):
                self._label_replay(model, head, file)
        valid = _read(names.REPLAY_VALID_FILE)
        found = evaluate(model, valid, head, "float64")
        self.evaluations["foundation_replay"] = found
        self.outcome["replay"] = {
            "labels": self.job.replay_labels,
            "foundation_errors": asdict(errors_between(_labels(valid), found)),
        }

    def _label_replay(self, model: Any, head: str, file: str) -> None:  # noqa: ANN401
        atoms = _read(file)
        labels = evaluate(model, atoms, head, "float64")
        for index, image in enumerate(atoms):
            label = labels.subset([index])
            image.info |= {ENERGY_KEY: float(label.energies_eV[0]), STRESS_KEY: label.stresses_eV_per_A3[0]}
            image.arrays[FORCES_KEY] = label.forces_eV_per_A
        write_whole(Path(file), structures_to_extxyz(atoms).encode())

    def _write_e0s(self, foundation_e0s: dict[int, float]) -> None:
        numbers = [atoms.numbers for atoms in self.structures["train"]]
        energies = np.array([atoms.info[ENERGY_KEY] for atoms in self.structures["train"]])
        base = self.evaluations["foundation_train"].energies_eV if self.has_foundation else np.zeros(len(energies))
        offsets = fit_element_offsets(numbers, energies - base)
        e0s = dict(foundation_e0s)
        if self.job.e0s_eV is not None:
            e0s |= {int(z): energy for z, energy in self.job.e0s_eV.items()}
        else:
            e0s |= {z: foundation_e0s.get(z, 0.0) + offset for z, offset in offsets.eV_per_atom.items()}
        Path(names.E0S_FILE).write_text(json.dumps({str(z): e0s[z] for z in sorted(e0s)}), encoding="utf-8")
        self.outcome["e0s"] = {
            "source": E0Source.ESTIMATED.value if self.job.e0s_eV is None else self.job.e0_source,
            "eV": {str(z): e0s[z] for z in sorted(e0s)},
            "rank": offsets.rank,
            "n_elements": len(offsets.eV_per_atom),
        }

    def train(self) -> None:
        """Run `mace_run_train`."""
        import mace  # noqa: F401 (before anything that imports e3nn)
        from mace import tools
        from mace.cli import run_train

        observed = Observed()
        try:
            with patched_mace(observed):
                run_train.run(tools.build_default_arg_parser().parse_args(self.job.argv))
        finally:
            self.outcome |= asdict(observed)

    def after(self) -> None:
        """Read the saved model back, evaluate it and reduce it to one head."""
        path = Path(f"{names.NAME}.model")
        facts = read_facts(path)
        self.outcome["model"] = asdict(facts)
        model = load_model(path, self.job.dtype, self.job.device)
        head = self.job.head if self.job.head in facts.heads else facts.heads[-1]
        for split, atoms in self.structures.items():
            self.evaluations[f"tuned_{split}"] = evaluate(model, atoms, head, self.job.dtype)
        if names.REPLAY_HEAD in facts.heads and "foundation_replay" in self.evaluations:
            replay = _read(names.REPLAY_VALID_FILE)
            self.evaluations["tuned_replay"] = evaluate(model, replay, names.REPLAY_HEAD, self.job.dtype)
        write_single_head(model, head, Path(PRODUCTION_FILE), self.job.dtype)
        single = load_model(Path(PRODUCTION_FILE), self.job.dtype, self.job.device)
        self.outcome["production"] = asdict(read_facts(Path(PRODUCTION_FILE)))
        self.evaluations["production_valid"] = evaluate(single, self.structures["valid"], head, self.job.dtype)

    def write(self) -> None:
        """Hand everything over."""
        write_evaluations(Path(EVALUATIONS_FILE), self.evaluations)
        write_whole(Path(OUTCOME_FILE), json.dumps(self.outcome).encode())


def write_evaluations(path: Path, evaluations: Mapping[str, Evaluation]) -> None:
    """Write the values of several evaluations into one file."""
    arrays = {f"{name}:{part}": values for name, found in evaluations.items() for part, values in vars(found).items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_whole(path, buffer.getvalue())


def read_evaluations(path: Path) -> dict[str, Evaluation]:
    """Inverse of :func:`write_evaluations`."""
    parts: dict[str, dict[str, Any]] = {}
    with np.load(path) as arrays:
        for name in arrays.files:
            evaluation, _, part = name.partition(":")
            parts.setdefault(evaluation, {})[part] = arrays[name]
    return {name: Evaluation(**values) for name, values in parts.items()}


def main() -> int:
    """Run the prepared training in the current folder; the exit code is 2 for unusable input and 3 if it diverged."""
    job = ChildJob(**json.loads(Path(JOB_FILE).read_text(encoding="utf-8")))
    threading.Thread(target=_end_with_parent, args=(job.parent_pid,), daemon=True).start()
    import torch

    set_up_process(job.threads)
    place, seconds = Workplace(job), {}
    try:
        for phase in ("before", "train", "after"):
            Path(PHASE_FILE).write_text(phase, encoding="utf-8")
            started = time.perf_counter()
            getattr(place, phase)()
            seconds[phase] = time.perf_counter() - started
    except DivergedError as error:
        return _failed(str(error), EXIT_DIVERGED)
    except SuperionicError as error:
        return _failed(str(error), EXIT_BAD_INPUT)
    place.outcome["seconds"] = seconds
    place.outcome["effective"]["threads"] = torch.get_num_threads()
    place.write()
    return 0


def _failed(message: str, code: int) -> int:
    Path(FAILURE_FILE).write_text(json.dumps({"message": message}), encoding="utf-8")
    return code


def _end_with_parent(parent_pid: int) -> None:
    # a killed worker cannot end its training, so the training looks after itself
    while os.getppid() == parent_pid:
        time.sleep(WATCH_INTERVAL_S)
    os._exit(EXIT_ORPHANED)


def _labels(structures: Sequence[Atoms]) -> Evaluation:
    return Evaluation(
        energies_eV=np.array([atoms.info[ENERGY_KEY] for atoms in structures]),
        forces_eV_per_A=np.concatenate([atoms.arrays[FORCES_KEY] for atoms in structures]),
        stresses_eV_per_A3=np.array([atoms.info[STRESS_KEY] for atoms in structures]).reshape(-1, 3, 3),
        n_atoms=np.array([len(atoms) for atoms in structures]),
    )


def _read(file: str) -> list[Atoms]:
    if not Path(file).exists() or Path(file).stat().st_size == 0:
        return []
    return list(read(file, index=":", format="extxyz"))


if __name__ == "__main__":
    sys.exit(main())
