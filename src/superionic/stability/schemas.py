"""Documents of the stability stage."""

from pydantic import Field
from pymatgen.core import Structure

from superionic.documents import BaseDoc, CompositionInfo, Document
from superionic.potentials.schemas import Failure, PotentialRef, RelaxedSetDoc


class EvaluatedOrdering(Document):
    """An ordering that the tuned model has evaluated without relaxation."""

    index: int = Field(description="position in the document that it came from")
    static_energy_eV_per_atom: float | None = Field(description="its energy, eV/atom; None where the model failed")
    n_atoms: int = Field(description="atoms in the cell")
    multiplicity: int | None = Field(description="equivalent raw orderings of its supercell; None if unknown")
    supercell: list[list[int]] | None = Field(description="supercell matrix of the host cell; None if unknown")


class StaticRankingRecord(Document):
    """How the orderings to be relaxed were chosen."""

    candidates: str = Field(description="screened or enumerated")
    n_evaluated: int = Field(description="orderings that the tuned model evaluated without relaxation")
    n_failed: int = Field(description="those of them that it gave no energy")
    changed: bool = Field(description="whether other orderings were relaxed than the foundation's lowest")
    rank_correlation_relaxed: float | None = Field(
        description="Spearman's rank correlation of the tuned model's energies before and after relaxation"
    )
    rank_correlation_foundation: float | None = Field(
        description="the same of the foundation's relaxed and the tuned model's unrelaxed energies; None if enumerated"
    )


class GroundStateDoc(RelaxedSetDoc):
    """Orderings of one composition ranked and relaxed with the tuned model."""

    model_key: str = Field(description="key of the ModelDoc")
    energies_eV_per_atom: list[float] = Field(description="energy per atom of each, eV")
    multiplicities: list[int] = Field(
        default=[], description="degeneracy of each: equivalent raw orderings of its supercell; empty if unknown"
    )
    n_candidates: int = Field(description="orderings whose relaxation was tried")
    ranking: StaticRankingRecord | None = Field(
        None,
        description="how these were chosen; None in documents of before there was a ranking",
    )
    evaluated: list[EvaluatedOrdering] = Field(
        default=[], description="all orderings that the tuned model has evaluated (store: data)"
    )
    failures: list[Failure] = Field(default=[], description="orderings that could not be relaxed")


class OrbitOccupancy(Document):
    """Occupancy of the host's sites of one label."""

    label: str = Field(description="label of the sites in the host")
    n_sites: int = Field(description="sites in the cell of the ordering")
    shares: dict[str, float] = Field(
        description="share of the sites that each element occupies; vacancies are the rest"
    )


class GroundStateDetails(Document):
    """What the lowest ordering of a composition looks like in its host."""

    occupancies: list[OrbitOccupancy] = Field(description="occupancy per label of the host's sites")
    lattice_constants: tuple[float, float, float, float, float, float] = Field(
        description="a, b, c (angstrom), alpha, beta, gamma (degrees) of the relaxed cell as a cell of the host"
    )
    motifs: dict[str, int] = Field(description="polyhedra around immobile cations by formula, and their numbers")
    rms_displacement_A: float = Field(description="root mean square distance of the atoms from the host's sites, A")
    max_displacement_A: float = Field(description="largest distance of an atom from its site of the host, A")


class FreeEnergyAt(Document):
    """Configurational free energy of one composition at one temperature, and its place against the hull there."""

    temperature_K: float = Field(description="temperature, K")
    n_host_cells: int = Field(description="host cells of the supercell whose orderings are summed")
    free_energy_eV_per_atom: float = Field(description="free energy of the listed orderings, eV/atom")
    free_energy_bounds_eV_per_atom: tuple[float, float] | None = Field(
        description="bounds that hold whatever the energies of orderings that are not relaxed or not listed, eV/atom"
    )
    entropy_eV_per_K_per_atom: float = Field(description="configurational entropy, eV/K/atom")
    ideal_entropy_eV_per_K_per_atom: float | None = Field(
        description="entropy if all orderings of the supercell had one energy, eV/K/atom"
    )
    listed_fraction: float | None = Field(description="share of the raw orderings whose energy is known")
    formation_free_energy_eV_per_atom: float = Field(description="against the end members at this temperature, eV/atom")
    formation_free_energy_bounds_eV_per_atom: tuple[float, float] | None = Field(description="its bounds, eV/atom")
    e_above_hull_eV_per_atom: float = Field(description="height above the hull of the free energies, eV/atom")
    e_above_hull_bounds_eV_per_atom: tuple[float, float] | None = Field(description="its bounds, eV/atom")
    stable: bool = Field(description="on the hull of the free energies")


class CompetingPhase(Document):
    """A phase outside of the campaign."""

    name: str = Field(description="formula with the file or database entry that it comes from")
    formula: str = Field(description="reduced formula")
    source: str = Field(description="where it comes from")
    energy_eV_per_atom: float = Field(description="energy by the tuned model, or as stated, eV/atom")
    relaxed: bool = Field(description="relaxed with the tuned model; otherwise the energy is the stated one")
    converged: bool | None = Field(description="whether the relaxation met the force criterion")
    motifs: list[str] = Field(default=[], description="polyhedra around its cations by formula")
    outside: list[str] = Field(
        default=[], description="elements and polyhedra that the model's training crystals do not have"
    )


