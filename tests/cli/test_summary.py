from superionic.cli.progress import Clock
from superionic.cli.summary import _cells
from superionic.launch.status import CampaignStatus, StageStatus

ROW = {
    "formula": "Li3InCl6",
    "polymorph": None,
    "formation_energy_eV_per_atom": -0.0123,
    "e_above_hull_eV_per_atom": 0.0,
    "reference_e_above_hull_eV_per_atom": None,
    "activation_energy_eV": 0.24,
    "activation_energy_std_eV": 0.05,
    "temperatures_K": [700.0, 800.0, 900.0],
    "conductivities_S_per_cm": [0.31, 0.4, 0.9],
    "conductivities_std_S_per_cm": [0.04, 0.4, 0.1],
    "verdicts": ["ok", "too_few_hops", "framework_unstable"],
}


def test_numbers_that_a_verdict_forbids_are_not_printed():
    formula, formation, _, reference, conductivity, energy = _cells(ROW)
    assert (formula, formation, reference, energy) == ("Li3InCl6", "-12.3", "-", "0.24 ± 0.05")
    assert conductivity.splitlines() == [
        "700 K: 0.31 ± 0.04",
        "800 K: below 0.8 (too few hops)",
        "900 K: framework unstable",
    ]


def status(done):
    stages = (StageStatus("labelling", completed=done, waiting=10 - done), StageStatus("transport", waiting=4))
    return CampaignStatus("key", stages, (), None, None, finished=False)


def test_time_left_follows_the_planned_weight_of_the_stages():
    clock = Clock({"labelling": 1.0, "transport": 3.0})
    assert clock.share_done(status(0)) == 0
    assert clock.share_done(status(10)) == 0.25
    assert "left" not in clock.text(status(0))
    clock.started -= 60
    assert "about 3:00 min left" in clock.text(status(10))
