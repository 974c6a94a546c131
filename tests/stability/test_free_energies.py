"""Free energies of mixing of campaigns: known entropies, bounds, and a mixture that entropy makes stable."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Species, Structure

from superionic.documents import CompositionInfo
from superionic.ordering import count_raw_orderings, enumerate_orderings
from superionic.potentials.schemas import PotentialRef, RelaxedStructure
from superionic.stability.free_energies import comparable, free_energies_at, orderings_by_supercell, with_free_energies
from superionic.stability.mixing_bounds import bounded_free_energy
from superionic.stability.schemas import EvaluatedOrdering, GroundStateDoc, PhaseDiagramDoc, PhaseEntry
from superionic.units import BOLTZMANN_EV_PER_K

POTENTIAL = PotentialRef(name="test", sha256="0" * 64, level_of_theory="made up")
HEIGHT_EV = 0.02


def host(x):
    """Four cation sites per cell, x of them K."""
    lattice, points = Lattice.cubic(5.6), [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    cation = {Species("Na", 1): 1 - x, Species("K", 1): x}
    cations = [{species: share for species, share in cation.items() if share}] * 4
    anions = [np.add(p, [0.5, 0, 0]) % 1 for p in points]
    return Structure(lattice, [*cations, *[{Species("Cl", -1): 1}] * 4], [*points, *anions])


def state(x, energy_eV, *, relaxed=None, cells=((2, 1, 1),), listed=None, above_eV=0.0, gain_eV=0.0):
    """All (or the first `listed`) orderings; `relaxed` of them are relaxed, from `gain_eV` per cell above."""
    found = enumerate_orderings(host(x), supercells=cells, max_orderings=1000)
    n = len(found.structures) if listed is None else listed
    n_relaxed = n if relaxed is None else relaxed
    atoms = [len(structure) for structure in found.structures]
    heights = [energy_eV * atoms[k] / 16 + above_eV * k for k in range(n)]
    return GroundStateDoc(
        key=f"x={x}",
        composition=CompositionInfo(axes={"x": x}, label=f"x={x}", formula=found.structures[0].composition.formula),
        potential=POTENTIAL,
        relaxed=[
            RelaxedStructure(
                source_index=k,
                structure=found.structures[k],
                energy_eV=heights[k],
                energy_eV_per_atom=heights[k] / atoms[k],
                max_force_eV_per_A=0.0,
                n_steps=1,
                converged=True,
            )
            for k in range(n_relaxed)
        ],
        model_key="m",
        energies_eV_per_atom=[heights[k] / atoms[k] for k in range(n_relaxed)],
        n_candidates=n_relaxed,
        evaluated=[
            EvaluatedOrdering(
                index=k,
                static_energy_eV_per_atom=(heights[k] + gain_eV) / atoms[k],
                n_atoms=atoms[k],
                multiplicity=int(found.multiplicities[k]),
                supercell=[list(row) for row in found.supercells[k]],
            )
            for k in range(n)
        ],
    )


def test_equal_energies_give_the_entropy_of_all_orderings_of_the_cell():
    (found,) = orderings_by_supercell(state(0.5, -1.0), host(0.5))
    assert found.n_host_cells == 2
    assert count_raw_orderings(host(0.5), (2, 1, 1)) == 70 == found.orderings.n_listed
    free = bounded_free_energy(found.orderings, 500.0)
    expected = (-1.0 - BOLTZMANN_EV_PER_K * 500 * np.log(70)) / 16
    assert free.estimate.free_energy_eV_per_atom == pytest.approx(expected)
    assert free.lower_eV_per_atom == pytest.approx(expected)
    assert free.upper_eV_per_atom == pytest.approx(expected)
    assert free.estimate.entropy_eV_per_K_per_atom == pytest.approx(BOLTZMANN_EV_PER_K * np.log(70) / 16)


@pytest.mark.parametrize(("listed", "relaxed"), [(None, 3), (6, 3), (6, 6), (None, 1)])
def test_bounds_of_partial_lists_hold_the_answer_of_the_whole(listed, relaxed):
    whole = state(0.5, -1.0, above_eV=0.03)
    (everything,) = orderings_by_supercell(whole, host(0.5))
    truth = bounded_free_energy(everything.orderings, 600.0).estimate.free_energy_eV_per_atom
    part = state(0.5, -1.0, above_eV=0.03, gain_eV=0.05, listed=listed, relaxed=relaxed)
    (known,) = orderings_by_supercell(part, host(0.5))
    free = bounded_free_energy(known.orderings, 600.0)
    assert free.lower_eV_per_atom < truth < free.upper_eV_per_atom or relaxed == listed == 6
    assert free.lower_eV_per_atom <= free.estimate.free_energy_eV_per_atom <= free.upper_eV_per_atom
    if listed is None:  # equal gains: the estimate is the truth, whatever share is relaxed
        assert free.estimate.free_energy_eV_per_atom == pytest.approx(truth)
        assert known.orderings.listed_fraction == 1.0
    else:
        assert known.orderings.listed_fraction < 1.0


def diagram(states):
    entries = [
        PhaseEntry(
            composition=s.composition,
            source_key=s.key,
            source_index=0,
            n_atoms=16,
            energy_eV=s.relaxed[0].energy_eV,
            formation_energy_eV_per_atom=0.0,
            e_above_hull_eV_per_atom=0.0,
            stable=True,
            lowest=True,
        )
        for s in states
    ]
    ends = [states[0].composition, states[-1].composition]
    return PhaseDiagramDoc(model_key="m", potential=POTENTIAL, end_members=ends, entries=entries)


def test_entropy_makes_a_mixture_stable_at_the_temperature_of_arithmetic():
    # all orderings HEIGHT_EV per 16 atoms above the ends: stable once k T ln 70 exceeds it
    states = [state(0.0, 0.0), state(0.5, HEIGHT_EV), state(1.0, 0.0)]
    crossover_K = HEIGHT_EV / (BOLTZMANN_EV_PER_K * np.log(70))
    hosts = {s.key: host(s.composition.axes["x"]) for s in states}
    temperatures = [0.9 * crossover_K, 1.1 * crossover_K]
    doc = with_free_energies(diagram(states), states, hosts, temperatures)
    cold, hot = doc.entries[1].free_energies
    for row, temperature in zip((cold, hot), temperatures, strict=True):
        formation = (HEIGHT_EV - BOLTZMANN_EV_PER_K * temperature * np.log(70)) / 16
        assert row.formation_free_energy_eV_per_atom == pytest.approx(formation)
        assert row.formation_free_energy_bounds_eV_per_atom == pytest.approx((formation, formation))
        assert row.e_above_hull_eV_per_atom == pytest.approx(max(formation, 0.0))
    assert (cold.stable, hot.stable) == (False, True)
    assert doc.entries[0].free_energies[0].formation_free_energy_bounds_eV_per_atom == (0.0, 0.0)
    assert doc.warnings == []


def test_compositions_are_compared_at_the_most_complete_common_size():
    one, two = ((1, 1, 1),), ((2, 1, 1),)
    whole = {"a": state(0.5, 0.0, cells=one), "b": state(0.5, 0.0, cells=two, listed=3)}
    both = {key: orderings_by_supercell(s, host(0.5)) for key, s in whole.items()}
    chosen, common = comparable({"a": both["a"] + both["b"], "b": both["b"]})
    assert common
    assert {item.n_host_cells for item in chosen.values()} == {2}
    chosen, common = comparable({"a": both["a"] + both["b"], "b": both["a"] + both["b"]})
    assert {item.n_host_cells for item in chosen.values()} == {1}, "its list is complete"
    assert not comparable(both)[1]


def test_without_hosts_or_multiplicities_no_bounds_or_nothing_is_claimed():
    states = [state(0.0, 0.0), state(0.5, HEIGHT_EV), state(1.0, 0.0)]
    chosen, _ = comparable({s.key: orderings_by_supercell(s, None) for s in states})
    ends = [states[0].composition.formula, states[-1].composition.formula]
    row = free_energies_at(chosen, ends, 300.0)["x=0.5"]
    assert row.formation_free_energy_bounds_eV_per_atom is row.e_above_hull_bounds_eV_per_atom is None
    assert row.listed_fraction is None
    older = [s.model_copy(update={"evaluated": []}) for s in states]
    doc = with_free_energies(diagram(states), older, {}, [300.0])
    assert all(entry.free_energies == [] for entry in doc.entries)
    assert "multiplicities" in doc.warnings[0]
