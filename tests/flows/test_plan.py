from pathlib import Path

import pytest

from superionic.flows.plan import plan_campaign
from superionic.spec import ElectrolyteSpec

WORKFLOWS = Path(__file__).parents[2] / "workflows"


@pytest.mark.parametrize(
    ("name", "n_points", "label", "size", "count"),
    [
        # brute force, SHRY and icet agree on 42 for Na3Zr2Si2PO12 in the primitive cell
        ("nasicon", 13, "x=2", "1x1x1", 42),
        ("lpgso", 9, "x=1", "1x1x2", 1),
    ],
)
def test_the_other_systems_of_the_paper_can_be_planned(name, n_points, label, size, count):
    plan = plan_campaign(ElectrolyteSpec.from_file(WORKFLOWS / f"{name}.yaml"))
    assert len(plan.compositions) == n_points
    assert next(c for c in plan.compositions if c.label == label).distinct[size] == count
    assert all(stage.jobs > 0 for stage in plan.stages)


def test_supercells_that_are_no_multiples_are_written_as_matrices():
    plan = plan_campaign(ElectrolyteSpec.from_file(WORKFLOWS / "lpgso.yaml"))
    odd = next(c for c in plan.compositions if c.label == "x=0.125")
    assert len(odd.distinct) == 7
    assert "1,1,0;-1,1,0;0,0,1" in odd.distinct
    assert odd.kept == 2000


def test_learning_curve_counts_modes_seeds_and_the_predictions_of_its_models():
    spec = ElectrolyteSpec.from_file(WORKFLOWS / "quickstart.yaml")
    data = spec.model_dump(mode="json")
    # 5 compositions x 2 parents x 10 frames; what is beyond that is left out
    more = {"learning_curve": [25, 50, 5000], "curve_modes": ["naive", "scratch"], "curve_seeds": 2}
    data["training"] |= more | {"property_curve": True}
    stages = {stage.stage: stage for stage in plan_campaign(ElectrolyteSpec.from_data(data)).stages}
    assert stages["training"].jobs == 3 * 3 * 2
    assert "multihead, naive, scratch" in stages["training"].work
    per_model = stages["stability"].jobs + stages["transport"].jobs
    assert stages["property curve"].jobs == 2 * per_model
    assert "property curve" not in {stage.stage for stage in plan_campaign(spec).stages}
