"""What a campaign does with the polymorphs of its spec."""

from dataclasses import replace
from pathlib import Path

import pytest

from superionic.flows import CampaignMaker
from superionic.flows.cost import potential_hours
from superionic.flows.montecarlo import montecarlo_cells
from superionic.flows.plan import plan_campaign
from superionic.flows.production import md_settings, runs_transport
from superionic.ordering.composition import grid_cells
from superionic.spec import ElectrolyteSpec

LPGSO = Path(__file__).parents[2] / "workflows" / "lpgso.yaml"


def loaded(**changes):
    data = ElectrolyteSpec.from_file(LPGSO, "laptop").model_dump(mode="json")
    return ElectrolyteSpec.from_data(data | {"profile": None} | changes)


@pytest.fixture(scope="module")
def spec():
    return loaded()


@pytest.fixture(scope="module")
def jobs(spec):
    return {job.name: (job, parents) for job, parents in CampaignMaker().make(spec).iterflow()}


@pytest.mark.parametrize("place", ["x=0 (gamma)", "x=1 (Cmcm)"])
def test_a_polymorph_counts_as_a_further_composition_of_every_stage(spec, jobs, place):
    stages = ["enumerate", "screen", "sample", "label", "ground state", "label ground states", "conductivity"]
    assert {f"{stage}: {place}" for stage in stages} < set(jobs)
    temperatures = spec.transport.temperatures_K
    assert {f"md: {place} {t:g} K" for t in temperatures} < set(jobs)
    assert f"pathways: {place} {max(temperatures):g} K" in jobs, "the nearest to the 800 K that the file asks for"
    dataset, parents = jobs["dataset"]
    assert jobs[f"label: {place}"][0].uuid in parents
    assert jobs[f"ground state: {place}"][0].uuid in jobs["phase diagram"][1]
    assert len([name for name in jobs if name.startswith("train:")]) == 1, "one model for all structures"
    assert dataset.metadata["stage"] == "training"


def test_seeds_of_a_polymorph_are_its_own_and_change_no_other(spec, jobs):
    def seeds(found):
        return {
            name: job.function.__self__.seed
            for name, (job, _) in found.items()
            if name.split(":")[0] in ("enumerate", "sample", "md")
        }

    plain = {job.name: (job, []) for job, _ in CampaignMaker().make(loaded(polymorphs={})).iterflow()}
    assert seeds(plain).items() < seeds(jobs).items()
    assert len(set(seeds(jobs).values())) == len(seeds(jobs))


def test_a_polymorph_says_itself_whether_and_in_which_cell_it_is_run(spec):
    cells = {cell.info.label: cell for cell in grid_cells(spec)}
    runs = [label for label, cell in cells.items() if runs_transport(spec, cell)]
    assert runs == ["x=0", "x=0.5", "x=0 (gamma)", "x=1 (Cmcm)"]
    assert md_settings(spec, cells["x=0 (gamma)"]) == md_settings(spec, cells["x=0"]) == spec.transport
    assert md_settings(spec, cells["x=1 (Cmcm)"]).supercell == (1, 1, 2)
    still = replace(cells["x=0 (gamma)"], polymorph=spec.polymorphs["gamma"].model_copy(update={"transport": False}))
    assert not runs_transport(spec, still)


def test_the_plan_counts_polymorphs_and_their_cells(spec):
    with_them, without = plan_campaign(spec), plan_campaign(loaded(polymorphs={}))
    assert [c.polymorph for c in with_them.compositions][-2:] == ["gamma", "Cmcm"]
    (more, fewer) = ({stage.stage: stage for stage in plan.stages} for plan in (with_them, without))
    further = {name: more[name].jobs - fewer[name].jobs for name in more}
    # one ordering each: one parent of 20 frames and 3 with close pairs, three temperatures
    assert further == {
        "ordering": 2,
        "screening": 2,
        "sampling": 2,
        "labelling": 46,
        "training": 0,
        "stability": 2,
        "transport": 6,
    }
    hours = more["transport"].cpu_hours - fewer["transport"].cpu_hours
    # both with as many steps in all: Li3PS4 and Li3.5P0.5Ge0.5S2O2 in 1x2x2 cells; gamma and Cmcm
    cost = {atoms: potential_hours("superionic-mini", [(1, atoms)]) for atoms in (128, 136, 64, 72)}
    assert hours / fewer["transport"].cpu_hours == pytest.approx(
        (cost[64] + cost[72]) / (cost[128] + cost[136]), rel=0.02
    )


def test_monte_carlo_is_for_the_host_alone():
    spec = loaded(montecarlo={"compositions": [{"x": 0}], "supercell": [2, 2, 2]})
    assert [cell.info.label for cell in montecarlo_cells(spec, grid_cells(spec))] == ["x=0"]
