"""Potentials: where they come from, whether they are trusted, and what is computed with them."""

from superionic.potentials.atoms import closest_approach, to_atoms, to_structure
from superionic.potentials.batch import energies_many, evaluate_many, features_many
from superionic.potentials.descriptors import descriptor_matrix, pooled_descriptor
from superionic.potentials.registry import (
    check_elements,
    foundation_path,
    foundation_ref,
    level_of_theory,
    load_calculator,
    trust_file,
    trusted_hashes,
)

__all__ = [
    "check_elements",
    "closest_approach",
    "descriptor_matrix",
    "energies_many",
    "evaluate_many",
    "features_many",
    "foundation_path",
    "foundation_ref",
    "level_of_theory",
    "load_calculator",
    "pooled_descriptor",
    "to_atoms",
    "to_structure",
    "trust_file",
    "trusted_hashes",
]
