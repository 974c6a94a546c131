"""Rows of the query collections: flat documents whose names carry their units."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from superionic.documents import Document
from superionic.training.curve_schemas import ComparisonRow, LearningPoint


class QueryRow(Document):
    """What every row carries besides its numbers."""

    key: str = Field(description="key of the document behind the row")
    spec_key: str = Field(description="key of the campaign's spec; the newest one if several hold the document")
    spec_keys: list[str] = Field(description="keys of all campaigns that hold the document")
    campaign: str = Field("", description="campaign that the jobs were submitted under, where they name one")
    composition: str | None = Field(None, description="axis values as text, e.g. x=0.5,y=1")
    axes: dict[str, float] | None = Field(None, description="value of each composition axis")
    formula: str | None = Field(None, description="formula per formula unit")
    polymorph: str | None = Field(None, description="name of the crystal structure if it is not the host's")
    parents: list[str] = Field(description="keys of the documents this one was made from")
    raw_ids: list[str] = Field(description="uuid:index of the job outputs, newest first")
    schema_version: int = Field(description="version of the document schema")
    superionic_version: str | None = Field(None, description="version of superionic that made the document")
    wall_time_s: float | None = Field(None, description="wall time of the job, s")
    cpu_time_s: float | None = Field(None, description="processor time of the job, s")
    warnings: list[str] = Field(default=[], description="what a reader of the numbers should know")


class RowStamp(Document):
    """What the builder adds to every row."""

    last_updated: datetime = Field(description="when the newest copy of the document was finished, UTC")
    built_at: datetime = Field(description="when the row was built, UTC")
    source_completed_at: str = Field(description="when the newest copy was finished, as the job store writes it")
    n_copies: int = Field(description="times that the document was stored")
    build_version: str = Field(description="version of superionic and of the function that built the row")
    build_reason: str = Field(description="why the row was built")
    state: str = Field(description="successful or failed; a failed row has key, raw_ids and error only")
    error: str | None = Field(None, description="what failed")


class ConductivityRow(QueryRow):
    """One composition's conductivities and Arrhenius fit."""

    model_key: str = Field(description="key of the model behind the runs")
    level_of_theory: str = Field(description="level of theory of the labels behind the model")
    mobile: str = Field(description="mobile species")
    verdict: str = Field(description="verdict on the extrapolated number")
    verdict_reason: str = Field(description="why, in plain words")
    activation_energy_eV: float | None = Field(None, description="activation energy, eV")
    activation_energy_std_eV: float | None = Field(None, description="its standard error, eV")
    activation_energy_95_low_eV: float | None = Field(None, description="lower end of its 95 % interval, eV")
    activation_energy_95_high_eV: float | None = Field(None, description="upper end of its 95 % interval, eV")
    reference_temperature_K: float = Field(description="temperature of the extrapolated conductivity, K")
    conductivity_at_reference_S_per_cm: float | None = Field(None, description="conductivity there, S/cm")
    conductivity_at_reference_95_low_S_per_cm: float | None = Field(None, description="lower end of 95 %, S/cm")
    conductivity_at_reference_95_high_S_per_cm: float | None = Field(None, description="upper end of 95 %, S/cm")
    activation_energy_unweighted_eV: float | None = Field(None, description="same from the paper's unweighted fit, eV")
    activation_energy_unweighted_std_eV: float | None = Field(None, description="its standard error, eV")
    activation_energy_ab_eV: float | None = Field(None, description="same in the plane ab, eV")
    activation_energy_ab_std_eV: float | None = Field(None, description="its standard error, eV")
    activation_energy_ac_eV: float | None = Field(None, description="same in the plane ac, eV")
    activation_energy_ac_std_eV: float | None = Field(None, description="its standard error, eV")
    activation_energy_bc_eV: float | None = Field(None, description="same in the plane bc, eV")
    activation_energy_bc_std_eV: float | None = Field(None, description="its standard error, eV")
    curvature_p_value: float | None = Field(None, description="probability of the curvature if the plot is straight")
    temperatures_K: list[float] = Field(description="temperature of each point, K; its runs are combined")
    conductivities_S_per_cm: list[float | None] = Field(description="conductivity of each, S/cm; None without a run")
    conductivities_std_S_per_cm: list[float | None] = Field(description="standard error of each, S/cm")
    verdicts: list[str] = Field(description="verdict of each point")
    diffusion_keys: list[str] = Field(description="keys of the DiffusionDocs of all runs")
    run_verdicts: list[str] = Field(description="verdict of each of these runs")
    n_runs: int = Field(description="runs that were analysed")
    n_runs_used: int = Field(description="runs that entered a point that the fit used")
    n_runs_missing: int = Field(description="runs that did not finish")


