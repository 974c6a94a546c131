from math import comb

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from superionic.transport import FrameworkState, IntegritySettings
from superionic.transport.displacement import host_frame
from superionic.transport.integrity import check_framework, too_many

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


@pytest.mark.parametrize(
    ("atoms", "least"), [(1, 1), (2, 2), (4, 2), (8, 3), (16, 3), (27, 4), (48, 6), (128, 12), (2000, 117)]
)
def test_so_many_atoms_must_leave_that_chance_does_not_explain_them(atoms, least):
    """Against the binomial distribution, summed by hand: 5 % of the atoms of a sound host may be displaced."""
    counts, settings = np.arange(atoms + 1), IntegritySettings()
    found = too_many(counts, atoms, settings)
    assert np.array_equal(found, counts >= least)
    # exact: of 20^n draws, comb(n, k) 19^(n - k) show k atoms
    by_chance = sum(comb(atoms, k) * 19 ** (atoms - k) for k in range(least, atoms + 1))
    assert by_chance * 20 <= 20**atoms
    one_fewer = by_chance + comb(atoms, least - 1) * 19 ** (atoms - least + 1)
    assert one_fewer * 20 >= 20**atoms or least == 2


def shifted(count, species="Cl", start=300):
    """That many atoms leave their sites at 30 ps."""
    moved = vibrations(2)
    moved[start:, :count] += [0.0, 2.0, 0.0]
    return check_framework(frame_of(moved, species))


def test_isolated_defects_are_reported_and_do_not_condemn_the_host():
    assert shifted(0).warnings == ()
    few = shifted(3)
    assert few.stable
    assert few.state is FrameworkState.HOST_DEFECTS
    assert few.species[0].n_displaced == 3
    assert few.species[0].onset_ps == pytest.approx(30.0, abs=2.1)
    assert few.onset_ps is None
    assert few.warnings == (f"host defects: 3 of 27 Cl left their sites from {few.species[0].onset_ps:.3g} ps on",)
    assert few.warnings[0] in few.reason
    many = shifted(4)
    assert not many.stable
    assert many.onset_ps == pytest.approx(30.0, abs=2.1)
    assert many.warnings == ()


def test_one_cation_of_eight_is_a_defect_however_far_it_goes():
    """The MSD of eight atoms of which one moves 4 A on grows at long times; that must not pass for a melt."""
    species = ["In"] * 8 + ["Cl"] * 19
    moved = vibrations(2)
    moved[250:, 0] += [0.0, 5.0, 0.0]
    found = check_framework(frame_of(moved, species))
    assert {s.species: s.late_exponent for s in found.species}["In"] > 0.3
    assert found.stable
    assert found.warnings[0].startswith("host defects: 1 of 8 In")


def test_defects_of_several_species_add_up():
    species = ["In"] * 9 + ["Y"] * 9 + ["Sc"] * 9
    moved = vibrations(2)
    moved[300:, [0, 1, 9]] += [0.0, 2.0, 0.0]
    assert check_framework(frame_of(moved, species)).state is FrameworkState.HOST_DEFECTS
    moved[300:, 18] += [0.0, 2.0, 0.0]
    found = check_framework(frame_of(moved, species))
    assert not found.stable
    assert [s.stable for s in found.species] == [False, False, False]
    assert found.onset_ps == pytest.approx(30.0, abs=2.1)
    spared = check_framework(frame_of(moved, species), IntegritySettings(judged_species=("In", "Y")))
    assert spared.stable


def test_an_excursion_at_the_very_end_is_no_defect():
    assert shifted(5, start=385).state is FrameworkState.INTACT


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


def test_a_melt_a_glass_and_a_host_that_hops_are_told_apart():
    rng = np.random.default_rng(5)
    frames, start = 800, 300
    melt = 0.3 * rng.normal(size=(frames, EDGE**3, 3))
    melt[:start] = 0.0
    glass = np.zeros((frames, EDGE**3, 3))
    glass[start:] = 2.0 * rng.normal(size=(EDGE**3, 3))
    exchange = np.zeros((frames, EDGE**3, 3))
    exchange[start:, ::3] = [NEAREST_A, 0.0, 0.0]
    for displacements, expected in (
        (np.cumsum(melt, axis=0), FrameworkState.MELTED),
        (glass, FrameworkState.AMORPHISED),
        (exchange, FrameworkState.SITE_EXCHANGE),
        (0.0 * glass, FrameworkState.INTACT),
    ):
        found = check_framework(frame_of(displacements + vibrations(6, frames)))
        assert found.state is expected
        assert found.stable == (expected is FrameworkState.INTACT)
        assert found.onset_ps is None if found.stable else found.onset_ps == pytest.approx(32.0, abs=5.0)
        assert (found.species[0].order < 0.5) == (expected in {FrameworkState.MELTED, FrameworkState.AMORPHISED})


