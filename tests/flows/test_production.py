"""Which production runs a campaign plans."""

from collections import Counter
from copy import deepcopy
from pathlib import Path

import pytest

from superionic.errors import SpecError
from superionic.flows import CampaignMaker
from superionic.flows.plan import plan_campaign
from superionic.flows.production import planned_runs
from superionic.ordering.composition import grid_cell, grid_cells
from superionic.spec import ElectrolyteSpec

WORKFLOWS = Path(__file__).parents[2] / "workflows"


def changed(name="quickstart", **transport):
    data = deepcopy(ElectrolyteSpec.from_file(WORKFLOWS / f"{name}.yaml").model_dump(mode="json"))
    data["transport"] |= transport
    return ElectrolyteSpec.from_data(data)


def test_each_ordering_and_replica_has_a_seed_of_its_own_and_adding_some_changes_no_other():
    (before, after) = (changed(orderings=n, replicas=m) for n, m in ((1, 1), (3, 2)))
    cell = grid_cells(before)[0]
    few, many = planned_runs(before, cell), planned_runs(after, cell)
    assert len(few) == 3
    assert len(many) == len({run.seed for run in many}) == 3 * 3 * 2
    assert set(few) < set(many)
    titles = {run.title("x=1") for run in many}
    assert len(titles) == len(many)
    assert {"x=1 700 K", "x=1 700 K ordering 2 replica 1"} < titles


def test_no_more_orderings_are_run_than_a_composition_has():
    spec = changed("lpgso", orderings=3)
    ends = [grid_cell(spec, spec.point({"x": x})) for x in (1, "1/2")]
    assert [max(run.ordering for run in planned_runs(spec, cell)) + 1 for cell in ends] == [1, 3]


def test_the_plan_counts_all_runs():
    plan = plan_campaign(changed(orderings=3, replicas=2))
    transport = next(stage for stage in plan.stages if stage.stage == "transport")
    assert transport.jobs == 2 * 3 * 3 * 2, "compositions, temperatures, orderings, replicas"


@pytest.mark.parametrize("wanted", [4, 13])
def test_more_orderings_than_an_earlier_stage_keeps_are_refused(wanted):
    with pytest.raises(SpecError, match=rf"transport.orderings: {wanted} .*stability.max_structures keeps only 3"):
        changed(orderings=wanted)


def test_one_of_several_conductivity_settings_is_named_when_it_is_wrong():
    with pytest.raises(SpecError, match="framework_failure"):
        changed(framework_failure="ignore")


def test_groups_come_before_their_runs_and_every_run_keeps_its_own_job():
    flow = CampaignMaker().make(changed(runs_per_job=4, replicas=2))
    jobs = {job.name: (job, parents) for job, parents in flow.iterflow()}
    groups = {name: job for name, (job, _) in jobs.items() if name.startswith("md group")}
    runs = {name: parents for name, (_, parents) in jobs.items() if name.startswith("md: ")}
    assert len(groups) == 2 * 2, "six runs of each of two compositions, four at a time"
    assert len(runs) == 12
    owners = {job.uuid: name for name, job in groups.items()}
    members = Counter(owners[parent] for parents in runs.values() for parent in parents if parent in owners)
    assert sorted(members.values()) == [2, 2, 4, 4]
    assert not any(job.name.startswith("md group") for job, _ in CampaignMaker().make(changed()).iterflow())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperatures_K": [700, 800, 700]}, "700 is listed twice.*set replicas"),
        ({"temperatures_K": [-5]}, "-5 is listed twice or not above zero"),
        ({"stride_fs": 30}, r"stride_fs \(30\) is no multiple of time_step_fs \(4\)"),
        ({"discard_ps": 17}, "17 ps at 800 K, of which 17 are discarded, has 0 frames of 40 fs left"),
        ({"cell": "npt", "npt_ps": 0.2}, "is 50 steps, and 200 are the least"),
        ({"cold_time_ps": 1.2}, "1.2 ps at 700 K, of which 1 are discarded, has 5 frames"),
    ],
)
def test_runs_that_could_not_be_made_or_analysed_are_refused_before_anything_is_computed(change, message):
    with pytest.raises(SpecError, match=message):
        changed(**change)
