"""What Monte Carlo jobs depend on, as parents and keys see it."""

from __future__ import annotations

from typing import Any

from pymatgen.core import Structure

from superionic.documents import BaseDoc, Blob
from superionic.potentials.registry import foundation_ref
from superionic.potentials.schemas import PotentialRef


def host_content(host: Structure) -> list[Any]:
    """What the key of a result takes from a disordered structure."""
    return [host.lattice.matrix, host.frac_coords, [str(site.species) for site in host]]


def potential_of(model: Any, foundation: str) -> tuple[PotentialRef, Blob | None]:  # noqa: ANN401 (ModelDoc or None)
    """Reference and file of the tuned model, or those of the foundation where there is none."""
    if model is None:
        return foundation_ref(foundation), None
    return model.potential, model.model_blob


def given(document: BaseDoc | None) -> list[BaseDoc]:
    """List of a document that may be missing."""
    return [] if document is None else [document]
