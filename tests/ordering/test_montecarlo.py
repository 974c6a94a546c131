"""Monte Carlo against exact Boltzmann averages, and continuation after a kill."""

import numpy as np
import pytest

from superionic.errors import CalculationError, OrderingError
from superionic.ordering import enumerate_orderings
from superionic.ordering.autocorrelation import autocorrelation_time
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.montecarlo import AnnealingSchedule, choose_snapshots, random_labels, run_monte_carlo
from superionic.ordering.montecarlo_checkpoint import CheckpointFile
from superionic.ordering.montecarlo_energy import EwaldEnergy, StructureEnergy, WeightedSum
from superionic.ordering.training_orderings import labels_of
from superionic.units import BOLTZMANN_EV_PER_K

SCREENING = 1 / 60
"""Brings the splitting of formal-charge energies to some kT, so that many states matter."""


def cell_of(structure, supercell=(1, 1, 1), merge=True):
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge, symprec_A=0.01)
    return DisorderedCell.of(reference, supercell)


@pytest.fixture(scope="module")
def primitive_nasicon(nasicon):
    """2 formula units: 420 raw orderings on two coupled sublattices."""
    return nasicon.get_primitive_structure()


def constant(temperature_K, sweeps):
    return AnnealingSchedule(temperature_K, temperature_K, 1, 1, 100, sweeps)


def filled_first_orbit(cell, labels):
    """Number of Na on the first orbit of Na sites."""
    sublattice = next(s for s in cell.sublattices if str(s.species[0]) == "Na+")
    orbits = cell.reference.operations.orbits[cell.sites[sublattice.positions]]
    return int(np.sum((labels[sublattice.positions] == 0) & (orbits == orbits.min())))


@pytest.mark.parametrize("temperature_K", [600.0, 1500.0, 6000.0])
def test_averages_equal_the_exact_boltzmann_averages(primitive_nasicon, temperature_K):
    cell = cell_of(primitive_nasicon)
    everything = enumerate_orderings(primitive_nasicon, max_orderings=1000)
    assert everything.complete
    energies_eV = everything.energies_eV * SCREENING
    weights = everything.multiplicities * np.exp(
        -(energies_eV - energies_eV.min()) / (BOLTZMANN_EV_PER_K * temperature_K)
    )
    weights /= weights.sum()
    exact_eV = weights @ energies_eV
    occupied = np.array([filled_first_orbit(cell, labels_of(cell, s)) for s in everything.structures])
    assert len(set(occupied)) > 1
    assert 0.02 < weights.max() < 0.98

    model = WeightedSum([(SCREENING, EwaldEnergy(cell))])
    schedule = constant(temperature_K, 5000)
    state = run_monte_carlo(cell, model, schedule, seed=7)
    found = autocorrelation_time(state.energies_eV[schedule.production_start :])
    assert abs(found.mean - exact_eV) < 4 * found.mean_std
    assert found.mean_std < 0.3 * np.sqrt(weights @ (energies_eV - exact_eV) ** 2)
    drawn = autocorrelation_time([filled_first_orbit(cell, labels) for labels in state.kept_labels])
    assert abs(drawn.mean - weights @ occupied) < 4 * drawn.mean_std


def test_every_raw_state_has_its_boltzmann_weight(li3inbr6):
    """The stationary distribution itself, on the 28 raw orderings of one cell."""
    cell, temperature_K = cell_of(li3inbr6), 2500.0
    ewald = EwaldEnergy(cell)
    counts: dict[bytes, int] = {}
    schedule = constant(temperature_K, 8000)
    model = WeightedSum([(SCREENING, ewald)])
    state = run_monte_carlo(cell, model, schedule, seed=1)
    for labels in state.kept_labels:
        counts[labels.tobytes()] = counts.get(labels.tobytes(), 0) + 1
    states = {key: SCREENING * ewald.start(np.frombuffer(key, dtype=np.int8)) for key in counts}
    assert len(states) == 28
    energies_eV = np.array(list(states.values()))
    exact = np.exp(-(energies_eV - energies_eV.min()) / (BOLTZMANN_EV_PER_K * temperature_K))
    exact /= exact.sum()
    seen = np.array([counts[key] for key in states]) / len(state.kept_labels)
    # kept states are 16 sweeps apart, so nearly independent
    sigma = np.sqrt(exact * (1 - exact) / len(state.kept_labels))
    assert np.max(np.abs(seen - exact) / sigma) < 4.5


