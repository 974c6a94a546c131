import numpy as np
import pytest

from superionic.transport import IntegritySettings
from superionic.transport.displacement import host_frame
from superionic.transport.integrity import check_framework

EDGE = 3
NEAREST_A = 3.0


def frame_of(displacements, species="Cl"):
    """A simple cubic host, 3 A apart, with given displacements (frames, 27, 3), and one lithium ion."""
    sites = np.stack(np.meshgrid(*[np.arange(EDGE)] * 3), axis=-1).reshape(1, -1, 3) * NEAREST_A
    host = sites + displacements
    positions = np.concatenate([host, np.zeros((len(host), 1, 3))], axis=1)
    symbols = [species] * EDGE**3 if isinstance(species, str) else list(species)
    return host_frame(positions, EDGE * NEAREST_A * np.eye(3), [*symbols, "Li"], "Li", 0.1)


def vibrations(seed, frames=400, amplitude=0.15):
    return amplitude * np.random.default_rng(seed).normal(size=(frames, EDGE**3, 3))


def test_a_vibrating_crystal_is_stable():
    found = check_framework(frame_of(vibrations(0)))
    assert found.stable
    assert found.checked
    (chlorine,) = found.species
    assert abs(chlorine.late_exponent) < 0.1
    assert chlorine.nearest_neighbour_A == pytest.approx(NEAREST_A, abs=0.2)
    assert found.fraction_displaced == 0.0
    assert found.onset_ps is None


@pytest.mark.parametrize("frames", [10, 15, 30, 100])
def test_short_sound_runs_are_not_flagged_by_noise(frames):
    for seed in range(10):
        # slowly varying vibrations: over a short run the MSD keeps growing although nothing leaves its site
        rng = np.random.default_rng(seed)
        phases = rng.uniform(0, 2 * np.pi, (1, EDGE**3, 3))
        slow = 0.3 * np.sin(np.arange(frames)[:, None, None] / 20 + phases)
        assert check_framework(frame_of(slow)).stable


def test_a_melt_is_unstable_and_its_onset_is_found():
    rng = np.random.default_rng(0)
    steps = 0.3 * rng.normal(size=(1000, EDGE**3, 3))
    steps[:500] = 0.0
    found = check_framework(frame_of(np.cumsum(steps, axis=0) + vibrations(1, 1000)))
    assert not found.stable
    assert found.species[0].late_exponent > 0.5
    assert found.fraction_displaced > 0.5
    assert found.onset_ps == pytest.approx(52.5, abs=6.0)


def test_a_few_displaced_atoms_count_against_the_threshold():
    shifted = vibrations(2)
    shifted[300:, 0] += [0.0, 2.0, 0.0]
    one = check_framework(frame_of(shifted))
    assert one.fraction_displaced == pytest.approx(1 / 27)
    assert one.stable
    shifted[300:, 1] += [0.0, 2.0, 0.0]
    two = check_framework(frame_of(shifted))
    assert two.fraction_displaced == pytest.approx(2 / 27)
    assert not two.stable


def test_species_are_judged_apart_and_rotating_anions_can_be_left_out():
    species = ["P"] * 9 + ["S"] * 18
    moving = vibrations(3)
    directions = np.random.default_rng(4).normal(size=(18, 3))
    moving[100:, 9:] += 1.8 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    found = {s.species: s for s in check_framework(frame_of(moving, species)).species}
    assert not found["S"].stable
    assert found["P"].stable
    lenient = check_framework(frame_of(moving, species), IntegritySettings(judged_species=()))
    assert lenient.stable
    assert not {s.species: s for s in lenient.species}["S"].stable
