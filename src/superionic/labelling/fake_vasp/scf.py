"""The stand-in's self-consistency cycle (NOT VASP's): a made-up approach to the model's energy, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from superionic.labelling.fake_vasp.faults import Fault
from superionic.labelling.fake_vasp.inputs import Inputs, is_true, read_incar

RATE: Final = 4.0
"""The distance from the end falls by this factor in each step."""
LAST_OVER_EDIFF: Final = 0.1
TYPICAL_STEPS: Final = 12
ABORTED_STEPS: Final = 3
SWING_EV: Final = 0.05
DEFAULT_NELM: Final = 60
DEFAULT_NELMIN: Final = 2
DEFAULT_EDIFF_EV: Final = 1e-4
DEFAULT_SIGMA_EV: Final = 0.2
ENTROPY_PER_ATOM_AND_SIGMA: Final = 0.02
"""T S per atom over SIGMA: with SIGMA 0.05 eV, 1 meV per atom between e_fr_energy and e_wo_entrp."""


class Ending(StrEnum):
    """How the cycle ended."""

    CONVERGED = "converged"
    EXHAUSTED = "exhausted"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Energies:
    """The three energies that VASP writes, eV.

    Attributes
    ----------
    free_eV : float
        Free energy, to which the forces belong (e_fr_energy).
    without_entropy_eV : float
        Energy without the entropy of the smearing (e_wo_entrp).
    zero_sigma_eV : float
        Extrapolated to no smearing (e_0_energy).
    """

    free_eV: float
    without_entropy_eV: float
    zero_sigma_eV: float


def energies(free_eV: float, entropy_eV: float) -> Energies:
    """All three energies from the free energy and T S."""
    return Energies(free_eV, free_eV + entropy_eV, free_eV + entropy_eV / 2)


def smearing_entropy(inputs: Inputs) -> float:
    """The made-up T S of the smearing, eV: 0.02 SIGMA for each atom."""
    return ENTROPY_PER_ATOM_AND_SIGMA * inputs.number("SIGMA", DEFAULT_SIGMA_EV) * len(inputs.poscar.symbols)


@dataclass(frozen=True)
class Cycle:
    """Plan of a cycle.

    Attributes
    ----------
    n_steps : int
        Steps if nothing stops it.
    limit : int
        NELM.
    ediff_eV : float
        EDIFF.
    converges : bool
        Whether it ends by itself before the limit.
    """

    n_steps: int
    limit: int
    ediff_eV: float
    converges: bool

    def offsets(self) -> Iterator[float]:
        """Distance of each step's energy from the model's, eV."""
        for step in range(1, self.n_steps + 1):
            if self.converges:
                yield LAST_OVER_EDIFF * self.ediff_eV * (RATE ** (self.n_steps - step) - 1.0)
            else:
                yield SWING_EV * (-1.0) ** step


def plan_cycle(inputs: Inputs, fault: Fault) -> Cycle:
    """The cycle of a run."""
    limit = int(inputs.number("NELM", DEFAULT_NELM))
    ediff = inputs.number("EDIFF", DEFAULT_EDIFF_EV)
    wanted = max(TYPICAL_STEPS + len(inputs.poscar.symbols) % 5, int(inputs.number("NELMIN", DEFAULT_NELMIN)))
    if fault in {Fault.UNCONVERGED, Fault.UNCONVERGED_ALWAYS} or wanted >= limit:
        return Cycle(limit, limit, ediff, converges=False)
    return Cycle(wanted, limit, ediff, converges=True)


def stop_request(folder: Path) -> str:
    """What a STOPCAR asks for: ``LABORT`` (now), ``LSTOP`` (after this ionic step) or nothing."""
    stop = folder / "STOPCAR"
    if not stop.is_file():
        return ""
    tags = read_incar(stop.read_text(encoding="utf-8"))
    return next((tag for tag in ("LABORT", "LSTOP") if is_true(tags.get(tag, ""))), "")
