"""What a campaign would do and roughly cost, from its spec alone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from superionic.flows.cost import gpu_hours, label_hours, potential_hours
from superionic.flows.montecarlo import montecarlo_cells, primitive_host
from superionic.flows.production import md_settings, planned_runs, runs_transport
from superionic.flows.stages import Stage
from superionic.ordering import count_orderings
from superionic.ordering.composition import GridCell, grid_cells
from superionic.ordering.supercells import supercell_label, supercell_size
from superionic.spec import ElectrolyteSpec
from superionic.stages import (
    Candidates,
    E0Source,
    LabelEngine,
    MonteCarloSettings,
    StabilitySettings,
    TrainingMode,
)
from superionic.supercell_choice import SupercellShape
from superionic.units import FS_PER_PS

TRAINING_STEPS_PER_STRUCTURE = 3.0
"""A training pass over a structure costs about three evaluations of its forces."""
LABEL_BASIS = {
    LabelEngine.VASP_SCAN: "assumed; time one label on your machine and multiply",
    LabelEngine.CP2K_SCAN: "time one label on your machine and multiply",
    LabelEngine.TEACHER_CHGNET_R2SCAN: "teacher potential",
}


@dataclass(frozen=True)
class CompositionPlan:
    """Orderings of one composition or polymorph: exact numbers of symmetry-distinct ones per supercell."""

    label: str
    formula: str
    distinct: dict[str, int]
    kept: int
    polymorph: str | None = None


@dataclass(frozen=True)
class StagePlan:
    """Work of one stage; a cost is None where nothing is known, ``basis`` says why or how.

    Attributes
    ----------
    stage : str
        The stage.
    jobs : int
        Its jobs.
    work : str
        What they do.
    cpu_hours : float or None
        All on CPU cores: core hours.
    basis : str
        What the estimate rests on.
    gpu_hours : float or None
        GPU hours of all but the labels, if a GPU evaluates the potential.
    label_hours : float
        Those of the core hours that labels take, also beside a GPU.
    """

    stage: str
    jobs: int
    work: str
    cpu_hours: float | None
    basis: str
    gpu_hours: float | None = None
    label_hours: float = 0.0


@dataclass(frozen=True)
class CampaignPlan:
    """All of a campaign, before it runs."""

    name: str
    spec_key: str
    compositions: list[CompositionPlan]
    stages: list[StagePlan]

    @property
    def total(self) -> StagePlan:
        """Sum of what is known; the basis names the stages that are not in it."""
        unknown = [stage.stage for stage in self.stages if stage.cpu_hours is None]
        on_gpu = [stage.gpu_hours for stage in self.stages if stage.gpu_hours is not None]
        return StagePlan(
            "total",
            sum(stage.jobs for stage in self.stages),
            "",
            sum(stage.cpu_hours or 0.0 for stage in self.stages),
            f"without {', '.join(unknown)}" if unknown else "",
            sum(on_gpu) if on_gpu else None,
            sum(stage.label_hours for stage in self.stages),
        )

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
    return CompositionPlan(cell.info.label, cell.info.formula, distinct, kept, cell.info.polymorph)


def _stages(spec: ElectrolyteSpec, cells: list[GridCell], compositions: list[CompositionPlan]) -> list[StagePlan]:
    screened = [min(spec.screening.max_structures, item.kept) for item in compositions]
    parents = [min(spec.sampling.parents_per_composition, number) for number in screened]
    atoms = [_atoms(cell, max(cell.supercells, key=supercell_size)) for cell in cells]
    kept = [item.kept for item in compositions]
    stability, transport = _stability(spec, kept, screened, atoms), _transport(spec, cells)
    return [
        StagePlan(
            Stage.ORDERING,
            len(cells),
            f"{sum(c.kept for c in compositions)} orderings kept",
            None,
            "seconds to minutes each",
        ),
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
    cost = potential_hours(spec.foundation, [(n * steps, a) for n, a in zip(screened, atoms, strict=True)])
    work = f"{sum(screened)} relaxations with {spec.foundation}"
    return StagePlan(Stage.SCREENING, len(screened), work, cost, "at most", gpu_hours(spec.foundation, cost))


def _sampling(spec: ElectrolyteSpec, parents: list[int], atoms: list[int]) -> StagePlan:
    settings = spec.sampling
    steps = settings.time_ps * 1000 / settings.time_step_fs
    cost = potential_hours(spec.foundation, [(n * steps, a) for n, a in zip(parents, atoms, strict=True)])
    work = f"{sum(parents)} MD runs of {settings.time_ps:g} ps at {settings.temperature_K:g} K"
    return StagePlan(Stage.SAMPLING, sum(parents), work, cost, "", gpu_hours(spec.foundation, cost))


def _labelling(spec: ElectrolyteSpec, parents: list[int], atoms: list[int]) -> StagePlan:
    first, further = _first_labels(spec, parents), spec.active.rounds * spec.active.labels_per_round
    work = f"{first} single points by {spec.labelling.engine.value}"
    work += f", then at most {spec.active.rounds} x {spec.active.labels_per_round}" if further else ""
    if atoms_alone := len(spec.elements) if spec.training.e0_source is E0Source.ISOLATED else 0:
        first, work = first + atoms_alone, f"{work}, {atoms_alone} isolated atoms"
    mean_atoms = sum(n * a for n, a in zip(parents, atoms, strict=True)) / sum(parents)
    drawn = [(_frames(spec) * n, a) for n, a in zip(parents, atoms, strict=True)]
    cost = label_hours(spec.labelling.engine, [*drawn, (further, mean_atoms)])
    basis = LABEL_BASIS[spec.labelling.engine]
    return StagePlan(Stage.LABELLING, first + further, work, cost, basis, gpu_hours(spec.foundation, 0.0), cost or 0.0)


def _first_labels(spec: ElectrolyteSpec, parents: list[int]) -> int:
    return _frames(spec) * sum(parents)


def _frames(spec: ElectrolyteSpec) -> int:
    """Labels per parent."""
    return spec.sampling.frames + spec.sampling.close_pairs


def _training(spec: ElectrolyteSpec, parents: list[int], atoms: list[int]) -> StagePlan:
    structures = _training_sizes(spec, parents)
    mean_atoms = sum(atoms) / len(atoms)
    evaluations = sum(structures) * spec.training.max_epochs * TRAINING_STEPS_PER_STRUCTURE
    names = ", ".join(mode.value for mode in _modes(spec))
    work = f"{len(structures)} x {names}, at most {spec.training.max_epochs} epochs"
    cost = potential_hours(spec.foundation, [(evaluations, mean_atoms)])
    return StagePlan(Stage.TRAINING, len(structures), work, cost, "at most", gpu_hours(spec.foundation, cost))


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


def _stability(spec: ElectrolyteSpec, kept: list[int], screened: list[int], atoms: list[int]) -> StagePlan:
    settings = spec.stability
    ranked = kept if settings.candidates is Candidates.ENUMERATED else screened
    relaxed = [min(settings.max_structures, number) for number in ranked]
    cells = list(zip(relaxed, atoms, strict=True))
    steps = [(n * settings.relax.max_steps, a) for n, a in cells] + list(zip(ranked, atoms, strict=True))
    rivals, rival_steps, apart = _competing(settings)
    cost = potential_hours(spec.foundation, [*steps, *rival_steps])
    compared = label_hours(spec.labelling.engine, cells) if settings.compare_with_labels else 0.0
    work = f"{sum(ranked)} orderings ranked, {sum(relaxed)} relaxed{rivals}"
    work += f", {sum(relaxed)} reference labels" * settings.compare_with_labels
    apart += ["labels"] * (compared is None)
    return StagePlan(
        Stage.STABILITY,
        len(relaxed) + bool(rivals),
        work,
        None if cost is None else cost + (compared or 0.0),
        f"at most, {' and '.join(apart)} apart" if apart else "at most",
        gpu_hours(spec.foundation, cost),
        compared or 0.0,
    )


def _competing(settings: StabilitySettings) -> tuple[str, list[tuple[float, float]], list[str]]:
    """Words for the competing phases, evaluations and atoms of those of the file, and what is not in these."""
    rivals = settings.competing
    if rivals is None:
        return "", [], []
    given = [len(json.loads(phase.structure)["sites"]) for phase in rivals.phases or [] if phase.structure]
    words = f", {len(rivals.phases or [])} competing phases" + " and those of the Materials Project" * (
        rivals.materials_project
    )
    relaxed = [(float(rivals.relax.max_steps), float(atoms)) for atoms in given]
    return words, relaxed, ["Materials Project phases"] * rivals.materials_project


def _transport(spec: ElectrolyteSpec, cells: list[GridCell]) -> StagePlan:
    lengths_ps: list[float] = []
    steps: list[tuple[float, float]] = []
    for cell in (cell for cell in cells if runs_transport(spec, cell)):
        settings = md_settings(spec, cell)
        atoms = _atoms(cell, min(cell.supercells, key=supercell_size)) * supercell_size(settings.supercell)
        lengths = [settings.length_ps(run.temperature_K)[0] for run in planned_runs(spec, cell)]
        lengths_ps += lengths
        steps.append((sum(lengths) * FS_PER_PS / spec.transport.time_step_fs, atoms))
    n_runs = len(lengths_ps)
    work = f"{n_runs} MD runs, {sum(lengths_ps):g} ps in all"
    cost = potential_hours(spec.foundation, steps)
    return StagePlan(Stage.TRANSPORT, n_runs, work, cost, "smallest cell", gpu_hours(spec.foundation, cost))


def _property_curve(
    spec: ElectrolyteSpec, parents: list[int], stability: StagePlan, transport: StagePlan
) -> list[StagePlan]:
    """Stability and transport again, with every model of the learning curve but the campaign's own."""
    n_models = len(_curve_sizes(spec, _first_labels(spec, parents))) if spec.training.property_curve else 0
    if not n_models:
        return []
    again = CampaignPlan("", "", [], [stability, transport]).total
    known = stability.cpu_hours is not None and transport.cpu_hours is not None
    cost = n_models * (again.cpu_hours or 0.0) if known else None
    on_gpu = None if again.gpu_hours is None else n_models * again.gpu_hours
    work = f"{n_models} more models through stability and transport"
    basis, labels = "as stability and transport", n_models * again.label_hours
    return [StagePlan("property curve", n_models * again.jobs, work, cost, basis, on_gpu, labels)]