class FreeEnergyRow(Document):
    """Free energy of mixing of one composition at one temperature."""

    temperature_K: float = Field(description="temperature, K")
    formation_free_energy_eV_per_atom: float = Field(description="against the end members there, eV/atom")
    formation_free_energy_low_eV_per_atom: float | None = Field(description="lower bound, eV/atom")
    formation_free_energy_high_eV_per_atom: float | None = Field(description="upper bound, eV/atom")
    e_above_hull_eV_per_atom: float = Field(description="height above the hull of the free energies, eV/atom")
    e_above_hull_low_eV_per_atom: float | None = Field(description="lower bound, eV/atom")
    e_above_hull_high_eV_per_atom: float | None = Field(description="upper bound, eV/atom")
    stable: bool = Field(description="on the hull of the free energies")
    listed_fraction: float | None = Field(description="share of the raw orderings whose energy is known")


class PhaseRow(Document):
    """The lowest ordering of one composition, or of one of its polymorphs, inside a phase diagram."""

    composition: str = Field(description="axis values as text")
    axes: dict[str, float] = Field(description="value of each composition axis")
    formula: str = Field(description="formula per formula unit")
    polymorph: str | None = Field(None, description="name of the crystal structure if it is not the host's")
    source_key: str = Field(description="key of the GroundStateDoc")
    n_orderings: int = Field(description="orderings of this composition in the diagram")
    degeneracy: int | None = Field(None, description="equivalent raw orderings of the supercell, where known")
    formation_energy_eV_per_atom: float = Field(description="formation energy against the end members, eV/atom")
    e_above_hull_eV_per_atom: float = Field(description="energy above the hull, eV/atom")
    stable: bool = Field(description="on the hull")
    e_above_hull_std_eV_per_atom: float | None = Field(None, description="its standard deviation, eV/atom")
    probability_stable: float | None = Field(
        None, description="probability of being on the hull by the stated error of energies"
    )
    reference_formation_energy_eV_per_atom: float | None = Field(None, description="same from labels, eV/atom")
    reference_e_above_hull_eV_per_atom: float | None = Field(None, description="same from labels, eV/atom")
    reference_stable: bool | None = Field(None, description="on the hull of the labels")
    energy_difference_eV_per_atom: float | None = Field(
        None, description="polymorphs only: energy less that of the host's structure, eV/atom"
    )
    energy_difference_std_eV_per_atom: float | None = Field(None, description="its standard deviation, eV/atom")
    reference_energy_difference_eV_per_atom: float | None = Field(None, description="same from labels, eV/atom")
    free_energies: list[FreeEnergyRow] = Field(default=[], description="free energy of mixing at each temperature")
    e_above_all_phases_eV_per_atom: float | None = Field(
        None, description="energy above the hull of all phases, competing ones included, eV/atom"
    )
    e_above_all_phases_std_eV_per_atom: float | None = Field(None, description="its standard deviation, eV/atom")
    decomposition_energy_eV_per_atom: float | None = Field(
        None, description="energy less that of the best mixture of other compositions, eV/atom"
    )
    decomposition_energy_std_eV_per_atom: float | None = Field(None, description="its standard deviation, eV/atom")
    probability_stable_all_phases: float | None = Field(None, description="probability of being on the hull of all")
    decomposition: str | None = Field(None, description="that mixture as a reaction")
    untrained_products: list[str] = Field(
        default=[], description="products unlike anything that the model was trained on"
    )


class PhaseDiagramRow(QueryRow):
    """One phase diagram; ``phases`` has one small entry per composition and polymorph."""

    model_key: str = Field(description="key of the model behind the energies")
    level_of_theory: str = Field(description="level of theory of the model's labels")
    reference_level_of_theory: str | None = Field(None, description="level of theory of the comparison, if any")
    end_member_formulas: list[str] = Field(description="formulas of the reference compositions")
    n_compositions: int = Field(description="compositions with a ground state")
    n_compositions_missing: int = Field(description="compositions without one")
    n_orderings: int = Field(description="orderings in the diagram")
    n_competing_phases: int = Field(0, description="phases outside of the campaign that it was compared with")
    stable_formulas: list[str] = Field(description="compositions on the hull, polymorphs in brackets")
    largest_e_above_hull_eV_per_atom: float | None = Field(
        None, description="largest energy above hull among the ground states of the compositions, eV/atom"
    )
    formation_energy_std_eV_per_atom: float | None = Field(None, description="uncertainty of the energies, eV/atom")
    test_rmse_eV_per_atom: float | None = Field(None, description="RMSE of the energies on the test set, eV/atom")
    ground_state_rmse_eV_per_atom: float | None = Field(
        None, description="RMSE of the energies at the labelled ground states, eV/atom"
    )
    phases: list[PhaseRow] = Field(description="lowest ordering of each composition and polymorph")


