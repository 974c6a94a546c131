from pathlib import Path

import pytest

from superionic.flows.cost import CORES_PER_GPU, CPU_S_PER_ATOM_STEP, VASP_CORE_HOURS, potential_hours
from superionic.flows.plan import plan_campaign
from superionic.spec import ElectrolyteSpec
from superionic.stages import LabelEngine

WORKFLOWS = Path(__file__).parents[2] / "workflows"


@pytest.mark.parametrize(
    ("name", "n_points", "label", "size", "count"),
    [
        # brute force, SHRY and icet agree on 42 for Na3Zr2Si2PO12 in the primitive cell
        ("nasicon", 13, "x=2", "1x1x1", 42),
        ("lpgso", 11, "x=1", "1x1x2", 1),
        ("lpgso", 11, "x=1 (Cmcm)", "1x1x1", 1),
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


@pytest.mark.parametrize("name", ["nasicon", "lpgso", "liybc"])
def test_laptop_profiles_fit_into_ninety_minutes_on_two_cores(name):
    full, laptop = (ElectrolyteSpec.from_file(WORKFLOWS / f"{name}.yaml", profile) for profile in (None, "laptop"))
    assert full.key != laptop.key
    assert full.name != laptop.name
    assert laptop.points
    assert {point.label for point in laptop.points} < {point.label for point in full.points}
    assert {*map(str, laptop.end_members)} == {*map(str, full.end_members)}
    total = plan_campaign(laptop).total
    assert 0 < total.cpu_hours <= 2 * 1.5
    assert total.basis == "without ordering"


def test_costs_add_up_and_name_what_is_unknown():
    spec = ElectrolyteSpec.from_file(WORKFLOWS / "liybc.yaml")
    plan = plan_campaign(spec)
    stages = {stage.stage: stage for stage in plan.stages}
    # 90 parents of 80 atoms, 30 frames each: four times the assumed cost of 40 atoms
    assert stages["labelling"].label_hours == pytest.approx(90 * 30 * 4 * VASP_CORE_HOURS)
    assert plan.total.cpu_hours == pytest.approx(sum(s.cpu_hours for s in plan.stages if s.cpu_hours is not None))
    potential = plan.total.cpu_hours - plan.total.label_hours
    assert plan.total.gpu_hours == pytest.approx(potential / CORES_PER_GPU["mace-mp-0a-medium"])
    unknown = spec.model_copy(
        update={
            "foundation": "my.model",
            "labelling": spec.labelling.model_copy(update={"engine": LabelEngine.CP2K_SCAN}),
        }
    )
    total = plan_campaign(unknown).total
    assert (total.cpu_hours, total.gpu_hours, total.label_hours) == (0, None, 0)
    assert "labelling, training, stability, transport" in total.basis


def test_monte_carlo_costs_what_the_md_in_its_cells_costs():
    spec = ElectrolyteSpec.from_file(WORKFLOWS / "nasicon.yaml")
    stage = next(s for s in plan_campaign(spec).stages if s.stage == "monte carlo")
    # three snapshots of 64 primitive cells of 40 atoms, 3.5 ns each; relaxations come on top
    md = 3 * 2560 * 3.5e6 * CPU_S_PER_ATOM_STEP["mace-mp-0a-medium"] / 3600
    assert md < stage.cpu_hours < 1.01 * md


def test_the_plan_counts_ranked_orderings_and_competing_phases():
    data = ElectrolyteSpec.from_file(WORKFLOWS / "quickstart.yaml").model_dump(mode="json")
    structure = '{"lattice": {}, "sites": [{}, {}]}'
    phase = {"name": "LiCl a", "formula": "LiCl", "source": "file", "structure": structure}
    more = {"candidates": "enumerated", "competing": {"phases": [phase], "materials_project": True}}
    stages = []
    for changes in ({}, more):
        spec = ElectrolyteSpec.from_data(data | {"stability": data["stability"] | changes})
        stages.append(next(stage for stage in plan_campaign(spec).stages if stage.stage == "stability"))
    plain, full = stages
    assert "25 orderings ranked, 15 relaxed, 15 reference labels" in plain.work
    assert "1 competing phases and those of the Materials Project" in full.work
    assert full.jobs == plain.jobs + 1
    assert full.cpu_hours > plain.cpu_hours
    assert "Materials Project phases apart" in full.basis


def test_small_models_cost_something_per_step_whatever_the_cell():
    small, large = (potential_hours("superionic-mini", [(1000, atoms)]) for atoms in (16, 256))
    assert 2 < large / small < 6, "measured: 4.8 for 16 times the atoms"
    assert potential_hours("superionic-mini", [(500, 16), (500, 256)]) == pytest.approx((small + large) / 2)
    assert potential_hours("mace-mp-0a-medium", [(3600, 10)]) == pytest.approx(
        10 * CPU_S_PER_ATOM_STEP["mace-mp-0a-medium"]
    )
    assert potential_hours("my.model", [(1, 1)]) is None
