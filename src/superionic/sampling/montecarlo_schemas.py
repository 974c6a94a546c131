"""Documents of the Monte Carlo of orderings."""

from pydantic import Field
from pymatgen.core import Structure

from superionic.documents import BaseDoc, Document
from superionic.ordering.autocorrelation import SeriesVerdict
from superionic.potentials.schemas import Failure, PotentialRef, RelaxedSetDoc


class TrainingOrderingsDoc(BaseDoc):
    """Orderings of small cells whose energies a cluster expansion is fitted to."""

    host: Structure = Field(description="disordered cell that all supercells refer to")
    structures: list[Structure] = Field(description="ordered, unrelaxed structures (store: data)")
    supercells: list[tuple[int, int, int]] = Field(description="supercell of each structure")
    origins: list[str] = Field(description="lowest (in Ewald energy) or random, for each structure")


class OrderingEnergy(Document):
    """Energy of one ordering."""

    index: int = Field(description="position in the TrainingOrderingsDoc")
    energy_eV: float = Field(description="potential energy of the cell, eV")
    converged: bool = Field(description="whether the relaxation met its force criterion; true for static energies")


class TrainingEnergiesDoc(BaseDoc):
    """Energies of some of the training orderings."""

    potential: PotentialRef = Field(description="the potential")
    relaxed: bool = Field(description="whether positions and cell were relaxed")
    energies: list[OrderingEnergy] = Field(description="one per ordering that could be evaluated")
    failures: list[Failure] = Field(default=[], description="orderings that could not be evaluated")


class OrbitParameter(Document):
    """One parameter of a cluster expansion."""

    order: int = Field(description="sites of the cluster; 0 is the constant")
    radius_A: float = Field(description="mean distance of its sites from their centre, A")
    multiplicity: int = Field(description="clusters per primitive cell")
    parameter_eV: float = Field(description="coefficient of the averaged cluster function, eV per host cell")


class ClusterExpansionDoc(BaseDoc):
    """A cluster expansion of the energy of orderings with its cross-validation error."""

    host: Structure = Field(description="disordered cell that all numbers per host cell refer to")
    cutoffs_A: list[float] = Field(description="largest distance inside a pair, triplet, ..., A")
    orbits: list[OrbitParameter] = Field(description="parameters, the constant first")
    ewald_weight: float = Field(description="weight of the formal-charge Ewald energy; 0 where it is not used")
    n_parameters: int = Field(description="independent parameters that the training orderings determine")
    n_training: int = Field(description="training orderings")
    n_distinct: int = Field(description="training orderings with distinct cluster functions")
    n_folds: int = Field(description="folds of the cross validation")
    cv_rmse_meV_per_cell: float = Field(description="cross-validation error, meV per host cell")
    cv_rmse_meV_per_atom: float = Field(description="cross-validation error, meV/atom")
    fit_rmse_meV_per_atom: float = Field(description="error of the fit on its own training orderings, meV/atom")
    spread_meV_per_atom: float = Field(description="standard deviation of the training energies, meV/atom")
    energies_eV: list[float] = Field(description="training energies, eV per host cell")
    predicted_eV: list[float] = Field(description="cross-validation predictions, eV per host cell")
    training_indices: list[int] = Field(description="positions of the training orderings in their document")
    potential: PotentialRef = Field(description="the potential behind the energies")
    relaxed: bool = Field(description="whether the energies are those of relaxed structures")
    failures: list[Failure] = Field(default=[], description="training orderings left out")


class TemperatureStep(Document):
    """Averages over the sweeps at one temperature."""

    temperature_K: float = Field(description="temperature, K")
    sweeps: int = Field(description="sweeps")
    acceptance: float = Field(description="accepted share of the attempted swaps of unlike species")
    energy_eV: float = Field(description="mean energy of the supercell, eV")


class MonteCarloRunDoc(BaseDoc):
    """One replica: annealing, and sampling at the freeze temperature."""

    replica: int = Field(description="number of the replica")
    seed: int = Field(description="seed of start ordering and moves")
    energy: str = Field(description="energy model: cluster-expansion, ewald or potential")
    level_of_theory: str = Field("", description="what the energies rest on, surrogates named as such")
    supercell: tuple[int, int, int] = Field(description="supercell of the host cell")
    n_atoms: int = Field(description="atoms in the supercell")
    n_sites: int = Field(description="disordered sites in the supercell; a sweep attempts as many swaps")
    freeze_K: float = Field(description="temperature of the production, K")
    steps: list[TemperatureStep] = Field(description="annealing, then equilibration and production")
    temperatures_K: list[float] = Field(description="temperature of every sweep, K")
    energies_eV: list[float] = Field(description="energy of the supercell after every sweep, eV")
    acceptances: list[float] = Field(description="accepted share of the attempted swaps in every sweep")
    production_start: int = Field(description="first sweep of the production")
    tau_sweeps: float = Field(description="integrated autocorrelation time of the energy, sweeps")
    tau_std_sweeps: float = Field(description="its standard error, sweeps")
    mean_energy_eV: float = Field(description="mean energy of the supercell over the production, eV")
    mean_energy_std_eV: float = Field(description="its standard error, correlation taken into account, eV")
    drift: float = Field(description="difference of the means of both halves, in standard errors")
    verdict: SeriesVerdict = Field(description="ok, frozen, too_short or not_equilibrated")
    snapshots: list[Structure] = Field(description="orderings at least 2 tau apart (store: data)")
    snapshot_sweeps: list[int] = Field(description="sweep of each snapshot")
    snapshot_energies_eV: list[float] = Field(description="energy of each snapshot by the energy model, eV")
    resumed_at_sweep: int | None = Field(None, description="sweep from which an interrupted run was continued")


class MonteCarloDoc(BaseDoc):
    """All replicas of one composition together."""

    run_keys: list[str] = Field(description="keys of the MonteCarloRunDocs")
    requested: int = Field(description="replicas asked for")
    freeze_K: float = Field(description="freeze temperature, K")
    n_atoms: int = Field(description="atoms in the supercell")
    energy: str = Field(description="energy model")
    level_of_theory: str = Field(description="what the energies rest on, surrogates named as such")
    cv_rmse_meV_per_atom: float | None = Field(None, description="cross-validation error of the cluster expansion")
    mean_energy_meV_per_atom: float = Field(description="mean energy over the replicas, meV/atom")
    mean_energy_std_meV_per_atom: float = Field(description="its standard error from the replicas' own, meV/atom")
    tau_sweeps: list[float] = Field(description="integrated autocorrelation time of each replica, sweeps")
    r_hat: float | None = Field(None, description="potential scale reduction of Gelman and Rubin; None for one replica")
    verdict: SeriesVerdict = Field(description="the worst of the replicas', or not_equilibrated if they disagree")
    n_snapshots: int = Field(description="snapshots of all replicas")


class MonteCarloSnapshotDoc(RelaxedSetDoc):
    """One ordering drawn by Monte Carlo and relaxed with the potential; MD starts from it."""

    run_key: str = Field(description="key of the MonteCarloRunDoc")
    sweep: int = Field(description="sweep at which it was drawn")
    verdict: SeriesVerdict = Field(description="verdict of its run")
    model_energy_eV: float = Field(description="energy by the energy model of the run, eV")
    static_energy_eV: float = Field(description="energy by the potential before relaxation, eV")
