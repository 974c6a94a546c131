"""Ground states and conductivities with every model of a learning curve.

Errors on a test set do not show whether a crystal survives MD with the model; running it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow, Maker, Response

from superionic.database.fanout import replace_by
from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import BaseDoc
from superionic.errors import InsufficientDataError
from superionic.flows.production import ProductionFlowMaker, runs_transport
from superionic.flows.property_schemas import PropertyConductivity, PropertyCurveDoc, PropertyPhase, PropertyPoint
from superionic.flows.stages import Category, Stage, mark, pass_queue_on
from superionic.ordering.composition import grid_cell, grid_cells
from superionic.potentials.schemas import ScreeningDoc
from superionic.spec import ElectrolyteSpec
from superionic.stability.jobs import GroundStateMaker, PhaseDiagramMaker
from superionic.stability.schemas import PhaseDiagramDoc
from superionic.training.curve_schemas import LearningCurveDoc, LearningPoint
from superionic.transport.schemas import ConductivityDoc

BRANCH = "property curve"


@dataclass
class PropertyCurveMaker(Maker):
    """Run the production stage with the models of the campaign's mode and first seed, and collect what they predict.

    The results are filed under a key of their own, so that they do not mix with those of the campaign's model. What
    the campaign has computed already is not repeated.

    Parameters
    ----------
    name : str
        Name of the job.
    spec : dict
        The campaign's spec as plain data.
    spec_key : str
        Its key.
    device : str
        Torch device.
    """

    name: str = BRANCH
    spec: dict[str, Any] = field(default_factory=dict)
    spec_key: str = ""
    device: str = "cpu"

    @classmethod
    def of(cls, spec: ElectrolyteSpec, device: str = "cpu") -> PropertyCurveMaker:
        """The Maker for a campaign."""
        return cls(spec=spec.model_dump(mode="json"), spec_key=spec.key, device=device)

    @stage_job(on_missing_none=True, output_schema=PropertyCurveDoc)
    def make(
        self,
        curve: LearningCurveDoc | None,
        screenings: list[ScreeningDoc | None],
        campaign_results: list[BaseDoc | None],  # noqa: ARG002 (waited for, so that nothing is computed twice)
    ) -> Response[Any]:
        """Fan out over models and compositions; the output is a PropertyCurveDoc.

        Parameters
        ----------
        curve : LearningCurveDoc or None
            The learning curve.
        screenings : list of ScreeningDoc or None
            One per composition; None where it failed.
        campaign_results : list of documents
            Results with the campaign's own model.

        Raises
        ------
        InsufficientDataError
            If there is no learning curve.
        """
        if curve is None:
            raise InsufficientDataError("there is no learning curve, so no models to compare: see the training jobs")
        spec = ElectrolyteSpec.from_data(self.spec, f"campaign {self.spec_key}")
        points = [point for point in curve.points if (point.mode, point.seed) == (spec.training.mode.value, 0)]
        keys = {doc.composition.label: doc.key for doc in screenings if doc is not None and doc.composition is not None}
        flows, diagrams, conductivities = [], [], []
        for point in points:
            flow, diagram, transport = self._production(spec, point, keys)
            flows.append(flow)
            diagrams.append(diagram.output)
            conductivities.append([part.output for part in transport])
        plain = [point.model_dump(mode="json") for point in points]
        gather = PropertyCurveMaker(f"{self.name} collect", self.spec, self.spec_key, self.device).collect(
            plain, diagrams, conductivities
        )
        mark(gather, Stage.TRANSPORT, Category.CPU, self.spec_key)
        for part in (*flows, gather):
            pass_queue_on(part)
        return replace_by(flows, gather)

    def _production(
        self, spec: ElectrolyteSpec, point: LearningPoint, screenings: dict[str, str]
    ) -> tuple[Flow, Any, list[Flow]]:
        """Flow of one model, its phase diagram job, and its conductivity flows."""
        production = ProductionFlowMaker(device=self.device, pathways=False)
        cells = [cell for cell in grid_cells(spec) if cell.info.label in screenings]
        states = {}
        for cell in cells:
            label = cell.info.label
            maker = GroundStateMaker(
                f"ground state: {label}", spec.stability, self.device, f"{self.spec_key} ({BRANCH})"
            )
            job = maker.make(point.model_key, screenings[label])
            states[label] = mark(job, Stage.STABILITY, Category.GPU, self.spec_key)
        ends = [grid_cell(spec, spec.point(axes)).info for axes in spec.end_members]
        diagram = PhaseDiagramMaker().make(point.model_key, [job.output for job in states.values()], [], ends)
        mark(diagram, Stage.STABILITY, Category.CPU, self.spec_key)
        transport = [
            production.conductivity(spec, point.model_key, cell, states[cell.info.label])
            for cell in cells
            if runs_transport(spec, cell)
        ]
        flow = Flow([*states.values(), diagram, *transport], name=f"{BRANCH}: {point.n_train}")
        flow.append_name(f" (model on {point.n_train})")
        return flow, diagram, transport

    @stage_job(on_missing_none=True, output_schema=PropertyCurveDoc)
    def collect(
        self,
        points: list[dict[str, Any]],
        diagrams: list[PhaseDiagramDoc | None],
        conductivities: list[list[ConductivityDoc | None]],
    ) -> PropertyCurveDoc:
        """Join what the models predict.

        Parameters
        ----------
        points : list of dict
            Points of the learning curve as plain data.
        diagrams : list of PhaseDiagramDoc or None
            One per point; None where it failed.
        conductivities : list of lists of ConductivityDoc or None
            Those of each point.
        """
        models = [LearningPoint(**point) for point in points]
        found = [doc for doc in (*diagrams, *(doc for docs in conductivities for doc in docs)) if doc is not None]
        missing = _missing(models, diagrams, conductivities)
        return produce(
            PropertyCurveDoc,
            lambda: PropertyCurveDoc(
                points=[
                    property_point(model, diagram, docs)
                    for model, diagram, docs in zip(models, diagrams, conductivities, strict=True)
                ],
                missing=missing,
            ),
            parents=found,
            settings=[[point.model_key for point in models], missing],
            spec_key=self.spec_key,
        )


def _missing(
    models: list[LearningPoint],
    diagrams: list[PhaseDiagramDoc | None],
    conductivities: list[list[ConductivityDoc | None]],
) -> list[str]:
    found = []
    for model, diagram, docs in zip(models, diagrams, conductivities, strict=True):
        lost = sum(doc is None for doc in docs)
        found += [f"model on {model.n_train} structures: no phase diagram"] * (diagram is None)
        found += [f"model on {model.n_train} structures: {lost} of {len(docs)} conductivities failed"] * bool(lost)
    return found


def property_point(
    model: LearningPoint, diagram: PhaseDiagramDoc | None, conductivities: list[ConductivityDoc | None]
) -> PropertyPoint:
    """What one model predicts, out of its documents."""
    entries = [entry for entry in diagram.entries if entry.lowest] if diagram else []
    return PropertyPoint(
        model_key=model.model_key,
        mode=model.mode,
        n_train=model.n_train,
        energy_rmse_meV_per_atom=model.energy_rmse_meV_per_atom,
        force_rmse_meV_per_A=model.force_rmse_meV_per_A,
        phases=[
            PropertyPhase(
                composition=entry.composition,
                formation_energy_eV_per_atom=entry.formation_energy_eV_per_atom,
                e_above_hull_eV_per_atom=entry.e_above_hull_eV_per_atom,
                stable=entry.stable,
            )
            for entry in entries
        ],
        conductivities=[_conductivity(doc) for doc in conductivities if doc is not None],
    )


def _conductivity(doc: ConductivityDoc) -> PropertyConductivity:
    if doc.composition is None:
        raise InsufficientDataError(f"conductivity {doc.key} names no composition: it was not made by a campaign")
    return PropertyConductivity(
        composition=doc.composition,
        activation_energy_eV=doc.activation_energy_eV,
        activation_energy_std_eV=doc.activation_energy_std_eV,
        reference_temperature_K=doc.reference_temperature_K,
        conductivity_at_reference_S_per_cm=doc.conductivity_at_reference_S_per_cm,
        conductivity_at_reference_95_S_per_cm=doc.conductivity_at_reference_95_S_per_cm,
        verdict=doc.verdict,
        verdict_reason=doc.verdict_reason,
        temperatures_K=[point.temperature_K for point in doc.points],
        conductivities_S_per_cm=[point.conductivity_S_per_cm for point in doc.points],
        conductivities_std_S_per_cm=[point.conductivity_std_S_per_cm for point in doc.points],
        run_verdicts=[point.verdict for point in doc.points],
    )
