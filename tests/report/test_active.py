"""The rounds of labels in the report."""

from dataclasses import replace

import pytest

from superionic.report.data import CampaignData
from superionic.report.figures_active import rounds_chart
from superionic.report.page import render
from superionic.report.tables import rounds_table
from superionic.training.active_schemas import ActiveLearningDoc, ActiveRoundDoc
from superionic.training.schemas import CalibrationRecord, ErrorRow


def active_round(number, pool_95):
    calibration = CalibrationRecord(
        measure="committee",
        n_structures=20,
        scale=2.5,
        verdict="calibrated",
        raw_verdict="over-confident",
        coverage_68=0.7,
        coverage_95=0.94,
        raw_coverage_68=0.3,
        raw_coverage_95=0.55,
        reliability=[(0.5, 0.52), (0.9, 0.88)],
        expected_calibration_error=0.02,
        spearman=0.61,
    )
    values = {name: 10.0 for name, field in ErrorRow.model_fields.items() if "float" in str(field.annotation)}
    errors = [
        ErrorRow(model=model, split="test", n_structures=12, **values | {"force_rmse_meV_per_A": force - number})
        for model, force in (("tuned", 90.0), ("committee", 80.0))
    ]
    return ActiveRoundDoc(
        number=number,
        dataset_key="d",
        model_keys=["m"],
        counts={"train": 40 + 10 * number, "valid": 20, "test": 12},
        measure="committee",
        errors=errors,
        calibration=calibration,
        n_pool=60 - 10 * number,
        pool_median_meV_per_A=pool_95 and pool_95 / 2,
        pool_95_meV_per_A=pool_95,
        pool_largest_meV_per_A=pool_95 and 2 * pool_95,
    )


@pytest.fixture
def doc():
    rounds = [active_round(0, 88.0), active_round(1, 44.0), active_round(2, None)]
    return ActiveLearningDoc(
        rounds=rounds, stop_reason="no frame left in the pool", model_key="m", dataset_key="d", label_set_keys=["l"]
    )


def test_the_numbers_behind_the_figure(doc):
    columns = rounds_chart(doc, 30.0).plain_columns()
    assert columns["training_labels"] == [40, 50, 60]
    assert columns["test_force_rmse_meV_per_A (mean of the committee)"] == [80.0, 79.0, 78.0]
    assert columns["pool_uncertainty_meV_per_A (95 % are below)"] == [88.0, 44.0, None]


def test_table_and_caption_say_how_it_ended(doc):
    assert "no frame left in the pool" in str(rounds_chart(doc).caption)
    text = str(rounds_table(doc))
    assert text.count("calibrated") == 3
    assert "70%" in text


def test_the_page_has_the_rounds_in_place_of_a_learning_curve(doc, campaign):
    text = render(replace(campaign, active=doc, learning_curve=None))
    assert "Rounds of labels" in text
    assert "learning curve over the size" not in text
    assert CampaignData("key").active is None
