"""Raw LearningCurveDocs to rows of the collection ``learning_curves``."""

from __future__ import annotations

from collections.abc import Iterable

from superionic.builders.common import common_fields
from superionic.builders.rows import FitRow, LearningCurveRow
from superionic.builders.stored import RawDoc, StoredResult, group_results, light_document
from superionic.training.curve_schemas import LearningCurveDoc


def build_learning_curves(docs: Iterable[RawDoc]) -> list[LearningCurveRow]:
    """One row per learning curve, without the lines of its figure.

    Parameters
    ----------
    docs : iterable of mappings
        Job store documents whose outputs are LearningCurveDocs; copies of one key are merged.

    Returns
    -------
    list of LearningCurveRow
        Sorted by key.

    Raises
    ------
    DatabaseError
        If an output has no key.
    pydantic.ValidationError
        If an output does not fit the schema.
    """
    return [_row(result) for result in group_results(docs)]


def _row(result: StoredResult) -> LearningCurveRow:
    doc = light_document(LearningCurveDoc, result.output)
    return LearningCurveRow(
        **common_fields(result, doc),
        model_key=doc.model_key,
        n_test=doc.n_test,
        n_models=len(doc.points),
        modes=list(dict.fromkeys(point.mode for point in doc.points)),
        sizes=sorted({point.n_train for point in doc.points}),
        n_seeds=len({point.seed for point in doc.points}),
        left_out=doc.left_out,
        points=doc.points,
        fits=[FitRow(**{name: getattr(fit, name) for name in FitRow.model_fields}) for fit in doc.fits],
        comparison=doc.comparison,
    )
