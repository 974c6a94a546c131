"""What CP2K says about its own calculation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

VERSION: Final = re.compile(r"CP2K\| version string:\s+CP2K version (\S+)")
CONVERGED: Final = re.compile(r"\*\*\* SCF run converged in\s+(\d+) steps \*\*\*")
EXHAUSTED: Final = re.compile(r"Leaving inner SCF loop after reaching\s+(\d+) steps")
NOT_CONVERGED: Final = re.compile(r"SCF run NOT converged")


@dataclass(frozen=True)
class Cp2kOutput:
    """Facts read from one output.

    Attributes
    ----------
    version : str
        Version of CP2K; empty if it does not say.
    converged : bool
        Whether the cycle converged: said so, and never said the contrary.
    scf_steps : int
        Steps of the last cycle.
    """

    version: str
    converged: bool
    scf_steps: int


def read_output(text: str) -> Cp2kOutput:
    """Read the output of a single point.

    CP2K up to 2023 only warns when the cycle did not converge and goes on to forces and stress; newer ones stop.

    Parameters
    ----------
    text : str
        Output with print level MEDIUM or higher.

    Returns
    -------
    Cp2kOutput
        Not converged too if the output says nothing about it, e.g. because it is cut.
    """
    version = VERSION.search(text)
    steps = CONVERGED.findall(text)
    failed = NOT_CONVERGED.search(text) is not None or EXHAUSTED.search(text) is not None
    exhausted = EXHAUSTED.findall(text)
    return Cp2kOutput(
        version=version.group(1) if version else "",
        converged=bool(steps) and not failed,
        scf_steps=int((exhausted if failed and exhausted else steps or ["0"])[-1]),
    )
