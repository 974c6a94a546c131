"""Disordered CIFs: charges, refined occupancies, split sites."""

import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import OrderingError
from superionic.ordering import count_orderings
from superionic.ordering.cif import read_cif
from superionic.ordering.tasks import cif_task
from superionic.stages import OrderingSettings

CHARGES = {"Li": 1, "Y": 3, "Br": -1}


def li3ybr6(li_g=0.75, li_h=0.75, **shift):
    """Li3YBr6 without oxidation states."""
    positions = [[0, 0, 0], [0, 0.335, 0], [0, 0.163, 0.5], [0.246, 0, 0.763], [0.244, 0.160, 0.241]]
    species = ["Y", {"Li": li_g}, {"Li": li_h}, "Br", "Br"]
    labels = ["Y1", "Li1", "Li2", "Br1", "Br2"]
    lattice = Lattice.monoclinic(6.90, 11.93, 6.84, 109.8)
    return Structure.from_spacegroup("C2/m", lattice, species, positions, labels=labels)


@pytest.fixture
def cif_of(tmp_path):
    def write(structure, name="crystal.cif", **options):
        structure.to(filename=str(tmp_path / name), **options)
        return tmp_path / name

    return write


def settings(**changes):
    return OrderingSettings(**({"supercells": [(1, 1, 1)]} | changes))


def test_charges_come_from_the_file(cif_of):
    structure = li3ybr6()
    structure.add_oxidation_state_by_element(CHARGES)
    crystal = read_cif(cif_of(structure))
    assert {str(species) for species in crystal.structure.composition} == {"Li+", "Y3+", "Br-"}
    task, change = cif_task(crystal, settings())
    assert (task.formula, task.label, change) == ("Li3YBr6", "Li3YBr6", "")
    assert task.run().count_raw == 28


def test_charges_of_the_command_line_win(cif_of):
    structure = li3ybr6()
    structure.add_oxidation_state_by_element({"Li": 1, "Y": 2, "Br": -1})
    crystal = read_cif(cif_of(structure), CHARGES)
    assert crystal.structure.charge == pytest.approx(0)


def test_missing_charges_are_asked_for_and_never_guessed(cif_of):
    file = cif_of(li3ybr6())
    with pytest.raises(OrderingError, match=r"no formal charge for Li, Y, Br.*check them.*--charges Li=1,Y=3,Br=-1"):
        read_cif(file)
    with pytest.raises(OrderingError, match=r"no formal charge for Br"):
        read_cif(file, {"Li": 1, "Y": 3})
    with pytest.raises(OrderingError, match=r"names Cl, but .* holds Li, Y, Br"):
        read_cif(file, CHARGES | {"Cl": -1})


def test_a_file_without_a_structure(tmp_path):
    (tmp_path / "a.cif").write_text("data_nothing\n_cell_length_a 3\n")
    for name, complaint in [("a.cif", "no structure can be read"), ("b.cif", "cannot be read: No such file")]:
        with pytest.raises(OrderingError, match=complaint):
            read_cif(tmp_path / name)


def test_refined_occupancies_are_refused_with_neutral_compositions(cif_of):
    crystal = read_cif(cif_of(li3ybr6(0.762, 0.738)), CHARGES)
    with pytest.raises(OrderingError, match=r"cannot realise") as refusal:
        cif_task(crystal, settings())
    assert "1 cell(s): Li6Y2Br12: Li+ 0.738 -> 0.75 (3/4), Li+ 0.762 -> 0.75 (3/4)" in str(refusal.value)
    with pytest.raises(OrderingError, match="Nearest charge-neutral"):
        cif_task(crystal, settings(supercells="auto"))


def test_nearest_adopts_what_the_refusal_listed_first(cif_of):
    crystal = read_cif(cif_of(li3ybr6(0.762, 0.738)), CHARGES)
    task, change = cif_task(crystal, settings(), nearest=True)
    assert "Li+ 0.762 -> 0.75 (3/4)" in change
    assert task.structure.charge == pytest.approx(0)
    assert "share one pool" in change
    # 6 Li on the 8 sites of both orbits
    assert task.run().count_raw == 28
    separate, _ = cif_task(crystal, settings(merge_equal_orbits=False), nearest=True)
    assert separate.run().count_raw == 16


def test_nearest_composition_fits_all_supercells(cif_of):
    crystal = read_cif(cif_of(li3ybr6(0.88, 0.62)), CHARGES)
    task, change = cif_task(crystal, settings(supercells=[(1, 1, 2), (1, 2, 2)]), nearest=True)
    assert "per 2 cell(s)" in change
    assert [count_orderings(task.structure, cell) > 0 for cell in task.supercells] == [True, True]
    with pytest.raises(OrderingError, match="give the supercells"):
        cif_task(crystal, settings(supercells="auto"), nearest=True)


