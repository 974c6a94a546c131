"""Whether a model has been trained on anything like a phase: its elements and the neighbours of its cations."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from pymatgen.core import Structure

from superionic.errors import InputError
from superionic.stability.motifs import coordination_motifs

_PART = re.compile(r"([A-Z][a-z]?)(\d*)")


def environments(structure: Structure, cations: Collection[str], anions: Collection[str]) -> list[str]:
    """Coordination polyhedra around the cations by formula, sorted; empty for elements and alloys.

    Parameters
    ----------
    structure : Structure
        Ordered structure.
    cations, anions : collection of str
        Elements that are cations, and anions, in the campaign.
    """
    try:
        return sorted(coordination_motifs(structure, cations, anions))
    except InputError:  # no anions, or none near: nothing that the campaign's crystals have
        return []


class TrainedEnvironments:
    """Elements and cation environments that a model has seen.

    Parameters
    ----------
    elements : collection of str
        Elements with labels.
    motifs : iterable of str
        Polyhedra in the crystals that the training frames were drawn from, by formula.
    """

    def __init__(self, elements: Collection[str], motifs: Iterable[str]) -> None:
        self._elements = set(elements)
        self._anions: dict[tuple[str, int], set[str]] = defaultdict(set)
        for motif in motifs:
            centre, number, ligands = _parts(motif)
            self._anions[centre, number] |= ligands

    def outside(self, elements: Collection[str], motifs: Collection[str]) -> list[str]:
        """What of a phase the model has not been trained on, in words; empty if nothing.

        Parameters
        ----------
        elements : collection of str
            Elements of the phase.
        motifs : collection of str
            Its polyhedra by formula.
        """
        strange = sorted(set(elements) - self._elements)
        if strange:
            return [f"element {symbol}" for symbol in strange]
        if not motifs:
            return ["no cation with anions around it"]
        return [motif for motif in sorted(motifs) if not self._knows(motif)]

    def _knows(self, motif: str) -> bool:
        centre, number, ligands = _parts(motif)
        return ligands <= self._anions[centre, number]


def _parts(motif: str) -> tuple[str, int, set[str]]:
    """Centre, number of ligands, and their elements, of a formula such as InBr4Cl2."""
    (centre, _), *ligands = _PART.findall(motif)
    return centre, sum(int(number or 1) for _, number in ligands), {symbol for symbol, _ in ligands}
