"""Conductivity and activation energy over the composition: a map for three end members, curves for two."""

from __future__ import annotations

from collections.abc import Sequence

from superionic.documents import CompositionInfo
from superionic.report.composition_points import BINARY, TERNARY, is_mixture
from superionic.report.conductivity_at import sigma_at
from superionic.report.figures_conductivity_curves import conductivity_curves
from superionic.report.figures_map import conductivity_map
from superionic.report.theme import Chart
from superionic.transport.schemas import ConductivityDoc


def composition_chart(
    docs: Sequence[ConductivityDoc], members: Sequence[CompositionInfo], temperature_K: float
) -> Chart | None:
    """Conductivity at one temperature and activation energy over the composition.

    Parameters
    ----------
    docs : sequence of ConductivityDoc
        One per composition.
    members : sequence of CompositionInfo
        End members: three make a map, two make curves.
    temperature_K : float
        Temperature of the conductivities, K.

    Returns
    -------
    Chart or None
        None for another number of end members, or if no conductivity between them is known at that temperature.
    """
    if len(members) not in {BINARY, TERNARY}:
        return None
    known = [item for doc in docs if (item := sigma_at(doc, temperature_K)) is not None]
    found = [item for item in known if is_mixture(item, members)]
    if not found:
        return None
    if len(members) == TERNARY:
        # several structures at one composition would hide each other; the table has them all
        hosts = [item for item in found if not item.variant]
        return conductivity_map(hosts, members, temperature_K) if hosts else None
    return conductivity_curves(found, members, temperature_K, docs)
