import itertools

import pytest

from superionic.errors import InputError
from superionic.training.subsets import nested_subset


def test_subsets_are_nested_and_hold_all_parents(frames):
    subsets = [nested_subset(frames, fraction, seed=2) for fraction in (0.34, 0.5, 0.75, 1.0)]
    assert [len(subset) for subset in subsets] == [8, 12, 18, 24]
    keys = [{frame.key for frame in subset} for subset in subsets]
    assert all(small < large for small, large in itertools.pairwise(keys))
    assert {frame.parent_id for frame in subsets[0]} == {frame.parent_id for frame in frames}
    assert subsets[-1] == frames


@pytest.mark.parametrize("fraction", [0.0, 1.5])
def test_impossible_fraction_is_refused(frames, fraction):
    with pytest.raises(InputError, match="train_fraction"):
        nested_subset(frames, fraction, seed=0)
