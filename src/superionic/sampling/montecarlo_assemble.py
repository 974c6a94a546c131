"""From the science of Monte Carlo to its documents."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core import Structure

from superionic.errors import InputError, InsufficientDataError
from superionic.ordering.autocorrelation import (
    LARGEST_R_HAT,
    SeriesVerdict,
    autocorrelation_time,
    judge_series,
    potential_scale_reduction,
)
from superionic.ordering.cell import DisorderedCell
from superionic.ordering.cluster_expansion import (
    ClusterExpansion,
    TrainingSet,
    expansion_energy,
    fit_cluster_expansion,
    require_determined,
)
from superionic.ordering.cluster_space import ClusterFeatures
from superionic.ordering.montecarlo import AnnealingSchedule, RunState, choose_snapshots, run_monte_carlo
from superionic.ordering.montecarlo_checkpoint import CheckpointFile
from superionic.ordering.montecarlo_energy import EnergyModel, EwaldEnergy, StructureEnergy, WeightedSum
from superionic.ordering.training_orderings import labels_of
from superionic.potentials.schemas import PotentialRef
from superionic.potentials.static import static_energy
from superionic.sampling.montecarlo_schemas import (
    ClusterExpansionDoc,
    MonteCarloDoc,
    MonteCarloRunDoc,
    OrbitParameter,
    TemperatureStep,
    TrainingEnergiesDoc,
    TrainingOrderingsDoc,
)
from superionic.settings import load_settings
from superionic.stages import MonteCarloEnergy, MonteCarloSettings
from superionic.units import MEV_PER_EV

if TYPE_CHECKING:
    from superionic.sampling.montecarlo_jobs import MonteCarloMaker


def expansion_document(
    orderings: TrainingOrderingsDoc,
    energies: Sequence[TrainingEnergiesDoc],
    settings: MonteCarloSettings,
    merge_equal_orbits: bool,
    seed: int,
) -> ClusterExpansionDoc:
    """Fit and judge.

    Raises
    ------
    InsufficientDataError
        If the energies do not determine the expansion or its cross-validation error is above the limit.
    """
    features = ClusterFeatures.of(orderings.host, settings.cutoffs_A, merge_equal_orbits=merge_equal_orbits)
    rows = sorted((item for part in energies for item in part.energies), key=lambda item: item.index)
    fit = fit_cluster_expansion(
        features,
        _training_set(orderings, features, {item.index: item.energy_eV for item in rows}),
        DisorderedCell.of(features.reference, settings.supercell, symmetry=False),
        ewald=settings.ewald_term,
        n_folds=settings.folds,
        seed=seed,
    )
    document = _expansion_document(fit, orderings, energies, [item.index for item in rows])
    if document.cv_rmse_meV_per_atom > settings.max_cv_error_meV_per_atom:
        raise InsufficientDataError(
            f"the cross-validation error of the cluster expansion is {document.cv_rmse_meV_per_atom:.2f} meV/atom (the "
            f"energies spread by {document.spread_meV_per_atom:.2f}), above montecarlo.max_cv_error_meV_per_atom = "
            f"{settings.max_cv_error_meV_per_atom:g}: raise training_orderings, change cutoffs_A, set ewald_term, or "
            "raise the limit if you accept it"
        )
    return document


def check_training_orderings(
    orderings: TrainingOrderingsDoc, settings: MonteCarloSettings, merge_equal_orbits: bool, seed: int
) -> None:
    """Refuse orderings that could not determine the expansion, before their energies are computed.

    Raises
    ------
    InsufficientDataError
        If they are too few, or alike in something that varies in the Monte Carlo cell.
    """
    features = ClusterFeatures.of(orderings.host, settings.cutoffs_A, merge_equal_orbits=merge_equal_orbits)
    training = _training_set(orderings, features, dict.fromkeys(range(len(orderings.structures)), 0.0))
    target = DisorderedCell.of(features.reference, settings.supercell, symmetry=False)
    require_determined(features, training.features(features), target, n_folds=settings.folds, seed=seed)


def _training_set(
    orderings: TrainingOrderingsDoc, features: ClusterFeatures, energies_eV: dict[int, float]
) -> TrainingSet:
    cells = {shape: DisorderedCell.of(features.reference, shape) for shape in set(orderings.supercells)}
    chosen = [cells[orderings.supercells[index]] for index in energies_eV]
    labels = [labels_of(cell, orderings.structures[index]) for cell, index in zip(chosen, energies_eV, strict=True)]
    return TrainingSet(tuple(chosen), tuple(labels), np.array(list(energies_eV.values())))


def _expansion_document(
    fit: ClusterExpansion,
    orderings: TrainingOrderingsDoc,
    energies: Sequence[TrainingEnergiesDoc],
    indices: list[int],
) -> ClusterExpansionDoc:
    per_atom = MEV_PER_EV / orderings.host.composition.num_atoms
    pairs = zip(fit.orbits, fit.parameters_eV.tolist(), strict=True)
    unconverged = sum(not item.converged for part in energies for item in part.energies)
    return ClusterExpansionDoc(
        host=orderings.host,
        cutoffs_A=list(fit.cutoffs_A),
        orbits=[
            OrbitParameter(order=order, radius_A=radius_A, multiplicity=number, parameter_eV=value)
            for (order, radius_A, number), value in pairs
        ],
        ewald_weight=fit.ewald_weight,
        n_parameters=fit.n_parameters,
        n_training=fit.n_training,
        n_distinct=fit.n_distinct,
        n_folds=fit.n_folds,
        cv_rmse_meV_per_cell=fit.cv_rmse_eV * MEV_PER_EV,
        cv_rmse_meV_per_atom=fit.cv_rmse_eV * per_atom,
        fit_rmse_meV_per_atom=fit.fit_rmse_eV * per_atom,
        spread_meV_per_atom=fit.spread_eV * per_atom,
        energies_eV=fit.energies_eV.tolist(),
        predicted_eV=fit.predicted_eV.tolist(),
        training_indices=indices,
        potential=energies[0].potential,
        relaxed=energies[0].relaxed,
        failures=[failure for part in energies for failure in part.failures],
        warnings=[f"{unconverged} of {len(indices)} training energies are those of unconverged relaxations"]
        if unconverged
        else [],
    )


def expansion_of(document: ClusterExpansionDoc) -> ClusterExpansion:
    """The stored expansion in the form that the science modules use."""
    cells = MEV_PER_EV
    return ClusterExpansion(
        cutoffs_A=tuple(document.cutoffs_A),
        orbits=tuple((orbit.order, orbit.radius_A, orbit.multiplicity) for orbit in document.orbits),
        parameters_eV=np.array([orbit.parameter_eV for orbit in document.orbits]),
        ewald_weight=document.ewald_weight,
        n_parameters=document.n_parameters,
        n_training=document.n_training,
        n_distinct=document.n_distinct,
        n_folds=document.n_folds,
        cv_rmse_eV=document.cv_rmse_meV_per_cell / cells,
        fit_rmse_eV=document.fit_rmse_meV_per_atom * document.host.composition.num_atoms / cells,
        spread_eV=document.spread_meV_per_atom * document.host.composition.num_atoms / cells,
        energies_eV=np.array(document.energies_eV),
        predicted_eV=np.array(document.predicted_eV),
    )


def schedule_of(settings: MonteCarloSettings) -> AnnealingSchedule:
    """The annealing schedule of the settings."""
    return AnnealingSchedule(
        start_K=settings.start_K,
        freeze_K=settings.freeze_K,
        n_temperatures=settings.temperatures,
        sweeps=settings.sweeps_per_temperature,
        equilibration_sweeps=settings.equilibration_sweeps,
        production_sweeps=settings.production_sweeps,
    )


def run_document(
    maker: MonteCarloMaker,
    host: Structure,
    expansion: ClusterExpansionDoc | None,
    calculator: Any,  # noqa: ANN401 (an ASE calculator, or None)
    fingerprint: str,
    potential: PotentialRef | None = None,
) -> MonteCarloRunDoc:
    """Run one replica, from its checkpoint if there is one, and judge it."""
    settings = maker.settings
    cutoffs_A = expansion.cutoffs_A if expansion else settings.cutoffs_A
    features = ClusterFeatures.of(host, cutoffs_A, merge_equal_orbits=maker.merge_equal_orbits)
    cell = DisorderedCell.of(features.reference, settings.supercell, symmetry=False)
    model = _energy_model(settings, features, cell, expansion, calculator)
    schedule = schedule_of(settings)
    checkpoint = CheckpointFile(load_settings().cache_dir / "montecarlo" / f"{fingerprint}.npz", fingerprint)
    start = checkpoint.load()
    state = run_monte_carlo(cell, model, schedule, seed=maker.seed, resume=start, on_checkpoint=checkpoint.keep)
    checkpoint.remove()
    resumed = start.n_done if start is not None else None
    document = _run_document(maker, cell, schedule, state, resumed)
    source = expansion.potential if expansion else potential
    charges = f"formal charges, dielectric constant {settings.dielectric_constant:g}"
    return document.model_copy(update={"level_of_theory": source.level_of_theory if source else charges})


def _energy_model(
    settings: MonteCarloSettings,
    features: ClusterFeatures,
    cell: DisorderedCell,
    expansion: ClusterExpansionDoc | None,
    calculator: Any,  # noqa: ANN401
) -> EnergyModel:
    if settings.energy is MonteCarloEnergy.POTENTIAL:
        return StructureEnergy(cell, lambda structure: static_energy(structure, calculator))
    if settings.energy is MonteCarloEnergy.EWALD:
        cell.check_charges()
        return WeightedSum([(1.0 / settings.dielectric_constant, EwaldEnergy(cell))])
    if expansion is None:
        raise InputError("the energy cluster-expansion needs a ClusterExpansionDoc: run ClusterExpansionMaker first")
    return expansion_energy(expansion_of(expansion), features, cell)


def _run_document(
    maker: MonteCarloMaker,
    cell: DisorderedCell,
    schedule: AnnealingSchedule,
    state: RunState,
    resumed_at_sweep: int | None,
) -> MonteCarloRunDoc:
    production = slice(schedule.production_start, None)
    found = autocorrelation_time(state.energies_eV[production])
    moved = int(state.accepted[production].sum()) / max(1, int(state.attempted[production].sum()))
    verdict = judge_series(found, moved)
    chosen = choose_snapshots(state, schedule, found.tau, maker.settings.snapshots_per_replica)
    sweeps = state.kept_sweeps[chosen]
    return MonteCarloRunDoc(
        replica=maker.replica,
        seed=maker.seed,
        energy=maker.settings.energy.value,
        supercell=maker.settings.supercell,
        n_atoms=cell.n_atoms,
        n_sites=cell.width,
        freeze_K=schedule.freeze_K,
        steps=temperature_steps(schedule, state),
        temperatures_K=schedule.temperatures_K.tolist(),
        energies_eV=state.energies_eV.tolist(),
        acceptances=(state.accepted / np.maximum(1, state.attempted)).tolist(),
        production_start=schedule.production_start,
        tau_sweeps=found.tau,
        tau_std_sweeps=found.tau_std,
        mean_energy_eV=found.mean,
        mean_energy_std_eV=found.mean_std,
        drift=found.drift,
        verdict=verdict,
        snapshots=[cell.structure(state.kept_labels[index]) for index in chosen],
        snapshot_sweeps=sweeps.tolist(),
        snapshot_energies_eV=state.energies_eV[sweeps].tolist(),
        resumed_at_sweep=resumed_at_sweep,
        warnings=[] if verdict is SeriesVerdict.OK else [f"Monte Carlo replica {maker.replica}: {verdict.value}"],
    )


def temperature_steps(schedule: AnnealingSchedule, state: RunState) -> list[TemperatureStep]:
    """Averages at every temperature of the annealing, then over equilibration and production."""
    annealing = schedule.n_temperatures * schedule.sweeps if schedule.n_temperatures > 1 else 0
    edges = [*range(0, annealing, schedule.sweeps), annealing, schedule.production_start, schedule.n_sweeps]
    steps = []
    for start, stop in pairwise(edges):
        if stop > start:
            attempted = int(state.attempted[start:stop].sum())
            step = TemperatureStep(
                temperature_K=float(schedule.temperatures_K[start]),
                sweeps=stop - start,
                acceptance=int(state.accepted[start:stop].sum()) / max(1, attempted),
                energy_eV=float(state.energies_eV[start:stop].mean()),
            )
            steps.append(step)
    return steps


def joined_document(
    runs: Sequence[MonteCarloRunDoc], requested: int, expansion: ClusterExpansionDoc | None
) -> MonteCarloDoc:
    """All replicas together; they must agree with each other to be judged `ok`."""
    per_atom = MEV_PER_EV / runs[0].n_atoms
    r_hat = potential_scale_reduction([run.energies_eV[run.production_start :] for run in runs])
    means = np.array([run.mean_energy_eV for run in runs])
    stds = np.array([run.mean_energy_std_eV for run in runs])
    verdict = joined_verdict([run.verdict for run in runs], r_hat)
    notes = [f"{requested - len(runs)} of {requested} Monte Carlo replicas did not finish"] * (requested > len(runs))
    if verdict is not SeriesVerdict.OK:
        notes.append(f"the Monte Carlo runs are not equilibrated samples: {verdict.value}")
    return MonteCarloDoc(
        run_keys=[run.key for run in runs],
        requested=requested,
        freeze_K=runs[0].freeze_K,
        n_atoms=runs[0].n_atoms,
        energy=runs[0].energy,
        level_of_theory=runs[0].level_of_theory,
        cv_rmse_meV_per_atom=expansion.cv_rmse_meV_per_atom if expansion else None,
        mean_energy_meV_per_atom=float(means.mean()) * per_atom,
        mean_energy_std_meV_per_atom=float(np.sqrt(np.sum(stds**2))) / len(runs) * per_atom,
        tau_sweeps=[run.tau_sweeps for run in runs],
        r_hat=r_hat if r_hat is None or np.isfinite(r_hat) else None,
        verdict=verdict,
        n_snapshots=sum(len(run.snapshot_sweeps) for run in runs),
        warnings=notes,
    )


def joined_verdict(verdicts: Sequence[SeriesVerdict], r_hat: float | None) -> SeriesVerdict:
    """The worst verdict of the replicas; ``not_equilibrated`` if each is fine but they disagree."""
    order = [SeriesVerdict.NOT_EQUILIBRATED, SeriesVerdict.FROZEN, SeriesVerdict.TOO_SHORT]
    worst = next((verdict for verdict in order if verdict in verdicts), SeriesVerdict.OK)
    disagree = r_hat is not None and r_hat > LARGEST_R_HAT
    return SeriesVerdict.NOT_EQUILIBRATED if disagree and worst is SeriesVerdict.OK else worst
