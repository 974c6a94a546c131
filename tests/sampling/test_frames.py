"""Frames are drawn after the discarded start, strained, and reproducible."""

import numpy as np
import pytest

from superionic.errors import CalculationError
from superionic.potentials.atoms import to_atoms
from superionic.sampling.frames import draw_steps, sample_frames
from superionic.stages import SamplingSettings


def test_steps_lie_after_the_start(short_sampling):
    seen = set()
    for seed in range(300):
        steps = draw_steps(short_sampling, np.random.default_rng(seed))
        assert len(set(steps.tolist())) == 4
        assert list(steps) == sorted(steps)
        seen |= set(steps.tolist())
    assert seen == set(range(11, 31))


def test_frames_are_strained_copies_of_the_run(rock_salt, springs, short_sampling):
    calculator = springs(to_atoms(rock_salt).positions)
    sampled = sample_frames(rock_salt, calculator, short_sampling, seed=1)
    assert len(sampled.frames) == len(sampled.times_ps) == 4
    assert all(0.02 < time <= 0.06 + 1e-9 for time in sampled.times_ps)
    assert 100 < sampled.mean_temperature_K < 2000
    for frame in sampled.frames:
        expected = rock_salt.lattice.matrix @ (np.eye(3) + frame.strain)
        np.testing.assert_allclose(frame.structure.lattice.matrix, expected)
        moved = frame.structure.frac_coords - rock_salt.frac_coords
        moved -= np.round(moved)
        assert 1e-3 < np.abs(moved).max() < 0.2
        assert frame.structure.species == rock_salt.species


def test_seed_fixes_everything(rock_salt, springs, short_sampling):
    first, again, other = (
        sample_frames(rock_salt, springs(to_atoms(rock_salt).positions), short_sampling, seed) for seed in (1, 1, 2)
    )
    assert first.times_ps == again.times_ps
    for one, two in zip(first.frames, again.frames, strict=True):
        np.testing.assert_array_equal(one.structure.cart_coords, two.structure.cart_coords)
        np.testing.assert_array_equal(one.strain, two.strain)
    assert not np.allclose(first.frames[0].strain, other.frames[0].strain)


def test_explosion_is_an_error_that_names_the_cure(rock_salt, springs):
    settings = SamplingSettings(time_ps=2.0, discard_ps=1.0, frames=2)
    with pytest.raises(CalculationError, match=r"exploded at .* Lower the temperature"):
        sample_frames(rock_salt, springs(to_atoms(rock_salt).positions, repulsion=80.0), settings, seed=0)