def test_nearest_changes_nothing_where_nothing_is_wrong(cif_of):
    crystal = read_cif(cif_of(li3ybr6()), CHARGES)
    task, change = cif_task(crystal, settings(), nearest=True)
    assert change == ""
    assert task.structure is crystal.structure


def test_a_species_can_vanish(cif_of):
    structure = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.5), [{"Na": 0.99, "Ag": 0.01}, {"Cl": 0.98, "Br": 0.02}], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    crystal = read_cif(cif_of(structure), {"Na": 1, "Ag": 1, "Cl": -1, "Br": -1})
    task, change = cif_task(crystal, settings(), nearest=True)
    assert "Ag+ 0.01 -> 0 (0/4)" in change
    assert task.formula == "NaCl"


def test_charged_crystals_are_refused(cif_of):
    crystal = read_cif(cif_of(li3ybr6(1.0, 0.75)), CHARGES)
    with pytest.raises(OrderingError, match=r"not charge-neutral: 7 Li\+ x \(\+1\).*= \+1 e") as refusal:
        cif_task(crystal, settings())
    assert "Li6Y2Br12: Li+ " in str(refusal.value)


def test_auto_takes_the_fewest_cells(cif_of):
    crystal = read_cif(cif_of(li3ybr6(0.875, 0.625)), CHARGES)
    automatic, _ = cif_task(crystal, settings(supercells="auto"))
    assert len(automatic.supercells) == 1
    listed, _ = cif_task(crystal, settings(supercells={"up_to": 2}))
    assert len(listed.supercells) > 1
    with pytest.raises(OrderingError, match="2 cells are needed"):
        cif_task(crystal, settings(supercells={"up_to": 1}))


def test_split_sites_are_pointed_out(cif_of):
    split = Structure.from_spacegroup(
        "Pm-3m",
        Lattice.cubic(4.0),
        [{"Na": 1}, {"Cl": 0.5}, {"Br": 0.5}],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.56]],
    )
    notes = read_cif(cif_of(split), {"Na": 1, "Cl": -1, "Br": -1}).notes
    assert any("less than 1 A apart" in note and "0.24 A" in note for note in notes)


HAND_WRITTEN = """data_x
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
{symmetry}
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 0 0 0 0.5
Li1 0 0 0 0.5
Cl1 0.5 0.5 0.5 1
"""


@pytest.mark.parametrize(
    ("symmetry", "n_sites"),
    [("_symmetry_space_group_name_H-M 'C 2/m'", 4), ("_space_group_IT_number 225", 8), ("", 2)],
)
def test_space_groups_without_operations(tmp_path, symmetry, n_sites):
    (tmp_path / "a.cif").write_text(HAND_WRITTEN.format(symmetry=symmetry))
    crystal = read_cif(tmp_path / "a.cif", {"Na": 1, "Li": 1, "Cl": -1})
    assert len(crystal.structure) == n_sites
    assert any("standard setting" in note for note in crystal.notes) == ("H-M" in symmetry)


def test_a_space_group_that_nobody_knows_is_not_taken_for_p1(tmp_path):
    (tmp_path / "a.cif").write_text(HAND_WRITTEN.format(symmetry="_symmetry_space_group_name_H-M 'Q 9/z'"))
    with pytest.raises(OrderingError, match=r"space group 'Q 9/z' .* no symmetry operations"):
        read_cif(tmp_path / "a.cif", {"Na": 1, "Li": 1, "Cl": -1})


def test_the_first_of_several_structures_is_taken_and_said(tmp_path):
    text = HAND_WRITTEN.format(symmetry="_space_group_IT_number 221")
    (tmp_path / "a.cif").write_text(text + text.replace("data_x", "data_y").replace("length_a 4", "length_a 5"))
    crystal = read_cif(tmp_path / "a.cif", {"Na": 1, "Li": 1, "Cl": -1})
    assert crystal.structure.lattice.a == pytest.approx(4)
    assert "the CIF holds 2 structures; the first one was taken" in crystal.notes


def test_overfull_sites_are_refused_and_not_rescaled(tmp_path):
    text = HAND_WRITTEN.format(symmetry="").replace("Na1 0 0 0 0.5", "Na1 0 0 0 0.6")
    (tmp_path / "a.cif").write_text(text)
    with pytest.raises(OrderingError, match=r"no structure can be read.*1\.1"):
        read_cif(tmp_path / "a.cif", {"Na": 1, "Li": 1, "Cl": -1})
