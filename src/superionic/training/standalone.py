"""Fine-tuning from a file of labelled structures, without a campaign and without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from superionic.database.reuse import produce
from superionic.errors import InputError, InsufficientDataError
from superionic.potentials.registry import trust_file
from superionic.stages import E0Source
from superionic.training.dataset import (
    SPLITS,
    TEST,
    TRAIN,
    VALID,
    Dataset,
    LabelledFrame,
    frames_to_extxyz,
    members,
    split_parents,
)
from superionic.training.export import write_dataset
from superionic.training.export_model import DOCUMENT_FILE, MODEL_FILE, read_trained, write_trained
from superionic.training.jobs import FineTuneMaker
from superionic.training.labelled_file import STRUCTURE, LabelKeys, LabelledFile, read_labelled_file, with_prefix
from superionic.training.preflight import Problems, check_plan
from superionic.training.progress import OnProgress
from superionic.training.schemas import DatasetDoc, ModelDoc

DATA_FILE = "data.extxyz"
OPTIONS = {TRAIN: "the data", VALID: "--valid", TEST: "--test"}


@dataclass(frozen=True)
class LabelSource:
    """Where the labels are and how they are to be read.

    Attributes
    ----------
    data : Path
        Extended XYZ file with the training structures, from which validation and test set are drawn unless they are
        given.
    valid, test : Path, optional
        Files with these parts.
    keys : LabelKeys
        Names of the labels.
    group_by : str, optional
        How structures that resemble each other are kept in one part; see
        :func:`superionic.training.labelled_file.read_labelled_file`.
    level_of_theory : str
        Method of the labels, where the files do not name it.
    """

    data: Path
    valid: Path | None = None
    test: Path | None = None
    keys: LabelKeys = field(default_factory=LabelKeys)
    group_by: str | None = None
    level_of_theory: str = ""

    @property
    def files(self) -> dict[str, Path]:
        """File of each part that has one."""
        named = {TRAIN: self.data, VALID: self.valid, TEST: self.test}
        return {name: path for name, path in named.items() if path is not None}


@dataclass(frozen=True)
class FineTuned:
    """Result of a training from a file.

    Attributes
    ----------
    model : ModelDoc
        The model, its checks and its errors.
    folder : Path
        Where its files are.
    reused : bool
        Whether it was there before.
    """

    model: ModelDoc
    folder: Path
    reused: bool


@dataclass(frozen=True)
class Prepared:
    """A training that may start.

    Attributes
    ----------
    dataset : DatasetDoc
        The structures in their parts.
    maker : FineTuneMaker
        What is done with them.
    notes : tuple of str
        What a reader of the errors should know.
    """

    dataset: DatasetDoc
    maker: FineTuneMaker
    notes: tuple[str, ...]


def fine_tune(
    source: LabelSource,
    output: Path,
    maker: FineTuneMaker,
    *,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> FineTuned:
    """Tune a foundation to labelled structures from files, verify the result and write it into a folder.

    A folder that holds the result of the same training already is left as it is, and its model returned. A training
    that was interrupted goes on where it was.

    Parameters
    ----------
    source : LabelSource
        The labels.
    output : Path
        Folder for the model and everything about it.
    maker : FineTuneMaker
        Settings, foundation, seed, device.
    overwrite : bool
        Replace another model in the folder.
    on_progress : callable, optional
        Called with every change of the :class:`superionic.training.progress.TrainingProgress`.

    Returns
    -------
    FineTuned
        The model.

    Raises
    ------
    SuperionicError
        Naming everything that is wrong with files and settings before anything is computed, or why the training was
        not accepted.
    """
    prepared = prepare(source, maker)
    return train_into(prepared, output, overwrite=overwrite, on_progress=on_progress)


def prepare(source: LabelSource, maker: FineTuneMaker) -> Prepared:
    """Read the labels, divide them and check everything; see :func:`fine_tune`."""
    problems = Problems()
    files = {name: read_labelled_file(path, source.keys, source.group_by) for name, path in source.files.items()}
    for file in files.values():
        problems.add(*file.problems)
    level = problems.attempt(lambda: _level_of_theory(source, files.values())) or ""
    problems.attempt(lambda: _refuse_shared_parents(files))
    nothing: dict[str, Sequence[LabelledFrame]] = dict.fromkeys(SPLITS, ())
    parts = nothing | {name: file.frames for name, file in files.items()}
    if parts[TRAIN]:
        parts = problems.attempt(lambda: _divide(files, maker)) or parts
    maker = problems.attempt(lambda: _with_isolated_atoms(maker, files)) or maker
    notes = [note for file in files.values() for note in file.notes]
    notes += check_plan(maker.plan(parts, problems), problems)
    return Prepared(_dataset(parts, level, notes), maker, tuple(notes))


def train_into(
    prepared: Prepared, output: Path, *, overwrite: bool = False, on_progress: OnProgress | None = None
) -> FineTuned:
    """Run a prepared training and write its result; see :func:`fine_tune`."""
    dataset, maker = prepared.dataset, prepared.maker
    found = _finished(output, maker.key(dataset), overwrite=overwrite)
    if found is not None:
        return FineTuned(found, output, reused=True)
    output.mkdir(parents=True, exist_ok=True)
    model = maker.train(dataset, on_progress=on_progress)
    model = model.model_copy(update={"warnings": list(dict.fromkeys([*prepared.notes, *model.warnings]))})
    write_dataset(dataset, output / DATA_FILE)
    write_trained(model, output)
    # its origin is known, as it was made here
    trust_file(output / MODEL_FILE, f"{model.key[:8]} ({output.name}/{MODEL_FILE})", model.label_level_of_theory)
    return FineTuned(model, output, reused=False)


def _finished(output: Path, key: str, *, overwrite: bool) -> ModelDoc | None:
    if not (output / DOCUMENT_FILE).exists():
        return None
    try:
        found = read_trained(output)
    except InputError:
        if overwrite:
            return None
        raise
    if found.key == key:
        return found
    if overwrite:
        return None
    raise InputError(
        f"{output} holds another model (key {found.key[:8]}; this training would make {key[:8]}): data or settings are "
        "not the same. Choose another folder with -o, or replace the model with --overwrite"
    )


def _level_of_theory(source: LabelSource, files: Iterable[LabelledFile]) -> str:
    named = sorted({level for file in files for level in file.levels_of_theory})
    if len(named) > 1:
        raise InputError(
            f"the structures are of several levels of theory ({'; '.join(named)}); energies of different methods must "
            "not be mixed: keep one"
        )
    if named and source.level_of_theory and named[0] != source.level_of_theory:
        raise InputError(
            f"the structures name the level of theory {named[0]!r}, but --level-of-theory says "
            f"{source.level_of_theory!r}; leave the option out"
        )
    return (named[0] if named else source.level_of_theory) or f"unknown (file {source.data.name})"


def _refuse_shared_parents(files: Mapping[str, LabelledFile]) -> None:
    """Parents that the files name themselves must not be in two of them."""
    seen: dict[str, str] = {}
    for name, file in files.items():
        parents = {frame.family for frame in file.frames} if file.grouped else set()
        shared = sorted(parents & set(seen))
        if shared:
            raise InputError(
                f"{len(shared)} parents of {OPTIONS[name]} are in {OPTIONS[seen[shared[0]]]} (first: {shared[0]}): "
                "its errors would be too good: divide the files by parent"
            )
        seen |= dict.fromkeys(parents, name)


def _divide(files: Mapping[str, LabelledFile], maker: FineTuneMaker) -> dict[str, Sequence[LabelledFrame]]:
    """Structures of each part: those of its file, or drawn from the data by parent."""
    own = {name: file.frames if file.grouped else with_prefix(file.frames, name) for name, file in files.items()}
    settings = maker.settings
    shares = {VALID: settings.valid_fraction, TEST: settings.test_fraction}
    drawn = {name: share if name not in files else 0.0 for name, share in shares.items()}
    parents = {frame.family: frame.composition for frame in own[TRAIN]}
    needed = 1 + sum(share > 0 for share in drawn.values())
    if len(parents) < needed:
        raise InsufficientDataError(
            f"{files[TRAIN].path}: {len(parents)} groups of structures cannot fill {needed} parts without leakage. "
            "Name finer groups with --group-by KEY, give the parts as --valid FILE and --test FILE, or let each "
            f"structure be its own group with --group-by {STRUCTURE} (the test errors are then too good)"
        )
    split = split_parents(parents, valid_fraction=drawn[VALID], test_fraction=drawn[TEST], seed=maker.split_seed)
    return {
        name: own[name] if name in files and name != TRAIN else members(own[TRAIN], name, split[name])
        for name in SPLITS
    }


def _with_isolated_atoms(maker: FineTuneMaker, files: Mapping[str, LabelledFile]) -> FineTuneMaker:
    energies: dict[str, float] = {}
    for file in files.values():
        for symbol, energy in (file.isolated_atoms_eV or {}).items():
            if energies.setdefault(symbol, energy) != energy:
                raise InputError(f"the files have isolated {symbol} atoms with different energies; leave one")
    given = maker.settings.e0s_eV
    if not energies or given == energies or maker.settings.e0s is E0Source.ESTIMATED:
        return maker
    if given is not None:
        raise InputError("the files have isolated atoms, and the settings have e0s_eV with other values; leave one")
    settings = maker.settings.model_copy(update={"e0s": E0Source.GIVEN, "e0s_eV": energies})
    return replace(maker, settings=settings)


def _dataset(parts: Mapping[str, Sequence[LabelledFrame]], level: str, notes: Sequence[str]) -> DatasetDoc:
    dataset = Dataset(train=tuple(parts[TRAIN]), valid=tuple(parts[VALID]), test=tuple(parts[TEST]))
    labels = [frame.key for name in SPLITS for frame in parts[name]]
    return produce(
        DatasetDoc,
        lambda: DatasetDoc(
            level_of_theory=level,
            content_hash=dataset.content_hash,
            counts={name: len(dataset.part(name)) for name in SPLITS},
            counts_by_composition=dataset.counts_by_composition(),
            parents_by_split=dataset.parents_by_split(),
            label_keys=labels,
            requested_labels=len(labels),
            train_extxyz=frames_to_extxyz(dataset.train),
            valid_extxyz=frames_to_extxyz(dataset.valid),
            test_extxyz=frames_to_extxyz(dataset.test),
            warnings=list(notes),
        ),
        parents=[],
        settings={"content": dataset.content_hash, "level_of_theory": level},
    )
