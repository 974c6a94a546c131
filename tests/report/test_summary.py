import pytest

from superionic.documents import CompositionInfo
from superionic.report.markup import text
from superionic.report.summary import stability_cells
from superionic.stability.schemas import PhaseEntry


def entry(**values):
    return PhaseEntry(
        composition=CompositionInfo(axes={}, label="x=1", formula="Li3YBr6"),
        source_key="a",
        source_index=0,
        n_atoms=20,
        energy_eV=-78.0,
        lowest=True,
        **({"formation_energy_eV_per_atom": -0.01, "e_above_hull_eV_per_atom": 0.0, "stable": True} | values),
    )


@pytest.mark.parametrize(
    ("values", "hull"),
    [
        ({}, "on hull"),
        ({"probability_stable": 1.0}, "on hull"),
        ({"probability_stable": 0.73}, "on hull <small>73% stable</small>"),
        ({"probability_stable": 0.0, "stable": False, "e_above_hull_eV_per_atom": 0.02}, "20 ± 6"),
        (
            {
                "probability_stable": 0.1,
                "stable": False,
                "e_above_hull_eV_per_atom": 0.02,
                "e_above_hull_std_eV_per_atom": 0.01,
            },
            "20 ± 10 <small>10% stable</small>",
        ),
    ],
)
def test_hull_cells_tell_how_certain_they_are(values, hull):
    cells = stability_cells(entry(**values), 0.006)
    assert text(cells[2]).replace("\u202f", " ") == hull
