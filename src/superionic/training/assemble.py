"""Between the documents and the science modules: labels to frames, outcomes to documents."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from superionic.documents import Blob
from superionic.errors import InputError
from superionic.labelling.packed import Label
from superionic.labelling.schemas import LabelSetDoc
from superionic.potentials.schemas import PotentialRef
from superionic.stages import TrainingMode
from superionic.training.dataset import SPLITS, Dataset, LabelledFrame, frames_to_extxyz
from superionic.training.label_units import unit_suspicions
from superionic.training.mace_command import HEAD
from superionic.training.mace_evidence import ModelFacts
from superionic.training.mace_run import TrainingInput, TrainingOutcome
from superionic.training.metrics import (
    ElementOffsets,
    Errors,
    Evaluation,
    errors_between,
    errors_by_group,
    fit_element_offsets,
    force_errors_by_element,
    parity_sample,
)
from superionic.training.schemas import DatasetDoc, ElementErrorRow, EpochRecord, ErrorRow, ModelDoc, Parity

FOUNDATION, TUNED, REPLAY = "foundation", "tuned", "replay"
MODEL_MEDIA_TYPE = "application/x-mace-model"
MAX_CAUSE_LENGTH = 60
CURVE_SETTINGS = {"learning_curve", "curve_modes", "curve_seeds", "property_curve"}
"""Settings that say which models are trained, and nothing about one of them."""


def labelled_frames(labels: LabelSetDoc) -> list[LabelledFrame]:
    """Labels of a set as frames.

    Raises
    ------
    DatabaseError
        If the labels were not loaded from their additional store.
    """
    return [_labelled_frame(label, labels) for label in labels.unpack()]


def _labelled_frame(label: Label, labels: LabelSetDoc) -> LabelledFrame:
    composition = label.composition or labels.composition
    return LabelledFrame(
        key=label.key,
        parent_id=label.parent_id,
        composition=composition.label if composition else str(label.structure.composition.reduced_formula),
        atoms=label.atoms,
        energy_eV=label.energy_eV,
        forces_eV_per_A=label.forces_eV_per_A,
        stress_eV_per_A3=label.stress_eV_per_A3,
    )


def one_level_of_theory(label_sets: Sequence[LabelSetDoc]) -> str:
    """The level of theory that all labels share.

    Raises
    ------
    InputError
        If there are several.
    """
    levels = {labels.level_of_theory for labels in label_sets}
    if len(levels) > 1:
        raise InputError(
            f"the labels are of several levels of theory ({'; '.join(sorted(levels))}); energies of different methods "
            "must not be mixed: label all compositions with one engine and one set of inputs"
        )
    _one_set_of_inputs(label_sets)
    return levels.pop()


def _one_set_of_inputs(label_sets: Sequence[LabelSetDoc]) -> None:
    """Refuse labels of one method whose inputs or pseudopotentials differ."""
    if len({labels.settings_hash for labels in label_sets}) > 1:
        raise InputError(
            "the labels were made with several sets of inputs (settings_hash differs): their energies are not on one "
            "scale: label all compositions with the same labelling.vasp settings"
        )
    mixed = [f"{element}: {', '.join(found)}" for element, found in _potcars(label_sets).items() if len(found) > 1]
    if mixed:
        raise InputError(
            f"the labels were made with several POTCARs of one element ({'; '.join(mixed)}): their energies are not on "
            "one scale. Use one PMG_VASP_PSP_DIR for all workers and label again"
        )


def _potcars(label_sets: Sequence[LabelSetDoc]) -> dict[str, list[str]]:
    """Titles of the pseudopotentials of each element."""
    titles: dict[str, set[str]] = defaultdict(set)
    for labels in label_sets:
        for element, found in labels.potcar_titles.items():
            titles[element].update(found)
    return {element: sorted(found) for element, found in titles.items()}


def refused_by_cause(label_sets: Sequence[LabelSetDoc]) -> dict[str, int]:
    """Number of refused labels per cause; details after the first colon are dropped."""
    causes = (refusal.cause for labels in label_sets for refusal in labels.refused)
    return dict(Counter(cause.split(":")[0].strip()[:MAX_CAUSE_LENGTH] or "unknown" for cause in causes))


def dataset_document(dataset: Dataset, label_sets: Sequence[LabelSetDoc], missing: int) -> DatasetDoc:
    """Document of a data set; ``missing`` is the number of compositions without labels."""
    return DatasetDoc(
        level_of_theory=one_level_of_theory(label_sets),
        settings_hash=next((labels.settings_hash for labels in label_sets), ""),
        label_settings=next((labels.label_settings for labels in label_sets if labels.label_settings), {}),
        potcar_titles={element: found[0] for element, found in _potcars(label_sets).items()},
        content_hash=dataset.content_hash,
        counts={name: len(dataset.part(name)) for name in SPLITS},
        counts_by_composition=dataset.counts_by_composition(),
        parents_by_split=dataset.parents_by_split(),
        label_keys=[frame.key for name in SPLITS for frame in dataset.part(name)],
        requested_labels=sum(labels.requested for labels in label_sets),
        refused_by_cause=refused_by_cause(label_sets),
        train_extxyz=frames_to_extxyz(dataset.train),
        valid_extxyz=frames_to_extxyz(dataset.valid),
        test_extxyz=frames_to_extxyz(dataset.test),
        warnings=[f"{missing} compositions failed before this stage and are not in the data set"] if missing else [],
    )


def labels_of(frames: Sequence[LabelledFrame]) -> Evaluation:
    """Labels of frames in the form that predictions have; stresses that were not labelled are NaN."""
    unlabelled = np.full((3, 3), np.nan)
    stresses = [unlabelled if frame.stress_eV_per_A3 is None else frame.stress_eV_per_A3 for frame in frames]
    return Evaluation(
        energies_eV=np.array([frame.energy_eV for frame in frames]),
        forces_eV_per_A=np.concatenate([np.zeros((0, 3)), *(frame.forces_eV_per_A for frame in frames)]),
        stresses_eV_per_A3=np.array(stresses).reshape(-1, 3, 3),
        n_atoms=np.array([len(frame.atoms) for frame in frames], dtype=np.int64),
    )


def model_document(
    dataset: DatasetDoc,
    inputs: TrainingInput,
    outcome: TrainingOutcome,
    foundation: PotentialRef | None,
    train_fraction: float,
) -> ModelDoc:
    """Document of a trained and verified model."""
    settings, evidence = inputs.request.settings, outcome.evidence
    blob = Blob.from_bytes(outcome.production, MODEL_MEDIA_TYPE)
    evaluations = _comparable(inputs, outcome)
    return ModelDoc(
        # the name, which is the key of this document, is filled in when the key is known
        potential=PotentialRef(
            name="", head=None, sha256=blob.sha256, dtype=settings.dtype, level_of_theory=dataset.level_of_theory
        ),
        mode=settings.mode.value,
        foundation=foundation,
        train_fraction=train_fraction,
        n_train=inputs.request.n_train,
        command=outcome.command,
        requested=requested_values(inputs, foundation, train_fraction),
        effective=effective_values(inputs, outcome),
        epochs_run=1 + max(record.epoch for record in evidence.history),
        best_epoch=evidence.log.best_epoch or 0,
        stopped_early=evidence.stop_reason == "patience",
        resumed_at_epochs=list(evidence.start_epochs[1:]),
        architecture=outcome.production_facts.architecture
        | {"r_max_A": evidence.model.r_max_A, "n_parameters": outcome.production_facts.n_parameters},
        history=[_epoch_record(record) for record in evidence.history],
        errors=_error_rows(inputs, evaluations),
        element_errors=_element_rows(inputs, evaluations),
        parity_foundation=_parity(inputs, evaluations, FOUNDATION),
        parity_tuned=_parity(inputs, evaluations, TUNED),
        elements=sorted({symbol for frame in inputs.train for symbol in frame.atoms.get_chemical_symbols()}),
        elements_known=[chemical_symbols[number] for number in outcome.production_facts.atomic_numbers],
        label_level_of_theory=dataset.level_of_theory,
        model_blob=blob,
        warnings=_warnings(inputs, outcome),
    )


def requested_values(inputs: TrainingInput, foundation: PotentialRef | None, train_fraction: float) -> dict[str, Any]:
    """What was asked for, as plain data."""
    request = inputs.request
    return request.settings.model_dump(mode="json", exclude=CURVE_SETTINGS) | {
        "heads": request.heads,
        "seed": request.seed,
        "device": request.device,
        "threads": request.threads,
        "train_fraction": train_fraction,
        "n_train": {head: counts[0] for head, counts in request.counts().items()},
        "n_valid": {head: counts[1] for head, counts in request.counts().items()},
        "foundation_sha256": None if foundation is None else foundation.sha256,
    }


def effective_values(inputs: TrainingInput, outcome: TrainingOutcome) -> dict[str, Any]:
    """What was found in the training loop, the log and the saved model, as plain data."""
    evidence, model = outcome.evidence, outcome.evidence.model
    used = dict(evidence.effective)
    rates = used.pop("learning_rates")
    weights = {name: used.pop(f"{name}_weight") for name in ("energy", "forces", "stress")}
    return used | {
        "learning_rate": rates[0] if len(rates) == 1 else rates,
        "weights": weights,
        "mode": TrainingMode.MULTIHEAD.value if evidence.log.multihead else inputs.request.settings.mode.value,
        "heads": model.heads,
        "production_heads": outcome.production_facts.heads,
        "dtype": model.dtype,
        "r_max_A": model.r_max_A,
        "n_parameters": model.n_parameters,
        "label_counts": evidence.log.label_counts,
        "e0s_eV": {head: _by_symbol(model, head) for head in model.heads},
        "e0s_source": outcome.e0s["source"],
        "e0s_rank": outcome.e0s["rank"],
        "e0s_elements": outcome.e0s["n_elements"],
        "replay_source": None if inputs.replay is None else inputs.replay.source,
        "replay_labels": None if evidence.replay is None else evidence.replay["labels"],
        "stop_reason": evidence.stop_reason,
        "mace_complaints": evidence.log.complaints,
        "seconds": outcome.seconds,
    }


def _by_symbol(model: ModelFacts, head: str) -> dict[str, float]:
    return {chemical_symbols[number]: energy for number, energy in model.e0s_eV[head].items()}


def _comparable(inputs: TrainingInput, outcome: TrainingOutcome) -> dict[str, Evaluation]:
    """Evaluations with the foundation's energies moved to the labels' level by offsets fitted on the training set."""
    found = dict(outcome.evaluations)
    if f"{FOUNDATION}_train" in found:
        numbers = [frame.atoms.numbers for frame in inputs.train]
        differences = labels_of(inputs.train).energies_eV - found[f"{FOUNDATION}_train"].energies_eV
        offsets: ElementOffsets = fit_element_offsets(numbers, differences)
        for split in SPLITS:
            atoms = [frame.atoms.numbers for frame in _frames(inputs, split)]
            name = f"{FOUNDATION}_{split}"
            found[name] = found[name].shifted(offsets.energies_of(atoms))
    return found


def _frames(inputs: TrainingInput, split: str) -> Sequence[LabelledFrame]:
    frames: Sequence[LabelledFrame] = getattr(inputs, split)
    return frames


def _error_rows(inputs: TrainingInput, evaluations: dict[str, Evaluation]) -> list[ErrorRow]:
    rows = []
    for model in (FOUNDATION, TUNED):
        for split in SPLITS:
            if f"{model}_{split}" not in evaluations:
                continue
            frames = _frames(inputs, split)
            groups = [frame.composition for frame in frames]
            found = errors_by_group(labels_of(frames), evaluations[f"{model}_{split}"], groups)
            rows += [error_row(errors, model, split, group) for group, errors in found.items()]
    if f"{TUNED}_{REPLAY}" in evaluations:
        forgetting = errors_between(evaluations[f"{FOUNDATION}_{REPLAY}"], evaluations[f"{TUNED}_{REPLAY}"])
        rows.append(error_row(forgetting, TUNED, REPLAY, "all"))
    return rows


def _element_rows(inputs: TrainingInput, evaluations: dict[str, Evaluation]) -> list[ElementErrorRow]:
    rows = []
    for model in (FOUNDATION, TUNED):
        for split in SPLITS:
            frames = _frames(inputs, split)
            if not frames or f"{model}_{split}" not in evaluations:
                continue
            numbers = [frame.atoms.numbers for frame in frames]
            found = force_errors_by_element(labels_of(frames), evaluations[f"{model}_{split}"], numbers)
            rows += [
                ElementErrorRow(model=model, split=split, element=element, **asdict(errors))
                for element, errors in found.items()
            ]
    return rows


def error_row(errors: Errors, model: str, split: str, group: str) -> ErrorRow:
    """One row of the table of errors; the foundation's energies were shifted before."""
    # NaN is what labels without stresses lead to
    known = {name: value for name, value in asdict(errors).items() if value is not None and not math.isnan(value)}
    known.setdefault("stress_rmse_meV_per_A3", None)
    return ErrorRow(model=model, split=split, group=group, energy_shifted=model == FOUNDATION, **known)


