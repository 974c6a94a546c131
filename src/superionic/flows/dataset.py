"""From a spec to a labelled data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobflow import Flow, Maker

from superionic.flows.stages import Category, Stage, mark, mark_fan_out
from superionic.labelling.jobs import LabelSetMaker
from superionic.ordering.composition import GridCell, grid_cells
from superionic.ordering.jobs import EnumerateMaker
from superionic.potentials.jobs import ScreenMaker
from superionic.provenance import derived_seed
from superionic.sampling.jobs import SampleSetMaker
from superionic.spec import ElectrolyteSpec
from superionic.stages import LabelEngine
from superionic.training.jobs import BuildDatasetMaker


@dataclass
class CompositionJobs:
    """The jobs of one composition whose outputs later stages need."""

    cell: GridCell
    screening: Any
    sampling: Any
    labels: Any
    flow: Flow


@dataclass
class DatasetFlowMaker(Maker):
    """Enumerate, screen, sample and label every composition, then build the data set.

    Parameters
    ----------
    name : str
        Name of the flow.
    device : str
        Torch device of screening and sampling.
    """

    name: str = "dataset"
    device: str = "cpu"

    def make(self, spec: ElectrolyteSpec) -> Flow:
        """Flow whose output is the DatasetDoc."""
        parts = [self.composition(spec, cell) for cell in grid_cells(spec)]
        dataset = self.dataset(spec, parts)
        return Flow([*(part.flow for part in parts), dataset], output=dataset.output, name=f"{self.name}: {spec.name}")

    def composition(self, spec: ElectrolyteSpec, cell: GridCell) -> CompositionJobs:
        """Enumeration, screening, sampling and labelling of one composition."""
        label = cell.info.label
        seed = derived_seed(spec.seed, "ordering", label)
        enumerate_ = EnumerateMaker(f"enumerate: {label}", spec.orderings, seed).make(
            cell.structure, cell.supercells, cell.info, spec.key
        )
        screen = ScreenMaker(f"screen: {label}", spec.screening, spec.foundation, self.device).make(enumerate_.output)
        sample = SampleSetMaker(
            f"sample: {label}",
            spec.sampling,
            spec.foundation,
            derived_seed(spec.seed, "sampling", label),
            self.device,
            mobile=spec.mobile,
        ).make(screen.output)
        labels = LabelSetMaker(f"label: {label}", spec.labelling, self.device).make(sample.output)
        jobs = [
            mark(enumerate_, Stage.ORDERING, Category.CPU, spec.key),
            mark(screen, Stage.SCREENING, Category.GPU, spec.key),
            mark(sample, Stage.SAMPLING, Category.GPU, spec.key),
            mark_fan_out(labels, Stage.LABELLING, label_category(spec), spec.key),
        ]
        return CompositionJobs(cell, screen, sample, labels, Flow(jobs, name=label))

    def dataset(self, spec: ElectrolyteSpec, parts: list[CompositionJobs]) -> Any:  # noqa: ANN401 (jobflow.Job)
        """The job that joins the labels of all compositions."""
        maker = BuildDatasetMaker("dataset", spec.training, derived_seed(spec.seed, "dataset"))
        job = maker.make([part.labels.output for part in parts])
        return mark(job, Stage.TRAINING, Category.CPU, spec.key)


def label_category(spec: ElectrolyteSpec) -> Category:
    """What a label job of a campaign needs."""
    return engine_category(spec.labelling.engine)


def engine_category(engine: LabelEngine) -> Category:
    """What a label job needs: cores for a density-functional code, or a potential's device for a teacher."""
    return Category.GPU if engine is LabelEngine.TEACHER_CHGNET_R2SCAN else Category.VASP
