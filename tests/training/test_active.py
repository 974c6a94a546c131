"""Choice of the frames that teach most, the stop of the rounds, and data sets that grow without leaks."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.errors import InputError
from superionic.stages import ActiveSettings, SelectionMethod
from superionic.training.active import Pool, StopReason, choose_informative, proportional_places, stop_reason
from superionic.training.dataset import build_dataset, extend_dataset


def test_frames_are_uncertain_and_different():
    """Four uncertain clusters of equal frames, and many frames that the models know."""
    rng = np.random.default_rng(0)
    corners = np.array([[9.0, 0], [0, 9.0], [-9.0, 0], [0, -9.0]])
    descriptors = [*np.repeat(corners, 5, axis=0), *rng.normal(size=(30, 2))]
    uncertainty = np.array([100.0] * 20 + [1.0] * 30) + rng.random(50)
    pool = Pool([row + 0.01 * rng.normal(size=2) for row in descriptors], ["x=1"] * 50, {"x=1": [corners[0]]})
    chosen = choose_informative(pool, uncertainty, ActiveSettings(labels_per_round=3, uncertain_share=0.4), seed=0)
    assert sorted(index // 5 for index in chosen) == [1, 2, 3], "one of each cluster that is not labelled yet"
    assert (np.diff(uncertainty[chosen]) <= 0).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 40), st.sampled_from(["fps", "kmedoids", "random"]))
def test_only_the_uncertain_share_is_chosen(seed, n, wanted, method):
    rng = np.random.default_rng(seed)
    uncertainty = rng.random(n)
    pool = Pool(list(rng.normal(size=(n, 3))), [f"x={i}" for i in rng.integers(0, 3, n)], {})
    rules = ActiveSettings(labels_per_round=wanted, uncertain_share=0.3, selection=SelectionMethod(method))
    chosen = choose_informative(pool, uncertainty, rules, seed)
    assert len(chosen) == len(set(chosen)) == min(wanted, n)
    competing = max(min(wanted, n), int(np.ceil(0.3 * n)))
    assert set(chosen) <= set(np.argsort(-uncertainty)[:competing].tolist())


def test_frames_without_descriptors_are_refused():
    with pytest.raises(InputError, match=r"sampling\.candidates"):
        choose_informative(Pool([np.zeros(0)], ["x=1"], {}), np.ones(1), ActiveSettings(), 0)


def test_places_in_proportion():
    assert proportional_places({"a": 6, "b": 3, "c": 1}, 5) == {"a": 3, "b": 2, "c": 0}
    assert proportional_places({"a": 2, "b": 2}, 3) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("done", "n_pool", "verdict", "pool", "expected"),
    [
        (0, 50, "calibrated", 29.0, StopReason.TRUSTED),
        (0, 50, "calibrated", 31.0, None),
        (0, 50, "over-confident", 5.0, None),
        (0, 50, "too-few-structures", 5.0, None),
        (3, 50, "over-confident", 5.0, StopReason.ROUNDS),
        (1, 0, "calibrated", None, StopReason.POOL),
    ],
)
def test_when_the_rounds_end(done, n_pool, verdict, pool, expected):
    assert stop_reason(ActiveSettings(rounds=3), done, n_pool, verdict, pool) is expected


def test_a_committee_of_one_and_a_choice_by_energy_are_refused():
    with pytest.raises(ValueError, match="cannot disagree"):
        ActiveSettings(committee=1)
    with pytest.raises(ValueError, match="for parents"):
        ActiveSettings(selection="lowest-energy")
    assert ActiveSettings(committee=1, measure="latent-distance").committee == 1


@pytest.fixture
def dataset(frames):
    first = [frame for number, frame in enumerate(frames) if number % 3 < 2]
    return build_dataset(first, valid_fraction=0.2, test_fraction=0.2, batch_size=1, seed=0)


def test_only_the_training_set_grows(dataset, frames):
    parents = dataset.parents_by_split()
    new = [frame for frame in frames[2::3] if frame.parent_id in parents["train"]]
    extended = extend_dataset(dataset, new)
    assert extended.train == (*dataset.train, *new)
    assert (extended.valid, extended.test) == (dataset.valid, dataset.test)
    assert extended.content_hash != dataset.content_hash


def test_leaks_and_copies_are_refused(dataset, frames):
    parents = dataset.parents_by_split()
    for part in ("valid", "test"):
        leak = next(frame for frame in frames[2::3] if frame.parent_id in parents[part])
        with pytest.raises(InputError, match=f"of the {part} set"):
            extend_dataset(dataset, [leak])
    new = next(frame for frame in frames[2::3] if frame.parent_id in parents["train"])
    with pytest.raises(InputError, match="no known set"):
        extend_dataset(dataset, [dataclasses.replace(new, parent_id="")])
    with pytest.raises(InputError, match="labelled already"):
        extend_dataset(dataset, [dataset.train[0]])
    disguised = dataclasses.replace(dataset.test[0], parent_id=new.parent_id)
    with pytest.raises(InputError, match="same structure"):
        extend_dataset(dataset, [disguised])
