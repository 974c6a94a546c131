"""Stability: formation energies, hulls and ground states."""

from superionic.stability.formation import atom_fractions, formation_energies, reference_energies
from superionic.stability.hull import PhaseDiagram, build_phase_diagram

__all__ = ["PhaseDiagram", "atom_fractions", "build_phase_diagram", "formation_energies", "reference_energies"]
