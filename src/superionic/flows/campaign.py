"""The whole campaign as one flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobflow import Flow, Maker

from superionic.flows.active import ActiveLearningFlowMaker
from superionic.flows.dataset import CompositionJobs, DatasetFlowMaker
from superionic.flows.isolated_atoms import isolated_atoms
from superionic.flows.montecarlo import campaign_branch, montecarlo_cells
from superionic.flows.production import ProductionFlowMaker, conductivity_outputs
from superionic.flows.property_curve import PropertyCurveMaker
from superionic.flows.stages import Category, Stage, mark, mark_alone
from superionic.flows.training import LearningCurveFlowMaker, TrainingJobs
from superionic.ordering.composition import grid_cells
from superionic.provenance import derived_seed
from superionic.spec import ElectrolyteSpec


@dataclass
class CampaignMaker(Maker):
    """Everything from orderings to conductivities for one spec.

    Parameters
    ----------
    name : str
        Name of the flow; the spec's name if empty.
    device : str
        Torch device of potentials and training.

    Examples
    --------
    >>> flow = CampaignMaker().make(ElectrolyteSpec.from_file("workflows/quickstart.yaml"))  # doctest: +SKIP
    """

    name: str = ""
    device: str = "cpu"

    def make(self, spec: ElectrolyteSpec) -> Flow:
        """Flow whose output is the PhaseDiagramDoc; all documents are in the store.

        Raises
        ------
        SpecError
            If a grid point is not charge neutral or fits no listed supercell.
        """
        data = DatasetFlowMaker(device=self.device)
        parts = [data.composition(spec, cell) for cell in grid_cells(spec)]
        dataset = data.dataset(spec, parts)
        atoms = isolated_atoms(spec)
        trained = self._training(spec, dataset, parts, atoms.outputs)
        training = trained.flow
        production = ProductionFlowMaker(device=self.device).make(spec, training.output, parts)
        drawn = [
            campaign_branch(spec, training.output, cell, self.device)
            for cell in montecarlo_cells(spec, [part.cell for part in parts])
        ]
        flows = [*(part.flow for part in parts), *atoms.flows, dataset, training, production, *drawn]
        flows += self._property_curve(spec, trained, parts, production) if spec.training.property_curve else []
        return Flow(flows, output=production.output, name=self.name or spec.name)

    def _training(
        self,
        spec: ElectrolyteSpec,
        dataset: Any,  # noqa: ANN401 (reference to the DatasetDoc)
        parts: list[CompositionJobs],
        atoms: list[Any],
    ) -> TrainingJobs:
        """The flow whose output is the ModelDoc for production, and the learning curve if there is one."""
        seed = derived_seed(spec.seed, "training")
        if spec.active.rounds:
            maker = ActiveLearningFlowMaker(
                settings=spec.active,
                training=spec.training,
                labelling=spec.labelling,
                foundation=spec.foundation,
                seed=seed,
                device=self.device,
            )
            labels, samplings = [part.labels.output for part in parts], [part.sampling.output for part in parts]
            return TrainingJobs(None, maker.make(dataset.output, labels, samplings, spec.key))
        trained = LearningCurveFlowMaker(
            settings=spec.training, foundation=spec.foundation, seed=seed, device=self.device
        ).jobs(dataset.output, atoms)
        mark(trained.flow, Stage.TRAINING, Category.GPU, spec.key)
        return trained

    def _property_curve(
        self, spec: ElectrolyteSpec, trained: TrainingJobs, parts: list[CompositionJobs], production: Flow
    ) -> list[Any]:
        results = [production.output, *conductivity_outputs(production)]
        screenings = [part.screening.output for part in parts]
        job = PropertyCurveMaker.of(spec, self.device).make(trained.curve.output, screenings, results)
        return [mark_alone(job, Stage.TRANSPORT, Category.CPU, spec.key)]  # it creates jobs of two stages
