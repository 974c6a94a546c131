"""What a campaign would do and roughly cost, from its spec alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from superionic.flows.montecarlo import montecarlo_cells
from superionic.flows.production import planned_runs, transport_points
from superionic.flows.stages import Stage
from superionic.ordering import count_orderings
from superionic.ordering.composition import GridCell, grid_cells
from superionic.ordering.supercells import supercell_label, supercell_size
from superionic.spec import ElectrolyteSpec
from superionic.stages import E0Source, LabelEngine, TrainingMode
from superionic.supercell_choice import SupercellShape

SECONDS_PER_HOUR = 3600.0
CPU_S_PER_ATOM_STEP = {"superionic-mini": 0.0004, "mace-mp-0a-medium": 0.014}
"""CPU seconds per atom and MD step on one x86-64 core, measured with 20- to 80-atom halide cells. The figure of
MACE-MP-0a medium is that of its architecture; a GPU is one to two orders of magnitude faster."""
CPU_S_PER_ATOM_TEACHER = 0.006
"""CPU seconds per atom of a CHGNet single point, measured likewise."""
TRAINING_STEPS_PER_STRUCTURE = 3.0
"""A training pass over a structure costs about three evaluations of its forces."""


@dataclass(frozen=True)
class CompositionPlan:
    """Orderings of one composition: exact numbers of symmetry-distinct ones per supercell."""

    label: str
    formula: str
    distinct: dict[str, int]
    kept: int


@dataclass(frozen=True)
class StagePlan:
    """Work of one stage; ``cpu_hours`` is None where no honest estimate exists, ``basis`` says why or how."""

    stage: str
    jobs: int
    work: str
    cpu_hours: float | None
    basis: str


@dataclass(frozen=True)
class CampaignPlan:
    """All of a campaign, before it runs."""

    name: str
    spec_key: str
    compositions: list[CompositionPlan]
    stages: list[StagePlan]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``--json``; counts too large for a JSON number stay exact as integers."""
        return asdict(self)


def plan_campaign(spec: ElectrolyteSpec) -> CampaignPlan:
    """Count orderings and jobs and estimate costs.

    Raises
    ------
    SpecError
        If a grid point is not charge neutral or fits no listed supercell.
    """
    cells = grid_cells(spec)
    compositions = [_composition(spec, cell) for cell in cells]
    return CampaignPlan(spec.name, spec.key, compositions, _stages(spec, cells, compositions))


def _composition(spec: ElectrolyteSpec, cell: GridCell) -> CompositionPlan:
    merge = spec.orderings.merge_equal_orbits
    distinct = {supercell_label(size): count_orderings(cell.structure, size, merge) for size in cell.supercells}
    # orderings of a smaller cell come back in its multiples, so the largest count bounds the pool from below
    kept = min(spec.orderings.max_orderings, max(distinct.values()))
    return CompositionPlan(cell.info.label, cell.info.formula, distinct, kept)


def _stages(spec: ElectrolyteSpec, cells: list[GridCell], compositions: list[CompositionPlan]) -> list[StagePlan]:
    screened = [min(spec.screening.max_structures, item.kept) for item in compositions]
    parents = [min(spec.sampling.parents_per_composition, number) for number in screened]
    atoms = [_atoms(cell, max(cell.supercells, key=supercell_size)) for cell in cells]
    stability, transport = _stability(spec, screened, atoms), _transport(spec, cells)
    return [
        StagePlan(Stage.ORDERING, len(cells), f"{sum(c.kept for c in compositions)} orderings kept", None, "seconds"),
        _screening(spec, screened, atoms),
        _sampling(spec, parents, atoms),
        _labelling(spec, parents, atoms),
        _training(spec, parents, atoms),
        stability,
        transport,
        *_property_curve(spec, parents, stability, transport),
        *_monte_carlo(spec, cells),
    ]


def _screening(spec: ElectrolyteSpec, screened: list[int], atoms: list[int]) -> StagePlan:
    steps = spec.screening.relax.max_steps
    cost = _md_hours(spec, sum(n * a * steps for n, a in zip(screened, atoms, strict=True)))
    work = f"{sum(screened)} relaxations with {spec.foundation}"
    return StagePlan(Stage.SCREENING, len(screened), work, cost, "at most; one CPU core")


def _sampling(spec: ElectrolyteSpec, parents: list[int], atoms: list[int]) -> StagePlan:
    settings = spec.sampling
    steps = settings.time_ps * 1000 / settings.time_step_fs
    cost = _md_hours(spec, steps * sum(n * a for n, a in zip(parents, atoms, strict=True)))
    work = f"{sum(parents)} MD runs of {settings.time_ps:g} ps at {settings.temperature_K:g} K"
    return StagePlan(Stage.SAMPLING, sum(parents), work, cost, "one CPU core")


def _labelling(spec: ElectrolyteSpec, parents: list[int], atoms: list[int]) -> StagePlan:
    first, further = _first_labels(spec, parents), spec.active.rounds * spec.active.labels_per_round
    work = f"{first} single points by {spec.labelling.engine.value}"
    work += f", then at most {spec.active.rounds} x {spec.active.labels_per_round}" if further else ""
    if atoms_alone := len(spec.elements) if spec.training.e0_source is E0Source.ISOLATED else 0:
        first, work = first + atoms_alone, f"{work}, {atoms_alone} isolated atoms"
    if spec.labelling.engine is not LabelEngine.TEACHER_CHGNET_R2SCAN:
        return StagePlan(
            Stage.LABELLING, first + further, work, None, "DFT: time one label on your machine and multiply"
        )
    mean_atoms = sum(n * a for n, a in zip(parents, atoms, strict=True)) / sum(parents)
    cost = (first + further) * mean_atoms * CPU_S_PER_ATOM_TEACHER
    return StagePlan(Stage.LABELLING, first + further, work, cost / SECONDS_PER_HOUR, "teacher potential, one CPU core")


