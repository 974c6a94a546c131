"""Raw ModelDocs to rows of the collection ``models``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from superionic.builders.common import common_fields
from superionic.builders.rows import ModelRow
from superionic.builders.stored import RawDoc, StoredResult, group_results, light_document
from superionic.training.schemas import ElementErrorRow, ErrorRow, ModelDoc, Split


def build_models(docs: Iterable[RawDoc]) -> list[ModelRow]:
    """One row per trained potential, with its errors on the test set.

    Parameters
    ----------
    docs : iterable of mappings
        Job store documents whose outputs are ModelDocs; copies of one key are merged.

    Returns
    -------
    list of ModelRow
        Sorted by key.

    Raises
    ------
    DatabaseError
        If an output has no key.
    pydantic.ValidationError
        If an output does not fit the schema.
    """
    return [_row(result) for result in group_results(docs)]


def find_errors(errors: Iterable[ErrorRow], model: str, split: str = Split.TEST, group: str = "all") -> ErrorRow | None:
    """The errors of ``foundation`` or ``tuned`` on one split and composition, if they were computed."""
    wanted = (model, split, group)
    return next((row for row in errors if (row.model, row.split, row.group) == wanted), None)


def _row(result: StoredResult) -> ModelRow:
    doc = light_document(ModelDoc, result.output)
    return ModelRow(
        **common_fields(result, doc),
        **_errors(doc.errors),
        **_by_element(doc.element_errors),
        model_key=result.key,
        sha256=doc.potential.sha256,
        head=doc.potential.head,
        mode=doc.mode,
        foundation=doc.foundation.name if doc.foundation else None,
        level_of_theory=doc.label_level_of_theory,
        elements=doc.elements,
        train_fraction=doc.train_fraction,
        n_train=doc.n_train,
        epochs_run=doc.epochs_run,
        best_epoch=doc.best_epoch,
        stopped_early=doc.stopped_early,
        requested=doc.requested,
        effective=doc.effective,
    )


def _by_element(rows: list[ElementErrorRow]) -> dict[str, dict[str, float]]:
    test = [row for row in rows if (row.model, row.split) == ("tuned", Split.TEST)]
    return {"test_force_rmse_by_element_meV_per_A": {row.element: row.force_rmse_meV_per_A for row in test}}


def _errors(errors: list[ErrorRow]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if (tuned := find_errors(errors, "tuned")) is not None:
        fields |= {
            "n_test": tuned.n_structures,
            "test_energy_rmse_meV_per_atom": tuned.energy_rmse_meV_per_atom,
            "test_energy_mae_meV_per_atom": tuned.energy_mae_meV_per_atom,
            "test_force_rmse_meV_per_A": tuned.force_rmse_meV_per_A,
            "test_force_mae_meV_per_A": tuned.force_mae_meV_per_A,
            "test_stress_rmse_meV_per_A3": tuned.stress_rmse_meV_per_A3,
            "test_energy_max_meV_per_atom": tuned.energy_max_meV_per_atom,
            "test_energy_r2": tuned.energy_r2,
            "test_force_max_meV_per_A": tuned.force_max_meV_per_A,
            "test_force_r2": tuned.force_r2,
            "test_energy_slope": tuned.energy_slope,
            "test_force_slope": tuned.force_slope,
            "test_force_slope_std": tuned.force_slope_std,
        }
    if (foundation := find_errors(errors, "foundation")) is not None:
        fields |= {
            "foundation_test_energy_rmse_meV_per_atom": foundation.energy_rmse_meV_per_atom,
            "foundation_test_force_rmse_meV_per_A": foundation.force_rmse_meV_per_A,
            "foundation_test_force_slope": foundation.force_slope,
        }
    return fields