class CompetingPhasesDoc(BaseDoc):
    """Phases outside of the campaign with the energies of the tuned model."""

    model_key: str = Field(description="key of the ModelDoc")
    potential: PotentialRef = Field(description="the tuned model")
    phases: list[CompetingPhase] = Field(description="the phases")
    structures: list[Structure | None] = Field(description="their structures; None where there is none (store: data)")
    failures: list[Failure] = Field(default=[], description="phases that could not be relaxed")


class CompetitionResult(Document):
    """A composition against all phases: those of the campaign and the competing ones."""

    e_above_hull_eV_per_atom: float = Field(description="energy above the hull of all phases, eV/atom")
    e_above_hull_std_eV_per_atom: float | None = Field(
        description="its standard deviation by the stated error of energies, for untrained phases too, eV/atom"
    )
    decomposition_energy_eV_per_atom: float | None = Field(
        description="energy less that of the best mixture of other compositions, eV/atom; negative: stable by so much"
    )
    decomposition_energy_std_eV_per_atom: float | None = Field(description="its standard deviation likewise, eV/atom")
    probability_stable: float | None = Field(description="probability of being on the hull likewise")
    reaction: str = Field(description="that mixture as a reaction; empty if the phases cannot make up the composition")
    products: dict[str, float] = Field(description="share of the atoms in each product, by formula")
    untrained_products: list[str] = Field(
        description="products whose elements or polyhedra the model's training crystals do not have"
    )


class PhaseEntry(Document):
    """One ordering in the phase diagram."""

    composition: CompositionInfo = Field(description="grid point")
    source_key: str = Field(description="key of the GroundStateDoc it came from")
    source_index: int = Field(description="position in GroundStateDoc.relaxed")
    n_atoms: int = Field(description="atoms in the cell")
    energy_eV: float = Field(description="energy of the cell by the tuned model, eV")
    formation_energy_eV_per_atom: float = Field(description="formation energy against the end members, eV/atom")
    e_above_hull_eV_per_atom: float = Field(description="energy above the hull of the tuned model, eV/atom")
    stable: bool = Field(description="on the hull of the tuned model")
    lowest: bool = Field(description="lowest ordering of its composition in its structure: the host or a polymorph")
    degeneracy: int | None = Field(None, description="equivalent raw orderings of its supercell, where known")
    formation_energy_std_eV_per_atom: float | None = Field(
        None, description="standard deviation of the formation energy by the stated error of energies, eV/atom"
    )
    e_above_hull_std_eV_per_atom: float | None = Field(
        None, description="standard deviation of the energy above the hull by the stated error of energies, eV/atom"
    )
    e_above_hull_interval_eV_per_atom: tuple[float, float] | None = Field(
        None, description="central 95 % of the energy above the hull by the stated error of energies, eV/atom"
    )
    probability_stable: float | None = Field(
        None, description="probability of being on the hull by the stated error of energies"
    )
    ground_state: GroundStateDetails | None = Field(None, description="what the lowest ordering looks like")
    free_energies: list[FreeEnergyAt] = Field(
        default=[], description="lowest ordering only: free energy of its composition at each temperature"
    )
    competition: CompetitionResult | None = Field(
        None, description="lowest ordering only: against all phases, where competing ones were given"
    )
    reference_formation_energy_eV_per_atom: float | None = Field(None, description="same from labels, eV/atom")
    reference_e_above_hull_eV_per_atom: float | None = Field(None, description="same from labels, eV/atom")
    reference_stable: bool | None = Field(None, description="on the hull of the labels")


class PolymorphEnergy(Document):
    """Energy of a polymorph against the host's structure at the same composition, lowest orderings of both."""

    composition: CompositionInfo = Field(description="grid point and polymorph")
    energy_difference_eV_per_atom: float = Field(description="energy less that of the host's structure, eV/atom")
    energy_difference_eV_per_formula_unit: float = Field(description="same, eV per formula unit")
    energy_difference_std_eV_per_atom: float | None = Field(
        None, description="its standard deviation by the stated error of energies, eV/atom"
    )
    energy_difference_std_eV_per_formula_unit: float | None = Field(None, description="same, eV per formula unit")
    reference_energy_difference_eV_per_atom: float | None = Field(None, description="difference by labels, eV/atom")
    lowest: bool = Field(description="lowest of all structures of the composition by the tuned model")


class PhaseDiagramDoc(BaseDoc):
    """Formation energies and hull of all compositions against the end members."""

    model_key: str = Field(description="key of the ModelDoc behind the energies")
    potential: PotentialRef = Field(description="the tuned model")
    reference_level_of_theory: str | None = Field(None, description="level of theory of the comparison, if any")
    end_members: list[CompositionInfo] = Field(description="compositions whose ground states are the references")
    entries: list[PhaseEntry] = Field(description="all orderings")
    formation_energy_std_eV_per_atom: float | None = Field(
        None,
        description="stated error of each composition's energy, eV/atom: the larger of the two RMSE below",
    )
    test_rmse_eV_per_atom: float | None = Field(None, description="RMSE of the model's energy on its test set, eV/atom")
    ground_state_rmse_eV_per_atom: float | None = Field(
        None, description="RMSE of the model's energy at the labelled lowest orderings, eV/atom; None without labels"
    )
    missing: list[str] = Field(default=[], description="compositions without a ground state, with the cause")
    polymorphs: list[PolymorphEnergy] = Field(default=[], description="polymorphs against the host's structure")
    competing: list[CompetingPhase] = Field(default=[], description="phases outside of the campaign")
