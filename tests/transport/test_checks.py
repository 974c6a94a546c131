import numpy as np
import pytest

from superionic.errors import TransportInputError
from superionic.transport import analyze_trajectory


def arguments(**changes):
    positions = np.random.default_rng(0).normal(size=(20, 4, 3))
    base = {
        "positions_A": positions,
        "lattice_A": 10.0 * np.eye(3),
        "species": ["Li", "Li", "Cl", "Cl"],
        "mobile": "Li",
        "time_step_ps": 0.1,
        "temperature_K": 800.0,
    }
    return base | changes


def with_nan():
    positions = arguments()["positions_A"]
    positions[13, 2, 1] = np.nan
    return positions


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mobile": "Na"}, r"mobile is 'Na'.*\['Cl', 'Li'\]"),
        ({"species": ["Li"] * 3}, "3 symbols.*4 atoms"),
        ({"species": ["Li+", "Li", "Cl", "Cl"]}, "not chemical symbols"),
        ({"species": "LiLi"}, "one symbol per atom"),
        ({"positions_A": np.zeros((9, 4, 3))}, "9 frames"),
        ({"positions_A": np.zeros((20, 12))}, r"\(20, 12\)"),
        ({"positions_A": with_nan()}, "frame 13, atom 2"),
        ({"positions_A": np.full((20, 4, 3), "x")}, "real numbers"),
        ({"lattice_A": np.ones((3, 3))}, "singular"),
        ({"lattice_A": np.zeros((3, 3))}, "singular"),
        ({"lattice_A": np.eye(4)}, r"\(4, 4\)"),
        ({"lattice_A": np.full((3, 3), np.nan)}, "not finite"),
        ({"time_step_ps": 0.0}, "time_step_ps"),
        ({"time_step_ps": float("nan")}, "time_step_ps"),
        ({"temperature_K": -1.0}, "temperature_K"),
        ({"charge_e": 0.0}, "charge_e"),
        ({"discard_ps": 1.5}, "discard"),
        ({"discard_ps": -1.0}, "discard_ps"),
    ],
)
def test_bad_input_is_refused_with_what_and_where(changes, words):
    with pytest.raises(TransportInputError, match=words):
        analyze_trajectory(**arguments(**changes))
