"""Rows of the query collections: flat documents whose names carry their units."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from superionic.documents import Document


class QueryRow(Document):
    """What every row carries besides its numbers."""

    key: str = Field(description="key of the document behind the row")
    spec_key: str = Field(description="key of the campaign's spec; the newest one if several hold the document")
    spec_keys: list[str] = Field(description="keys of all campaigns that hold the document")
    campaign: str = Field("", description="campaign that the jobs were submitted under, where they name one")
    composition: str | None = Field(None, description="axis values as text, e.g. x=0.5,y=1")
    axes: dict[str, float] | None = Field(None, description="value of each composition axis")
    formula: str | None = Field(None, description="formula per formula unit")
    parents: list[str] = Field(description="keys of the documents this one was made from")
    raw_ids: list[str] = Field(description="uuid:index of the job outputs, newest first")
    schema_version: int = Field(description="version of the document schema")
    superionic_version: str | None = Field(None, description="version of superionic that made the document")
    wall_time_s: float | None = Field(None, description="wall time of the job, s")
    cpu_time_s: float | None = Field(None, description="processor time of the job, s")
    warnings: list[str] = Field(default=[], description="what a reader of the numbers should know")


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
    temperatures_K: list[float] = Field(description="temperature of each run, K")
    conductivities_S_per_cm: list[float] = Field(description="conductivity of each run, S/cm")
    conductivities_std_S_per_cm: list[float] = Field(description="standard error of each, S/cm")
    run_verdicts: list[str] = Field(description="verdict of each run")
    diffusion_keys: list[str] = Field(description="key of the DiffusionDoc of each run")
    n_runs_used: int = Field(description="runs that entered the fit")
    n_runs_missing: int = Field(description="runs that did not finish")


class PhaseRow(Document):
    """The lowest ordering of one composition inside a phase diagram."""

    composition: str = Field(description="axis values as text")
    axes: dict[str, float] = Field(description="value of each composition axis")
    formula: str = Field(description="formula per formula unit")
    source_key: str = Field(description="key of the GroundStateDoc")
    n_orderings: int = Field(description="orderings of this composition in the diagram")
    formation_energy_eV_per_atom: float = Field(description="formation energy against the end members, eV/atom")
    e_above_hull_eV_per_atom: float = Field(description="energy above the hull, eV/atom")
    stable: bool = Field(description="on the hull")
    reference_formation_energy_eV_per_atom: float | None = Field(None, description="same from labels, eV/atom")
    reference_e_above_hull_eV_per_atom: float | None = Field(None, description="same from labels, eV/atom")
    reference_stable: bool | None = Field(None, description="on the hull of the labels")


class PhaseDiagramRow(QueryRow):
    """One phase diagram; ``phases`` has one small entry per composition."""

    model_key: str = Field(description="key of the model behind the energies")
    level_of_theory: str = Field(description="level of theory of the model's labels")
    reference_level_of_theory: str | None = Field(None, description="level of theory of the comparison, if any")
    end_member_formulas: list[str] = Field(description="formulas of the reference compositions")
    n_compositions: int = Field(description="compositions with a ground state")
    n_compositions_missing: int = Field(description="compositions without one")
    n_orderings: int = Field(description="orderings in the diagram")
    stable_formulas: list[str] = Field(description="compositions on the hull")
    largest_e_above_hull_eV_per_atom: float | None = Field(
        None, description="largest energy above hull among the ground states of the compositions, eV/atom"
    )
    formation_energy_std_eV_per_atom: float | None = Field(None, description="uncertainty of the energies, eV/atom")
    phases: list[PhaseRow] = Field(description="lowest ordering of each composition")


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
    foundation_test_energy_rmse_meV_per_atom: float | None = Field(
        None, description="test RMSE of the foundation's energy, meV/atom"
    )
    foundation_test_force_rmse_meV_per_A: float | None = Field(
        None, description="test RMSE of the foundation's forces, meV/A"
    )


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
