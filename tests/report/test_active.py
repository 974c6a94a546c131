"""The rounds of labels in the report."""

from dataclasses import replace

from superionic.report.data import CampaignData
from superionic.report.figures_active import rounds_chart
from superionic.report.page import render
from superionic.report.tables import data_table, rounds_table


def test_the_numbers_behind_the_figure(active):
    columns = rounds_chart(active, 30.0).plain_columns()
    assert columns["training_labels"] == [40, 50, 60]
    assert columns["test_force_rmse_meV_per_A (mean of the committee)"] == [80.0, 79.0, 78.0]
    assert columns["uncertainty_meV_per_A (pool: 95 % are below)"] == [88.0, 44.0, None]


def test_table_and_caption_say_how_it_ended(active):
    assert "no frame left in the pool" in str(rounds_chart(active).caption)
    text = str(rounds_table(active))
    assert text.count("calibrated") == 3
    assert "70%" in text


def test_the_page_has_the_rounds_in_place_of_a_learning_curve(active, campaign):
    text = render(replace(campaign, active=active, learning_curve=None))
    assert "Rounds of labels" in text
    assert "learning curve over the size" not in text
    assert CampaignData("key").active is None


def test_labels_of_further_rounds_are_counted_apart(campaign):
    further = campaign.label_sets[0].model_copy(update={"composition": None, "parents": [], "key": "further"})
    text = str(data_table(replace(campaign, label_sets=(*campaign.label_sets, further))))
    assert "further rounds" in text
    assert "further rounds" not in str(data_table(campaign))
