"""From a tuned model to hull and conductivities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobflow import Flow, Maker

from superionic.flows.competing import competing_jobs
from superionic.flows.dataset import CompositionJobs, label_category
from superionic.flows.stages import Category, Stage, mark, mark_fan_out
from superionic.labelling.jobs import LabelSetMaker
from superionic.ordering import count_orderings
from superionic.ordering.composition import GridCell, grid_cell
from superionic.provenance import derived_seed
from superionic.spec import ElectrolyteSpec
from superionic.spec_parts import CompositionPoint
from superionic.stability.jobs import GroundStateMaker, PhaseDiagramMaker
from superionic.stages import TransportSettings
from superionic.transport.group_jobs import MDGroupMaker
from superionic.transport.jobs import ConductivityMaker, DiffusionMaker, ProductionMDMaker
from superionic.transport.pathway_jobs import PathwayMaker


@dataclass
class ProductionFlowMaker(Maker):
    """Ground states, phase diagram, production MD and conductivities with one model.

    Parameters
    ----------
    name : str
        Name of the flow.
    device : str
        Torch device of relaxations and MD.
    pathways : bool
        Whether the ion density of one run per composition is computed.
    """

    name: str = "production"
    device: str = "cpu"
    pathways: bool = True

    def make(self, spec: ElectrolyteSpec, model: Any, compositions: list[CompositionJobs]) -> Flow:  # noqa: ANN401
        """Flow whose output is the PhaseDiagramDoc.

        Parameters
        ----------
        spec : ElectrolyteSpec
            The campaign's spec.
        model : ModelDoc or reference
            The tuned model.
        compositions : list of CompositionJobs
            Compositions with their screening jobs.
        """
        states = {part.cell.info.label: self._ground_state(spec, model, part) for part in compositions}
        labels = self._reference_labels(spec, states)
        ends = [grid_cell(spec, spec.point(axes)).info for axes in spec.end_members]
        hosts = [part.cell.structure for part in compositions]
        competing = competing_jobs(spec, model, self.device)
        diagram = PhaseDiagramMaker(
            mobile=spec.mobile,
            temperatures_K=spec.stability.temperatures_K,
            merge_equal_orbits=spec.orderings.merge_equal_orbits,
            against_competing=spec.stability.competing is not None,
        ).make(
            model,
            [job.output for job in states.values()],
            [job.output for job in labels],
            ends,
            hosts,
            competing[0].output if competing else None,
        )
        mark(diagram, Stage.STABILITY, Category.CPU, spec.key)
        transport = [
            self.conductivity(spec, model, part.cell, states[part.cell.info.label])
            for part in compositions
            if runs_transport(spec, part.cell)
        ]
        jobs = [*states.values(), *labels, *competing, diagram, *transport]
        return Flow(jobs, output=diagram.output, name=f"{self.name}: {spec.name}")

    def _ground_state(self, spec: ElectrolyteSpec, model: Any, part: CompositionJobs) -> Any:  # noqa: ANN401
        maker = GroundStateMaker(f"ground state: {part.cell.info.label}", spec.stability, self.device)
        return mark(maker.make(model, part.screening.output), Stage.STABILITY, Category.GPU, spec.key)

    def _reference_labels(self, spec: ElectrolyteSpec, states: dict[str, Any]) -> list[Any]:
        if not spec.stability.compare_with_labels:
            return []
        jobs = [
            LabelSetMaker(f"label ground states: {label}", spec.labelling, self.device).make_relaxed(state.output)
            for label, state in states.items()
        ]
        return [mark_fan_out(job, Stage.STABILITY, label_category(spec), spec.key) for job in jobs]

    def conductivity(self, spec: ElectrolyteSpec, model: Any, cell: GridCell, state: Any) -> Flow:  # noqa: ANN401
        """MD of every ordering, temperature and replica, its analysis, and the Arrhenius fit of one composition."""
        label, settings = cell.info.label, md_settings(spec, cell)
        diffusions: list[Any] = []
        plans = planned_runs(spec, cell)
        makers = [
            ProductionMDMaker(
                f"md: {plan.title(label)}",
                settings,
                plan.temperature_K,
                plan.replica,
                plan.ordering,
                plan.seed,
                self.device,
            )
            for plan in plans
        ]
        jobs, groups = grouped_runs(label, makers, settings.runs_per_job, model, state.output, spec.key)
        for plan, maker, group in zip(plans, makers, groups, strict=True):
            title = plan.title(label)
            run = mark(maker.make(model, state.output, group), Stage.TRANSPORT, Category.GPU, spec.key)
            analysis = DiffusionMaker(
                f"diffusion: {title}", spec.mobile, spec.charges[spec.mobile], settings.framework_failure
            )
            diffusion = mark(analysis.make(run.output), Stage.TRANSPORT, Category.CPU, spec.key)
            jobs += [run, diffusion]
            diffusions.append(diffusion)
            if self.pathways and plan.first and plan.temperature_K == pathway_temperature(spec):
                path = PathwayMaker(f"pathways: {title}", spec.mobile)
                jobs.append(mark(path.make(run.output, cell.structure), Stage.TRANSPORT, Category.CPU, spec.key))
        fit = ConductivityMaker(f"conductivity: {label}", spec.mobile, settings)
        job = fit.make(model, [diffusion.output for diffusion in diffusions])
        return Flow(
            [*jobs, mark(job, Stage.TRANSPORT, Category.CPU, spec.key)], output=job.output, name=f"transport: {label}"
        )


def grouped_runs(
    label: str,
    makers: list[ProductionMDMaker],
    runs_per_job: int,
    model: Any,  # noqa: ANN401 (a document or jobflow's reference to one)
    state: Any,  # noqa: ANN401
    spec_key: str,
) -> tuple[list[Any], list[Any]]:
    """Jobs that advance runs side by side, and for each run the output of its group; None where each run is a job."""
    if runs_per_job == 1:
        return [], [None] * len(makers)
    jobs: list[Any] = []
    outputs: list[Any] = []
    for start in range(0, len(makers), runs_per_job):
        runs = makers[start : start + runs_per_job]
        group = MDGroupMaker(f"md group {len(jobs)}: {label}", runs)
        jobs.append(mark(group.make(model, state), Stage.TRANSPORT, Category.GPU, spec_key))
        outputs += [jobs[-1].output] * len(runs)
    return jobs, outputs


@dataclass(frozen=True)
class PlannedRun:
    """One production run.

    Attributes
    ----------
    temperature_K : float
        Temperature, K.
    ordering, replica : int
        Rank of the ordering, and number of the replica.
    seed : int
        Seed of velocities and thermostat.
    """

    temperature_K: float
    ordering: int
    replica: int
    seed: int

    @property
    def first(self) -> bool:
        """Whether it is the first run at its temperature."""
        return self.ordering == self.replica == 0

    def title(self, label: str) -> str:
        """Name of the run, for people."""
        parts = [label, f"{self.temperature_K:g} K"]
        parts += [f"ordering {self.ordering}"] if self.ordering else []
        return " ".join([*parts, f"replica {self.replica}"] if self.replica else parts)


def planned_runs(spec: ElectrolyteSpec, cell: GridCell) -> list[PlannedRun]:
    """Production runs of one composition: every temperature, ordering and replica, each with its own seed."""
    label, settings = cell.info.label, spec.transport
    found = []
    for temperature in settings.temperatures_K:
        for ordering in range(transport_orderings(spec, cell)):
            for replica in range(settings.replicas):
                labels = [label, temperature, replica] + [f"ordering {ordering}"] * bool(ordering)
                found.append(PlannedRun(temperature, ordering, replica, derived_seed(spec.seed, "transport", *labels)))
    return found


def transport_orderings(spec: ElectrolyteSpec, cell: GridCell) -> int:
    """Orderings that are run for one composition: those asked for, or as many as it has."""
    wanted = spec.transport.orderings
    if wanted == 1:
        return 1
    merge = spec.orderings.merge_equal_orbits
    # orderings of a smaller cell come back in its multiples, so the largest count bounds their number from below
    return min(wanted, max(count_orderings(cell.structure, size, merge) for size in cell.supercells))


def conductivity_outputs(production: Flow) -> list[Any]:
    """References to the conductivities that a production flow makes."""
    return [part.output for part in production.jobs if isinstance(part, Flow)]


def transport_points(spec: ElectrolyteSpec) -> list[CompositionPoint]:
    """Grid points whose conductivity is computed; all of them unless the spec lists some."""
    if not spec.transport.compositions:
        return spec.points
    return [spec.point(axes) for axes in spec.transport.compositions]


def runs_transport(spec: ElectrolyteSpec, cell: GridCell) -> bool:
    """Whether the conductivity of a composition or polymorph is computed."""
    return cell.polymorph.transport if cell.polymorph else cell.point in transport_points(spec)


def md_settings(spec: ElectrolyteSpec, cell: GridCell) -> TransportSettings:
    """Settings of the production MD of a composition or polymorph, which may have a supercell of its own."""
    if cell.polymorph is None or cell.polymorph.md_supercell is None:
        return spec.transport
    return spec.transport.model_copy(update={"supercell": cell.polymorph.md_supercell})


def pathway_temperature(spec: ElectrolyteSpec) -> float | None:
    """Temperature of the density run: the one asked for, or the nearest that is run."""
    wanted = spec.transport.pathway_temperature_K
    if wanted is None:
        return None
    return min(spec.transport.temperatures_K, key=lambda temperature: abs(temperature - wanted))