@pytest.mark.parametrize("supercell", [(1, 1, 1), (1, 1, 2)])
def test_energy_changes_are_differences_of_energies(primitive_nasicon, supercell):
    cell = cell_of(primitive_nasicon, supercell)
    rng = np.random.default_rng(2)
    weights = rng.normal(size=3)

    def centre_of_charge(structure):
        return float(sum(site.specie.oxi_state * (site.frac_coords % 1.0) @ weights for site in structure))

    def combined():
        return WeightedSum([(0.3, EwaldEnergy(cell)), (2.0, StructureEnergy(cell, centre_of_charge))], constant_eV=5.0)

    model, fresh = combined(), combined()
    labels = random_labels(cell, rng)
    energy_eV = model.start(labels)
    for _ in range(60):
        sublattice = cell.sublattices[rng.integers(len(cell.sublattices))]
        i, j = (int(x) for x in rng.choice(sublattice.positions, size=2, replace=False))
        energy_eV += model.swap_delta(i, j)
        model.swap(i, j)
        labels[[i, j]] = labels[[j, i]]
        assert energy_eV == pytest.approx(fresh.start(labels), abs=1e-8)
    ewald_eV = float(cell.charge_energy().energies(charge_labels(cell, labels))[0])
    assert energy_eV == pytest.approx(0.3 * ewald_eV + 2 * centre_of_charge(cell.structure(labels)) + 5, abs=1e-8)


def charge_labels(cell, labels):
    """Charge classes of species labels, the form that the enumeration uses."""
    found = labels.copy()
    for sublattice in cell.sublattices:
        for label_class, members in enumerate(sublattice.members):
            for position in sublattice.positions:
                if labels[position] in members:
                    found[position] = label_class
    return found[None]


class KilledError(Exception):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("kill_at", [1, 4])
def test_a_killed_run_continues_bit_by_bit(primitive_nasicon, tmp_path, kill_at):
    cell = cell_of(primitive_nasicon, (1, 1, 2))
    schedule = AnnealingSchedule(3000.0, 800.0, 3, 15, 10, 70)

    def model():
        return WeightedSum([(SCREENING, EwaldEnergy(cell))])

    whole = run_monte_carlo(cell, model(), schedule, seed=11)
    checkpoint = CheckpointFile(tmp_path / "scratch" / "run.npz", "fingerprint", interval_s=0.0)
    calls = []

    def keep_then_die(state):
        checkpoint.keep(state)
        calls.append(state.n_done)
        if len(calls) == kill_at:
            raise KilledError

    with pytest.raises(KilledError):
        run_monte_carlo(cell, model(), schedule, seed=11, on_checkpoint=keep_then_die)
    resume = CheckpointFile(checkpoint.path, "fingerprint").load()
    assert 0 < resume.n_done == calls[-1] < schedule.n_sweeps
    continued = run_monte_carlo(cell, model(), schedule, seed=999, resume=resume)
    for name in ("labels", "energies_eV", "accepted", "attempted", "kept_sweeps", "kept_labels"):
        np.testing.assert_array_equal(getattr(continued, name), getattr(whole, name), err_msg=name)
    assert continued.rng_state == whole.rng_state


