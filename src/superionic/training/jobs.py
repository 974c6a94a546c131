"""Makers of the training stage: data set and fine-tuning."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ase import Atoms
from jobflow import Maker

from superionic.database.fanout import fetch
from superionic.database.jobs import stage_job
from superionic.database.live import TRAININGS, LiveDocument
from superionic.database.reuse import document_key, produce, store_of_job
from superionic.errors import InputError, InsufficientDataError
from superionic.labelling.isolated_atom import IsolatedAtomDoc
from superionic.labelling.schemas import LabelSetDoc
from superionic.potentials.schemas import PotentialRef
from superionic.provenance import derived_seed
from superionic.settings import load_settings
from superionic.stages import ReplayLabels, TrainingMode, TrainingSettings
from superionic.training.assemble import (
    CURVE_SETTINGS,
    dataset_document,
    labelled_frames,
    labels_of,
    model_document,
    one_level_of_theory,
)
from superionic.training.dataset import (
    SPLITS,
    LabelledFrame,
    build_dataset,
    frames_from_extxyz,
)
from superionic.training.e0s import chosen_e0s
from superionic.training.mace_check import check_production_model, check_saved_weights, check_training
from superionic.training.mace_command import TrainingRequest
from superionic.training.mace_run import TrainingInput, TrainingOutcome, run_training, training_identity
from superionic.training.metrics import errors_between
from superionic.training.preflight import Problems, TrainingPlan, check_plan
from superionic.training.progress import OnProgress, Phase, TrainingProgress
from superionic.training.replay import ReplaySet, mace_replay_file, make_replay, shipped_replay_file
from superionic.training.schemas import DatasetDoc, ModelDoc
from superionic.training.subsets import nested_frames, nested_subset
from superionic.training.training_folder import TrainingFolder

DATASET_SETTINGS = {"valid_fraction", "test_fraction", "batch_size"}
NOT_OF_THE_TRAINING = CURVE_SETTINGS | {"valid_fraction", "test_fraction", "replay_file", "replay_set"}
"""Settings that enter the key of a model through its data set or its replay file, or not at all."""


@dataclass
class BuildDatasetMaker(Maker):
    """Gather the labels of all compositions and split them by parent ordering.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : TrainingSettings
        Shares of validation and test parents, and the batch size that the training set must fill.
    seed : int
        The campaign's seed.
    """

    name: str = "dataset"
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    seed: int = 0

    @stage_job(on_missing_none=True, data=["train_extxyz", "valid_extxyz", "test_extxyz"], output_schema=DatasetDoc)
    def make(self, label_sets: list[LabelSetDoc | None]) -> DatasetDoc:
        """Build the data set.

        Parameters
        ----------
        label_sets : list of LabelSetDoc or None
            Accepted labels per composition; None where a composition failed.

        Returns
        -------
        DatasetDoc
            The three parts and their accounts.

        Raises
        ------
        InputError
            If the labels are of several levels of theory, lack a parent, or one structure is in two parts.
        InsufficientDataError
            If too few labels or parents are left.
        """
        found = [labels for labels in label_sets if labels is not None]
        missing = len(label_sets) - len(found)
        if not found:
            raise InsufficientDataError("no composition has labels, so there is no data set; see the labelling jobs")
        return produce(
            DatasetDoc,
            lambda: self._build(found, missing),
            parents=found,
            settings={"settings": self.settings.model_dump(include=DATASET_SETTINGS), "seed": self.seed},
            spec_key=found[0].spec_key,
        )

    def _build(self, label_sets: list[LabelSetDoc], missing: int) -> DatasetDoc:
        one_level_of_theory(label_sets)
        dataset = build_dataset(
            [frame for labels in label_sets for frame in labelled_frames(labels)],
            valid_fraction=self.settings.valid_fraction,
            test_fraction=self.settings.test_fraction,
            batch_size=self.settings.batch_size,
            seed=derived_seed(self.seed, "dataset", "split"),
        )
        return dataset_document(dataset, label_sets, missing)


@dataclass
class FineTuneMaker(Maker):
    """Tune the foundation to the labels with the real `mace_run_train`, verify the result, and measure its errors.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : TrainingSettings
        Mode and hyper-parameters.
    foundation : str
        superionic-mini, mace-mp-0a-medium or a model file; unused in mode scratch.
    seed : int
        The campaign's seed.
    train_fraction : float
        Share of the training set, for learning curves; smaller subsets are inside larger ones.
    train_count : int, optional
        Number of training structures instead of a share.
    replay_seed : int, optional
        Seed of the replay set, by default `seed`; give models that are to be compared the same.
    threads : int
        Torch threads of the training process.
    device : str
        Torch device of the training.
    """

    name: str = "fine-tune"
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    foundation: str = "mace-mp-0a-medium"
    seed: int = 0
    train_fraction: float = 1.0
    train_count: int | None = None
    replay_seed: int | None = None
    threads: int = 1
    device: str = "cpu"

    @stage_job(models=["model_blob", "parity_foundation", "parity_tuned"], output_schema=ModelDoc)
    def make(self, dataset: DatasetDoc | str, isolated_atoms: list[IsolatedAtomDoc] | None = None) -> ModelDoc:
        """Train, check and evaluate one model.

        Parameters
        ----------
        dataset : DatasetDoc or str
            Labelled structures, or the key of the document.
        isolated_atoms : list of IsolatedAtomDoc, optional
            Isolated atoms at the level of the labels, for ``settings.e0s: isolated``.

        Returns
        -------
        ModelDoc
            The model file, its checks and its errors.

        Raises
        ------
        InputError
            If the settings, the foundation and the structures do not fit together.
        InsufficientDataError
            If the training set does not fill a batch.
        TrainingCheckError
            If the training failed, diverged, or its result is not what was asked for.
        UntrustedModelError
            If the foundation is a file that nobody has trusted.
        """
        return self.train(fetch(dataset, DatasetDoc), isolated_atoms)

    def train(
        self,
        dataset: DatasetDoc,
        isolated_atoms: list[IsolatedAtomDoc] | None = None,
        on_progress: OnProgress | None = None,
    ) -> ModelDoc:
        """Train as :meth:`make` does, in this process and not as a job.

        Parameters
        ----------
        dataset, isolated_atoms
            As for :meth:`make`.
        on_progress : callable, optional
            Called about twice a second with a :class:`~superionic.training.progress.TrainingProgress`; default: a
            document in the job's database.
        """
        foundation, replay_file = self._foundation(), self._replay_file()
        e0s_eV = chosen_e0s(self.settings, dataset, isolated_atoms)
        model = produce(
            ModelDoc,
            lambda: self._train(dataset, foundation, replay_file, e0s_eV, on_progress),
            parents=[dataset, *(isolated_atoms or [])],
            settings=self._identity(foundation, replay_file),
            spec_key=dataset.spec_key,
            device=self.device,
        )
        return model.model_copy(update={"potential": model.potential.model_copy(update={"name": model.key})})

    def key(self, dataset: DatasetDoc) -> str:
        """Key that the model of this data set will have."""
        return document_key(ModelDoc, [dataset], self._identity(self._foundation(), self._replay_file()))

    @property
    def split_seed(self) -> int:
        """Seed of the division into training, validation and test set, where that is made for this training alone."""
        return derived_seed(self.seed, "dataset", "split")

    def plan(self, parts: Mapping[str, Sequence[LabelledFrame]], problems: Problems) -> TrainingPlan:
        """What a training on these parts would start with.

        Parameters
        ----------
        parts : mapping
            Labelled structures of ``train``, ``valid`` and ``test``.
        problems : Problems
            Takes note of a foundation or replay set that cannot be had.
        """
        foundation = problems.attempt(self._foundation)
        before = len(problems.found)
        file = problems.attempt(self._replay_file)
        training = [frame.atoms for frame in parts["train"]]
        usable = bool(training) and len(problems.found) == before
        replay = problems.attempt(lambda: self._replay(training, file)) if usable else None
        return TrainingPlan(
            settings=self.settings,
            parts=parts,
            foundation=None if foundation is None else self._model_file(foundation),
            foundation_sha256="" if foundation is None else foundation.sha256,
            foundation_head=None if foundation is None else foundation.head,
            replay=() if replay is None else (*replay.train, *replay.valid),
        )

    def _identity(self, foundation: PotentialRef | None, replay_file: Path | None) -> dict[str, Any]:
        from superionic.potentials.registry import file_sha256

        identity = {
            "settings": self.settings.model_dump(exclude=NOT_OF_THE_TRAINING),
            "foundation": None if foundation is None else [foundation.sha256, foundation.head],
            "replay": None if replay_file is None else file_sha256(replay_file),
            "seed": self.seed,
            "train_fraction": self.train_fraction,
        }
        identity |= {"train_count": self.train_count} if self.train_count else {}
        return identity | ({} if self.replay_seed in {None, self.seed} else {"replay_seed": self.replay_seed})

    def _foundation(self) -> PotentialRef | None:
        if self.settings.mode is TrainingMode.SCRATCH:
            return None
        from superionic.potentials.registry import foundation_ref

        return foundation_ref(self.foundation)

    def _replay_file(self) -> Path | None:
        if self.settings.mode is not TrainingMode.MULTIHEAD:
            return None
        if self.settings.replay_set is not None:
            return mace_replay_file(self.settings.replay_set)
        if self.settings.replay_file is None:
            return shipped_replay_file(self.foundation)
        file = Path(self.settings.replay_file).expanduser()
        if not file.is_file():
            raise InputError(f"training.replay_file {file} does not exist; give the absolute path of a structure file")
        return file

    def _train(
        self,
        dataset: DatasetDoc,
        foundation: PotentialRef | None,
        replay_file: Path | None,
        e0s_eV: dict[str, float] | None,
        on_progress: OnProgress | None,
    ) -> ModelDoc:
        problems = Problems()
        inputs = replace(self._inputs(dataset, foundation, replay_file, problems), e0s_eV=e0s_eV)
        notes = check_plan(self._plan(inputs, foundation), problems)
        root = load_settings().training_root
        TrainingFolder.remove_old(root)
        # found again by its content: a killed training goes on, and a second worker waits for the first
        folder = TrainingFolder(root / training_identity(inputs))
        outcome = run_training(inputs, folder.path, on_progress or self._live(dataset, folder.path), wait=True)
        verify(inputs, outcome, folder.path)
        folder.lighten()
        model = model_document(dataset, inputs, outcome, foundation, self._fraction(dataset))
        return model.model_copy(update={"warnings": [*notes, *model.warnings]})

    def _fraction(self, dataset: DatasetDoc) -> float:
        return self.train_fraction if self.train_count is None else self.train_count / dataset.counts["train"]

    def _live(self, dataset: DatasetDoc, folder: Path) -> OnProgress:
        """Keep a document in the database that says how far the training is."""
        fixed = {
            "name": self.name,
            "spec_key": dataset.spec_key,
            "train_fraction": self._fraction(dataset),
            "hostname": platform.node(),
            "folder": str(folder),
        }
        document = LiveDocument(store_of_job(), TRAININGS, folder.name, fixed)

        def show(found: TrainingProgress) -> None:
            document.show(found.as_dict(), last=found.phase in {Phase.FINISHED, Phase.FAILED})

        return show

    def _plan(self, inputs: TrainingInput, foundation: PotentialRef | None) -> TrainingPlan:
        return TrainingPlan(
            settings=self.settings,
            parts={"train": inputs.train, "valid": inputs.valid, "test": inputs.test},
            foundation=inputs.foundation,
            foundation_sha256="" if foundation is None else foundation.sha256,
            foundation_head=inputs.foundation_head,
            replay=() if inputs.replay is None else (*inputs.replay.train, *inputs.replay.valid),
        )

    def _inputs(
        self, dataset: DatasetDoc, foundation: PotentialRef | None, replay_file: Path | None, problems: Problems
    ) -> TrainingInput:
        frames = {name: frames_from_extxyz(getattr(dataset, f"{name}_extxyz")) for name in SPLITS}
        train = self._subset(frames["train"])
        replay = problems.attempt(lambda: self._replay([frame.atoms for frame in train], replay_file))
        request = TrainingRequest(
            settings=self.settings,
            seed=derived_seed(self.seed, "training"),
            device=self.device,
            threads=self.threads,
            n_train=len(train),
            n_valid=len(frames["valid"]),
            n_replay_train=0 if replay is None else len(replay.train),
            n_replay_valid=0 if replay is None else len(replay.valid),
            with_stress=train[0].stress_eV_per_A3 is not None,
        )
        return TrainingInput(
            request=request,
            train=train,
            valid=frames["valid"],
            test=frames["test"],
            replay=replay,
            foundation=None if foundation is None else self._model_file(foundation),
            foundation_head=None if foundation is None else foundation.head,
        )

    def _subset(self, frames: Sequence[LabelledFrame]) -> list[LabelledFrame]:
        seed, count = derived_seed(self.seed, "training", "subset"), self.train_count
        return nested_subset(frames, self.train_fraction, seed) if count is None else nested_frames(frames, count, seed)

    def replay_set(self, dataset: DatasetDoc) -> ReplaySet | None:
        """Replay structures of a training on the whole training set; None unless the mode is multi-head."""
        return self._replay([frame.atoms for frame in frames_from_extxyz(dataset.train_extxyz)], self._replay_file())

    def _replay(self, training: Sequence[Atoms], replay_file: Path | None) -> ReplaySet | None:
        if self.settings.mode is not TrainingMode.MULTIHEAD:
            return None
        seed = derived_seed(self.seed if self.replay_seed is None else self.replay_seed, "training", "replay")
        labelled = self.settings.replay_labels is ReplayLabels.FILE
        return make_replay(replay_file, training, self.settings.replay_structures, seed, labelled=labelled)

    def _model_file(self, foundation: PotentialRef) -> Path:
        from superionic.potentials.registry import foundation_path

        path = foundation_path(self.foundation)
        if _sha256(path) != foundation.sha256:
            raise InputError(f"the foundation file {path} changed while it was being used; start the job again")
        return path


def verify(inputs: TrainingInput, outcome: TrainingOutcome, folder: Path) -> None:
    """Run all checks of a finished training.

    Raises
    ------
    TrainingCheckError
        Naming what differs from the request and where the files of the training are.
    """
    request, evidence, found = inputs.request, outcome.evidence, outcome.evaluations
    check_training(request, evidence, folder)
    errors = errors_between(labels_of(inputs.valid), found["tuned_valid"])
    check_saved_weights(evidence.history, evidence.log.best_epoch or 0, errors, folder)
    check_production_model(
        found["tuned_valid"], found["production_valid"], outcome.production_facts, request.settings.dtype, folder
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
