"""Orderings among which a ground state is sought, and which of them are relaxed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import Any

from pymatgen.core import Structure

from superionic.database.fanout import fetch, fetch_fields
from superionic.errors import InputError
from superionic.ordering.schemas import OrderingRecord, OrderingSetDoc
from superionic.potentials.schemas import RelaxedStructure, ScreeningDoc
from superionic.stability.ranking import StaticRanking, rank_correlation, rank_statically
from superionic.stability.schemas import EvaluatedOrdering, StaticRankingRecord
from superionic.stages import Candidates


@dataclass(frozen=True, eq=False)
class OrderingCandidates:
    """Orderings of one composition.

    Attributes
    ----------
    kind : Candidates
        Where they come from.
    structures : list of Structure
        The orderings, in the order of the document that they come from.
    records : list of OrderingRecord or None
        What the enumeration says of each; None if it is not at hand.
    foundation_eV_per_atom : list of float or None
        Energies after relaxation with the foundation potential, lowest first, eV/atom; None if all are not screened.
    """

    kind: Candidates
    structures: list[Structure]
    records: list[OrderingRecord] | None
    foundation_eV_per_atom: list[float] | None


@dataclass(frozen=True, eq=False)
class Choice:
    """Candidates, their energies, and the positions of those that are relaxed."""

    candidates: OrderingCandidates
    ranking: StaticRanking
    chosen: list[int]

    @property
    def changed(self) -> bool:
        """Whether others are relaxed than the lowest of the foundation potential."""
        return self.chosen != list(range(len(self.chosen)))

    @property
    def structures(self) -> list[Structure]:
        """The orderings to be relaxed."""
        return [self.candidates.structures[index] for index in self.chosen]

    def multiplicities(self, relaxed: list[RelaxedStructure]) -> list[int]:
        """Degeneracy of relaxed orderings; empty if unknown."""
        records = self.candidates.records
        return [] if records is None else [records[item.source_index].multiplicity for item in relaxed]

    def evaluated(self) -> list[EvaluatedOrdering]:
        """All candidates with their energies."""
        records = list(self.candidates.records or repeat(None, len(self.candidates.structures)))
        columns = zip(self.candidates.structures, self.ranking.energies_eV_per_atom, records, strict=True)
        return [
            EvaluatedOrdering(
                index=index,
                static_energy_eV_per_atom=energy,
                n_atoms=len(structure),
                multiplicity=record.multiplicity if record else None,
                supercell=record.supercell if record else None,
            )
            for index, (structure, energy, record) in enumerate(columns)
        ]

    def record(self, relaxed: list[RelaxedStructure]) -> StaticRankingRecord:
        """What is worth knowing about the ranking."""
        static, foundation = self.ranking.energies_eV_per_atom, self.candidates.foundation_eV_per_atom
        before = [static[item.source_index] for item in relaxed]
        return StaticRankingRecord(
            candidates=self.candidates.kind.value,
            n_evaluated=len(static),
            n_failed=sum(energy is None for energy in static),
            changed=self.changed,
            rank_correlation_relaxed=rank_correlation(before, [item.energy_eV_per_atom for item in relaxed]),
            rank_correlation_foundation=rank_correlation(foundation, static) if foundation else None,
        )


def choose(
    screening: ScreeningDoc,
    orderings: OrderingSetDoc | None,
    kind: Candidates,
    number: int,
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
) -> Choice:
    """Rank the orderings of one composition as they are, and take the lowest.

    Parameters
    ----------
    screening : ScreeningDoc
        Screened orderings.
    orderings : OrderingSetDoc or None
        The enumeration; None to look it up in the store of the running job.
    kind : Candidates
        Which of the two is ranked.
    number : int
        Orderings to take.
    calculator : ase.calculators.calculator.Calculator
        The potential that ranks.

    Raises
    ------
    InputError
        If the enumeration is to be ranked and is not at hand.
    """
    gather = _enumerated if kind is Candidates.ENUMERATED else _screened
    candidates = gather(screening, orderings)
    ranking = rank_statically(candidates.structures, calculator)
    return Choice(candidates, ranking, ranking.lowest(number))


def _screened(screening: ScreeningDoc, orderings: OrderingSetDoc | None) -> OrderingCandidates:
    records = _records(screening, orderings)
    return OrderingCandidates(
        Candidates.SCREENED,
        [item.structure for item in screening.relaxed],
        records and [records[item.source_index] for item in screening.relaxed],
        [item.energy_eV_per_atom for item in screening.relaxed],
    )


def _enumerated(screening: ScreeningDoc, orderings: OrderingSetDoc | None) -> OrderingCandidates:
    if orderings is None and not screening.parents:
        raise InputError(
            f"stability.candidates: enumerated, but screening {screening.key} does not name its enumeration: give the "
            "OrderingSetDoc, or choose screened"
        )
    found = orderings or fetch(screening.parents[0], OrderingSetDoc)
    return OrderingCandidates(Candidates.ENUMERATED, list(found.structures), list(found.records), None)


def _records(screening: ScreeningDoc, orderings: OrderingSetDoc | None) -> list[OrderingRecord] | None:
    """Records of the enumeration, without its structures."""
    if orderings is not None:
        return orderings.records
    stored = fetch_fields("OrderingSetDoc", screening.parents[0], ["records"]) if screening.parents else None
    return None if stored is None else [OrderingRecord(**_plain(record)) for record in stored["records"]]


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if not name.startswith("@")}
