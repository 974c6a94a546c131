"""Settings of each stage of a campaign; their defaults are the paper's values where it states them.

Source of the defaults: Deng et al., J. Mater. Chem. A 2025, doi 10.1039/d5ta05321h. Where the
paper is silent the description says "our choice".
"""

from superionic.stages.active import ActiveSettings, UncertaintyMeasure, check_rounds
from superionic.stages.base import (
    RelaxSettings,
    StageSettings,
    Thermostat,
)
from superionic.stages.dataset import (
    Decorations,
    OrderingSettings,
    SamplingSettings,
    ScreeningSettings,
    SelectionMethod,
    StrainMode,
)
from superionic.stages.labelling import (
    SMALLEST_CUTOFF_RY,
    Cp2kBasis,
    Cp2kSettings,
    IncarValue,
    KeepFiles,
    LabelEngine,
    LabellingSettings,
    VaspSettings,
)
from superionic.stages.production import (
    CellFreedom,
    CellStart,
    FrameworkFailure,
    GroupEngine,
    MonteCarloEnergy,
    MonteCarloSettings,
    TransportSettings,
    check_orderings,
)
from superionic.stages.queue import QueueSettings, QueueTable, StageName
from superionic.stages.stability import Candidates, CompetingSettings, StabilitySettings, StatedPhase
from superionic.stages.training import (
    E0Source,
    LearningRateSchedule,
    LossWeights,
    ReplayLabels,
    ReplaySetName,
    ScratchSettings,
    TrainingMode,
    TrainingSettings,
)

__all__ = [
    "SMALLEST_CUTOFF_RY",
    "ActiveSettings",
    "Candidates",
    "CellFreedom",
    "CellStart",
    "CompetingSettings",
    "Cp2kBasis",
    "Cp2kSettings",
    "Decorations",
    "E0Source",
    "FrameworkFailure",
    "GroupEngine",
    "IncarValue",
    "KeepFiles",
    "LabelEngine",
    "LabellingSettings",
    "LearningRateSchedule",
    "LossWeights",
    "MonteCarloEnergy",
    "MonteCarloSettings",
    "OrderingSettings",
    "QueueSettings",
    "QueueTable",
    "RelaxSettings",
    "ReplayLabels",
    "ReplaySetName",
    "SamplingSettings",
    "ScratchSettings",
    "ScreeningSettings",
    "SelectionMethod",
    "StabilitySettings",
    "StageName",
    "StageSettings",
    "StatedPhase",
    "StrainMode",
    "Thermostat",
    "TrainingMode",
    "TrainingSettings",
    "TransportSettings",
    "UncertaintyMeasure",
    "VaspSettings",
    "check_orderings",
    "check_rounds",
]
