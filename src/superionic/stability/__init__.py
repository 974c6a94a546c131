"""Stability: formation energies, hulls and ground states."""

from superionic.phase_files import read_competing_phases
from superionic.stability.competing import (
    Competition,
    CompetitionSpread,
    against_competing_phases,
    competition_spread,
    phase_diagram_entries,
)
from superionic.stability.ensembles import ordering_ensemble
from superionic.stability.entries import ground_state_entries, write_entries
from superionic.stability.formation import atom_fractions, formation_energies, reference_energies
from superionic.stability.hull import PhaseDiagram, build_phase_diagram
from superionic.stability.mixing import (
    MixingFreeEnergy,
    OrderingEnsemble,
    ideal_mixing_entropy,
    mixing_free_energy,
    phase_diagram_at,
)
from superionic.stability.mixing_bounds import BoundedFreeEnergy, PartlyRelaxed, bounded_free_energy
from superionic.stability.motifs import HostMapping, coordination_motifs, map_to_host
from superionic.stability.uncertainty import (
    HullUncertainty,
    committee_covariance,
    composition_indices,
    error_covariance,
    hull_uncertainty,
    sampled_hull,
)

__all__ = [
    "BoundedFreeEnergy",
    "Competition",
    "CompetitionSpread",
    "HostMapping",
    "HullUncertainty",
    "MixingFreeEnergy",
    "OrderingEnsemble",
    "PartlyRelaxed",
    "PhaseDiagram",
    "against_competing_phases",
    "atom_fractions",
    "bounded_free_energy",
    "build_phase_diagram",
    "committee_covariance",
    "competition_spread",
    "composition_indices",
    "coordination_motifs",
    "error_covariance",
    "formation_energies",
    "ground_state_entries",
    "hull_uncertainty",
    "ideal_mixing_entropy",
    "map_to_host",
    "mixing_free_energy",
    "ordering_ensemble",
    "phase_diagram_at",
    "phase_diagram_entries",
    "read_competing_phases",
    "reference_energies",
    "sampled_hull",
    "write_entries",
]
