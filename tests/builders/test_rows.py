import pytest

from superionic.builders import (
    build_conductivities,
    build_labels,
    build_learning_curves,
    build_models,
    build_phase_diagrams,
    flatten_phases,
)
from superionic.errors import DatabaseError
from superionic.stability.schemas import CompetitionResult, FreeEnergyAt
from superionic.training.curve_assemble import curve_fits
from superionic.training.curve_schemas import LearningCurveDoc, LearningPoint
from superionic.training.schemas import ElementErrorRow

FREE = {
    "temperature_K": 800.0,
    "n_host_cells": 1,
    "free_energy_eV_per_atom": -4.1,
    "free_energy_bounds_eV_per_atom": (-4.11, -4.09),
    "entropy_eV_per_K_per_atom": 1e-5,
    "ideal_entropy_eV_per_K_per_atom": 2e-5,
    "listed_fraction": 0.5,
    "formation_free_energy_eV_per_atom": -0.002,
    "formation_free_energy_bounds_eV_per_atom": (-0.004, 0.001),
    "e_above_hull_eV_per_atom": 0.0,
    "e_above_hull_bounds_eV_per_atom": None,
    "stable": True,
}
COMPETITION = {
    "e_above_hull_eV_per_atom": 0.01,
    "e_above_hull_std_eV_per_atom": 0.002,
    "decomposition_energy_eV_per_atom": 0.01,
    "decomposition_energy_std_eV_per_atom": 0.002,
    "probability_stable": 0.0,
    "reaction": "Li3InCl6 -> 3 LiCl + InCl3",
    "products": {"LiCl": 0.6, "InCl3": 0.4},
    "untrained_products": ["InCl3"],
}


def test_conductivity_row_is_flat_and_keeps_units_verdict_and_sources(documents, stored):
    (row,) = build_conductivities([stored(documents["conductivity"]())])
    assert (row.formula, row.composition, row.axes) == ("Li3InCl6", "x=1,y=0", {"x": 1.0, "y": 0.0})
    assert (row.activation_energy_eV, row.activation_energy_std_eV) == (0.31, 0.04)
    assert (row.activation_energy_95_low_eV, row.activation_energy_95_high_eV) == (0.2, 0.4)
    assert row.conductivity_at_reference_95_high_S_per_cm == 1e-2
    assert row.verdict == "extrapolated"
    assert row.verdicts == row.run_verdicts == ["too_few_hops", "ok", "ok"]
    assert row.n_runs_used == 2
    assert row.parents == row.diffusion_keys == ["d800", "d900", "d1000"]
    assert row.campaign == "demo"
    assert row.wall_time_s == 12.0


def test_activation_energies_in_planes_have_columns_of_their_own(documents, stored):
    fits = [
        {"where": w, "activation_energy_eV": e, "activation_energy_std_eV": 0.01} for w, e in (("ac", 0.2), ("3D", 0.3))
    ]
    (row,) = build_conductivities([stored(documents["conductivity"](directional_energies=fits))])
    assert (row.activation_energy_ac_eV, row.activation_energy_ac_std_eV) == (0.2, 0.01)
    assert row.activation_energy_ab_eV is None


def test_conductivity_without_a_fit_has_no_numbers_but_a_row(documents, stored):
    doc = documents["conductivity"](
        activation_energy_eV=None,
        activation_energy_std_eV=None,
        activation_energy_95_eV=None,
        conductivity_at_reference_S_per_cm=None,
        conductivity_at_reference_95_S_per_cm=None,
        verdict="too_few_hops",
        missing=["1000 K: exploded"],
    )
    (row,) = build_conductivities([stored(doc)])
    assert row.activation_energy_eV is None
    assert row.conductivity_at_reference_95_low_S_per_cm is None
    assert row.n_runs_missing == 1


def test_copies_of_one_key_give_one_row_that_names_all_campaigns(documents, stored):
    first = stored(documents["conductivity"](), completed_at="2030-01-01T10:00:00")
    again = stored(documents["conductivity"](spec_key="s2", warnings=["newer"]), completed_at="2030-01-02T10:00:00")
    other = stored(documents["conductivity"]("c0"))
    rows = build_conductivities([first, again, other])
    assert [row.key for row in rows] == ["c0", "c1"]
    assert rows[1].spec_keys == ["s2", "s1"]
    assert rows[1].spec_key == "s2"
    assert rows[1].warnings == ["newer"]
    assert rows[1].raw_ids == [f"{again['uuid']}:1", f"{first['uuid']}:1"]


def test_free_energies_and_competing_phases_are_in_the_rows_of_phases(documents, stored):
    doc = documents["phase_diagram"]()
    free = FreeEnergyAt.model_validate(FREE)
    rival = CompetitionResult.model_validate(COMPETITION)
    update = {"free_energies": [free], "competition": rival, "degeneracy": 12}
    entries = [doc.entries[0].model_copy(update=update), *doc.entries[1:]]
    errors = {"test_rmse_eV_per_atom": 0.004, "ground_state_rmse_eV_per_atom": 0.007}
    (row,) = build_phase_diagrams([stored(doc.model_copy(update={"entries": entries} | errors))])
    assert row.model_dump(include={*errors}) == errors
    first, other = row.phases
    assert (first.degeneracy, other.degeneracy, other.free_energies) == (12, None, [])
    (at,) = first.free_energies
    assert (at.formation_free_energy_low_eV_per_atom, at.formation_free_energy_high_eV_per_atom) == (-0.004, 0.001)
    assert (at.e_above_hull_low_eV_per_atom, at.listed_fraction) == (None, 0.5)
    assert (first.e_above_all_phases_eV_per_atom, first.decomposition) == (0.01, "Li3InCl6 -> 3 LiCl + InCl3")
    assert (first.untrained_products, other.decomposition) == (["InCl3"], None)


