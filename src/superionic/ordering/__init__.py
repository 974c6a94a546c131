"""Distinct orderings of disordered crystals, ranked by formal-charge electrostatics."""

from superionic.ordering.decorate import DecorationRule
from superionic.ordering.enumerate import OrderingSet, count_orderings, enumerate_orderings

__all__ = ["DecorationRule", "OrderingSet", "count_orderings", "enumerate_orderings"]
