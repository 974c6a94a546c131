"""Distinct orderings of disordered crystals, ranked by formal-charge electrostatics."""

from superionic.ordering.decorate import DecorationRule
from superionic.ordering.enumerate import (
    count_charge_patterns,
    count_orderings,
    count_raw_orderings,
    enumerate_orderings,
)
from superionic.ordering.result import OrderingSet
from superionic.ordering.supercells import compact_supercell, hermite_supercells

__all__ = [
    "DecorationRule",
    "OrderingSet",
    "compact_supercell",
    "count_charge_patterns",
    "count_orderings",
    "count_raw_orderings",
    "enumerate_orderings",
    "hermite_supercells",
]