def test_labels_include_refused_ones_with_their_cause(documents, stored):
    good, refused = build_labels([stored(documents["label"]()), stored(documents["refused_label"]())])
    assert good.accepted
    assert good.energy_eV_per_atom == pytest.approx(-4.0)
    assert good.max_force_eV_per_A == pytest.approx(0.7)
    assert good.max_stress_eV_per_A3 == pytest.approx(0.02)
    assert (good.n_atoms, good.volume_A3) == (2, pytest.approx(125.0))
    assert not refused.accepted
    assert refused.refusal == "not_converged"
    assert refused.energy_eV_per_atom is None


def test_non_finite_force_is_shown_not_hidden(documents, stored):
    doc = documents["label"](forces_eV_per_A=[[9.0, 0.0, 0.0], [float("nan"), 0.0, 0.0]])
    (row,) = build_labels([stored(doc)])
    assert row.max_force_eV_per_A != row.max_force_eV_per_A


def test_phase_diagram_row_has_one_phase_per_composition(documents, stored):
    (row,) = build_phase_diagrams([stored(documents["phase_diagram"]())])
    assert (row.n_orderings, row.n_compositions, row.n_compositions_missing) == (3, 2, 1)
    assert row.stable_formulas == ["Li3InCl6"]
    assert row.largest_e_above_hull_eV_per_atom == 0.004
    assert [phase.n_orderings for phase in row.phases] == [2, 1]
    flat = flatten_phases(row)
    assert [item["formula"] for item in flat] == ["Li3InCl6", "Li6InYCl12"]
    assert {item["phase_diagram_key"] for item in flat} == {"p1"}


def test_model_row_needs_neither_weights_nor_parity_data(documents, stored):
    raw = stored(documents["model"](), heavy=("model_blob", "parity_tuned"))
    (row,) = build_models([raw])
    assert row.test_energy_rmse_meV_per_atom == 6.0
    assert row.foundation_test_force_rmse_meV_per_A == 300.0
    assert (row.foundation, row.n_train, row.n_test) == ("superionic-mini", 60, 8)
    assert "blob" not in str(row.model_dump())


def test_output_without_a_key_is_refused_by_name(documents, stored):
    raw = stored(documents["conductivity"](key=""))
    with pytest.raises(DatabaseError, match=r"job-1:1 .*has no document key"):
        build_conductivities([raw])


def test_learning_curve_row_holds_fits_without_their_lines(stored):
    points = [
        LearningPoint(
            model_key=f"m{n}-{seed}",
            mode="multihead",
            n_train=n,
            seed=seed,
            energy_rmse_meV_per_atom=50 * n**-0.5 * (1 + 0.02 * seed),
            force_rmse_meV_per_A=500 * n**-0.5 * (1 + 0.02 * seed),
            stress_rmse_meV_per_A3=None,
        )
        for n in (10, 20, 40)
        for seed in (0, 1)
    ]
    doc = LearningCurveDoc(key="c", points=points, n_test=9, model_key="m40-0", fits=curve_fits(points))
    (row,) = build_learning_curves([stored(doc)])
    assert (row.sizes, row.n_seeds, row.n_models, row.modes) == ([10, 20, 40], 2, 6, ["multihead"])
    # labels without stresses have a curve of energies and forces only
    assert [(fit.quantity, fit.advice) for fit in row.fits] == [("energy", "more_labels"), ("force", "more_labels")]
    assert row.fits[0].exponent == pytest.approx(0.5)
    assert not hasattr(row.fits[0], "line_error")


def test_model_row_names_slopes_and_errors_by_element(documents, stored):
    doc = documents["model"]()
    element = ElementErrorRow(
        model="tuned",
        split="test",
        element="Li",
        n_atoms=48,
        force_rmse_meV_per_A=55.0,
        force_mae_meV_per_A=40.0,
        force_max_meV_per_A=300.0,
        force_r2=0.9,
        force_slope=0.95,
        force_slope_std=0.01,
    )
    errors = [row.model_copy(update={"force_slope": 0.8 if row.model == "foundation" else 0.95}) for row in doc.errors]
    (row,) = build_models([stored(doc.model_copy(update={"errors": errors, "element_errors": [element]}))])
    assert row.test_force_rmse_by_element_meV_per_A == {"Li": 55.0}
    assert (row.foundation_test_force_slope, row.test_force_slope) == (0.8, 0.95)
    # documents from before these numbers were kept
    (old,) = build_models([stored(doc)])
    assert (old.test_force_slope, old.test_force_rmse_by_element_meV_per_A) == (None, {})
