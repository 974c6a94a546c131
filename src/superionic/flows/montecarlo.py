"""Monte Carlo of orderings in large cells, and MD of what it draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow, Maker
from pymatgen.core import Structure

from superionic.documents import CompositionInfo
from superionic.errors import OrderingError
from superionic.flows.production import grouped_runs
from superionic.flows.stages import Category, Stage, mark
from superionic.ordering.composition import GridCell
from superionic.provenance import derived_seed
from superionic.sampling.expansion_jobs import ClusterExpansionMaker, TrainingEnergiesMaker, TrainingOrderingsMaker
from superionic.sampling.montecarlo_jobs import MonteCarloMaker, MonteCarloSetMaker, SnapshotMaker
from superionic.spec import ElectrolyteSpec
from superionic.stages import MonteCarloEnergy, MonteCarloSettings, TransportSettings
from superionic.transport.jobs import ConductivityMaker, DiffusionMaker, ProductionMDMaker


@dataclass(frozen=True)
class MobileSpecies:
    """What the MD analysis needs to know: symbol and charge in elementary charges."""

    symbol: str
    charge_e: float


@dataclass
class MonteCarloFlowMaker(Maker):
    """Training orderings, their energies, a cluster expansion, replicas, snapshots, and MD if a model is given.

    Parameters
    ----------
    name : str
        Name of the flow.
    settings : MonteCarloSettings
        Everything about Monte Carlo.
    foundation : str
        Potential of all energies where no tuned model is given.
    merge_equal_orbits : bool
        Whether orbits with the same species and occupancies share one pool of ions.
    seed : int
        Seed from which all others derive.
    transport : TransportSettings, optional
        MD of the snapshots; none is run without it. Its supercell, orderings and replicas are not used: a snapshot is
        run as it is, and the snapshots are the replicas.
    mobile : MobileSpecies, optional
        Needed for MD.
    device : str
        Torch device.

    Examples
    --------
    >>> flow = MonteCarloFlowMaker(foundation="superionic-mini").make(disordered)  # doctest: +SKIP
    """

    name: str = "monte carlo"
    settings: MonteCarloSettings = field(default_factory=MonteCarloSettings)
    foundation: str = "mace-mp-0a-medium"
    merge_equal_orbits: bool = True
    seed: int = 0
    transport: TransportSettings | None = None
    mobile: MobileSpecies | None = None
    device: str = "cpu"

    def make(
        self,
        structure: Structure,
        model: Any = None,  # noqa: ANN401 (ModelDoc or a reference to one)
        composition: CompositionInfo | None = None,
        spec_key: str = "",
    ) -> Flow:
        """Flow whose output is the MonteCarloDoc; snapshots and MD are documents of their own.

        Parameters
        ----------
        structure : Structure
            Disordered structure with oxidation states; what is missing to full occupancy is vacancy.
        model : ModelDoc or reference, optional
            Tuned model; by default the foundation gives all energies, and no MD is run.
        composition : CompositionInfo, optional
            Grid point; by default the formula of the structure.
        spec_key : str
            Key of the campaign's spec.

        Raises
        ------
        OrderingError
            If the structure is ordered.
        """
        if structure.is_ordered:
            raise OrderingError(
                f"{structure.composition.reduced_formula} has no disordered site, so there is nothing to sample: leave "
                "it out of montecarlo.compositions"
            )
        host = primitive_host(structure)
        info = self._info(structure, composition)
        prepared, expansion = self._expansion(host, info, model, spec_key)
        runs = [
            self._replica(number, host, info, expansion, model, spec_key) for number in range(self.settings.replicas)
        ]
        joined = MonteCarloSetMaker(f"monte carlo collect: {info.label}").make(
            [run.output for run in runs], expansion.output if expansion else None
        )
        mark(joined, Stage.ORDERING, Category.CPU, spec_key)
        snapshots = [
            self._snapshot(run, replica, index, info, model, spec_key)
            for replica, run in enumerate(runs)
            for index in range(self.settings.snapshots_per_replica)
        ]
        md = self._conductivity(snapshots, info, model, spec_key) if self.transport and self.mobile and model else []
        return Flow(
            [*prepared, *runs, joined, *snapshots, *md], output=joined.output, name=f"{self.name}: {info.label}"
        )

    def _info(self, structure: Structure, composition: CompositionInfo | None) -> CompositionInfo:
        """Documents of Monte Carlo are filed apart from those of the enumerated orderings."""
        found = composition or CompositionInfo(
            axes={}, label=structure.composition.reduced_formula, formula=structure.composition.reduced_formula
        )
        return found.model_copy(update={"label": f"{found.label} (Monte Carlo, {self.settings.freeze_K:g} K)"})

    def _expansion(self, host: Structure, info: CompositionInfo, model: Any, spec_key: str) -> tuple[list[Any], Any]:  # noqa: ANN401
        """Jobs that lead to the cluster expansion, and that job; nothing where the energy needs none."""
        if self.settings.energy is not MonteCarloEnergy.CLUSTER_EXPANSION:
            return [], None
        seed = derived_seed(self.seed, "training orderings")
        orderings = TrainingOrderingsMaker(
            f"training orderings: {info.label}", self.settings, self.merge_equal_orbits, seed
        ).make(host, info, spec_key)
        mark(orderings, Stage.ORDERING, Category.CPU, spec_key)
        parts = [
            TrainingEnergiesMaker(
                f"training energies {part}: {info.label}", self.settings, self.foundation, part, self.device
            ).make(orderings.output, model)
            for part in range(self.settings.training_jobs)
        ]
        for part in parts:
            mark(part, Stage.ORDERING, Category.GPU, spec_key)
        fit = ClusterExpansionMaker(
            f"cluster expansion: {info.label}",
            self.settings,
            self.merge_equal_orbits,
            derived_seed(self.seed, "cluster expansion"),
        ).make(orderings.output, [part.output for part in parts])
        mark(fit, Stage.ORDERING, Category.CPU, spec_key)
        return [orderings, *parts, fit], fit

    def _replica(
        self,
        number: int,
        host: Structure,
        info: CompositionInfo,
        expansion: Any,  # noqa: ANN401
        model: Any,  # noqa: ANN401
        spec_key: str,
    ) -> Any:  # noqa: ANN401
        direct = self.settings.energy is MonteCarloEnergy.POTENTIAL
        maker = MonteCarloMaker(
            f"monte carlo {number}: {info.label}",
            self.settings,
            self.foundation,
            self.merge_equal_orbits,
            number,
            derived_seed(self.seed, "replica", number),
            self.device,
        )
        job = maker.make(host, info, expansion.output if expansion else None, model if direct else None, spec_key)
        return mark(job, Stage.ORDERING, Category.GPU if direct else Category.CPU, spec_key)

    def _snapshot(
        self,
        run: Any,  # noqa: ANN401
        replica: int,
        index: int,
        info: CompositionInfo,
        model: Any,  # noqa: ANN401
        spec_key: str,
    ) -> Any:  # noqa: ANN401
        name = f"snapshot {replica}.{index}: {info.label}"
        maker = SnapshotMaker(name, self.settings, self.foundation, index, self.device)
        return mark(maker.make(run.output, model), Stage.TRANSPORT, Category.GPU, spec_key)

    def _conductivity(self, snapshots: list[Any], info: CompositionInfo, model: Any, spec_key: str) -> list[Any]:  # noqa: ANN401
        """MD of every snapshot at every temperature, and one fit; the snapshots count as replicas."""
        assert self.transport is not None
        assert self.mobile is not None
        settings = self.transport.model_copy(update={"supercell": (1, 1, 1)})
        jobs: list[Any] = []
        diffusions: list[Any] = []
        for number, snapshot in enumerate(snapshots):
            makers = [
                ProductionMDMaker(
                    f"md: {info.label} snapshot {number} {temperature:g} K",
                    settings,
                    temperature,
                    number,
                    seed=derived_seed(self.seed, "transport", temperature, number),
                    device=self.device,
                )
                for temperature in settings.temperatures_K
            ]
            title = f"{info.label} snapshot {number}"
            together, groups = grouped_runs(title, makers, settings.runs_per_job, model, snapshot.output, spec_key)
            jobs += together
            for maker, group in zip(makers, groups, strict=True):
                run = mark(maker.make(model, snapshot.output, group), Stage.TRANSPORT, Category.GPU, spec_key)
                name = maker.name.replace("md:", "diffusion:", 1)
                analysis = DiffusionMaker(name, self.mobile.symbol, self.mobile.charge_e, settings.framework_failure)
                diffusion = mark(analysis.make(run.output), Stage.TRANSPORT, Category.CPU, spec_key)
                jobs += [run, diffusion]
                diffusions.append(diffusion)
        fit = ConductivityMaker(f"conductivity: {info.label}", self.mobile.symbol, settings)
        job = fit.make(model, [diffusion.output for diffusion in diffusions])
        return [*jobs, mark(job, Stage.TRANSPORT, Category.CPU, spec_key)]


def campaign_branch(spec: ElectrolyteSpec, model: Any, cell: GridCell, device: str = "cpu") -> Flow:  # noqa: ANN401
    """Monte Carlo and MD of one composition of a campaign with its tuned model.

    Parameters
    ----------
    spec : ElectrolyteSpec
        The campaign's spec; its block ``montecarlo`` must be given.
    model : ModelDoc or reference
        The tuned model.
    cell : GridCell
        The composition.
    device : str
        Torch device.
    """
    assert spec.montecarlo is not None
    maker = MonteCarloFlowMaker(
        settings=spec.montecarlo,
        foundation=spec.foundation,
        merge_equal_orbits=spec.orderings.merge_equal_orbits,
        seed=derived_seed(spec.seed, "montecarlo", cell.info.label),
        transport=spec.transport,
        mobile=MobileSpecies(spec.mobile, float(spec.charges[spec.mobile])),
        device=device,
    )
    return maker.make(cell.structure, model, cell.info, spec.key)


def montecarlo_cells(spec: ElectrolyteSpec, cells: Sequence[GridCell]) -> list[GridCell]:
    """Compositions that Monte Carlo is run for.

    Parameters
    ----------
    spec : ElectrolyteSpec
        The campaign's spec.
    cells : sequence of GridCell
        All compositions.

    Returns
    -------
    list of GridCell
        None without the block ``montecarlo``, those that it lists, or all that are disordered if it lists none;
        polymorphs are left out.
    """
    if spec.montecarlo is None:
        return []
    hosts = [cell for cell in cells if cell.polymorph is None]
    if not spec.montecarlo.compositions:
        return [cell for cell in hosts if not cell.structure.is_ordered]
    listed = [spec.point(axes) for axes in spec.montecarlo.compositions]
    return [cell for cell in hosts if cell.point in listed]


def primitive_host(structure: Structure) -> Structure:
    """Primitive cell of a disordered structure, so that Monte Carlo supercells count from it."""
    found: Structure = structure.copy(site_properties={}).get_primitive_structure()
    return found
