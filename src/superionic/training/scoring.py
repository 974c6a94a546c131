"""Predictions of the models of one round, the uncertainty that follows from them, and the pool it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from superionic.errors import CalculationError
from superionic.potentials.batch import PointResult, evaluate_many, features_many
from superionic.potentials.registry import load_calculator
from superionic.sampling.schemas import SamplingDoc, SamplingSetDoc
from superionic.stages import UncertaintyMeasure
from superionic.training.active import Pool
from superionic.training.active_schemas import ActiveRoundDoc
from superionic.training.assemble import error_row, labels_of
from superionic.training.calibration import Calibration, force_errors
from superionic.training.dataset import SPLITS, TEST, VALID, Dataset, frames_from_extxyz
from superionic.training.metrics import Evaluation, errors_between
from superionic.training.schemas import CalibrationRecord, DatasetDoc, ErrorRow, ModelDoc
from superionic.training.uncertainty import (
    MIN_COMMITTEE,
    AtomicFeatures,
    LatentDistance,
    committee_disagreement,
    committee_mean,
)

FloatArray = NDArray[np.float64]
COMMITTEE = "committee"


class Scorer:
    """Predictions of the models of one round, and the uncertainty that follows from them.

    Parameters
    ----------
    dataset : Dataset
        The data set that the models were trained on.
    models : sequence of ModelDoc
        The committee; the first one gives the features of the latent distance.
    measure : UncertaintyMeasure
        What the uncertainty is.
    device : str
        Torch device.
    """

    def __init__(self, dataset: Dataset, models: Sequence[ModelDoc], measure: UncertaintyMeasure, device: str) -> None:
        self._dataset, self._measure = dataset, measure
        self._calculators = [load_calculator(model.potential, model.model_blob, device) for model in models]
        self.valid = [frame.atoms for frame in dataset.valid]
        self._valid_members = self._members(self.valid)
        self._latent: LatentDistance | None = None
        if measure is UncertaintyMeasure.LATENT_DISTANCE:
            self._latent = LatentDistance(self._features([frame.atoms for frame in dataset.train]))

    def uncertainty(self, frames: Sequence[Atoms]) -> FloatArray:
        """One number per structure, not yet calibrated."""
        if self._latent is not None:
            return self._latent.of_structures(self._features(frames))
        members = self._valid_members if frames is self.valid else self._members(frames)
        return committee_disagreement(members).forces_meV_per_A

    def valid_errors(self) -> list[FloatArray]:
        """Force errors on the validation set, of what the uncertainty belongs to."""
        return force_errors(labels_of(self._dataset.valid), _best(self._valid_members))

    def test_errors(self) -> list[ErrorRow]:
        """Errors of the first model, and of the mean of several, on the test set."""
        reference, members = labels_of(self._dataset.test), self._members([frame.atoms for frame in self._dataset.test])
        rows = [error_row(errors_between(reference, members[0]), "tuned", "test", "all")]
        if len(members) >= MIN_COMMITTEE:
            rows.append(error_row(errors_between(reference, committee_mean(members)), COMMITTEE, "test", "all"))
        return rows

    def _members(self, frames: Sequence[Atoms]) -> list[Evaluation]:
        return [evaluate(calculator, frames) for calculator in self._calculators]

    def _features(self, frames: Sequence[Atoms]) -> AtomicFeatures:
        return AtomicFeatures(
            values=np.concatenate(features_many(frames, self._calculators[0])),
            numbers=np.concatenate([atoms.numbers for atoms in frames]).astype(np.int64),
            n_atoms=np.array([len(atoms) for atoms in frames], dtype=np.int64),
        )


def _best(members: Sequence[Evaluation]) -> Evaluation:
    return committee_mean(members) if len(members) >= MIN_COMMITTEE else members[0]


def evaluate(calculator: Any, frames: Sequence[Atoms]) -> Evaluation:  # noqa: ANN401 (any ASE calculator)
    """Energies, forces and stresses of structures by one potential.

    Raises
    ------
    CalculationError
        If the potential fails on a structure.
    """
    found: list[PointResult] = []
    for atoms, point in zip(frames, evaluate_many(frames, calculator), strict=True):
        if isinstance(point, Exception):
            raise CalculationError(f"a model of the committee fails on a frame of {atoms.symbols}: {point}") from point
        found.append(point)
    return Evaluation(
        energies_eV=np.array([point.energy_eV for point in found], dtype=np.float64),
        forces_eV_per_A=np.concatenate([np.zeros((0, 3)), *(point.forces_eV_per_A for point in found)]),
        stresses_eV_per_A3=np.array([point.stress_eV_per_A3 for point in found], dtype=np.float64).reshape(-1, 3, 3),
        n_atoms=np.array([len(atoms) for atoms in frames], dtype=np.int64),
    )


Place = tuple[SamplingDoc, int, str]
"""A run, the position of a frame in it, and its composition."""


def gather_pool(
    samplings: Sequence[SamplingSetDoc], rounds: Sequence[ActiveRoundDoc], dataset: Dataset
) -> tuple[list[Place], Pool]:
    """Frames that may be labelled: of no validation or test parent, and not chosen in the rounds before.

    Parameters
    ----------
    samplings : sequence of SamplingSetDoc
        The sampling of all compositions.
    rounds : sequence of ActiveRoundDoc
        The rounds before.
    dataset : Dataset
        Names the parents that must stay apart.

    Returns
    -------
    places : list of (SamplingDoc, int, str)
        Run, position and composition of each frame.
    pool : Pool
        Their descriptors, and those of the labelled frames of training parents.
    """
    parents = dataset.parents_by_split()
    kept_apart = {*parents[VALID], *parents[TEST]}
    taken = {(frame.run_key, frame.frame) for done in rounds for frame in done.chosen}
    places: list[Place] = []
    labelled: dict[str, list[FloatArray]] = {}
    for sampling in samplings:
        name = sampling.composition.label if sampling.composition else sampling.key
        first = set(sampling.chosen_frames())
        open_runs = [(number, run) for number, run in enumerate(sampling.runs) if run.parent_id not in kept_apart]
        for number, run in open_runs:
            for index in range(run.n_drawn):
                if (number, index) in first or (run.key, index) in taken:
                    labelled.setdefault(name, []).append(_descriptor(run, index))
                else:
                    places.append((run, index, name))
    rows = [_descriptor(run, index) for run, index, _ in places]
    return places, Pool(rows, [name for _, _, name in places], labelled)


def _descriptor(run: SamplingDoc, index: int) -> FloatArray:
    return np.asarray(run.descriptors[index] if run.descriptors else [], dtype=np.float64)


def dataset_of(document: DatasetDoc) -> Dataset:
    """The three parts of a stored data set."""
    return Dataset(**{name: tuple(frames_from_extxyz(getattr(document, f"{name}_extxyz"))) for name in SPLITS})


def calibration_record(calibration: Calibration, measure: UncertaintyMeasure) -> CalibrationRecord:
    """A calibration as part of a document."""
    (inner, outer), (raw_inner, raw_outer) = calibration.coverage.values(), calibration.raw_coverage.values()
    return CalibrationRecord(
        measure=measure.value,
        n_structures=calibration.n_structures,
        scale=calibration.scales.overall,
        element_scales={chemical_symbols[z]: scale for z, scale in calibration.scales.elements.items()},
        verdict=calibration.verdict.value,
        raw_verdict=calibration.raw_verdict.value,
        coverage_68=inner,
        coverage_95=outer,
        raw_coverage_68=raw_inner,
        raw_coverage_95=raw_outer,
        reliability=calibration.reliability,
        expected_calibration_error=calibration.expected_calibration_error,
        spearman=calibration.spearman,
    )
