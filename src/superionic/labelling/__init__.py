"""Labelling: single points by VASP-SCAN or a teacher potential, and the gate that admits them."""

from superionic.labelling.gate import check_label, same_structure
from superionic.labelling.results import SinglePoint

__all__ = ["SinglePoint", "check_label", "same_structure"]
