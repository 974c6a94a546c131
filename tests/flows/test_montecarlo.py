from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from superionic.errors import OrderingError, SpecError
from superionic.flows import CampaignMaker, MobileSpecies, MonteCarloFlowMaker
from superionic.flows.montecarlo import montecarlo_cells, primitive_host
from superionic.flows.plan import plan_campaign
from superionic.flows.stages import Category
from superionic.ordering.composition import grid_cell, grid_cells
from superionic.sampling.montecarlo_jobs import MonteCarloMaker
from superionic.spec import ElectrolyteSpec
from superionic.spec_io import read_yaml
from superionic.stages import MonteCarloSettings, TransportSettings

SMALL = Path(__file__).parents[1] / "integration" / "montecarlo.yaml"
QUICKSTART = Path(__file__).parents[2] / "workflows" / "quickstart.yaml"
MD = {"md", "diffusion", "conductivity"}


@pytest.fixture(scope="module")
def spec():
    return ElectrolyteSpec.from_file(SMALL)


@pytest.fixture(scope="module")
def cell(spec):
    return grid_cell(spec, spec.point({"x": 2}))


def kinds(flow):
    return [job.name.split(":")[0].rstrip(" 0123456789.") for job, _ in flow.iterflow()]


def test_jobs_of_the_flow(spec, cell):
    flow = MonteCarloFlowMaker(settings=spec.montecarlo).make(cell.structure, None, cell.info, "key")
    assert Counter(kinds(flow)) == {
        "training orderings": 1,
        "training energies": 2,
        "cluster expansion": 1,
        "monte carlo": 2,
        "monte carlo collect": 1,
        "snapshot": 2,
    }
    for job, _ in flow.iterflow():
        assert job.metadata["spec_key"] == "key"
        assert job.config.manager_config["_category"] in set(Category)


@pytest.mark.parametrize("energy", ["ewald", "potential"])
def test_other_energies_need_no_expansion(spec, cell, energy):
    settings = spec.montecarlo.model_copy(update={"energy": MonteCarloSettings(energy=energy).energy})
    flow = MonteCarloFlowMaker(settings=settings).make(cell.structure)
    assert set(kinds(flow)) == {"monte carlo", "monte carlo collect", "snapshot"}


def test_md_runs_every_snapshot_as_it_is_at_every_temperature(spec, cell):
    transport = TransportSettings(temperatures_K=[700.0, 900.0, 1100.0], replicas=2)
    maker = MonteCarloFlowMaker(settings=spec.montecarlo, transport=transport, mobile=MobileSpecies("Na", 1.0), seed=1)
    jobs = [job for job, _ in maker.make(cell.structure, "a model", cell.info).iterflow()]
    runs = [job for job in jobs if job.name.startswith("md:")]
    assert len(runs) == 3 * 2
    makers = [job.function.__self__ for job in runs]
    assert {item.settings.supercell for item in makers} == {(1, 1, 1)}
    assert len({item.seed for item in makers}) == len(makers)
    snapshots = {job.uuid for job in jobs if job.name.startswith("snapshot")}
    assert {job.function_args[1].uuid for job in runs} == snapshots
    (fit,) = [job for job in jobs if job.name.startswith("conductivity:")]
    assert len(fit.function_args[1]) == len(runs)


def test_seeds_of_replicas_are_distinct_and_repeat(spec, cell):
    def seeds():
        flow = MonteCarloFlowMaker(settings=spec.montecarlo, seed=3).make(cell.structure)
        makers = (job.function.__self__ for job, _ in flow.iterflow())
        return [maker.seed for maker in makers if isinstance(maker, MonteCarloMaker)]

    assert seeds() == seeds()
    assert len(set(seeds())) == 2


def test_monte_carlo_documents_are_filed_apart_from_those_of_the_enumeration(spec, cell):
    flow = MonteCarloFlowMaker(settings=spec.montecarlo).make(cell.structure, None, cell.info)
    labels = {job.function_args[1].label for job, _ in flow.iterflow() if job.name.startswith("monte carlo 0")}
    assert labels == {"x=2 (Monte Carlo, 900 K)"}


def test_a_campaign_has_the_branch_behind_its_model_only_if_it_is_asked_for():
    data, _ = read_yaml(QUICKSTART)
    plain = ElectrolyteSpec.from_data(dict(data))
    assert montecarlo_cells(plain, grid_cells(plain)) == []
    assert not any(kind.startswith("monte carlo") for kind in kinds(CampaignMaker().make(plain)))
    asked = ElectrolyteSpec.from_data({**data, "montecarlo": {"compositions": [{"x": 0.5, "y": 0.5}]}})
    assert asked.key != plain.key
    flow = CampaignMaker().make(asked)
    (branch,) = [item for item in flow.jobs if item.name.startswith("monte carlo")]
    assert "x=0.5,y=0.5 (Monte Carlo" in branch.name
    assert set(kinds(branch)) >= MD
    model = next(job for job, _ in flow.iterflow() if job.name.startswith("train: ") and " on " not in job.name)
    snapshots = [job for job, _ in branch.iterflow() if job.name.startswith("snapshot")]
    assert {job.function_args[1].uuid for job in snapshots} == {model.uuid}


def test_all_disordered_compositions_are_sampled_if_none_is_listed(spec):
    cells = grid_cells(spec)
    assert [cell.info.label for cell in cells if cell.structure.is_ordered] == ["x=3"]
    assert [cell.info.label for cell in montecarlo_cells(spec, cells)] == ["x=0", "x=2"]
    (ordered,) = [cell for cell in cells if cell.structure.is_ordered]
    with pytest.raises(OrderingError, match="nothing to sample"):
        MonteCarloFlowMaker(settings=spec.montecarlo).make(ordered.structure)


def test_the_plan_counts_monte_carlo(spec):
    stage = plan_campaign(spec).stages[-1]
    assert stage.stage == "monte carlo"
    assert stage.work == "4 Monte Carlo replicas, 4 snapshots, 16 MD runs"
    data, _ = read_yaml(QUICKSTART)
    assert plan_campaign(ElectrolyteSpec.from_data(dict(data))).stages[-1].stage == "transport"


def test_compositions_must_be_on_the_grid():
    data, _ = read_yaml(QUICKSTART)
    with pytest.raises(SpecError, match=r"montecarlo.compositions: x=0.25,y=0.5 is not a grid point"):
        ElectrolyteSpec.from_data({**data, "montecarlo": {"compositions": [{"x": 0.25, "y": 0.5}]}})


def test_annealing_must_cool_down():
    with pytest.raises(ValidationError, match="anneal from above"):
        MonteCarloSettings(start_K=500, freeze_K=900)


def test_the_host_is_reduced_to_its_primitive_cell(spec, cell):
    twice = cell.structure * (1, 1, 2)
    assert primitive_host(twice).volume == pytest.approx(cell.structure.volume)
    assert primitive_host(twice).composition.almost_equals(cell.structure.composition)
