"""Makers of the Monte Carlo of orderings: replicas, their summary, snapshots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jobflow import Maker
from pymatgen.core import Structure

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import Blob, CompositionInfo
from superionic.errors import InsufficientDataError
from superionic.potentials.jobs import relax_all, relaxation_warnings
from superionic.potentials.registry import load_calculator
from superionic.potentials.schemas import PotentialRef
from superionic.potentials.static import static_energy
from superionic.provenance import content_key
from superionic.sampling.montecarlo_assemble import joined_document, run_document
from superionic.sampling.montecarlo_inputs import given, host_content, potential_of
from superionic.sampling.montecarlo_schemas import (
    ClusterExpansionDoc,
    MonteCarloDoc,
    MonteCarloRunDoc,
    MonteCarloSnapshotDoc,
)
from superionic.stages import MonteCarloEnergy, MonteCarloSettings

RUN_FIELDS = {
    "supercell",
    "energy",
    "start_K",
    "freeze_K",
    "temperatures",
    "sweeps_per_temperature",
    "equilibration_sweeps",
    "production_sweeps",
    "snapshots_per_replica",
}


@dataclass
class MonteCarloMaker(Maker):
    """One replica of the Monte Carlo run; continues from its checkpoint after an interruption.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : MonteCarloSettings
        Cell, energy model, schedule and number of snapshots.
    foundation : str
        Potential where the energy is that of a potential and no model is given.
    merge_equal_orbits : bool
        As for the training orderings.
    replica : int
        Number of the replica.
    seed : int
        Seed of start ordering and moves.
    device : str
        Torch device.
    """

    name: str = "monte carlo"
    settings: MonteCarloSettings = field(default_factory=MonteCarloSettings)
    foundation: str = "mace-mp-0a-medium"
    merge_equal_orbits: bool = True
    replica: int = 0
    seed: int = 0
    device: str = "cpu"

    @stage_job(data=["snapshots"], output_schema=MonteCarloRunDoc)
    def make(
        self,
        host: Structure,
        composition: CompositionInfo,
        expansion: ClusterExpansionDoc | None = None,
        model: Any = None,  # noqa: ANN401 (ModelDoc, of a domain above)
        spec_key: str = "",
    ) -> MonteCarloRunDoc:
        """Run.

        Parameters
        ----------
        host : Structure
            Disordered cell with oxidation states; that of the expansion where there is one.
        composition : CompositionInfo
            What the document is filed under.
        expansion : ClusterExpansionDoc, optional
            Needed for the energy ``cluster-expansion``.
        model : ModelDoc, optional
            For the energy ``potential``; by default the foundation is used.
        spec_key : str
            Key of the campaign's spec.
        """
        direct = self.settings.energy is MonteCarloEnergy.POTENTIAL
        potential, blob = potential_of(model, self.foundation) if direct else (None, None)
        parents = [*given(expansion), *given(model if direct else None)]
        inputs = [host_content(host), self._inputs(), potential]
        fingerprint = content_key(["monte carlo checkpoint", [parent.key for parent in parents], inputs])

        def run() -> MonteCarloRunDoc:
            calculator = load_calculator(potential, blob=blob, device=self.device) if potential else None
            return run_document(self, host, expansion, calculator, fingerprint, potential)

        return produce(
            MonteCarloRunDoc,
            run,
            parents=parents,
            settings=inputs,
            spec_key=spec_key,
            composition=composition,
            device=self.device,
        )

    def _inputs(self) -> dict[str, object]:
        """What the run depends on besides host, expansion and potential."""
        chosen = self.settings.model_dump(mode="json", include=RUN_FIELDS)
        if self.settings.energy is MonteCarloEnergy.EWALD:
            chosen["dielectric_constant"] = self.settings.dielectric_constant
        return chosen | {"merge": self.merge_equal_orbits, "replica": self.replica, "seed": self.seed}


@dataclass
class MonteCarloSetMaker(Maker):
    """Join the replicas of one composition and judge whether they agree.

    Parameters
    ----------
    name : str
        Name of the job.
    """

    name: str = "monte carlo collect"

    @stage_job(on_missing_none=True, output_schema=MonteCarloDoc)
    def make(self, runs: list[MonteCarloRunDoc | None], expansion: ClusterExpansionDoc | None = None) -> MonteCarloDoc:
        """Join; raises InsufficientDataError if no replica finished.

        Parameters
        ----------
        runs : list of MonteCarloRunDoc or None
            Replicas; None where the job failed.
        expansion : ClusterExpansionDoc, optional
            The expansion behind them, if there is one.
        """
        found = [run for run in runs if run is not None]
        if not found:
            raise InsufficientDataError(f"all {len(runs)} Monte Carlo replicas failed: see their own failures")
        return produce(
            MonteCarloDoc,
            lambda: joined_document(found, len(runs), expansion),
            parents=[*found, *given(expansion)],
            settings=[len(runs)],
            spec_key=found[0].spec_key,
            composition=found[0].composition,
        )


@dataclass
class SnapshotMaker(Maker):
    """Relax one ordering drawn by Monte Carlo; the result goes on to MD like a ground state.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : MonteCarloSettings
        ``snapshot_relax`` says how it is relaxed.
    foundation : str
        Potential that is used where no model is given.
    index : int
        Number of the snapshot within its run.
    device : str
        Torch device.
    """

    name: str = "snapshot"
    settings: MonteCarloSettings = field(default_factory=MonteCarloSettings)
    foundation: str = "mace-mp-0a-medium"
    index: int = 0
    device: str = "cpu"

    @stage_job(data=["relaxed"], output_schema=MonteCarloSnapshotDoc)
    def make(self, run: MonteCarloRunDoc, model: Any = None) -> MonteCarloSnapshotDoc:  # noqa: ANN401 (ModelDoc)
        """Relax.

        Raises
        ------
        InsufficientDataError
            If the run was too short for that many decorrelated snapshots, or the relaxation failed.
        """
        if self.index >= len(run.snapshots):
            raise InsufficientDataError(
                f"run {run.replica} has {len(run.snapshots)} snapshots at least 2 x {run.tau_sweeps:.1f} sweeps apart, "
                f"so there is no number {self.index + 1}: raise montecarlo.production_sweeps or ask for fewer"
            )
        potential, blob = potential_of(model, self.foundation)
        return produce(
            MonteCarloSnapshotDoc,
            lambda: self._relax(run, potential, blob),
            parents=[run, *given(model)],
            settings=[self.settings.snapshot_relax, self.index, potential],
            spec_key=run.spec_key,
            composition=run.composition,
            device=self.device,
        )

    def _relax(self, run: MonteCarloRunDoc, potential: PotentialRef, blob: Blob | None) -> MonteCarloSnapshotDoc:
        calculator = load_calculator(potential, blob=blob, device=self.device)
        start = run.snapshots[self.index]
        relaxed, failures = relax_all([start], calculator, self.settings.snapshot_relax)
        if not relaxed:
            raise InsufficientDataError(f"snapshot {self.index} of run {run.replica}: {failures[0].cause}")
        notes = relaxation_warnings(relaxed, failures)
        if run.verdict != "ok":
            notes.append(f"drawn from a Monte Carlo run with the verdict {run.verdict.value}")
        return MonteCarloSnapshotDoc(
            potential=potential,
            relaxed=relaxed,
            run_key=run.key,
            sweep=run.snapshot_sweeps[self.index],
            verdict=run.verdict,
            model_energy_eV=run.snapshot_energies_eV[self.index],
            static_energy_eV=static_energy(start, calculator),
            warnings=notes,
        )
