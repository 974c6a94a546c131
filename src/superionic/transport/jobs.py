"""Makers of the transport stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jobflow import Maker, Response
from pymatgen.io.ase import AseAtomsAdaptor

from superionic.database.fanout import fetch, fetch_kin, key_if_stored
from superionic.database.jobs import stage_job
from superionic.database.reuse import document_key, produce
from superionic.documents import Blob
from superionic.dynamics import MDSettings, SegmentOutcome
from superionic.dynamics.torchsim import torchsim_model
from superionic.errors import InsufficientDataError, TransportInputError
from superionic.potentials.registry import load_calculator, load_network
from superionic.potentials.schemas import PotentialRef, RelaxedSetDoc, RelaxedStructure
from superionic.settings import load_settings
from superionic.stages import CellStart, FrameworkFailure, GroupEngine, TransportSettings
from superionic.training.schemas import ModelDoc
from superionic.transport.arrhenius_assemble import conductivity_fields, run_groups
from superionic.transport.assemble import diffusion_document, exploded_document
from superionic.transport.diffusion import analyze_trajectory
from superionic.transport.production_folder import ProductionFolder, total_cost
from superionic.transport.production_run import (
    DeferredPotential,
    ProductionRun,
    RunPausedError,
    advance,
    prepared,
    waiting_shown,
    watched,
)
from superionic.transport.schemas import ConductivityDoc, DiffusionDoc, MDGroupDoc, TrajectoryDoc
from superionic.transport.start_cell import StartCell
from superionic.transport.trajectory import read_trajectory
from superionic.units import FS_PER_PS

MEDIA_TYPE = "application/x-hdf5"
CELL_SETTINGS: dict[CellStart, set[str]] = {
    CellStart.AS_RELAXED: set(),
    CellStart.RELAX: {"cell", "cell_relax"},
    CellStart.NPT: {"cell", "npt_ps", "npt_freedom", "npt_pressure_GPa"},
}
"""Settings of the cell that a run depends on; a run as before there were any keeps its key."""
PS_PER_NS, S_PER_DAY = 1000.0, 86400.0


@dataclass
class ProductionMDMaker(Maker):
    """NVT MD of a supercell of one relaxed ordering with the tuned model.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : TransportSettings
        Supercell, lengths, thermostat.
    temperature_K : float
        Temperature, K.
    replica : int
        Number of the replica.
    ordering : int
        Rank of the ordering among those relaxed; 0 has the lowest energy.
    seed : int
        Seed of velocities and thermostat.
    device : str
        Torch device.
    """

    name: str = "md"
    settings: TransportSettings = field(default_factory=TransportSettings)
    temperature_K: float = 800.0
    replica: int = 0
    ordering: int = 0
    seed: int = 0
    device: str = "cpu"

    @stage_job(on_missing_none=True, trajectories=["trajectory_blob"], output_schema=TrajectoryDoc)
    def make(
        self,
        model: ModelDoc | str | None,
        ground_state: RelaxedSetDoc | str | None,
        group: MDGroupDoc | None = None,  # noqa: ARG002 (waited for: it may have done the work)
    ) -> TrajectoryDoc | Response[Any]:
        """Run the MD, or go on with it where an earlier job was stopped or killed.

        Shortly before the job must end, the run is saved and a new job takes the place of this one.

        Parameters
        ----------
        model : ModelDoc or str
            The tuned model, or its key.
        ground_state : RelaxedSetDoc or str
            Relaxed orderings, or the key of their document.
        group : MDGroupDoc, optional
            Job that advances this run with others.

        Raises
        ------
        InsufficientDataError
            If model or ground state failed, so that the loss is counted and what follows does not wait for it, or if
            fewer orderings were relaxed than this one's rank.
        """
        if model is None or ground_state is None:
            missing = "model" if model is None else "relaxed structure"
            raise InsufficientDataError(
                f"there is no {missing} to run MD with: see the failure of the job that makes it"
            )
        tuned, state = fetch(model, ModelDoc), fetch_kin(ground_state, RelaxedSetDoc)
        try:
            return produce(
                TrajectoryDoc,
                lambda: self._run(tuned, state),
                parents=[tuned, state],
                settings=self._inputs(),
                spec_key=state.spec_key,
                composition=state.composition,
                device=self.device,
            )
        except RunPausedError:
            return Response(replace=self.make(key_if_stored(tuned), key_if_stored(state)))

    def key(self, model: ModelDoc, state: RelaxedSetDoc) -> str:
        """Key of the document that :meth:`make` gives."""
        return document_key(TrajectoryDoc, [model, state], self._inputs())

    def planned(self, model: ModelDoc, state: RelaxedSetDoc) -> ProductionRun:
        """The run, ready to be advanced.

        Raises
        ------
        InsufficientDataError
            If fewer orderings were relaxed than this one's rank.
        """
        supercell = self._chosen(state).structure * self.settings.supercell
        key = self.key(model, state)
        return ProductionRun(
            key=key,
            name=self.name,
            spec_key=state.spec_key,
            folder=ProductionFolder(load_settings().md_root / key),
            atoms=AseAtomsAdaptor.get_atoms(supercell.remove_oxidation_states()),
            settings=self._md_settings(),
            model_key=model.key,
            engine=self.settings.group_engine,
        )

    def potential(self, model: ModelDoc) -> DeferredPotential:
        """The model at the precision of the MD."""
        wanted, blob, device = self._potential_ref(model), model.model_blob, self.device
        return DeferredPotential(
            lambda: load_calculator(wanted, blob=blob, device=device),
            lambda: torchsim_model(load_network(wanted, blob, device), wanted.head, device, wanted.dtype),
        )

    def _potential_ref(self, model: ModelDoc) -> PotentialRef:
        return model.potential.model_copy(update={"dtype": self.settings.dtype})

    def _inputs(self) -> dict[str, object]:
        """What the trajectory depends on; the other temperatures of the campaign do not matter."""
        time_ps, discard_ps = self.settings.length_ps(self.temperature_K)
        md = {"supercell", "time_step_fs", "thermostat", "damping_fs", "stride_fs", "dtype"}
        own = {"temperature_K": self.temperature_K, "replica": self.replica, "seed": self.seed}
        own |= {"ordering": self.ordering} if self.ordering else {}
        # lockstep moves a run as it moves alone, torch-sim has other integrators
        torchsim = self.settings.group_engine is GroupEngine.TORCH_SIM
        own |= self.settings.model_dump(include={"group_engine"} if torchsim else set())
        own |= self.settings.model_dump(include=CELL_SETTINGS[self.settings.cell])
        return own | {"time_ps": time_ps, "discard_ps": discard_ps} | self.settings.model_dump(include=md)

    def _md_settings(self) -> MDSettings:
        return MDSettings(
            temperature_K=self.temperature_K,
            time_ps=self.settings.length_ps(self.temperature_K)[0],
            time_step_fs=self.settings.time_step_fs,
            thermostat=self.settings.thermostat,
            damping_fs=self.settings.damping_fs,
            stride_fs=self.settings.stride_fs,
            seed=self.seed,
        )

    def _chosen(self, state: RelaxedSetDoc) -> RelaxedStructure:
        if self.ordering >= (n := len(state.relaxed)):
            raise InsufficientDataError(
                f"ordering {self.ordering} (counted from 0) is to be run, but only {n} were relaxed: see the failures "
                "of the relaxations, or lower transport.orderings"
            )
        return state.relaxed[self.ordering]

    def _run(self, model: ModelDoc, state: RelaxedSetDoc) -> TrajectoryDoc:
        run = self.planned(model, state)
        ProductionFolder.remove_old(run.folder.path.parent)
        potential = self.potential(model)
        with waiting_shown(run), watched([run], self.device) as watch:
            run, start = prepared(run, self.settings, potential)
            outcome = advance(run, potential, watch)
            return self._document(model, state, run, start, outcome)

    def _document(
        self, model: ModelDoc, state: RelaxedSetDoc, run: ProductionRun, start: StartCell, outcome: SegmentOutcome
    ) -> TrajectoryDoc:
        result, notes = outcome.result, run.folder.processes
        discard_ps = self.settings.length_ps(self.temperature_K)[1]
        above = self._chosen(state).energy_eV_per_atom - state.relaxed[0].energy_eV_per_atom
        early = [f"the run ended early: {result.ended_early}"] if result.ended_early else []
        return TrajectoryDoc(
            potential=self._potential_ref(model),
            model_key=model.key,
            temperature_K=self.temperature_K,
            mean_temperature_K=result.mean_temperature_K(discard_ps),
            replica=self.replica,
            ordering=self.ordering,
            ordering_energy_eV_per_atom=above,
            seed=self.seed,
            thermostat=self.settings.thermostat.value,
            n_atoms=len(run.atoms),
            time_ps=result.time_ps,
            requested_time_ps=run.settings.time_ps,
            discard_ps=discard_ps,
            frame_step_ps=self.settings.stride_fs / FS_PER_PS,
            n_frames=len(result.frame_times_ps),
            ended_early=result.ended_early,
            ns_per_day=result.time_ps / PS_PER_NS / (outcome.wall_s / S_PER_DAY),
            segments=len(notes),
            together=max(note.together for note in notes),
            engine="torch-sim" if run.engine is GroupEngine.TORCH_SIM else "ase",
            resumed_at_ps=[run.settings.time_at_ps(step) for step in outcome.resumed_at],
            trajectory_blob=Blob.from_bytes(outcome.trajectory.read_bytes(), MEDIA_TYPE),
            cell=self.settings.cell.value,
            volume_change=start.volume_change,
            warnings=[*early, *start.notes, *outcome.notes],
            resources=total_cost(notes),
        )


@dataclass
class DiffusionMaker(Maker):
    """Diffusivity and conductivity of one trajectory.

    Parameters
    ----------
    name : str
        Name of the job.
    mobile : str
        Mobile species.
    charge_e : float
        Its charge in elementary charges.
    framework_failure : FrameworkFailure
        What is done with a run whose framework breaks.
    """

    name: str = "diffusion"
    mobile: str = "Li"
    charge_e: float = 1.0
    framework_failure: FrameworkFailure = FrameworkFailure.EXCLUDE

    @stage_job(on_missing_none=True, output_schema=DiffusionDoc)
    def make(self, run: TrajectoryDoc | None) -> DiffusionDoc:
        """Analyse; raises InsufficientDataError if the run does not exist, so that the loss is counted."""
        if run is None:
            raise InsufficientDataError("the MD run failed, so there is nothing to analyse: see its own failure")
        return produce(
            DiffusionDoc,
            lambda: self._analyse(run),
            parents=[run],
            settings={
                "mobile": self.mobile,
                "charge_e": self.charge_e,
                "framework_failure": FrameworkFailure(self.framework_failure).value,
            },
            spec_key=run.spec_key,
            composition=run.composition,
        )

    def _analyse(self, run: TrajectoryDoc) -> DiffusionDoc:
        trajectory = read_trajectory(run.trajectory_blob.to_bytes())
        try:
            found = analyze_trajectory(
                trajectory.positions_A,
                trajectory.lattice_A,
                trajectory.species,
                self.mobile,
                trajectory.time_step_ps,
                run.temperature_K,
                charge_e=self.charge_e,
                discard_ps=run.discard_ps,
                cut_at_onset=FrameworkFailure(self.framework_failure) is FrameworkFailure.CUT,
            )
        except TransportInputError:
            if run.ended_early is None:
                raise
            return exploded_document(run, trajectory, self.mobile, self.charge_e)
        return diffusion_document(run, found)


@dataclass
class ConductivityMaker(Maker):
    """The runs of one composition combined at each temperature, and their Arrhenius fit.

    Parameters
    ----------
    name : str
        Name of the job.
    mobile : str
        Mobile species.
    settings : TransportSettings
        Gives the reference temperature.
    """

    name: str = "conductivity"
    mobile: str = "Li"
    settings: TransportSettings = field(default_factory=TransportSettings)

    @stage_job(on_missing_none=True, output_schema=ConductivityDoc)
    def make(self, model: ModelDoc | str, diffusions: list[DiffusionDoc | None]) -> ConductivityDoc:
        """Combine and fit; raises InsufficientDataError if no run was analysed. The model may be given by its key."""
        tuned = fetch(model, ModelDoc)
        found = [item for item in diffusions if item is not None]
        if not found:
            raise InsufficientDataError("no MD run of this composition was analysed: see their own failures")
        missing = len(diffusions) - len(found)
        return produce(
            ConductivityDoc,
            lambda: self._fit(tuned, found, missing),
            parents=[tuned, *found],
            settings={
                "reference_temperature_K": self.settings.reference_temperature_K,
                "missing": missing,
                "replicas": "combined",
            },
            spec_key=found[0].spec_key,
            composition=found[0].composition,
        )

    def _fit(self, model: ModelDoc, found: list[DiffusionDoc], missing: int) -> ConductivityDoc:
        return ConductivityDoc(
            model_key=model.key,
            level_of_theory=model.label_level_of_theory,
            mobile=self.mobile,
            missing=[f"{missing} MD runs did not finish: see the failures of the transport stage"] * bool(missing),
            **conductivity_fields(run_groups(found), self.settings.reference_temperature_K),
        )