def _parity(inputs: TrainingInput, evaluations: dict[str, Evaluation], model: str) -> Parity | None:
    if f"{model}_test" not in evaluations:
        return None
    sample = parity_sample(labels_of(inputs.test), evaluations[f"{model}_test"], inputs.request.seed)
    return Parity(**sample)


def _epoch_record(record: Any) -> EpochRecord:  # noqa: ANN401
    return EpochRecord(
        epoch=record.epoch,
        head=record.head,
        loss=record.loss,
        energy_rmse_meV_per_atom=record.energy_rmse_meV_per_atom,
        force_rmse_meV_per_A=record.force_rmse_meV_per_A,
    )


def _warnings(inputs: TrainingInput, outcome: TrainingOutcome) -> list[str]:
    settings, losses = inputs.request.settings, _losses(outcome)
    notes = list(outcome.notes)
    if outcome.e0s["source"] == "estimated" and outcome.e0s["rank"] < outcome.e0s["n_elements"]:
        notes.append(
            f"the training compositions determine {outcome.e0s['rank']} of {outcome.e0s['n_elements']} E0s, so single "
            "E0s are not physical: energies are comparable inside the composition family of the training set only"
        )
    if inputs.replay is not None and inputs.replay.derived:
        notes.append(
            f"replay structures are {inputs.replay.source}: they do not protect what the foundation knows elsewhere"
        )
    n_replay = inputs.request.n_replay_train + inputs.request.n_replay_valid
    if inputs.replay is not None and n_replay < settings.replay_structures:
        notes.append(f"{settings.replay_structures} replay structures were asked for; the set holds {n_replay}")
    if f"{FOUNDATION}_train" in outcome.evaluations:
        notes += unit_suspicions(labels_of(inputs.train), outcome.evaluations[f"{FOUNDATION}_train"])
    if min(losses[1:]) >= losses[0]:
        notes.append("training never improved the validation loss: the tuned model is no better than its start")
    return notes


def _losses(outcome: TrainingOutcome) -> list[float]:
    return [record.loss for record in outcome.evidence.history if record.head == HEAD]
