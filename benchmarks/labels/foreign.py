"""What is measured about forgetting: errors on the new labels, on the replay set and on foreign structures."""

from __future__ import annotations

import resource
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read
from pool import load_or_make
from runs import FOUNDATION, Sets, settings_for, train

from superionic.potentials import foundation_path
from superionic.stages import TrainingMode
from superionic.training.assemble import labels_of
from superionic.training.mace_command import HEAD, REPLAY_HEAD
from superionic.training.mace_model import evaluate, heads_of, load_model
from superionic.training.metrics import Evaluation, errors_between, fit_element_offsets
from superionic.training.replay import ReplaySet, shipped_replay_file
from superionic.units import GPA_PER_EV_PER_A3

NEW, VALID, REPLAY_VALID = 50, 10, 12
HALIDES = {"Li", "In", "Y", "Br", "Cl"}
DTYPE = "float32"


@dataclass(frozen=True)
class OldKnowledge:
    """The set of superionic-mini, half of it to be replayed and the foreign part of the rest, at the low level."""

    replay: ReplaySet
    replay_labels: Evaluation
    foreign: tuple[Atoms, ...]
    foreign_labels: Evaluation


@dataclass(frozen=True)
class Material:
    """Structures and labels of one seed; what the foundation knew is the same for all seeds."""

    sets: Sets
    old: OldKnowledge
    seed: int

    @classmethod
    def of(cls, folder: Path, seed: int) -> Material:
        """Draw the new labels from the frames in a folder."""
        parts, rng, old = load_or_make(folder), np.random.default_rng([seed, 5]), old_knowledge()
        drawn = [parts.pool[n] for n in rng.permutation(len(parts.pool))[:NEW].tolist()]
        valid = [parts.valid[n] for n in rng.permutation(len(parts.valid))[:VALID].tolist()]
        return cls(Sets(drawn, valid, parts.test, old.replay), old, seed)


@cache
def old_knowledge() -> OldKnowledge:
    """Divide the foundation's own set and label it with CHGNet 0.3.0."""
    own = list(read(shipped_replay_file(FOUNDATION), index=":"))
    strange = [bool(set(atoms.get_chemical_symbols()) - HALIDES) for atoms in own]
    order = np.random.default_rng(5).permutation(len(own)).tolist()
    apart = {flag: [n for n in order if strange[n] is flag] for flag in (True, False)}
    kept = [n for group in apart.values() for n in group[: len(group) // 2]]
    kept = [kept[n] for n in np.random.default_rng(6).permutation(len(kept)).tolist()]
    valid, foreign = kept[:REPLAY_VALID], apart[True][len(apart[True]) // 2 :]
    replay = ReplaySet(
        train=tuple(own[n] for n in kept[REPLAY_VALID:]),
        valid=tuple(own[n] for n in valid),
        source="half of the set of superionic-mini",
        derived=False,
    )
    strangers = tuple(own[n] for n in foreign)
    return OldKnowledge(replay, low_level(replay.valid), strangers, low_level(strangers))


def low_level(structures: Sequence[Atoms]) -> Evaluation:
    """Energies, forces and stresses by CHGNet 0.3.0."""
    from chgnet.model.model import CHGNet
    from pymatgen.io.ase import AseAtomsAdaptor

    teacher = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crystals = [AseAtomsAdaptor.get_structure(atoms) for atoms in structures]
        found = [teacher.predict_structure(crystal, task="efs") for crystal in crystals]
    sizes = np.array([len(atoms) for atoms in structures], dtype=np.int64)
    return Evaluation(
        energies_eV=np.array([float(row["e"]) for row in found]) * sizes,
        forces_eV_per_A=np.concatenate([np.asarray(row["f"], dtype=float) for row in found]),
        stresses_eV_per_A3=np.array([np.asarray(row["s"], dtype=float) / GPA_PER_EV_PER_A3 for row in found]),
        n_atoms=sizes,
    )


def foundation_errors(material: Material) -> dict[str, float]:
    """Errors of the foundation; its energies of the new frames are shifted per element, as in a campaign."""
    model = load_model(foundation_path(FOUNDATION), DTYPE, "cpu")
    head, sets = heads_of(model)[0], material.sets
    trained, tested = ([frame.atoms for frame in part] for part in (sets.train, sets.test))
    before = evaluate(model, trained, head, DTYPE)
    offsets = fit_element_offsets(
        [atoms.numbers for atoms in trained], labels_of(sets.train).energies_eV - before.energies_eV
    )
    shifts = offsets.energies_of([atoms.numbers for atoms in tested])
    test = evaluate(model, tested, head, DTYPE).shifted(shifts)
    return _test_errors(material, test) | _old_errors(material, model, head, "old_head")


def measure(material: Material, mode: TrainingMode, rate: float, epochs: int, folder: Path) -> dict[str, float]:
    """Train once and measure; a model from scratch knows the elements of its labels only, so it has no old errors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = train(settings_for(mode, rate, epochs), material.sets, material.seed + 1, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = _test_errors(material, outcome.evaluations["tuned_test"])
    found["cpu_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if mode is not TrainingMode.SCRATCH:
        model = load_model(folder / "model.model", DTYPE, "cpu")
        found |= _old_errors(material, model, HEAD, "new_head")
        if REPLAY_HEAD in heads_of(model):
            found |= _old_errors(material, model, REPLAY_HEAD, "old_head")
    shutil.rmtree(folder)
    return found


def _test_errors(material: Material, test: Evaluation) -> dict[str, float]:
    errors = errors_between(labels_of(material.sets.test), test)
    return {"test_energy": errors.energy_rmse_meV_per_atom, "test_force": errors.force_rmse_meV_per_A}


def _old_errors(material: Material, model: Any, head: str, kind: str) -> dict[str, float]:  # noqa: ANN401
    old = material.old
    pairs = {"replay": (old.replay.valid, old.replay_labels), "foreign": (old.foreign, old.foreign_labels)}
    return {
        f"{name}_force_{kind}": errors_between(labels, evaluate(model, structures, head, DTYPE)).force_rmse_meV_per_A
        for name, (structures, labels) in pairs.items()
    }
