"""Sampling jobs: parents are chosen, each runs alone, failures are listed, nothing is run twice."""

from dataclasses import dataclass

import numpy as np
import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from monty.json import jsanitize

from superionic.documents import CompositionInfo
from superionic.errors import CalculationError, DatabaseError, InputError, InsufficientDataError
from superionic.potentials.schemas import PotentialRef, RelaxedStructure, ScreeningDoc
from superionic.sampling import configurations, jobs
from superionic.sampling.jobs import SampleMaker, SampleSetMaker
from superionic.sampling.schemas import SamplingDoc, SamplingSetDoc
from superionic.sampling.selection import choose
from superionic.stages import SamplingSettings, SelectionMethod

COMPOSITION = CompositionInfo(axes={"x": 1.0}, label="x=1", formula="LiCl")
SETTINGS = SamplingSettings(
    parents_per_composition=3,
    selection=SelectionMethod.LOWEST_ENERGY,
    time_ps=0.02,
    discard_ps=0.01,
    frames=2,
    time_step_fs=2.0,
)


@dataclass
class FragileSampleMaker(SampleMaker):
    """Real in all but one thing: the runs of some parents explode."""

    fragile: tuple[int, ...] = ()

    def _sample(self, screening, parent_index, potential):
        if parent_index in self.fragile:
            raise CalculationError("exploded")
        return super()._sample(screening, parent_index, potential)


@pytest.fixture(autouse=True)
def _springs_instead_of_mace(monkeypatch, springs, rock_salt):
    def features(structures, calculator):
        return [np.linalg.norm(atoms.positions - calculator.sites, axis=1)[:, None] for atoms in structures]

    monkeypatch.setattr(jobs, "load_calculator", lambda _ref, device: springs(rock_salt.cart_coords))  # noqa: ARG005
    monkeypatch.setattr(configurations, "features_many", features)


@pytest.fixture
def screening(rock_salt):
    relaxed = [
        RelaxedStructure(
            source_index=index,
            structure=rock_salt,
            energy_eV=-8.0 + index,
            energy_eV_per_atom=-1.0 + index / 8,
            max_force_eV_per_A=0.01,
            n_steps=5,
            converged=True,
        )
        for index in range(5)
    ]
    return ScreeningDoc(
        key="screening",
        spec_key="spec",
        composition=COMPOSITION,
        potential=PotentialRef(name="test", sha256="0" * 64, level_of_theory="none"),
        relaxed=relaxed,
        descriptors=np.arange(5.0)[:, None].tolist(),
        energies_eV_per_atom=[item.energy_eV_per_atom for item in relaxed],
    )


@pytest.fixture
def store(screening):
    job_store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    job_store.connect()
    output = jsanitize(screening, strict=True, enum_values=True)
    record = {"uuid": "s", "index": 1, "output": output, "completed_at": "2026-01-01T00:00:00", "metadata": {}}
    job_store.update(record, key=["uuid", "index"], save={"data": ["relaxed", "descriptors"]})
    return job_store


def sample_set(store, screening, fragile=(), seed=1, settings=SETTINGS):
    maker = FragileSampleMaker("", settings, "superionic-mini", seed, fragile=fragile)
    job = SampleSetMaker("sample: x=1", settings, "superionic-mini", seed, sample_maker=maker).make(screening)
    run_locally(job, store=store, log=False)
    return job.output.resolve(store)


def test_failed_runs_are_listed_and_the_others_kept(store, screening):
    result = sample_set(store, screening, fragile=(1,))
    assert isinstance(result, SamplingSetDoc)
    assert result.requested == 3
    assert result.choice.indices == [0, 1, 2]
    assert [run.parent_id for run in result.runs] == ["screening:0", "screening:2"]
    assert [failure.item for failure in result.failures] == ["run 1 (parent 1)"]
    assert result.parents == [run.key for run in result.runs]
    assert result.composition == COMPOSITION
    for run in result.runs:
        assert run.parents == ["screening"]
        assert len(run.frames) == len(run.frame_times_ps) == 2
        assert run.potential.dtype == "float32"
    assert len({run.seed for run in result.runs}) == 2
    assert store.count({"output.@class": "SamplingSetDoc"}) == 1, "the frames of the set are stored once"


def test_all_failed(store, screening):
    assert sample_set(store, screening, fragile=(0, 1, 2)) is None
    maker = SampleSetMaker("sample: x=1 collect")
    with pytest.raises(InsufficientDataError, match=r"all 2 sampling runs .*'sample: x=1 run N'"):
        maker.collect.original(maker, [None, None], jobs.ParentChoice(indices=[0, 1], method="x", seed=0), "screening")


