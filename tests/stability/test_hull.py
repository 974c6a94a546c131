import numpy as np
import pytest
from pymatgen.core import Composition
from scipy.optimize import linprog

from superionic.errors import InputError
from superionic.stability import build_phase_diagram

LI3INCL6, LI3INBR6, LI3YBR6 = (Composition(f) for f in ("Li3InCl6", "Li3InBr6", "Li3YBr6"))


def entry(formula, energy_per_atom, units=1):
    composition = Composition(formula) * units
    return composition, energy_per_atom * composition.num_atoms, round(composition.num_atoms)


def test_binary_hull_by_hand():
    # AB at -1 eV/atom formation is stable; A3B at -0.4 lies 0.1 above the A-AB tie line at a quarter, -0.5
    entries = [entry("Na", -1.0), entry("Cl", -2.0), entry("NaCl", -2.5), entry("Na3Cl", -1.65), entry("NaCl", -2.4, 3)]
    diagram = build_phase_diagram(entries, [Composition("Na"), Composition("Cl")])
    assert np.allclose(diagram.formation_energy_eV_per_atom, [0, 0, -1.0, -0.4, -0.9])
    assert np.allclose(diagram.e_above_hull_eV_per_atom, [0, 0, 0, 0.1, 0.1])
    assert diagram.stable.tolist() == [True, True, True, False, False]


def test_pseudo_ternary_composition_between_two_vertices():
    mixed = Composition("Li6InYBr6Cl6")
    entries = [entry("Li3InCl6", -3.5, 2), entry("Li3InBr6", -3.1), entry("Li3YBr6", -3.7), (mixed, 20 * -3.61, 20)]
    diagram = build_phase_diagram(entries, [LI3INCL6, LI3INBR6, LI3YBR6])
    assert np.allclose(diagram.fractions[3], [0.5, 0, 0.5])
    assert diagram.formation_energy_eV_per_atom[3] == pytest.approx(-0.01)
    assert diagram.stable.all()


@pytest.mark.parametrize("seed", range(5))
def test_energy_above_hull_equals_linear_programme(seed):
    rng = np.random.default_rng(seed)
    members = [LI3INCL6, LI3INBR6, LI3YBR6]
    weights = np.vstack([np.eye(3), rng.multinomial(8, [1 / 3] * 3, size=25) / 8])
    compositions = [sum((m * w for m, w in zip(members, row, strict=True)), Composition()) * 8 for row in weights]
    entries = [(c, float(rng.normal(-3, 0.05)) * 80, 80) for c in compositions]
    diagram = build_phase_diagram(entries, members)
    formation = diagram.formation_energy_eV_per_atom
    for index, row in enumerate(diagram.fractions):
        best = linprog(formation, A_eq=diagram.fractions.T, b_eq=row, bounds=(0, None))
        assert diagram.e_above_hull_eV_per_atom[index] == pytest.approx(formation[index] - best.fun, abs=1e-8)


@pytest.mark.parametrize(
    ("entries", "members", "message"),
    [
        ([], ["Na", "Cl"], "no entries"),
        ([entry("Na", -1)], ["Na"], "at least two"),
        ([entry("Na", -1), entry("NaCl", -3)], ["Na", "Cl"], "end member Cl2 has no entry"),
        ([entry("Na", -1), entry("Cl", -1), entry("KCl", -1)], ["Na", "Cl"], "KCl is not a mixture"),
        ([entry("Na", float("nan")), entry("Cl", -1)], ["Na", "Cl"], "not usable"),
        ([entry("Na", -1), entry("Cl", -1), (Composition("NaCl"), -3.0, 4)], ["Na", "Cl"], "not n_atoms = 4"),
    ],
)
def test_bad_input_is_explained(entries, members, message):
    with pytest.raises(InputError, match=message):
        build_phase_diagram(entries, members)
