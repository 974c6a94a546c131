"""Training orderings that could not determine a cluster expansion are refused before their energies are computed."""

from pathlib import Path

import pytest

from superionic.errors import InsufficientDataError
from superionic.ordering.composition import grid_cell
from superionic.sampling.expansion_jobs import TrainingOrderingsMaker
from superionic.sampling.montecarlo_assemble import check_training_orderings
from superionic.spec import ElectrolyteSpec

pytest.importorskip("icet")
NASICON = Path(__file__).parents[2] / "workflows" / "nasicon.yaml"


@pytest.fixture(scope="module")
def spec():
    return ElectrolyteSpec.from_file(NASICON, profile="laptop")


@pytest.fixture(scope="module")
def host(spec):
    return grid_cell(spec, spec.allowed_point(spec.montecarlo.compositions[0])).structure


def test_too_few_are_refused(spec, host):
    few = spec.montecarlo.model_copy(update={"training_orderings": 10})
    drawn = TrainingOrderingsMaker(settings=few)._draw(host)
    with pytest.raises(InsufficientDataError, match=r"10 distinct .* raise montecarlo\.training_orderings"):
        check_training_orderings(drawn, few, merge_equal_orbits=True, seed=0)


@pytest.mark.integration
def test_the_shipped_laptop_profile_draws_enough_and_longer_cutoffs_would_need_larger_cells(spec, host):
    drawn = TrainingOrderingsMaker(settings=spec.montecarlo)._draw(host)
    check_training_orderings(drawn, spec.montecarlo, merge_equal_orbits=True, seed=0)
    doomed = spec.montecarlo.model_copy(update={"cutoffs_A": [7.0, 5.0]})
    with pytest.raises(InsufficientDataError, match="vary among orderings of the Monte Carlo cell"):
        check_training_orderings(drawn, doomed, merge_equal_orbits=True, seed=0)