def tetrahedra(rotation):
    """Groups PS4 on a cubic lattice of 6 A; each frame turns all of them by a random-walk rotation of this size."""
    centres = 6.0 * np.argwhere(np.ones((2, 2, 2)))
    corners = 2.05 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    rng, frames = np.random.default_rng(8), 600
    turns = Rotation.identity(len(centres))
    positions = np.empty((frames, 8 + 32 + 1, 3))
    for k in range(frames):
        turns = Rotation.from_rotvec(rotation * rng.normal(size=(8, 3))) * turns
        groups = np.stack([turns.apply(np.tile(corner, (8, 1))) for corner in corners], axis=1)
        positions[k] = np.concatenate([centres, (centres[:, None] + groups).reshape(-1, 3), np.zeros((1, 3))])
    positions += 0.08 * rng.normal(size=positions.shape)
    return host_frame(positions, 12.0 * np.eye(3), ["P"] * 8 + ["S"] * 32 + ["Li"], "Li", 0.1)


def test_rotating_groups_are_no_melt():
    found = check_framework(tetrahedra(0.3))
    assert found.stable
    assert found.state is FrameworkState.ROTATING_GROUPS
    assert {s.species: s.state for s in found.species}["P"] is FrameworkState.INTACT
    assert "S: groups rotate" in found.reason
    assert check_framework(tetrahedra(0.0)).state is FrameworkState.INTACT


def test_a_cation_that_leaves_has_hopped_whatever_it_is_bonded_to():
    frame = tetrahedra(0.3)
    symbols = ["Br"] * 8 + ["Y"] * 32 + ["Li"]
    found = check_framework(host_frame(frame.positions_A, frame.lattice_A, symbols, "Li", 0.1))
    assert not found.stable
    assert FrameworkState.ROTATING_GROUPS not in {s.state for s in found.species}


def test_groups_that_leave_with_their_centres_are_unstable():
    frame = tetrahedra(0.3)
    walk = np.cumsum(0.4 * np.random.default_rng(9).normal(size=(600, 8, 3)), axis=0)
    walk -= walk.mean(axis=1, keepdims=True)
    moved = frame.positions_A.copy()
    moved[:, :8] += walk
    moved[:, 8:40] += np.repeat(walk, 4, axis=1)
    found = check_framework(host_frame(moved, frame.lattice_A, frame.species, "Li", 0.1))
    assert not found.stable


def lennard_jones(temperature, frames=100, stride=8):
    """Langevin dynamics (BAOAB) of 108 Lennard-Jones atoms, density 0.95, in units of 3.4 A; one is called mobile."""
    rng, step, friction = np.random.default_rng(0), 0.005, 1.0
    edge = (4 / 0.95) ** (1 / 3)
    sites = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    x = edge * (np.argwhere(np.ones((3, 3, 3)))[:, None] + sites).reshape(-1, 3)
    box = 3 * edge

    def forces(x):
        apart = x[:, None] - x
        apart -= box * np.rint(apart / box)
        inverse = 1.0 / np.maximum((apart**2).sum(axis=-1) + np.eye(len(x)) * 1e6, 0.5)
        inverse[inverse < 1 / 6.0] = 0.0
        return ((48 * inverse**7 - 24 * inverse**4)[..., None] * apart).sum(axis=1)

    v, f, kept = np.sqrt(temperature) * rng.normal(size=x.shape), forces(x), []
    drag = np.exp(-friction * step)
    for k in range(frames * stride):
        v += 0.5 * step * f
        x = x + 0.5 * step * v
        v = drag * v + np.sqrt((1 - drag**2) * temperature) * rng.normal(size=x.shape)
        x = x + 0.5 * step * v
        f = forces(x)
        v += 0.5 * step * f
        if k % stride == 0:
            kept.append(x)
    return host_frame(3.4 * np.array(kept), 3.4 * box * np.eye(3), ["Ar"] * (len(x) - 1) + ["Li"], "Li", stride * step)


def test_a_lennard_jones_crystal_holds_and_its_melt_is_found():
    cold, hot = check_framework(lennard_jones(0.5)), check_framework(lennard_jones(3.0))
    assert cold.stable
    assert cold.species[0].order > 0.8
    assert hot.state in {FrameworkState.MELTED, FrameworkState.DISORDERED}
    assert not hot.stable
    assert 0 < hot.onset_ps < 4.0
    assert hot.species[0].order < 0.5
