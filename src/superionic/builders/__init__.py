"""Builders: from raw job outputs to flat collections that people query.

Each collection has a pure function ``build_*`` (raw documents in, rows out) and one shared incremental shell,
:class:`DocumentBuilder`. :func:`build_all` brings everything up to date.
"""

from superionic.builders.build import BuildCounts, BuildReport, build_all, query_store
from superionic.builders.conductivities import build_conductivities
from superionic.builders.labels import build_labels
from superionic.builders.learning_curves import build_learning_curves
from superionic.builders.models import build_models, find_errors
from superionic.builders.phase_diagrams import build_phase_diagrams, flatten_phases
from superionic.builders.recipes import RECIPES, Recipe, query_fields
from superionic.builders.rows import (
    ConductivityRow,
    FitRow,
    FreeEnergyRow,
    LabelRow,
    LearningCurveRow,
    ModelRow,
    PhaseDiagramRow,
    PhaseRow,
    QueryRow,
    RowStamp,
)
from superionic.builders.shell import DocumentBuilder
from superionic.builders.stored import group_results, light_document

__all__ = [
    "RECIPES",
    "BuildCounts",
    "BuildReport",
    "ConductivityRow",
    "DocumentBuilder",
    "FitRow",
    "FreeEnergyRow",
    "LabelRow",
    "LearningCurveRow",
    "ModelRow",
    "PhaseDiagramRow",
    "PhaseRow",
    "QueryRow",
    "Recipe",
    "RowStamp",
    "build_all",
    "build_conductivities",
    "build_labels",
    "build_learning_curves",
    "build_models",
    "build_phase_diagrams",
    "find_errors",
    "flatten_phases",
    "group_results",
    "light_document",
    "query_fields",
    "query_store",
]
