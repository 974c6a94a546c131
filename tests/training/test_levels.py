"""Labels of several methods, sets of inputs or pseudopotentials never enter one data set."""

import pytest
from pymatgen.core import Lattice, Structure

from superionic.errors import InputError
from superionic.labelling.schemas import CalculationInfo, LabelDoc, LabelSetDoc
from superionic.training.assemble import one_level_of_theory

STRUCTURE = Structure(Lattice.cubic(4), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def label_set(level="SCAN (VASP)", settings_hash="a", titles=None):
    label = LabelDoc(
        structure=STRUCTURE,
        energy_eV=-1.0,
        forces_eV_per_A=[[0.0, 0.0, 0.0]] * 2,
        stress_eV_per_A3=[[0.0, 0.0, 0.0]] * 3,
        level_of_theory=level,
        accepted=True,
        settings_hash=settings_hash,
        calculation=CalculationInfo(code="vasp 6.4.2", potcar_titles=titles or {"Li": "PAW_PBE Li_sv 10Sep2004"}),
    )
    return LabelSetDoc(labels=[label], label_keys=["k"], requested=1, level_of_theory=level)


def test_equal_labels_pass():
    assert one_level_of_theory([label_set(), label_set()]) == "SCAN (VASP)"
    with_more_elements = label_set(titles={"Li": "PAW_PBE Li_sv 10Sep2004", "Y": "PAW_PBE Y_sv 25May2007"})
    assert one_level_of_theory([label_set(), with_more_elements]) == "SCAN (VASP)"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"level": "fake-vasp stand-in for SCAN (VASP)"}, "several levels of theory"),
        ({"settings_hash": "b"}, "several sets of inputs"),
        ({"titles": {"Li": "PAW_PBE Li_sv 01Jan2020"}}, "several POTCARs of one element .Li: PAW_PBE"),
    ],
)
def test_any_difference_is_refused(other, message):
    with pytest.raises(InputError, match=message):
        one_level_of_theory([label_set(), label_set(**other)])
