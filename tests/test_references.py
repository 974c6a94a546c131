from pathlib import Path

import pytest
from pydantic import ValidationError

from superionic.ordering.composition import grid_cells
from superionic.references import ReferenceQuantity, ReferenceValue, reference_values
from superionic.spec import ElectrolyteSpec

WORKFLOWS = Path(__file__).parents[1] / "workflows"
GIVEN = {"formula": "LiCl", "quantity": "activation_energy_eV", "level": "AIMD", "source": {"citation": "somewhere"}}


def test_every_value_has_a_source_and_a_level_of_theory():
    values = reference_values()
    assert {value.quantity for value in values} == set(ReferenceQuantity)
    assert all(value.level and value.source.citation for value in values)
    assert {value.source.doi for value in values} == {"10.1039/d5ta05321h", "10.1038/s41467-022-32190-7", None}


def test_values_are_found_however_the_composition_is_written():
    found = [value for value in reference_values() if value.is_of("Li6Y2Br12")]
    assert {value.value for value in found if value.quantity is ReferenceQuantity.ACTIVATION_ENERGY} == {0.29, 0.28}
    assert not any(value.is_of(name) for value in reference_values() for name in ("Li3YBr5.9", "no <formula>"))


@pytest.mark.parametrize("name", ["nasicon", "lpgso", "liybc"])
def test_the_full_grids_hold_the_compositions_that_have_values(name):
    formulas = [cell.info.formula for cell in grid_cells(ElectrolyteSpec.from_file(WORKFLOWS / f"{name}.yaml"))]
    assert sum(any(value.is_of(formula) for value in reference_values()) for formula in formulas) >= 3


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"value": 1.0, "low": 0.5, "high": 2.0},
        {"low": 1.0},
        {"value": 1.0, "temperature_K": 300},
        {"valu": 1.0},
        {"value": 1.0, "against": "Pnma"},
        {"value": 1.0, "quantity": "polymorph_energy_meV_per_atom", "phase": "Cmcm"},
        {"value": 1.0, "quantity": "lattice_constants_A"},
        {"cell": [5, 5, 5, 90, 90, 90]},
        {"cell": [5, 5, 5], "quantity": "lattice_constants_A"},
    ],
)
def test_incomplete_values_are_refused(wrong):
    with pytest.raises(ValidationError):
        ReferenceValue.model_validate(GIVEN | wrong)


def test_values_of_a_phase_belong_to_the_structure_of_that_name():
    energies = [v for v in reference_values() if v.quantity is ReferenceQuantity.ACTIVATION_ENERGY]

    def found(*structure):
        return {value.value for value in energies if value.is_of("Li3PS4", *structure)}

    assert found() == {0.26, 0.20, 0.44, 0.41}
    assert found(None, "beta (Pnma)") == found(None, "Pnma") == {0.44, 0.41}
    assert found("alpha") == found("alpha-Li3PS4", "Pnma") == found("Cmcm") == {0.26, 0.20}
    assert found("gamma", "Pnma") == found(None, "R-3c") == found("phase 2") == set()
    usual = next(value for value in energies if value.formula == "Li3.5P0.5Ge0.5S2O2")
    assert usual.is_of("Li7PGeS4O4", None, "Pnma")
    assert not usual.is_of("Li7PGeS4O4", "gamma"), "without a phase it is of the usual structure"
    difference = next(v for v in reference_values() if v.quantity is ReferenceQuantity.POLYMORPH_ENERGY)
    assert difference.compares_with("beta (Pnma)")
    assert not difference.compares_with("Cmcm")
    assert not difference.compares_with(None)
