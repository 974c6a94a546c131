"""Distinct orderings of disordered crystals, ranked by formal-charge electrostatics."""

from superionic.ordering.decorate import DecorationRule
from superionic.ordering.enumerate import count_charge_patterns, count_orderings, enumerate_orderings
from superionic.ordering.result import OrderingSet

__all__ = ["DecorationRule", "OrderingSet", "count_charge_patterns", "count_orderings", "enumerate_orderings"]