def _monte_carlo(spec: ElectrolyteSpec, cells: list[GridCell]) -> list[StagePlan]:
    chosen, settings = montecarlo_cells(spec, cells), spec.montecarlo
    if settings is None or not chosen:
        return []
    replicas = len(chosen) * settings.replicas
    drawn = replicas * settings.snapshots_per_replica
    runs = drawn * len(spec.transport.temperatures_K)
    work = f"{replicas} Monte Carlo replicas, {drawn} snapshots, {runs} MD runs"
    cost = potential_hours(
        spec.foundation, [item for cell in chosen for item in _monte_carlo_steps(spec, settings, cell)]
    )
    basis = "at most, Monte Carlo moves apart"
    return [StagePlan("monte carlo", replicas + drawn + runs, work, cost, basis, gpu_hours(spec.foundation, cost))]


def _monte_carlo_steps(
    spec: ElectrolyteSpec, settings: MonteCarloSettings, cell: GridCell
) -> list[tuple[float, float]]:
    """Evaluations that one composition takes, and their atoms: training orderings, then snapshots and MD of these."""
    relax = settings.training_relax.max_steps if settings.training_relax else 1
    atoms = primitive_host(cell.structure).composition.num_atoms
    largest = atoms * max(map(supercell_size, settings.training_supercells))
    md = sum(
        spec.transport.length_ps(t)[0] * FS_PER_PS / spec.transport.time_step_fs for t in spec.transport.temperatures_K
    )
    drawn = settings.replicas * settings.snapshots_per_replica
    return [
        (settings.training_orderings * relax, largest),
        (drawn * (settings.snapshot_relax.max_steps + md), atoms * supercell_size(settings.supercell)),
    ]


def _atoms(cell: GridCell, size: SupercellShape) -> int:
    return round(cell.structure.composition.num_atoms) * supercell_size(size)
