"""The Maker of labels by CP2K."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pymatgen.core import Structure

from superionic.labelling import cp2k
from superionic.labelling.cp2k_input import require_potentials
from superionic.labelling.results import SinglePoint
from superionic.labelling.static_jobs import StaticMaker


@dataclass
class Cp2kStaticMaker(StaticMaker):
    """Label one structure with CP2K and the SCAN functional; everything is set in ``settings.cp2k``."""

    @property
    def level_of_theory(self) -> str:
        """CP2K with potentials, basis sets and cutoff."""
        return cp2k.LEVEL_OF_THEORY(self.settings.cp2k)

    @property
    def settings_hash(self) -> str:
        """Hash of the label-defining settings."""
        return cp2k.settings_hash(self.settings.cp2k)

    def require(self) -> None:
        """Check that CP2K can be started."""
        cp2k.require_cp2k(self.settings.cp2k)

    def require_elements(self, elements: Collection[str]) -> None:
        """Check that there is a potential for each element."""
        require_potentials(elements)

    def single_point(self, structure: Structure) -> SinglePoint:
        """Energy, forces and stress by CP2K."""
        return cp2k.cp2k_single_point(structure, self.settings.cp2k)
