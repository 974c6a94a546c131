import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator

from superionic.training.drift import measure_drift
from superionic.training.replay import ReplaySet


class Pairs(Calculator):
    """Harmonic forces towards the origin, an energy per element, and a list of known elements."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, known, stiffness=1.0, offsets=None):
        super().__init__()
        self.atomic_numbers, self.stiffness, self.offsets = known, stiffness, offsets or {}

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        places = self.atoms.positions
        energy = 0.5 * self.stiffness * np.sum(places**2) + sum(
            self.offsets.get(int(z), 0.0) for z in self.atoms.numbers
        )
        self.results = {"energy": energy, "forces": -self.stiffness * places, "stress": np.zeros(6)}


def structures(symbols, count, seed):
    rng = np.random.default_rng(seed)
    made = []
    for size in [3 + k % 3 for k in range(count)]:
        drawn = list(rng.permutation(symbols))[:size]
        made.append(Atoms(drawn, positions=rng.normal(size=(size, 3)), cell=[9] * 3, pbc=True))
    return tuple(made)


@pytest.fixture
def replay():
    train, valid = structures(["Li", "Cl", "Cl", "Li", "Na"], 30, 0), structures(["Li", "Cl"] * 3, 8, 1)
    return ReplaySet(train, valid, "made up", derived=False)


def test_a_constant_per_element_is_no_drift(replay):
    moved = Pairs([3, 11, 17], offsets={3: -2.0, 17: 5.0, 11: 1.0})
    drift = measure_drift(Pairs([3, 11, 17]), moved, replay)
    assert drift.left_out == 0
    assert drift.errors.energy_rmse_meV_per_atom == pytest.approx(0, abs=1e-6)
    assert drift.errors.force_rmse_meV_per_A == 0


def test_forces_that_became_softer_are_found_with_their_slope(replay):
    drift = measure_drift(Pairs([3, 11, 17]), Pairs([3, 11, 17], stiffness=0.7), replay)
    rms = np.sqrt(np.mean(np.concatenate([atoms.positions for atoms in replay.valid]) ** 2))
    assert drift.errors.force_rmse_meV_per_A == pytest.approx(300 * rms)
    assert drift.errors.force_slope == pytest.approx(0.7)


def test_structures_with_unknown_elements_are_left_out_and_counted(replay):
    foreign = ReplaySet(
        replay.train, (*replay.valid, *structures(["Na", "Na", "Na", "Na", "Na"], 2, 2)), "made up", False
    )
    drift = measure_drift(Pairs([3, 11, 17]), Pairs([3, 17]), foreign)
    assert (drift.left_out, drift.errors.n_structures) == (2, 8)
    assert measure_drift(Pairs([3, 11, 17]), Pairs([35]), foreign).errors is None
