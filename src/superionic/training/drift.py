"""How far a model has gone from the foundation on structures that the foundation knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from superionic.potentials.batch import evaluate_many
from superionic.training.metrics import Errors, Evaluation, errors_between, fit_element_offsets
from superionic.training.replay import ReplaySet

MAX_OFFSET_STRUCTURES = 200


@dataclass(frozen=True)
class Drift:
    """Differences between a model and the foundation on replay structures held out from training.

    Attributes
    ----------
    errors : Errors or None
        Errors of the model with the foundation as the reference, after per-element energy offsets were fitted on other
        replay structures; None if the model covers none.
    left_out : int
        Structures held out that hold an element unknown to the model, or one that has no offset.
    """

    errors: Errors | None
    left_out: int


def measure_drift(foundation: Any, model: Any, replay: ReplaySet) -> Drift:  # noqa: ANN401 (ASE calculators)
    """Compare a model with the foundation on the replay structures that no training has seen.

    The model may be at another level of theory, whose energies differ by a constant per element. Those constants are
    fitted on up to 200 of the replay structures for training and taken off. What is left is what the model has
    forgotten, plus the true difference of the two levels on these structures.

    Parameters
    ----------
    foundation, model : ase.calculators.calculator.Calculator
        The two potentials; ``atomic_numbers`` of a calculator lists the elements that it knows.
    replay : ReplaySet
        The structures; those for validation are measured.

    Returns
    -------
    Drift
        Differences, with the foundation as the reference.
    """
    known = _known(foundation) & _known(model)
    fitted = [atoms for atoms in replay.train if known >= set(atoms.numbers.tolist())][:MAX_OFFSET_STRUCTURES]
    with_offset = {number for atoms in fitted for number in atoms.numbers.tolist()}
    measured = [atoms for atoms in replay.valid if with_offset >= set(atoms.numbers.tolist())]
    left_out = len(replay.valid) - len(measured)
    if not measured:
        return Drift(None, left_out)
    structures = [*fitted, *measured]
    reference, predicted = evaluate_structures(foundation, structures), evaluate_structures(model, structures)
    return Drift(_errors_after_offsets(reference, predicted, structures, len(fitted)), left_out)


def _errors_after_offsets(
    reference: Evaluation, predicted: Evaluation, structures: Sequence[Atoms], n_fit: int
) -> Errors:
    numbers = [np.asarray(atoms.numbers, dtype=np.int64) for atoms in structures]
    differences = reference.energies_eV - predicted.energies_eV
    offsets = fit_element_offsets(numbers[:n_fit], differences[:n_fit])
    moved = predicted.shifted(offsets.energies_of(numbers))
    rest = range(n_fit, len(structures))
    formulas = [structures[index].get_chemical_formula(empirical=True) for index in rest]
    return errors_between(reference.subset(rest), moved.subset(rest), formulas)


def evaluate_structures(calculator: Any, structures: Sequence[Atoms]) -> Evaluation:  # noqa: ANN401
    """Energies, forces and stresses of structures from an ASE calculator, in batches where it is a MACE model.

    Raises
    ------
    Exception
        What the calculator raised for the first structure that it could not evaluate.
    """
    results = []
    for found in evaluate_many(structures, calculator):
        if isinstance(found, Exception):
            raise found
        results.append(found)
    return Evaluation(
        energies_eV=np.array([result.energy_eV for result in results]),
        forces_eV_per_A=np.concatenate([np.zeros((0, 3)), *(result.forces_eV_per_A for result in results)]),
        stresses_eV_per_A3=np.array([result.stress_eV_per_A3 for result in results]).reshape(-1, 3, 3),
        n_atoms=np.array([len(atoms) for atoms in structures], dtype=np.int64),
    )


def _known(calculator: Any) -> set[int]:  # noqa: ANN401
    return {int(number) for number in calculator.atomic_numbers}
