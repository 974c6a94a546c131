"""Frames are drawn after the discarded start, strained, and reproducible."""

import numpy as np
import pytest

from superionic.errors import CalculationError
from superionic.potentials.atoms import closest_approach, to_atoms
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


class Unsound:
    """Makes springs repel so many steps after each start; atoms are at their sites when a run starts."""

    def __init__(self, springs, sites, steps):
        self.calculator, self.starts = springs(sites), 0
        lasts, count, calculate = iter(steps), 0, self.calculator.calculate

        def unsound(atoms=None, *rest):
            nonlocal count
            if np.array_equal(atoms.positions, self.calculator.sites):
                self.starts, count, self.last = self.starts + 1, 0, next(lasts)
            self.calculator.repulsion = 400.0 if count > self.last else 0.0
            count += 1
            calculate(atoms, *rest)

        self.calculator.calculate = unsound


def test_an_exploded_run_is_started_again(rock_salt, springs, short_sampling):
    unsound = Unsound(springs, to_atoms(rock_salt).positions, [15, 15, 1000])
    sampled = sample_frames(rock_salt, unsound.calculator, short_sampling, seed=1)
    assert unsound.starts == 3
    assert len(sampled.exploded) == 2
    assert all(reason.startswith("exploded at 0.03") for reason in sampled.exploded)
    undisturbed = sample_frames(rock_salt, springs(to_atoms(rock_salt).positions), short_sampling, seed=1)
    assert undisturbed.exploded == []
    assert sampled.times_ps == undisturbed.times_ps, "the frames of the run that lasted"
    assert not np.allclose(sampled.frames[0].structure.frac_coords, undisturbed.frames[0].structure.frac_coords)


def test_if_no_run_lasts_frames_come_from_before_the_explosions(rock_salt, springs):
    settings = SamplingSettings(time_ps=2.0, discard_ps=0.1, frames=8, time_step_fs=2.0, temperature_K=300.0)
    unsound = Unsound(springs, to_atoms(rock_salt).positions, [100, 20, 90, 80, 110])
    sampled = sample_frames(rock_salt, unsound.calculator, settings, seed=1)
    assert unsound.starts == len(sampled.exploded) == 5
    assert len(sampled.frames) == 8
    assert all(0.1 < time <= 0.22 for time in sampled.times_ps)
    assert len({frame.structure.frac_coords.tobytes() for frame in sampled.frames}) == 8
    assert all(closest_approach(to_atoms(frame.structure)) > 0.7 for frame in sampled.frames)
    assert 50 < sampled.mean_temperature_K < 900


def test_explosions_that_leave_nothing_are_an_error_that_names_the_cure(rock_salt, springs):
    settings = SamplingSettings(time_ps=2.0, discard_ps=1.0, frames=2)
    with pytest.raises(CalculationError, match=r"5 of 5 starts failed.* exploded at .* Lower the temperature"):
        sample_frames(rock_salt, springs(to_atoms(rock_salt).positions, repulsion=80.0), settings, seed=0)