def test_checkpoints_of_other_runs_and_broken_ones_are_not_used(primitive_nasicon, tmp_path):
    cell = cell_of(primitive_nasicon)
    state = run_monte_carlo(cell, EwaldEnergy(cell), constant(900.0, 20), seed=0)
    file = CheckpointFile(tmp_path / "run.npz", "mine")
    assert file.load() is None
    file.save(state)
    assert CheckpointFile(file.path, "another").load() is None
    assert file.load().n_done == state.n_done
    file.path.write_bytes(file.path.read_bytes()[:200])
    assert file.load() is None
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_composition_of_every_sublattice_is_kept_and_annealing_lowers_the_energy(primitive_nasicon):
    cell = cell_of(primitive_nasicon, (1, 1, 2))
    schedule = AnnealingSchedule(20_000.0, 300.0, 8, 10, 20, 40)
    state = run_monte_carlo(cell, WeightedSum([(SCREENING, EwaldEnergy(cell))]), schedule, seed=5)
    for labels in (state.labels, *state.kept_labels):
        for sublattice in cell.sublattices:
            counts = np.bincount(labels[sublattice.positions], minlength=len(sublattice.counts))
            assert tuple(counts) == sublattice.counts
    assert state.energies_eV[-40:].mean() < state.energies_eV[:10].mean()
    assert np.all(state.accepted <= state.attempted)
    assert np.all(state.attempted <= cell.width)
    assert state.accepted[:10].sum() / state.attempted[:10].sum() > state.accepted[-40:].sum() / max(
        1, state.attempted[-40:].sum()
    )


def test_snapshots_are_two_tau_apart(primitive_nasicon):
    cell = cell_of(primitive_nasicon)
    schedule = constant(900.0, 1200)
    state = run_monte_carlo(cell, EwaldEnergy(cell), schedule, seed=0)
    assert schedule.keep_every == 2
    for tau, count in ((0.5, 4), (30.0, 5), (200.0, 5), (1e4, 5)):
        sweeps = state.kept_sweeps[choose_snapshots(state, schedule, tau, count)]
        assert 1 <= len(sweeps) <= count
        assert np.all(sweeps >= schedule.production_start)
        assert np.all(np.diff(sweeps) >= 2 * tau)
    assert len(choose_snapshots(state, schedule, 0.5, 4)) == 4
    assert len(choose_snapshots(state, schedule, 1e4, 5)) == 1


def test_a_model_whose_changes_do_not_add_up_is_refused(primitive_nasicon):
    cell = cell_of(primitive_nasicon)

    class Wrong(EwaldEnergy):
        def swap_delta(self, i, j):
            return 0.999 * super().swap_delta(i, j)

    with pytest.raises(CalculationError, match="inconsistent"):
        run_monte_carlo(cell, Wrong(cell), constant(1e5, 50), seed=0)


def test_an_ordered_structure_has_nothing_to_exchange(li3inbr6):
    ordered = enumerate_orderings(li3inbr6, max_orderings=1).structures[0]
    cell = cell_of(ordered)
    with pytest.raises(OrderingError, match="nothing to exchange"):
        run_monte_carlo(cell, StructureEnergy(cell, lambda _structure: 0.0), constant(900.0, 20), seed=0)


def test_a_cell_without_symmetry_is_the_same_cell(primitive_nasicon):
    reference = ReferenceCell.of(primitive_nasicon, merge_equal_orbits=True, symprec_A=0.01)
    full = DisorderedCell.of(reference, (1, 2, 2))
    bare = DisorderedCell.of(reference, (1, 2, 2), symmetry=False)
    assert len(full.permutations) > len(bare.permutations) == 1
    labels = random_labels(full, np.random.default_rng(0))
    assert bare.structure(labels) == full.structure(labels)
    assert EwaldEnergy(bare).start(labels) == EwaldEnergy(full).start(labels)


def test_labels_and_structures_are_inverse(primitive_nasicon):
    cell = cell_of(primitive_nasicon, (1, 1, 2))
    rng = np.random.default_rng(0)
    for _ in range(5):
        labels = random_labels(cell, rng)
        structure = cell.structure(labels)
        structure.translate_sites(range(len(structure)), [1, -1, 0], to_unit_cell=False)
        np.testing.assert_array_equal(labels_of(cell, structure), labels)
    structure.translate_sites([0], [0.2, 0.2, 0.2])
    with pytest.raises(OrderingError, match="one by one"):
        labels_of(cell, structure)
