"""Settings of the launchpad and the batch queue, per stage."""

from typing import Literal

from pydantic import Field

from superionic.stages.base import StageSettings

StageName = Literal["ordering", "screening", "sampling", "labelling", "training", "stability", "transport"]


class QueueSettings(StageSettings):
    """What the jobs of one stage ask of the queue; results do not depend on it."""

    priority: int | None = Field(None, description="jobs with a higher priority are taken first; default: the oldest")
    category: Literal["cpu", "gpu", "vasp"] | None = Field(
        None, description="only the stage's jobs of this category; default: all of them"
    )
    adapter: dict[str, str | int | float | bool] = Field(
        default={},
        description="replaces fields of my_qadapter_<category>.yaml for these jobs in reservation mode, e.g. "
        "{nodes: 2, walltime: '06:00:00'}",
    )


QueueTable = dict[StageName, QueueSettings]