def _first_labels(spec: ElectrolyteSpec, parents: list[int]) -> int:
    return spec.sampling.frames * sum(parents)


def _training(spec: ElectrolyteSpec, parents: list[int], atoms: list[int]) -> StagePlan:
    structures = _training_sizes(spec, parents)
    mean_atoms = sum(atoms) / len(atoms)
    evaluations = sum(structures) * spec.training.max_epochs * TRAINING_STEPS_PER_STRUCTURE
    names = ", ".join(mode.value for mode in _modes(spec))
    work = f"{len(structures)} x {names}, at most {spec.training.max_epochs} epochs"
    return StagePlan(
        Stage.TRAINING, len(structures), work, _md_hours(spec, evaluations * mean_atoms), "at most; one CPU core"
    )


def _training_sizes(spec: ElectrolyteSpec, parents: list[int]) -> list[float]:
    """Structures, replay included, of every training."""
    first, replay, active = _first_labels(spec, parents), spec.training.replay_structures, spec.active
    if active.rounds:
        sizes = [first + number * active.labels_per_round + replay for number in range(active.rounds + 1)]
        return [float(size) for size in sizes for _ in range(active.committee)]
    return [
        size + replay * (mode is TrainingMode.MULTIHEAD)
        for mode in _modes(spec)
        for size in [float(first), *_curve_sizes(spec, first)]
        for _ in range(spec.training.curve_seeds)
    ]


def _curve_sizes(spec: ElectrolyteSpec, labels: int) -> list[float]:
    """Sizes of the learning curve below the whole training set; those beyond it are left out."""
    wanted = [value * labels if value <= 1 else value for value in spec.training.learning_curve]
    return [size for size in wanted if size < labels]


def _modes(spec: ElectrolyteSpec) -> list[TrainingMode]:
    """Training modes; several only for a learning curve."""
    return list(dict.fromkeys([spec.training.mode, *spec.training.curve_modes]))


def _stability(spec: ElectrolyteSpec, screened: list[int], atoms: list[int]) -> StagePlan:
    relaxed = [min(spec.stability.max_structures, number) for number in screened]
    steps = spec.stability.relax.max_steps
    cost = _md_hours(spec, sum(n * a * steps for n, a in zip(relaxed, atoms, strict=True)))
    labels = f", {sum(relaxed)} reference labels" if spec.stability.compare_with_labels else ""
    return StagePlan(
        Stage.STABILITY,
        len(relaxed),
        f"{sum(relaxed)} relaxations{labels}",
        cost,
        "at most, labels apart; one CPU core",
    )


def _transport(spec: ElectrolyteSpec, cells: list[GridCell]) -> StagePlan:
    settings = spec.transport
    points = transport_points(spec)
    chosen = [(cell, planned_runs(spec, cell)) for cell in cells if cell.point in points]
    time_ps = sum(settings.length_ps(run.temperature_K)[0] for _, runs in chosen for run in runs)
    atom_ps = sum(
        settings.length_ps(run.temperature_K)[0] * _atoms(cell, min(cell.supercells, key=supercell_size))
        for cell, runs in chosen
        for run in runs
    ) * supercell_size(settings.supercell)
    n_runs = sum(len(runs) for _, runs in chosen)
    work = f"{n_runs} MD runs, {time_ps:g} ps in all"
    cost = _md_hours(spec, atom_ps * 1000 / settings.time_step_fs)
    return StagePlan(Stage.TRANSPORT, n_runs, work, cost, "smallest cell; one CPU core")


def _property_curve(
    spec: ElectrolyteSpec, parents: list[int], stability: StagePlan, transport: StagePlan
) -> list[StagePlan]:
    """Stability and transport again, with every model of the learning curve but the campaign's own."""
    n_models = len(_curve_sizes(spec, _first_labels(spec, parents))) if spec.training.property_curve else 0
    if not n_models:
        return []
    costs = [stage.cpu_hours for stage in (stability, transport) if stage.cpu_hours is not None]
    work = f"{n_models} more models through stability and transport"
    jobs, cost = n_models * (stability.jobs + transport.jobs), n_models * sum(costs) if costs else None
    return [StagePlan("property curve", jobs, work, cost, "as stability and transport")]


def _monte_carlo(spec: ElectrolyteSpec, cells: list[GridCell]) -> list[StagePlan]:
    number, settings = len(montecarlo_cells(spec, cells)), spec.montecarlo
    if settings is None or not number:
        return []
    replicas = number * settings.replicas
    drawn = replicas * settings.snapshots_per_replica
    runs = drawn * len(spec.transport.temperatures_K)
    work = f"{replicas} Monte Carlo replicas, {drawn} snapshots, {runs} MD runs"
    jobs = replicas + drawn + runs
    return [StagePlan("monte carlo", jobs, work, None, "MD in the Monte Carlo cell; time one run and multiply")]


def _md_hours(spec: ElectrolyteSpec, atom_steps: float) -> float | None:
    cost = CPU_S_PER_ATOM_STEP.get(spec.foundation)
    return None if cost is None else atom_steps * cost / SECONDS_PER_HOUR


def _atoms(cell: GridCell, size: SupercellShape) -> int:
    return round(cell.structure.composition.num_atoms) * supercell_size(size)