class FitRow(Document):
    """Power law of one mode and quantity, and its advice; without a fit only the advice."""

    mode: str = Field(description="training mode")
    quantity: str = Field(description="energy, force or stress")
    n_sizes: int = Field(description="sizes of the training set")
    exponent: float | None = Field(None, description="exponent of the power law")
    exponent_low: float | None = Field(None, description="lower end of its 95 % interval")
    exponent_high: float | None = Field(None, description="upper end of its 95 % interval")
    floor: float | None = Field(None, description="floor, 0 without one; meV/atom, meV/A or meV/A^3")
    next_n_train: int | None = Field(None, description="twice the largest training set")
    next_error: float | None = Field(None, description="error expected there; meV/atom, meV/A or meV/A^3")
    gain: float | None = Field(None, description="share of the error that the doubling takes away")
    advice: str = Field(description="enough, more_labels, undecided or too_few_points")
    reason: str = Field(description="why, in plain words")


class ModelRow(QueryRow):
    """One trained potential."""

    model_key: str = Field(description="key of the ModelDoc")
    sha256: str = Field(description="SHA-256 of the model file")
    head: str | None = Field(None, description="head to be used")
    mode: str = Field(description="multihead, naive or scratch")
    foundation: str | None = Field(None, description="name of the foundation potential")
    level_of_theory: str = Field(description="level of theory of the labels")
    elements: list[str] = Field(description="elements the model covers")
    train_fraction: float = Field(description="share of the training set that was used")
    n_train: int = Field(description="training structures")
    n_test: int | None = Field(None, description="test structures")
    epochs_run: int = Field(description="epochs trained")
    best_epoch: int = Field(description="epoch of the saved weights")
    stopped_early: bool = Field(description="whether patience ended the training")
    requested: dict[str, Any] = Field(description="hyper-parameters asked for")
    effective: dict[str, Any] = Field(description="hyper-parameters read back")
    test_energy_rmse_meV_per_atom: float | None = Field(None, description="test RMSE of the energy, meV/atom")
    test_energy_mae_meV_per_atom: float | None = Field(None, description="test MAE of the energy, meV/atom")
    test_force_rmse_meV_per_A: float | None = Field(None, description="test RMSE of the forces, meV/A")
    test_force_mae_meV_per_A: float | None = Field(None, description="test MAE of the forces, meV/A")
    test_stress_rmse_meV_per_A3: float | None = Field(None, description="test RMSE of the stress, meV/A^3")
    test_energy_max_meV_per_atom: float | None = Field(None, description="largest test error of an energy, meV/atom")
    test_energy_r2: float | None = Field(None, description="test R2 of the energies about the compositions' means")
    test_force_max_meV_per_A: float | None = Field(None, description="largest test error of a force component, meV/A")
    test_force_r2: float | None = Field(None, description="test R2 of the force components")
    test_energy_slope: float | None = Field(None, description="softening slope of the test energies; below 1: soft")
    test_force_slope: float | None = Field(None, description="softening slope of the test forces; below 1: soft")
    test_force_slope_std: float | None = Field(None, description="its standard error")
    test_force_rmse_by_element_meV_per_A: dict[str, float] = Field(
        default={}, description="test RMSE of the forces on the atoms of each element, meV/A"
    )
    foundation_test_force_slope: float | None = Field(None, description="softening slope of the foundation's forces")
    foundation_test_energy_rmse_meV_per_atom: float | None = Field(
        None, description="test RMSE of the foundation's energy, meV/atom"
    )
    foundation_test_force_rmse_meV_per_A: float | None = Field(
        None, description="test RMSE of the foundation's forces, meV/A"
    )


class LearningCurveRow(QueryRow):
    """One learning curve; ``fits`` has one small entry per mode and quantity."""

    model_key: str = Field(description="key of the model that the campaign goes on with")
    n_test: int = Field(description="structures of the test set")
    n_models: int = Field(description="models on the curve")
    modes: list[str] = Field(description="training modes")
    sizes: list[int] = Field(description="sizes of the training set")
    n_seeds: int = Field(description="seeds of subset and training")
    left_out: list[str] = Field(description="sizes that were not trained, with the reason")
    points: list[LearningPoint] = Field(description="one per model, smallest training set first")
    fits: list[FitRow] = Field(description="one per mode and quantity")
    comparison: list[ComparisonRow] = Field(description="foundation and modes at the largest common size")


class LabelRow(QueryRow):
    """One label, accepted or refused; forces stay in the raw document."""

    level_of_theory: str = Field(description="method; a teacher potential is named as such")
    settings_hash: str = Field("", description="hash of the label-defining settings; empty for a teacher potential")
    message: str = Field("", description="details of a refusal")
    folder: str = Field("", description="machine and folder of the calculation")
    accepted: bool = Field(description="whether the gate admitted the label")
    refusal: str | None = Field(None, description="why not")
    parent_id: str = Field("", description="identity of the parent ordering")
    frame_index: int | None = Field(None, description="position of the frame in its sampling run")
    n_atoms: int = Field(description="atoms in the cell")
    volume_A3: float = Field(description="volume of the cell, A^3")
    energy_eV: float | None = Field(None, description="energy of the cell, eV")
    energy_eV_per_atom: float | None = Field(None, description="energy per atom, eV")
    max_force_eV_per_A: float | None = Field(None, description="largest force component, eV/A")
    max_stress_eV_per_A3: float | None = Field(None, description="largest stress component, eV/A^3")
