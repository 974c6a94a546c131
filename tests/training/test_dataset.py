import dataclasses
import io
from collections import Counter

import numpy as np
import pytest
from ase.io import read
from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.errors import InputError, InsufficientDataError
from superionic.provenance import content_key
from superionic.training.dataset import (
    SPLITS,
    build_dataset,
    frames_from_extxyz,
    frames_to_extxyz,
    split_parents,
)

FRACTIONS = {"valid_fraction": 0.1, "test_fraction": 0.1}


def demo_parents(per_composition, n_compositions=5):
    return {f"c{c}-p{p}": f"c{c}" for c in range(n_compositions) for p in range(per_composition)}


@given(
    counts=st.lists(st.integers(1, 7), min_size=1, max_size=6).filter(lambda counts: sum(counts) >= 3),
    valid=st.floats(0.05, 0.45),
    test=st.floats(0.05, 0.45),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_split_is_a_partition_that_keeps_compositions_in_training(counts, valid, test, seed):
    parents = {f"c{c}-p{p}": f"c{c}" for c, n in enumerate(counts) for p in range(n)}
    split = split_parents(parents, valid_fraction=valid, test_fraction=test, seed=seed)
    assert sorted(parent for name in SPLITS for parent in split[name]) == sorted(parents)
    assert all(split[name] for name in SPLITS)
    held_out = len(split["valid"]) + len(split["test"])
    kept = {parents[parent] for parent in split["train"]}
    spare = sum(n - 1 for n in counts)
    if held_out <= spare:
        assert kept == set(parents.values())
    assert split == split_parents(dict(reversed(parents.items())), valid_fraction=valid, test_fraction=test, seed=seed)


def test_a_fingerprint_is_the_content_key_of_the_rounded_sites(frames):
    for frame in frames:
        rounded = np.round(frame.atoms.get_scaled_positions() @ frame.atoms.cell.array, 4).tolist()
        sites = sorted(zip(frame.atoms.numbers.tolist(), rounded, strict=True))
        assert frame.fingerprint == content_key([sites, np.round(frame.atoms.cell.array, 4)])


def test_split_of_the_demo_has_one_parent_of_two_compositions_held_out():
    split = split_parents(demo_parents(2), **FRACTIONS, seed=0)
    assert {name: len(split[name]) for name in SPLITS} == {"train": 8, "valid": 1, "test": 1}
    held_out = [split["valid"][0].split("-")[0], split["test"][0].split("-")[0]]
    assert held_out[0] != held_out[1]


def test_split_covers_every_composition_when_the_fractions_allow_it():
    split = split_parents(demo_parents(6), valid_fraction=0.2, test_fraction=0.2, seed=3)
    for name in ("valid", "test"):
        counts = Counter(parent.split("-")[0] for parent in split[name])
        assert sorted(counts.values()) == [1, 1, 1, 1, 2]


def test_seed_changes_the_split():
    splits = {tuple(split_parents(demo_parents(4), **FRACTIONS, seed=seed)["test"]) for seed in range(10)}
    assert len(splits) > 3


def test_two_parents_are_too_few():
    with pytest.raises(InsufficientDataError, match="2 parent orderings"):
        split_parents({"a": "x", "b": "x"}, **FRACTIONS, seed=0)


def test_no_parent_is_in_two_parts(frames):
    dataset = build_dataset(frames, **FRACTIONS, batch_size=4, seed=1)
    parents = dataset.parents_by_split()
    assert not set(parents["train"]) & (set(parents["valid"]) | set(parents["test"]))
    assert not set(parents["valid"]) & set(parents["test"])
    assert sum(len(dataset.part(name)) for name in SPLITS) == len(frames)
    counts = dataset.counts_by_composition()
    assert sum(sum(row.values()) for row in counts.values()) == len(frames)


def test_content_hash_depends_on_labels_and_split(frames):
    hashes = {build_dataset(frames, **FRACTIONS, batch_size=4, seed=seed).content_hash for seed in (1, 1, 5)}
    assert len(hashes) == 2
    changed = [dataclasses.replace(frames[0], energy_eV=frames[0].energy_eV + 1e-3), *frames[1:]]
    assert build_dataset(changed, **FRACTIONS, batch_size=4, seed=1).content_hash not in hashes


def test_duplicate_structure_across_parts_is_refused(frames):
    dataset = build_dataset(frames, **FRACTIONS, batch_size=4, seed=1)
    victim, copied = dataset.test[0], dataset.train[0]
    shuffled = np.random.default_rng(0).permutation(len(copied.atoms))
    atoms = copied.atoms[shuffled]
    atoms.positions += copied.atoms.cell[0]  # the same crystal, written differently
    copy = dataclasses.replace(victim, atoms=atoms)
    with pytest.raises(InputError, match=copied.key):
        build_dataset([*frames, copy], **FRACTIONS, batch_size=4, seed=1)


def test_label_without_parent_is_refused(frames):
    with pytest.raises(InputError, match="no parent_id"):
        build_dataset([dataclasses.replace(frames[0], parent_id=""), *frames], **FRACTIONS, batch_size=4, seed=1)


def test_training_set_smaller_than_a_batch_is_refused(frames):
    with pytest.raises(InsufficientDataError, match="do not fill one batch of 50"):
        build_dataset(frames, **FRACTIONS, batch_size=50, seed=1)


def test_extxyz_round_trip(frames):
    again = frames_from_extxyz(frames_to_extxyz(frames))
    for before, after in zip(frames, again, strict=True):
        assert (before.key, before.parent_id, before.composition) == (after.key, after.parent_id, after.composition)
        assert after.energy_eV == pytest.approx(before.energy_eV, abs=1e-8)
        np.testing.assert_allclose(after.forces_eV_per_A, before.forces_eV_per_A, atol=1e-7)
        np.testing.assert_allclose(after.stress_eV_per_A3, before.stress_eV_per_A3, atol=1e-9)
        np.testing.assert_allclose(after.atoms.positions, before.atoms.positions, atol=1e-7)


def test_extxyz_has_the_keys_that_mace_reads(frames):
    atoms = read(io.StringIO(frames_to_extxyz(frames[:1])), format="extxyz")
    assert atoms.info["REF_stress"].shape == (3, 3)
    assert atoms.arrays["REF_forces"].shape == (8, 3)
    assert atoms.calc is None  # ASE has not swallowed the labels


def test_extxyz_without_labels_is_refused():
    text = '1\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3\nLi 0 0 0\n'
    with pytest.raises(InputError, match="REF_energy, REF_forces"):
        frames_from_extxyz(text)


def test_frames_for_training_only_are_neither_validated_nor_tested_on(frames):
    marked = [
        dataclasses.replace(
            frame, key=f"{frame.key}-pair", parent_id=f"{frame.parent_id}#train-only", atoms=moved(frame.atoms)
        )
        for frame in frames[::3]
    ]
    settings = {"valid_fraction": 0.2, "test_fraction": 0.2, "batch_size": 1, "seed": 0}
    plain, more = build_dataset(frames, **settings), build_dataset([*frames, *marked], **settings)
    assert more.parents_by_split() == plain.parents_by_split()
    assert (more.valid, more.test) == (plain.valid, plain.test)
    added = {frame.family for frame in more.train if frame.train_only}
    assert added == set(plain.parents_by_split()["train"]), "one of each training parent"
    assert len(more.train) == len(plain.train) + len(added)


def moved(atoms):
    closer = atoms.copy()
    closer.positions[0] += 0.3
    return closer
