from pathlib import Path

import pytest

from superionic.errors import SpecError
from superionic.flows import CampaignMaker
from superionic.flows.plan import plan_campaign
from superionic.flows.production import pathway_temperature, transport_points
from superionic.flows.stages import Category, Stage, mark
from superionic.spec import ElectrolyteSpec

WORKFLOWS = Path(__file__).parents[2] / "workflows"


@pytest.fixture(scope="module")
def spec():
    return ElectrolyteSpec.from_file(WORKFLOWS / "quickstart.yaml")


@pytest.fixture(scope="module")
def jobs(spec):
    flow = CampaignMaker().make(spec)
    return [job for job, _ in flow.iterflow()]


def test_every_stage_of_the_data_flow_is_there(jobs):
    assert {job.metadata["stage"] for job in jobs} == {str(stage) for stage in Stage}


def test_every_job_names_its_campaign_and_category(jobs, spec):
    for job in jobs:
        assert job.metadata["spec_key"] == spec.key
        assert job.config.manager_config["_category"] in {str(category) for category in Category}


def test_fan_in_over_lossy_stages_tolerates_missing_parents(jobs):
    tolerant = {
        job.name.split(":")[0] for job in jobs if str(job.config.on_missing_references) in {"none", "OnMissing.NONE"}
    }
    assert {"dataset", "diffusion", "conductivity", "phase diagram"} <= tolerant


def test_one_md_run_per_composition_temperature_and_replica(jobs, spec):
    names = [job.name for job in jobs if job.name.startswith("md:")]
    expected = len(transport_points(spec)) * len(spec.transport.temperatures_K) * spec.transport.replicas
    assert len(names) == len(set(names)) == expected


def test_seeds_are_distinct_and_repeat(spec, jobs):
    seeds = [job.function.__self__.seed for job in jobs if job.name.startswith("md:")]
    again = [
        job.function.__self__.seed for job, _ in CampaignMaker().make(spec).iterflow() if job.name.startswith("md:")
    ]
    assert len(set(seeds)) == len(seeds)
    assert seeds == again


def with_rounds(spec, **active):
    sampling = {**spec.sampling.model_dump(), "candidates": 30}
    training = {**spec.training.model_dump(), "learning_curve": []}
    update = {"sampling": sampling, "training": training, "active": {"rounds": 2, **active}}
    return ElectrolyteSpec.from_data(spec.model_dump() | update)


def test_rounds_take_the_place_of_the_single_training(spec):
    active = with_rounds(spec, committee=3)
    jobs = {job.name: job for job, _ in CampaignMaker().make(active).iterflow()}
    assert [name for name in jobs if name.startswith("train:")] == [f"train: round 0 member {i}" for i in range(3)]
    assert {job.metadata["spec_key"] for job in jobs.values()} == {active.key}
    first, other = (jobs[f"train: round 0 member {member}"].function.__self__ for member in (0, 1))
    alone = next(
        job.function.__self__ for job, _ in CampaignMaker().make(spec).iterflow() if job.name.startswith("train:")
    )
    assert first.seed == alone.seed != other.seed, "the first member is the model of a campaign without rounds"
    assert (first.train_fraction, other.train_fraction) == (1.0, 0.8)
    model = jobs["active learning: model"]
    users = [job for job in jobs.values() if model.uuid in job.input_uuids]
    assert len(users) >= len(active.points), "ground states and MD use the model of the last round"


def test_rounds_need_a_pool(spec):
    with pytest.raises(SpecError, match=r"sampling\.candidates above sampling\.frames \(10\)"):
        ElectrolyteSpec.from_data(spec.model_dump() | {"active": {"rounds": 1}})
    sampling = {**spec.sampling.model_dump(), "candidates": 30}
    with pytest.raises(SpecError, match="remove one of the two"):
        ElectrolyteSpec.from_data(spec.model_dump() | {"active": {"rounds": 1}, "sampling": sampling})


def test_settings_of_rounds_that_are_not_run_do_not_change_the_campaign(spec):
    idle = ElectrolyteSpec.from_data(spec.model_dump() | {"active": {"committee": 7}})
    assert idle.key == spec.key
    assert with_rounds(spec).key != with_rounds(spec, committee=7).key


def test_plan_counts_the_rounds(spec):
    stages = {stage.stage: stage for stage in plan_campaign(with_rounds(spec, labels_per_round=7)).stages}
    assert stages["labelling"].jobs == 5 * 2 * 10 + 2 * 7
    assert "at most 2 x 7" in stages["labelling"].work
    assert stages["training"].jobs == 3 * 4


def test_pathway_temperature_is_one_that_is_run(spec):
    assert pathway_temperature(spec) in spec.transport.temperatures_K


def test_marking_keeps_earlier_queue_settings(jobs):
    job = jobs[0]
    job.update_config({"_set": {"manager_config->_queueadapter": {"walltime": "01:00:00"}}}, dict_mod=True)
    mark(job, Stage.ORDERING, Category.GPU, "key")
    assert job.config.manager_config["_queueadapter"] == {"walltime": "01:00:00"}
    assert job.config.manager_config["_category"] == "gpu"


def test_shipped_and_documented_quickstart_are_one_file():
    shipped = Path(__file__).parents[2] / "src" / "superionic" / "data" / "quickstart.yaml"
    assert shipped.read_text() == (WORKFLOWS / "quickstart.yaml").read_text()


def test_isolated_atoms_are_computed_once_and_reach_every_training():
    data = ElectrolyteSpec.from_file(WORKFLOWS / "liybc.yaml").model_dump(mode="json")
    data["training"] |= {"e0s": "isolated", "learning_curve": [0.5]}
    spec = ElectrolyteSpec.from_data(data)
    jobs = [job for job, _ in CampaignMaker().make(spec).iterflow()]
    atoms = [job for job in jobs if job.name.startswith("isolated atom")]
    assert [job.name.split(": ")[1] for job in atoms] == spec.elements
    assert {job.metadata["stage"] for job in atoms} == {"labelling"}
    assert {job.config.manager_config["_category"] for job in atoms} == {"vasp"}
    trainings = [job for job in jobs if job.name.startswith("train:")]
    assert trainings
    for job in trainings:
        assert {reference.uuid for reference in job.function_args[1]} == {job.uuid for job in atoms}


def test_campaigns_ask_for_no_isolated_atoms_by_default(jobs):
    assert not [job for job in jobs if job.name.startswith("isolated atom")]


@pytest.mark.parametrize(
    ("engine", "reason"), [("teacher-chgnet-r2scan", "never seen a single atom"), ("cp2k-scan", "vasp-scan only")]
)
def test_isolated_atoms_need_labels_by_vasp(engine, reason):
    data = ElectrolyteSpec.from_file(WORKFLOWS / "liybc.yaml").model_dump(mode="json")
    data["training"]["e0s"], data["labelling"]["engine"] = "isolated", engine
    with pytest.raises(SpecError, match=reason):
        ElectrolyteSpec.from_data(data)
