"""Documents of the ordering stage."""

from pydantic import Field
from pymatgen.core import Structure

from superionic.documents import BaseDoc, Document


class OrderingRecord(Document):
    """One distinct ordering."""

    energy_eV: float = Field(description="formal-charge Ewald energy of the cell, eV")
    charge_pattern_id: int = Field(description="orderings with the same number differ only in isovalent species")
    multiplicity: int = Field(description="raw orderings that are equivalent to this one")
    supercell: list[list[int]] = Field(description="supercell matrix of the host cell")


class OrderingSetDoc(BaseDoc):
    """The lowest-energy distinct orderings of one composition."""

    structures: list[Structure] = Field(description="ordered structures, lowest Ewald energy first (store: data)")
    records: list[OrderingRecord] = Field(description="one record per structure, in the same order")
    exact: bool = Field(description="whether the list is proven to be the lowest of the whole space")
    count_distinct: int = Field(description="distinct orderings of the whole space (Burnside)")
    mode: str = Field(description="how the space was searched")
    tie_rule: str = Field(description="how orderings of equal Ewald energy were chosen")
