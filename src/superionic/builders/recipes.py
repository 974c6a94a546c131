"""How each query collection is made, and what its rows hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, get_args

import superionic
from superionic.builders.conductivities import build_conductivities
from superionic.builders.labels import UNREAD, build_labels
from superionic.builders.learning_curves import build_learning_curves
from superionic.builders.models import build_models
from superionic.builders.phase_diagrams import build_phase_diagrams
from superionic.builders.rows import (
    ConductivityRow,
    LabelRow,
    LearningCurveRow,
    ModelRow,
    PhaseDiagramRow,
    QueryRow,
    RowStamp,
)
from superionic.builders.stored import RawDoc
from superionic.documents import BaseDoc, Document
from superionic.labelling.schemas import LabelDoc
from superionic.stability.schemas import PhaseDiagramDoc
from superionic.training.curve_schemas import LearningCurveDoc
from superionic.training.schemas import ModelDoc
from superionic.transport.schemas import ConductivityDoc


@dataclass(frozen=True)
class Recipe:
    """How one query collection is made.

    Attributes
    ----------
    schema : type
        Class of the raw documents.
    build : callable
        Pure function from raw job store documents to rows.
    row : type
        Class of the rows.
    version : int
        Raised whenever the function's output changes, so that all rows are built again.
    indexes : tuple of str
        Fields that people filter by, besides the shared ones.
    unread : tuple of str
        Parts of the raw documents that the server need not send.
    """

    schema: type[BaseDoc]
    build: Callable[[Iterable[RawDoc]], list[Any]]
    row: type[QueryRow]
    version: int = 1
    indexes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def build_version(self) -> str:
        """Version of package and function, stored with every row."""
        return f"{superionic.__version__}/{self.version}"


RECIPES: dict[str, Recipe] = {
    "conductivities": Recipe(ConductivityDoc, build_conductivities, ConductivityRow, indexes=("verdict", "model_key")),
    "phase_diagrams": Recipe(
        PhaseDiagramDoc, build_phase_diagrams, PhaseDiagramRow, version=2, indexes=("phases.formula", "model_key")
    ),
    "learning_curves": Recipe(
        LearningCurveDoc, build_learning_curves, LearningCurveRow, indexes=("model_key", "modes")
    ),
    "models": Recipe(ModelDoc, build_models, ModelRow, version=2, indexes=("level_of_theory", "sha256")),
    "labels": Recipe(
        LabelDoc, build_labels, LabelRow, indexes=("level_of_theory", "accepted", "refusal", "parent_id"), unread=UNREAD
    ),
}


def query_fields(collection: str, unwound: str | None = None) -> list[str]:
    """Names of the fields of a query collection, as filters may use them.

    Parameters
    ----------
    collection : str
        Name of the collection.
    unwound : str, optional
        Field that holds a list of records whose fields are wanted as well.
    """
    row = RECIPES[collection].row
    inner: type[Document] | None = get_args(row.model_fields[unwound].annotation)[0] if unwound else None
    return [*row.model_fields, *RowStamp.model_fields, *(inner.model_fields if inner else {})]