def test_finished_runs_are_reused_and_only_failed_ones_repeated(store, screening):
    first = sample_set(store, screening, fragile=(1,))
    second = sample_set(store, screening)
    assert [run.reused_from is not None for run in second.runs] == [True, False, True]
    assert second.runs[0].key == first.runs[0].key
    assert second.key != first.key
    other_seed = sample_set(store, screening, seed=2)
    assert {run.key for run in other_seed.runs}.isdisjoint(run.key for run in second.runs)


def test_same_inputs_give_the_same_frames(store, screening):
    maker = SampleMaker("", SETTINGS, "superionic-mini", 5)
    one, two = (maker.make.original(maker, screening, 2) for _ in range(2))
    assert isinstance(one, SamplingDoc)
    np.testing.assert_array_equal([f.cart_coords for f in one.frames], [f.cart_coords for f in two.frames])


def choosing(method):
    return SamplingSettings(**SETTINGS.model_dump() | {"candidates": 4, "frame_selection": method, "discard_ps": 0.004})


def test_frames_are_chosen_by_descriptors_and_the_others_stay_as_pool(store, screening):
    result = sample_set(store, screening, settings=choosing("fps"), fragile=(1,))
    assert [len(run.frames) for run in result.runs] == [4, 4]
    assert [len(positions) for positions in result.frame_choice.positions] == [2, 2]
    chosen, others = result.chosen_frames(), result.other_frames()
    assert len(chosen) == len(others) == 4
    assert sorted(chosen + others) == [(run, frame) for run in (0, 1) for frame in range(4)]
    for number, run in enumerate(result.runs):
        rows = np.array(run.descriptors)
        assert rows.shape == (4, 4)
        expected = choose(rows, 2, SelectionMethod.FPS)
        assert result.frame_choice.positions[number] == expected
    assert "descriptors" in store.query_one({"output.@class": "SamplingDoc"}, load=True)["output"]
    stored = store.query_one({"output.@class": "SamplingDoc"}, load=False)["output"]
    assert isinstance(stored["descriptors"], dict), "descriptors are kept in the store data"


def test_another_selection_of_frames_needs_no_new_md(store, screening):
    first = sample_set(store, screening, settings=choosing("fps"))
    second = sample_set(store, screening, settings=choosing("random"))
    assert all(run.reused_from for run in second.runs)
    assert [run.key for run in second.runs] == [run.key for run in first.runs]
    assert second.key != first.key
    assert second.frame_choice.method == "random"


def test_without_candidates_all_frames_are_labelled(store, screening):
    result = sample_set(store, screening)
    assert result.frame_choice is None
    assert len(result.chosen_frames()) == 6
    assert result.other_frames() == []
    assert result.runs[0].descriptors == []


@pytest.mark.parametrize("candidates", [None, 4])
def test_close_pairs_are_always_labelled_and_marked(store, screening, candidates):
    settings = SamplingSettings(
        **SETTINGS.model_dump() | {"close_pairs": 3, "candidates": candidates, "discard_ps": 0.004}
    )
    job = SampleSetMaker("sample: x=1", settings, "superionic-mini", 1, mobile="Li").make(screening)
    run_locally(job, store=store, log=False)
    result = job.output.resolve(store)
    drawn = candidates or 2
    assert len(result.runs) == 3
    for number, run in enumerate(result.runs):
        assert run.n_drawn == drawn
        assert len(run.close_pair_ratios) == 3
        assert len(run.frames) == len(run.strains) == len(run.frame_times_ps) == drawn + 3
        chosen = [frame for place, frame in result.chosen_frames() if place == number]
        assert len(chosen) == 2 + 3
        assert chosen[-3:] == [drawn, drawn + 1, drawn + 2]
        assert [run.parent_of(frame) for frame in (0, drawn)] == [run.parent_id, f"{run.parent_id}#train-only"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"candidates": 1}, "fewer than frames"),
        ({"candidates": 6}, "6 frames do not fit"),
        ({"frame_selection": "lowest-energy"}, "for parents"),
    ],
)
def test_impossible_choices_of_frames(settings, words):
    with pytest.raises(ValueError, match=words):
        SamplingSettings(**SETTINGS.model_dump() | settings)


def test_bad_references(screening):
    maker = SampleMaker("", SETTINGS, "superionic-mini")
    with pytest.raises(InputError, match="parent 9 does not exist"):
        maker.make.original(maker, screening, 9)
    with pytest.raises(DatabaseError, match="outside of a job"):
        maker.make.original(maker, "some-key", 0)
