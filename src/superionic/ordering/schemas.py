"""Documents of the ordering stage."""

from typing import Annotated

from pydantic import Field, PlainSerializer
from pymatgen.core import Structure

from superionic.documents import BaseDoc, Document

LARGEST_STORED_INTEGER = 2**63 - 1
"""MongoDB holds integers of 8 bytes; larger counts are stored as decimal text and read back as integers."""


def _storable(count: int) -> int | str:
    return count if count <= LARGEST_STORED_INTEGER else str(count)


ExactCount = Annotated[int, PlainSerializer(_storable, return_type=int | str)]


class OrderingRecord(Document):
    """One distinct ordering."""

    energy_eV: float = Field(description="formal-charge Ewald energy of the cell, eV")
    charge_pattern_id: int = Field(description="orderings with the same number differ only in isovalent species")
    multiplicity: int = Field(description="raw orderings that are equivalent to this one")
    supercell: list[list[int]] = Field(description="supercell matrix of the host cell")
    n_atoms: int | None = Field(None, description="atoms in the cell; None in documents of superionic 0.1")


class SearchRecord(Document):
    """What two independent halves of a search say about each other."""

    moves: int = Field(description="attempted exchanges, all replicas together")
    lowest_energies_eV: tuple[float, float] = Field(description="lowest energy per cell that each half found, eV")
    agreement: float = Field(description="share of the patterns listed that both halves found")
    last_improvement: float = Field(description="share of the moves after which the lowest energy did not fall")


class OrderingSetDoc(BaseDoc):
    """The lowest-energy distinct orderings of one composition."""

    structures: list[Structure] = Field(description="ordered structures, lowest Ewald energy first (store: data)")
    records: list[OrderingRecord] = Field(description="one record per structure, in the same order")
    exact: bool = Field(description="whether the list is proven to be the lowest of the whole space")
    complete: bool = Field(False, description="whether all distinct orderings of the supercells are listed")
    count_distinct: ExactCount = Field(description="distinct orderings of the whole space (Burnside)")
    count_charge_patterns: ExactCount | None = Field(
        None, description="distinct charge patterns of the whole space; None in documents of superionic 0.1"
    )
    count_raw: ExactCount | None = Field(
        None, description="orderings with equivalent ones counted separately; None in documents of superionic 0.1"
    )
    mode: str = Field(description="how the space was searched")
    searches: list[SearchRecord] = Field(
        default=[], description="evidence of each supercell whose charge patterns were searched; empty if proven"
    )
    tie_rule: str = Field(description="how orderings of equal Ewald energy were chosen")
